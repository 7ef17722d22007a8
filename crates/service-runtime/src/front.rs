//! The life of one request to a service with routes: a place among those in flight, the routes, the count, the span, the
//! log line.
//!
//! It knows nothing of what is asked: the routes say how they answered by putting [`Told`] into the answer's extensions.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use opentelemetry::KeyValue;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::export::{AnsweredRequest, TRACEPARENT, Traces};
use crate::logs::{Access, AccessLog, Field};
use crate::metrics::{CounterFamily, HistogramFamily, Labels, Metrics, method_label};

#[cfg(test)]
mod tests;

/// Upper ends of the latency buckets, in seconds.
const LATENCY_BUCKETS: &[f64] = &[
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
    1.0, 2.5, 5.0, 10.0,
];

/// How a request was answered, in two words for metrics and logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Told {
    /// The route's template, never a path.
    pub route: &'static str,
    /// How the answer was made, or why there is none.
    pub outcome: &'static str,
}

impl Default for Told {
    fn default() -> Self {
        Self {
            route: "page",
            outcome: "made-here",
        }
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Answered {
    told: Told,
    method: &'static str,
    status: u16,
}

impl Labels for Answered {
    fn attributes(&self) -> Vec<KeyValue> {
        vec![
            KeyValue::new("route", self.told.route),
            KeyValue::new("outcome", self.told.outcome),
            KeyValue::new("method", self.method),
            KeyValue::new("status", i64::from(self.status)),
        ]
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Route(&'static str);

impl Labels for Route {
    fn attributes(&self) -> Vec<KeyValue> {
        vec![KeyValue::new("route", self.0)]
    }
}

/// What stands before the routes. Clones share everything.
#[derive(Clone)]
pub struct Front(Arc<Inner>);

struct Inner {
    clock: Arc<dyn Clock>,
    access_log: Option<AccessLog>,
    traces: OnceLock<Traces>,
    requests: CounterFamily<Answered>,
    latency: HistogramFamily<Route>,
    in_flight: Arc<AtomicUsize>,
    max_in_flight: usize,
}

impl Front {
    /// Registers `http_request_total` and `request_latency_seconds`.
    pub fn new(
        metrics: &Metrics,
        access_log: Option<AccessLog>,
        clock: Arc<dyn Clock>,
        max_in_flight: usize,
    ) -> Self {
        Self(Arc::new(Inner {
            clock,
            access_log,
            traces: OnceLock::new(),
            requests: metrics.counters(
                "http_request_total",
                "Requests answered, by route and how the answer was made.",
            ),
            latency: metrics.histograms(
                "request_latency_seconds",
                "Time from a request's head to the head of its answer.",
                LATENCY_BUCKETS,
            ),
            in_flight: Arc::default(),
            max_in_flight,
        }))
    }

    /// From now on each request is a span. The first receiver stays.
    pub fn trace_to(&self, traces: Traces) {
        let _ = self.0.traces.set(traces);
    }

    /// Where spans go, if anywhere.
    pub fn traces(&self) -> Option<&Traces> {
        self.0.traces.get()
    }

    /// Has a request answered by `routes`; by `refused` where too many are in flight.
    ///
    /// The request keeps its place until the answer's body has gone out.
    pub async fn answer<Q, B, F>(
        &self,
        request: Request<Q>,
        routes: impl FnOnce(Request<Q>) -> F,
        refused: impl FnOnce() -> Response<B>,
    ) -> Response<PlacedBody<B>>
    where
        F: Future<Output = Response<B>>,
    {
        let (started, at) = (Instant::now(), self.0.clock.now());
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let traceparent = match self.0.traces.get() {
            Some(_) => request.headers().get(TRACEPARENT).cloned(),
            None => None,
        };
        let place = Place::take(&self.0.in_flight, self.0.max_in_flight);
        let answer = match place.is_some() {
            true => routes(request).await,
            false => refused(),
        };
        let told = answer
            .extensions()
            .get::<Told>()
            .copied()
            .unwrap_or_default();
        let elapsed = started.elapsed();
        self.count(told, &method, answer.status(), elapsed);
        if let Some(traces) = self.0.traces.get() {
            traces.record_request(AnsweredRequest {
                method: &method,
                route: told.route,
                status: answer.status(),
                started: at,
                duration: elapsed,
                traceparent: traceparent.as_ref(),
                outcome: told.outcome,
                attributes: vec![KeyValue::new("outcome", told.outcome)],
            });
        }
        if let Some(log) = &self.0.access_log {
            let id = answer.headers().get("x-request-id");
            let id = id.and_then(|id| id.to_str().ok()).unwrap_or("none");
            log.write(&Access {
                at,
                method: method.as_str(),
                label: told.outcome,
                // The path, never the query: it may hold anything.
                url: &uri.path(),
                extra: &[
                    ("status", Field::Count(u64::from(answer.status().as_u16()))),
                    ("route", Field::Text(&told.route)),
                    ("request_id", Field::Text(&id)),
                    ("duration_seconds", Field::Seconds(elapsed.as_secs_f64())),
                ],
            });
        }
        answer.map(|body| PlacedBody {
            body,
            _place: place,
        })
    }

    fn count(&self, told: Told, method: &Method, status: StatusCode, elapsed: Duration) {
        let labels = Answered {
            told,
            method: method_label(method),
            status: status.as_u16(),
        };
        self.0.requests.add(&labels, 1);
        self.0
            .latency
            .record(&Route(told.route), elapsed.as_secs_f64());
    }
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front")
            .field("in_flight", &self.0.in_flight)
            .field("max_in_flight", &self.0.max_in_flight)
            .finish_non_exhaustive()
    }
}

/// One request's place among those in flight.
#[derive(Debug)]
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(in_flight: &Arc<AtomicUsize>, most: usize) -> Option<Self> {
        let place = Self(Arc::clone(in_flight));
        (in_flight.fetch_add(1, Ordering::Relaxed) < most).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A body that keeps its request's place until it has gone out.
#[derive(Debug)]
pub struct PlacedBody<B> {
    body: B,
    _place: Option<Place>,
}

impl<B: Body + Unpin> Body for PlacedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
