//! The receiver of GitHub's webhooks: verifies a delivery, and marks what the event touches.
//!
//! Nothing of a delivery is looked at before its signature has been verified.
//! A mark holds in this mirror only, so each mirror that serves covered resources must be told (docs/operations.md).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use github_conditional::{Marker, PathPattern};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use parking_lot::RwLock;
use service_runtime::metrics::opentelemetry::KeyValue;
use service_runtime::metrics::{CounterFamily, Labels};
use service_runtime::{Metrics, Secret};
use tokio::sync::Semaphore;

use crate::body::MirrorBody;
use crate::config::WebhookConfig;

mod deliveries;
mod facts;
mod signature;
pub(crate) mod table;

use deliveries::{Deliveries, Novelty};
use facts::Facts;
use signature::{Signature, verify};
use table::{Touched, known_name, touched};

const X_GITHUB_EVENT: &str = "x-github-event";

/// Takes deliveries in.
pub(crate) struct Receiver {
    settings: RwLock<Option<Arc<Settings>>>,
    deliveries: Deliveries,
    /// Bodies are held until they are verified, so only so many are read at once.
    places: Semaphore,
    /// None where the engine is a plain HTTP cache: it knows nothing of GitHub's events.
    marker: Option<Arc<dyn Marker>>,
    counted: CounterFamily<Delivery>,
}

struct Settings {
    secret: Secret,
    max_body_bytes: usize,
    receive_timeout: Duration,
    settle: Duration,
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// GitHub has tried whether anybody is there.
    Pong,
    /// It came before.
    Repeated,
    /// An event that touches nothing that is stored.
    Ignored,
    /// So many paths are marked.
    Marked(usize),
}

/// Why a delivery is not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is no secret, so there is no receiver.
    NotOffered,
    /// It is not signed with our secret.
    Signature,
    TooLarge,
    TooSlow,
    /// Its body broke off.
    Broken,
    /// It is a form, or has no JSON object in it.
    NotJson,
    /// It does not say which event it is.
    NoEvent,
}

/// Deliveries by event and what became of them.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Delivery {
    event: &'static str,
    result: &'static str,
}

impl Labels for Delivery {
    fn attributes(&self) -> Vec<KeyValue> {
        vec![
            KeyValue::new("event", self.event),
            KeyValue::new("result", self.result),
        ]
    }
}

impl Received {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Pong => "pong",
            Self::Repeated => "repeated",
            Self::Ignored => "ignored",
            Self::Marked(_) => "marked",
        }
    }

    /// What GitHub is told; it shows it beside the delivery.
    pub(crate) fn answer(self) -> Response<MirrorBody> {
        let marked = match self {
            Self::Marked(paths) => paths,
            Self::Pong | Self::Repeated | Self::Ignored => 0,
        };
        let body = serde_json::json!({"result": self.as_str(), "marked": marked}).to_string();
        let mut answer = Response::new(MirrorBody::whole(body));
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        answer.headers_mut().insert(CONTENT_TYPE, json);
        answer
    }
}

impl Refusal {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::NotOffered => "webhook-not-offered",
            Self::Signature => "webhook-signature",
            Self::TooLarge => "webhook-too-large",
            Self::TooSlow => "webhook-too-slow",
            Self::Broken => "webhook-broken",
            Self::NotJson => "webhook-not-json",
            Self::NoEvent => "webhook-no-event",
        }
    }

    pub(crate) const fn message(self) -> &'static str {
        match self {
            Self::NotOffered => "Not Found",
            Self::Signature => "X-Hub-Signature-256 is missing or does not fit the body",
            Self::TooLarge => "the payload is larger than webhook.max_body_bytes",
            Self::TooSlow => "the payload did not arrive in time",
            Self::Broken => "the payload broke off",
            Self::NotJson => {
                "the payload is no JSON object; the hook's content type must be application/json"
            }
            Self::NoEvent => "X-GitHub-Event is missing",
        }
    }
}

