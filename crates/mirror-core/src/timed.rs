//! How long upstream calls took on behalf of one request, so that the mirror's own share can be told.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::Request;
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower_service::Service;

/// The sum of a request's upstream calls: an extension that the engine hands to its inner service.
#[derive(Clone, Debug, Default)]
pub(crate) struct UpstreamTime(Arc<AtomicU64>);

impl UpstreamTime {
    pub(crate) fn total(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }

    fn add(&self, elapsed: Duration) {
        let nanos = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        self.0.fetch_add(nanos, Ordering::Relaxed);
    }
}

/// A service whose calls are timed.
#[derive(Clone, Debug)]
pub(crate) struct Timed<S>(pub(crate) S);

pin_project! {
    pub(crate) struct TimedFuture<F> {
        #[pin]
        inner: F,
        started: Instant,
        time: Option<UpstreamTime>,
    }
}

impl<S, B> Service<Request<B>> for Timed<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = TimedFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let time = request.extensions().get::<UpstreamTime>().cloned();
        TimedFuture {
            started: Instant::now(),
            time,
            inner: self.0.call(request),
        }
    }
}

impl<F: Future> Future for TimedFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let output = ready!(this.inner.poll(context));
        if let Some(time) = this.time.take() {
            time.add(this.started.elapsed());
        }
        Poll::Ready(output)
    }
}
