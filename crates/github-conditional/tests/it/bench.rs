//! The layer around the fake GitHub, and callers who use it.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use cache_backends::{CacheStore, MemoryStore};
use github_conditional::{
    BodyError, Conditional, ConditionalBody, ConditionalLayer, Entry, Error, Event, FingerprintKey,
    Inspect, Marker, Options, Outcome, Report,
};
use http::header::{AUTHORIZATION, ETAG};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;
use tokio::time::Instant;
use tower::{Layer, ServiceExt};

use crate::github::{self, Caller, GitHub};

pub(crate) const ALICE: Caller = Some("Bearer alice");
pub(crate) const BOB: Caller = Some("token bob");
pub(crate) const CAROL: Caller = Some("Bearer carol");
pub(crate) const ANONYMOUS: Caller = None;

type Body = ConditionalBody<github::Answer>;

/// A GitHub, the layer around it, and a clock that follows tokio's.
pub(crate) struct Bench<St = MemoryStore<Entry>> {
    pub(crate) github: GitHub,
    pub(crate) inspect: Arc<dyn Inspect>,
    pub(crate) marker: Arc<dyn Marker>,
    service: Conditional<GitHub, St>,
    events: Arc<Mutex<Vec<String>>>,
}

impl<St> Clone for Bench<St> {
    fn clone(&self) -> Self {
        Self {
            github: self.github.clone(),
            inspect: Arc::clone(&self.inspect),
            marker: Arc::clone(&self.marker),
            service: self.service.clone(),
            events: Arc::clone(&self.events),
        }
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Result<Bytes, BodyError>,
    pub(crate) report: Report,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(Options::default())
    }

    pub(crate) fn with(options: Options) -> Self {
        Self::on(MemoryStore::default(), options)
    }
}

impl<St: CacheStore<Entry>> Bench<St> {
    pub(crate) fn on(store: St, options: Options) -> Self {
        let github = GitHub::default();
        let started = Instant::now();
        let events: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = Arc::clone(&events);
        let layer = ConditionalLayer::builder()
            .options(options)
            .store(store)
            .fingerprint_key(FingerprintKey::new(b"test"))
            .clock(move || UNIX_EPOCH + Duration::from_secs(1_700_000_000) + started.elapsed())
            .observer(move |event: &Event<'_>| log.lock().push(name_of(event)))
            .build()
            .unwrap();
        Self {
            inspect: layer.inspect(),
            marker: layer.marker(),
            service: layer.layer(github.clone()),
            github,
            events,
        }
    }

    pub(crate) async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Body>, Error> {
        self.service.clone().oneshot(request).await
    }

    /// Status and headers; the body is still to be read.
    pub(crate) async fn begin(&self, caller: Caller, target: &str) -> Response<Body> {
        self.send(get(caller, target, &[])).await.unwrap()
    }

    pub(crate) async fn get(&self, caller: Caller, target: &str) -> Seen {
        self.get_with(caller, target, &[]).await
    }

    pub(crate) async fn get_with(
        &self,
        caller: Caller,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Seen {
        self.read(get(caller, target, headers)).await
    }

    pub(crate) async fn read(&self, request: Request<Full<Bytes>>) -> Seen {
        finish(self.send(request).await.unwrap()).await
    }

    /// The error where not even a head comes.
    pub(crate) async fn fail(&self, caller: Caller, target: &str) -> Error {
        match self.send(get(caller, target, &[])).await {
            Ok(answer) => panic!("an answer: {answer:?}"),
            Err(error) => error,
        }
    }

    pub(crate) fn take_events(&self) -> Vec<String> {
        std::mem::take(&mut self.events.lock())
    }
}

fn name_of(event: &Event<'_>) -> String {
    match event {
        Event::StoreFailed(_) => "store failed".to_owned(),
        Event::Verified { verification, .. } => verification.as_str().to_owned(),
        Event::Probed(probe) => probe.as_str().to_owned(),
        Event::Committed { bytes } => format!("committed {bytes}"),
        Event::Dropped(dropped) => format!("dropped {}", dropped.as_str()),
        other => panic!("an event without a name here: {other:?}"),
    }
}

pub(crate) fn request(
    method: Method,
    caller: Caller,
    target: &str,
    headers: &[(&str, &str)],
) -> Request<Full<Bytes>> {
    let mut request = Request::builder()
        .method(method)
        .uri(target)
        .header("accept", "application/vnd.github+json")
        .header("user-agent", "tests");
    if let Some(authorization) = caller {
        request = request.header(AUTHORIZATION, authorization);
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::default()).unwrap()
}

pub(crate) fn get(caller: Caller, target: &str, headers: &[(&str, &str)]) -> Request<Full<Bytes>> {
    request(Method::GET, caller, target, headers)
}

pub(crate) async fn finish(answer: Response<Body>) -> Seen {
    let (head, body) = answer.into_parts();
    Seen {
        status: head.status,
        report: head
            .extensions
            .get::<Report>()
            .expect("every answer has a report")
            .clone(),
        headers: head.headers,
        body: body
            .collect()
            .await
            .map(http_body_util::Collected::to_bytes),
    }
}

impl Seen {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(self.body.as_ref().expect("a whole body")).unwrap()
    }

    pub(crate) fn tag(&self) -> &str {
        self.header(ETAG.as_str()).expect("a tag")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn outcome(&self) -> Outcome {
        self.report.outcome
    }

    pub(crate) fn cache_status(&self) -> String {
        cache_status(&self.report)
    }

    /// Status, body and how it was made.
    #[track_caller]
    pub(crate) fn check(&self, status: u16, text: &str, cache_status: &str) {
        assert_eq!(
            (
                self.status.as_u16(),
                self.text(),
                self.cache_status().as_str()
            ),
            (status, text, cache_status),
        );
    }
}

pub(crate) fn cache_status(report: &Report) -> String {
    report
        .cache_status("github-mirror")
        .to_header_value()
        .to_str()
        .unwrap()
        .to_owned()
}

/// Lets every task that can run do so.
pub(crate) async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}
