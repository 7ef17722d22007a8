//! The life of one request: address it, wait for its turn, send it, repeat it if that is safe, enter the answer into the
//! ledger.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use github_headers::hop_by_hop;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, HOST, RANGE, RETRY_AFTER};
use http::{Extensions, HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, Error as ClientError};
use tokio::time::{Instant, timeout_at};
use tower_service::Service;

use crate::clock::WallClock;
use crate::dial::{Dialer, Past};
use crate::error::{Reason, UpstreamError};
use crate::governor::{
    Api, Ask, CallerState, Gate, Heard, Intent, OnBehalfOf, PacingOptions, Permit, resource_of,
};
use crate::ledger::{Answer, Authorization, CallerId, Charge, Endpoint, SharedLedger};
use crate::observer::{ConnectionUse, UpstreamEvent, UpstreamObserver};
use crate::options::{Compression, UpstreamOptions};
use crate::request_body::{Progress, RequestBody};
use crate::response_body::ResponseBody;
use crate::retry::{Repeat, Spare};
use crate::secondary::{Listener, Words};
use crate::stack::{CallerOf, UpstreamBuilder};

/// The client for GitHub's API.
///
/// A [`Service`] that is always ready; clones share connections and ledger.
///
/// # Cancel safety
/// A response future may be dropped at any time: its connection is closed (HTTP/1.1) or its stream reset (HTTP/2).
/// A write that was dropped may have taken effect.
#[derive(Clone)]
pub struct Upstream(Arc<Parts>);

pub(crate) struct Parts {
    pub(crate) client: Client<Dialer, RequestBody>,
    pub(crate) options: UpstreamOptions,
    /// `Host`, where every connection is known to speak HTTP/1.1 before there is one.
    pub(crate) host: Option<HeaderValue>,
    pub(crate) ledger: SharedLedger,
    pub(crate) gate: Gate,
    pub(crate) clock: WallClock,
    pub(crate) observer: Arc<dyn UpstreamObserver>,
    pub(crate) caller_of: CallerOf,
}

impl Upstream {
    /// A builder with these options.
    pub fn builder(options: UpstreamOptions) -> UpstreamBuilder {
        UpstreamBuilder::new(options)
    }

    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// The options it was built with.
    pub fn options(&self) -> &UpstreamOptions {
        &self.0.options
    }

    /// What GitHub said about quota.
    pub fn ledger(&self) -> &SharedLedger {
        &self.0.ledger
    }

    /// The state of every credential that is known, in order: what GitHub said, what is under way, what waits.
    pub fn callers(&self) -> Vec<CallerState> {
        self.0.gate.snapshot()
    }

    /// Requests of a credential under way, bodies included.
    pub fn in_flight(&self, caller: CallerId) -> u32 {
        self.0.gate.in_flight(caller)
    }

    pub(crate) fn clock(&self) -> &WallClock {
        &self.0.clock
    }

    /// Paces by other settings from now on.
    pub fn set_pacing(&self, pacing: PacingOptions) {
        self.0.gate.set_options(pacing);
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream")
            .field("options", &self.0.options)
            .finish_non_exhaustive()
    }
}

/// The future of an answer's head.
pub struct ResponseFuture(
    Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, UpstreamError>> + Send>>,
);

impl Future for ResponseFuture {
    type Output = Result<Response<ResponseBody>, UpstreamError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture")
    }
}

impl Service<Request<RequestBody>> for Upstream {
    type Response = Response<ResponseBody>;
    type Error = UpstreamError;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), UpstreamError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody>) -> ResponseFuture {
        ResponseFuture(Box::pin(Arc::clone(&self.0).answer(request)))
    }
}

/// What is remembered of a request while it is under way.
struct Asked {
    caller: CallerId,
    authorization: Authorization,
    endpoint: Endpoint,
    decoding: Decoding,
    started: Instant,
}

/// Who will undo an answer's `Content-Encoding`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Decoding {
    /// This stack, because it asked for gzip.
    Ours,
    /// The caller, who asked.
    Theirs,
}

