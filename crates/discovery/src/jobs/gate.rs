//! Takes no more work than is worked on: a delivery that would wait here is another worker's to take.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tower_layer::Layer;
use tower_service::Service;

/// So many places.
#[derive(Clone, Debug)]
pub(crate) struct GateLayer(Arc<Semaphore>);

impl GateLayer {
    pub(crate) fn new(places: usize) -> Self {
        Self(Arc::new(Semaphore::new(places.max(1))))
    }
}

impl<S> Layer<S> for GateLayer {
    type Service = Gate<S>;

    fn layer(&self, inner: S) -> Gate<S> {
        Gate {
            inner,
            places: Arc::clone(&self.0),
            arriving: None,
            place: None,
        }
    }
}

type Arriving = Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>;

/// A service that is ready when there is a place.
pub(crate) struct Gate<S> {
    inner: S,
    places: Arc<Semaphore>,
    arriving: Option<Arriving>,
    place: Option<OwnedSemaphorePermit>,
}

impl<S: Clone> Clone for Gate<S> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            places: Arc::clone(&self.places),
            arriving: None,
            place: None,
        }
    }
}

impl<S, Request> Service<Request> for Gate<S>
where
    S: Service<Request>,
    S::Future: Send + 'static,
    S::Response: 'static,
    S::Error: 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if self.place.is_none() {
            let places = &self.places;
            let arriving = self
                .arriving
                .get_or_insert_with(|| Box::pin(Arc::clone(places).acquire_owned()));
            let Poll::Ready(place) = arriving.as_mut().poll(context) else {
                return Poll::Pending;
            };
            self.arriving = None;
            // The semaphore is never closed.
            self.place = place.ok();
        }
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let place = self.place.take();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            drop(place);
            answer
        })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::poll_fn;

    use futures_util::poll;
    use tokio::sync::oneshot;

    use super::*;

    /// Answers when it is told to.
    struct Slow;

    impl Service<oneshot::Receiver<()>> for Slow {
        type Response = ();
        type Error = Infallible;
        type Future = Pin<Box<dyn Future<Output = Result<(), Infallible>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, told: oneshot::Receiver<()>) -> Self::Future {
            Box::pin(async move {
                let _ = told.await;
                Ok(())
            })
        }
    }

    #[tokio::test]
    async fn there_is_no_more_work_than_places() {
        let mut gate = GateLayer::new(1).layer(Slow);
        poll_fn(|context| gate.poll_ready(context)).await.unwrap();
        let (tell, told) = oneshot::channel();
        let mut working = gate.call(told);
        assert!(poll!(&mut working).is_pending());
        assert!(poll!(poll_fn(|context| gate.poll_ready(context))).is_pending());
        tell.send(()).unwrap();
        working.await.unwrap();
        poll_fn(|context| gate.poll_ready(context)).await.unwrap();
    }
}