impl Receiver {
    pub(crate) fn new(
        config: &WebhookConfig,
        marker: Option<Arc<dyn Marker>>,
        metrics: &Metrics,
    ) -> Self {
        Self {
            settings: RwLock::new(Settings::of(config)),
            deliveries: Deliveries::new(config.max_remembered_deliveries),
            places: Semaphore::new(config.max_concurrent_deliveries.min(Semaphore::MAX_PERMITS)),
            marker,
            counted: metrics.counters(
                "github_mirror_webhook_deliveries_total",
                "Genuine deliveries of GitHub's webhooks, by event and what became of them.",
            ),
        }
    }

    /// Deliveries that come from now on are judged by these settings.
    pub(crate) fn replace(&self, config: &WebhookConfig) {
        *self.settings.write() = Settings::of(config);
    }

    /// Takes one delivery in.
    ///
    /// # Errors
    /// Why it was not taken in. Then nothing has been marked, unless it was signed and unreadable: then everything is.
    pub(crate) async fn receive<B>(&self, request: Request<B>) -> Result<Received, Refusal>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let settings = self.settings.read().clone();
        let settings = settings.ok_or(Refusal::NotOffered)?;
        let marker = self.marker.as_deref().ok_or(Refusal::NotOffered)?;
        let (head, body) = request.into_parts();
        let Some(signature) = head.headers.get("x-hub-signature-256") else {
            return Err(Refusal::Signature);
        };
        let payload = self.payload(body, &settings).await?;
        let secret = settings.secret.expose().as_bytes();
        match verify(secret, signature.as_bytes(), &payload) {
            Signature::Valid => {
                let received = self.take_in(marker, &head.headers, &payload, settings.settle);
                self.count(&head.headers, &received);
                received
            }
            Signature::Invalid => Err(Refusal::Signature),
        }
    }

    fn count(&self, headers: &HeaderMap, received: &Result<Received, Refusal>) {
        let event = headers
            .get(X_GITHUB_EVENT)
            .and_then(|event| known_name(event.to_str().ok()?));
        let result = match received {
            Ok(received) => received.as_str(),
            Err(refusal) => refusal.as_str(),
        };
        let event = event.unwrap_or("other");
        self.counted.add(&Delivery { event, result }, 1);
        tracing::debug!(event, result, "webhook");
    }

    /// The whole body, in time and in bounds.
    async fn payload<B>(&self, body: B, settings: &Settings) -> Result<Bytes, Refusal>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if body.size_hint().lower() > settings.max_body_bytes as u64 {
            return Err(Refusal::TooLarge);
        }
        let whole = async {
            let _place = self.places.acquire().await;
            Limited::new(body, settings.max_body_bytes).collect().await
        };
        match tokio::time::timeout(settings.receive_timeout, whole).await {
            Err(_elapsed) => Err(Refusal::TooSlow),
            Ok(Ok(whole)) => Ok(whole.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Refusal::TooLarge),
            Ok(Err(_)) => Err(Refusal::Broken),
        }
    }

    /// What a genuine delivery says is done.
    fn take_in(
        &self,
        marker: &dyn Marker,
        headers: &HeaderMap,
        payload: &[u8],
        settle: Duration,
    ) -> Result<Received, Refusal> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let event = text(X_GITHUB_EVENT).ok_or(Refusal::NoEvent)?;
        if event == "ping" {
            return Ok(Received::Pong);
        }
        if known_name(event).is_none() {
            return Ok(Received::Ignored);
        }
        let json = headers
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
        let facts = match Facts::of(payload) {
            Ok(facts) if json => facts,
            _ => {
                // It is GitHub's, but what it is about cannot be told.
                marker.mark(&[PathPattern::everything()], settle);
                return Err(Refusal::NotJson);
            }
        };
        if self.deliveries.note(text("x-github-delivery")) == Novelty::Repeated {
            return Ok(Received::Repeated);
        }
        match touched(event, &facts) {
            Touched::Nothing => Ok(Received::Ignored),
            Touched::Paths(paths) => {
                marker.mark(&paths, settle);
                Ok(Received::Marked(paths.len()))
            }
        }
    }
}

impl Settings {
    fn of(config: &WebhookConfig) -> Option<Arc<Self>> {
        let secret = config.secret.clone()?;
        Some(Arc::new(Self {
            secret,
            max_body_bytes: config.max_body_bytes,
            receive_timeout: config.receive_timeout(),
            settle: config.settle(),
        }))
    }
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Receiver")
    }
}

#[cfg(test)]
mod tests;