impl Parts {
    /// This future is made for every request, and the smaller it is the more of them fit into a processor's cache.
    #[expect(
        clippy::manual_async_fn,
        reason = "an `async fn` keeps room for its arguments twice"
    )]
    fn answer(
        self: Arc<Self>,
        mut request: Request<RequestBody>,
    ) -> impl Future<Output = Result<Response<ResponseBody>, UpstreamError>> {
        async move {
            let (mut asked, ask) = self.address(&mut request)?;
            let permit = self.turn(ask).await?;
            // Waiting for a turn is not GitHub's slowness.
            asked.started = Instant::now();
            match self.exchange(request, asked.started).await {
                Ok(answer) => Ok(self.receive(answer, &asked, permit)),
                Err(error) => {
                    self.observer.observe(&UpstreamEvent::Failed {
                        caller: asked.caller,
                        reason: error.reason(),
                        latency: asked.started.elapsed(),
                    });
                    Err(error)
                }
            }
        }
    }

    /// Waits until the request may be sent.
    async fn turn(&self, ask: Ask) -> Result<Permit, UpstreamError> {
        let caller = ask.caller;
        match self.gate.turn(ask).await {
            Ok(permit) => {
                if let Some((reason, waited)) = permit.waited() {
                    self.observer.observe(&UpstreamEvent::Waited {
                        caller,
                        reason,
                        waited,
                    });
                }
                Ok(permit)
            }
            Err(refusal) => {
                self.observer.observe(&UpstreamEvent::HeldBack {
                    caller,
                    reason: refusal.reason,
                });
                Err(UpstreamError::held_back(refusal))
            }
        }
    }

    /// Makes the request ours: our host, no header of the hop before.
    fn address(&self, request: &mut Request<RequestBody>) -> Result<(Asked, Ask), UpstreamError> {
        let target = request.uri();
        let endpoint = Endpoint::of(target);
        let api = Api::of(target.path());
        let points = api.points(request.method());
        let intent = Intent::of(request.method(), api);
        let resource = resource_of(target.path());
        let uri = match request.method() {
            &Method::CONNECT => None,
            _ => self.options.base_url.join(target),
        };
        *request.uri_mut() = uri.ok_or_else(UpstreamError::target)?;
        // hyper refuses HTTP/2 requests on HTTP/1.1 connections; which one it will be is not known yet.
        *request.version_mut() = Version::HTTP_11;
        // Among the extensions may be hints that hyper's server left for hyper's client.
        let extensions = std::mem::replace(request.extensions_mut(), Extensions::new());

        let headers = request.headers_mut();
        // One look-up for each name, and no allocation unless `Connection` names others.
        hop_by_hop::strip(headers);
        match &self.host {
            Some(host) => headers.insert(HOST, host.clone()),
            // hyper-util writes the one of the URI, put together each time; over HTTP/2 there is `:authority`.
            None => headers.remove(HOST),
        };
        let decoding = self.choose_coding(headers);
        let authorization = Authorization::of(headers);
        let behalf = extensions.get::<OnBehalfOf>().copied().unwrap_or_default();
        let caller = match authorization {
            Authorization::Present => behalf.caller.or_else(|| (self.caller_of)(&extensions)),
            // Whoever is meant, GitHub sees an address only.
            Authorization::Absent => None,
        };
        let caller = caller.unwrap_or(CallerId::ANONYMOUS);
        let asked = Asked {
            caller,
            authorization,
            endpoint,
            decoding,
            started: Instant::now(),
        };
        let ask = Ask {
            caller,
            resource,
            endpoint,
            api,
            points,
            intent,
            client: behalf.client,
            priority: behalf.priority,
            reserve: behalf.reserve,
        };
        Ok((asked, ask))
    }

    fn choose_coding(&self, headers: &mut HeaderMap) -> Decoding {
        // A range is counted in the coded bytes, so it cannot be asked for in a coding the caller does not see.
        if self.options.compression == Compression::Identity
            || headers.contains_key(ACCEPT_ENCODING)
            || headers.contains_key(RANGE)
        {
            return Decoding::Theirs;
        }
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        Decoding::Ours
    }

    /// As [`answer`](Self::answer), no `async fn`, which would keep room for the request; so is [`send`](Self::send), which
    /// hands it to the client at once.
    fn exchange(
        &self,
        mut request: Request<RequestBody>,
        started: Instant,
    ) -> impl Future<Output = Result<Response<Incoming>, UpstreamError>> {
        let spare = Spare::of(&request);
        let progress = request.body_mut().watch();
        let first = self.send(request, started, progress);
        async move {
            let error = match first.await? {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            match spare {
                Some(spare) if Repeat::after(&error) == Repeat::Once => {
                    let reason = UpstreamError::from_client(error).reason();
                    self.observer.observe(&UpstreamEvent::Retried { reason });
                    // Under what is left of the same time-out.
                    Box::pin(self.send(spare.into_request(), started, None))
                        .await?
                        .map_err(UpstreamError::from_client)
                }
                _ => Err(UpstreamError::from_client(error)),
            }
        }
    }

    /// One try. Outer error: time is up. Inner error: the exchange failed.
    fn send(
        &self,
        request: Request<RequestBody>,
        started: Instant,
        progress: Option<Arc<Progress>>,
    ) -> impl Future<Output = Result<Result<Response<Incoming>, ClientError>, UpstreamError>> {
        let limit = self.options.response_timeout;
        let mut answer = self.client.request(request);
        async move {
            let mut deadline = started + limit;
            loop {
                if let Ok(answered) = timeout_at(deadline, &mut answer).await {
                    return Ok(answered);
                }
                match progress.as_deref() {
                    // The upload went on meanwhile; GitHub has had no chance to answer yet.
                    Some(progress) if progress.last_step() + limit > deadline => {
                        deadline = progress.last_step() + limit;
                    }
                    Some(progress) if progress.awaits_caller() => {
                        return Err(UpstreamError::timeout(Reason::RequestBodyTimeout));
                    }
                    _ => return Err(UpstreamError::timeout(Reason::ResponseTimeout)),
                }
            }
        }
    }

    /// Makes the answer the caller's: what was said of quota is entered, and our own coding undone.
    fn receive(
        &self,
        answer: Response<Incoming>,
        asked: &Asked,
        mut permit: Permit,
    ) -> Response<ResponseBody> {
        let (mut head, body) = answer.into_parts();
        let connection = head
            .extensions
            .remove::<Past>()
            .map_or(ConnectionUse::New, |past| past.connection_use());
        let charge = self.ledger.observe(
            &Answer {
                caller: asked.caller,
                authorization: asked.authorization,
                endpoint: asked.endpoint,
                status: head.status,
                headers: &head.headers,
            },
            self.clock.now(),
        );
        permit.answered(heard(head.status, &charge));
        self.observer.observe(&UpstreamEvent::Answered {
            caller: asked.caller,
            status: head.status,
            charge: &charge,
            latency: asked.started.elapsed(),
            connection,
        });

        hop_by_hop::strip(&mut head.headers);
        let idle = self.options.body_idle_timeout;
        let body = if asked.decoding == Decoding::Ours && is_gzip(&head.headers) {
            // A HEAD or a 304 describes the coded form too, but the caller knows of the plain one only.
            head.headers.remove(CONTENT_ENCODING);
            head.headers.remove(CONTENT_LENGTH);
            if body.is_end_stream() {
                ResponseBody::plain(body, idle)
            } else {
                ResponseBody::gzip(body, idle)
            }
        } else {
            ResponseBody::plain(body, idle)
        };
        let body = if is_worth_listening(head.status, &charge, &head.headers) {
            body.listened_by(Listener {
                ledger: self.ledger.clone(),
                gate: self.gate.clone(),
                clock: self.clock.clone(),
                caller: asked.caller,
                heard: Words::default(),
            })
        } else {
            body
        };
        Response::from_parts(head, body.holding(permit))
    }
}

/// What an answer's head says about going on.
pub(crate) fn heard(status: StatusCode, charge: &Charge) -> Heard {
    match charge {
        Charge::SecondaryLimit => Heard::Limited,
        _ if status == StatusCode::FORBIDDEN || status == StatusCode::TOO_MANY_REQUESTS => {
            Heard::Unsure
        }
        _ if status == StatusCode::NOT_FOUND => Heard::NotFound,
        _ => Heard::Served,
    }
}

/// A refusal that says nothing of waiting may still name a secondary limit in its text, whatever it states about quota.
fn is_worth_listening(status: StatusCode, charge: &Charge, headers: &HeaderMap) -> bool {
    matches!(
        status,
        StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS
    ) && *charge != Charge::SecondaryLimit
        && !headers.contains_key(RETRY_AFTER)
}

/// RFC 9110 §8.4.1.3: `x-gzip` is the same. A list of codings is not ours to undo: only gzip was asked for.
fn is_gzip(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_ENCODING).is_some_and(|coding| {
        let coding = coding.as_bytes().trim_ascii();
        coding.eq_ignore_ascii_case(b"gzip") || coding.eq_ignore_ascii_case(b"x-gzip")
    })
}
