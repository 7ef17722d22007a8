//! An origin in process: answers in the order in which they were put up, and what it was asked.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use cache_backends::MemoryStore;
use github_conditional::Report;
use github_conditional::rfc9111::{Cache, CacheLayer, Options, Resource};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt};

pub(crate) type OriginBody = BoxBody<Bytes, io::Error>;

/// What the origin says to one request.
#[derive(Clone)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: &'static str,
    manner: Manner,
}

#[derive(Clone)]
enum Manner {
    AtOnce,
    /// When the test lets it; the body comes in halves.
    Gated(Arc<Semaphore>),
    /// The connection fails.
    Broken,
    /// The body breaks off after what there is of it.
    BodyBreaks,
}

pub(crate) fn answer(body: &'static str) -> Answer {
    Answer {
        status: 200,
        headers: Vec::new(),
        body,
        manner: Manner::AtOnce,
    }
}

impl Answer {
    pub(crate) fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn gated(mut self, gate: &Arc<Semaphore>) -> Self {
        self.manner = Manner::Gated(Arc::clone(gate));
        self
    }

    pub(crate) fn broken(mut self) -> Self {
        self.manner = Manner::Broken;
        self
    }

    pub(crate) fn body_breaks(mut self) -> Self {
        self.manner = Manner::BodyBreaks;
        self
    }
}

/// The handle that tests hold and that the cache wraps.
#[derive(Clone, Default)]
pub(crate) struct Origin(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    answers: VecDeque<Answer>,
    asked: Vec<(Method, String, HeaderMap)>,
}

impl Origin {
    /// Puts up the answer to the next request that has none.
    pub(crate) fn next(&self, answer: Answer) {
        self.0.lock().answers.push_back(answer);
    }

    /// How often it was asked.
    pub(crate) fn calls(&self) -> usize {
        self.0.lock().asked.len()
    }

    /// The headers of the last request.
    pub(crate) fn last(&self) -> HeaderMap {
        self.0.lock().asked.last().expect("it was asked").2.clone()
    }
}

impl Service<Request<Full<Bytes>>> for Origin {
    type Response = Response<OriginBody>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, io::Error>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let answer = {
            let mut state = self.0.lock();
            let target = request.uri().to_string();
            let asked = (request.method().clone(), target, request.headers().clone());
            state.asked.push(asked);
            state
                .answers
                .pop_front()
                .unwrap_or_else(|| answer("nothing was put up").status(500))
        };
        Box::pin(async move {
            match &answer.manner {
                Manner::Gated(gate) => {
                    gate.acquire().await.map_err(io::Error::other)?.forget();
                }
                Manner::Broken => return Err(io::ErrorKind::ConnectionReset.into()),
                Manner::AtOnce | Manner::BodyBreaks => {}
            }
            let body = Bytes::from_static(answer.body.as_bytes());
            let body = match answer.manner {
                Manner::BodyBreaks => {
                    let end = io::ErrorKind::UnexpectedEof.into();
                    in_frames([Ok(body), Err(end)])
                }
                Manner::Gated(_) => {
                    let half = body.len() / 2;
                    in_frames([Ok(body.slice(..half)), Ok(body.slice(half..))])
                }
                _ => Full::new(body)
                    .map_err(|never: Infallible| match never {})
                    .boxed(),
            };
            let mut response = Response::new(body);
            *response.status_mut() =
                StatusCode::from_u16(answer.status).map_err(io::Error::other)?;
            for (name, value) in &answer.headers {
                let value = HeaderValue::from_str(value).map_err(io::Error::other)?;
                response
                    .headers_mut()
                    .append(HeaderName::from_static(name), value);
            }
            Ok(response)
        })
    }
}

fn in_frames(parts: [io::Result<Bytes>; 2]) -> OriginBody {
    let frames = parts.map(|part| part.map(Frame::data));
    BodyExt::boxed(StreamBody::new(futures_util::stream::iter(frames)))
}

/// A cache around an origin, on tokio's clock.
pub(crate) struct Rig {
    pub(crate) origin: Origin,
    pub(crate) cache: Cache<Origin, MemoryStore<Resource>>,
}

/// What a client sees.
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// `None` = it broke off.
    pub(crate) body: Option<Bytes>,
    pub(crate) report: Report,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(Options::default())
    }

    pub(crate) fn with(options: Options) -> Self {
        let origin = Origin::default();
        let begun = Instant::now();
        let epoch = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let layer = CacheLayer::builder()
            .options(options)
            .clock(move || -> SystemTime { epoch + begun.elapsed() })
            .build()
            .expect("the system has randomness");
        let cache = layer.layer(origin.clone());
        Self { origin, cache }
    }

    pub(crate) async fn get(&self, url: &str) -> Seen {
        self.send(Method::GET, url, &[]).await
    }

    pub(crate) async fn get_with(&self, url: &str, headers: &[(&'static str, &str)]) -> Seen {
        self.send(Method::GET, url, headers).await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        url: &str,
        headers: &[(&'static str, &str)],
    ) -> Seen {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::default()).expect("a request");
        match self.cache.clone().oneshot(request).await {
            Ok(answer) => {
                let (parts, body) = answer.into_parts();
                Seen {
                    status: parts.status.as_u16(),
                    headers: parts.headers,
                    body: body.collect().await.ok().map(|body| body.to_bytes()),
                    report: parts.extensions.get::<Report>().expect("a report").clone(),
                }
            }
            Err(error) => Seen {
                status: 502,
                headers: HeaderMap::new(),
                body: Some(Bytes::new()),
                report: error.report().clone(),
            },
        }
    }
}

impl Seen {
    #[track_caller]
    pub(crate) fn check(&self, status: u16, body: &str, cache_status: &str) -> &Self {
        let found = self.report.cache_status("c").to_header_value();
        assert_eq!(
            (
                self.status,
                self.body.as_deref(),
                found.to_str().expect("text")
            ),
            (status, Some(body.as_bytes()), cache_status)
        );
        self
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .get(name)
            .map(|value| value.to_str().expect("text"))
    }
}
