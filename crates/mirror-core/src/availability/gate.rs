//! The gate below the engine: while GitHub is away, calls fail at once instead of waiting for a time-out.

use std::error::Error as StdError;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use github_conditional::Offline;
use http::Request;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::Availability;
use super::judge::{Passage, Passenger};

/// A client behind the gate.
#[derive(Clone, Debug)]
pub(crate) struct Gate<S> {
    inner: S,
    availability: Arc<Availability>,
}

impl<S> Gate<S> {
    pub(crate) fn new(inner: S, availability: Arc<Availability>) -> Self {
        Self {
            inner,
            availability,
        }
    }
}

/// What the client behind it fails with goes through as it is, so that the engine sees its kind.
pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

pin_project! {
    #[project = Projected]
    pub(crate) enum GateFuture<F> {
        Refused,
        Passed { #[pin] future: F },
    }
}

impl<S, B> Service<Request<B>> for Gate<S>
where
    S: Service<Request<B>>,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = GateFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let passenger = match request.method().is_safe() {
            true => Passenger::Read,
            false => Passenger::Write,
        };
        match self.availability.pass(passenger) {
            Passage::Pass => GateFuture::Passed {
                future: self.inner.call(request),
            },
            Passage::Offline | Passage::HeldBack => GateFuture::Refused,
        }
    }
}

impl<F, T, E> Future for GateFuture<F>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError>,
{
    type Output = Result<T, BoxError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match self.project() {
            Projected::Refused => Err(Offline.into()),
            Projected::Passed { future } => ready!(future.poll(context)).map_err(Into::into),
        })
    }
}
