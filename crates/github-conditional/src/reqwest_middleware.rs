//! The cache as a middleware of reqwest-middleware.
//!
//! Add it after middlewares that decide about the request (authorisation, retries) and before those that should see
//! every call that really goes out (tracing).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ::reqwest_middleware::{Error, Middleware, Next, Result};
use cache_backends::CacheStore;
use http::{Extensions, Request, Response};
use tokio::sync::Mutex;
use tower_service::Service;

use crate::engine::{Engine, read};
use crate::entry::Entry;
use crate::reqwest::to_reqwest;
use crate::service::ConditionalLayer;

/// A [`Middleware`] that turns GETs into conditional requests.
///
/// ```
/// use github_conditional::{ConditionalLayer, reqwest_middleware::ConditionalMiddleware};
///
/// let layer = ConditionalLayer::builder().build()?;
/// let github = reqwest_middleware::ClientBuilder::new(reqwest::Client::new())
///     .with(ConditionalMiddleware::new(&layer))
///     .build();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Cancel safety
/// As [`Conditional`](crate::Conditional).
pub struct ConditionalMiddleware<St> {
    engine: Arc<Engine<St>>,
}

impl<St> ConditionalMiddleware<St> {
    /// Shares the cache of `layer`.
    pub fn new(layer: &ConditionalLayer<St>) -> Self {
        Self {
            engine: layer.engine(),
        }
    }
}

impl<St> fmt::Debug for ConditionalMiddleware<St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConditionalMiddleware")
            .finish_non_exhaustive()
    }
}

#[async_trait::async_trait]
impl<St: CacheStore<Entry>> Middleware for ConditionalMiddleware<St> {
    async fn handle(
        &self,
        request: reqwest::Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<reqwest::Response> {
        let url = request.url().clone();
        let request = Request::try_from(request)?;
        let rest = Rest {
            next,
            extensions: Arc::new(Mutex::new(extensions)),
        };
        match read::answer(Arc::clone(&self.engine), rest, request).await {
            Ok(answer) => Ok(to_reqwest(answer, url)),
            Err(error) => Err(Error::middleware(error)),
        }
    }
}

/// The rest of the chain as a service; one request may need it several times, one after the other.
struct Rest<'a> {
    next: Next<'a>,
    extensions: Arc<Mutex<&'a mut Extensions>>,
}

impl Clone for Rest<'_> {
    fn clone(&self) -> Self {
        Self {
            next: self.next.clone(),
            extensions: Arc::clone(&self.extensions),
        }
    }
}

impl<'a> Service<Request<reqwest::Body>> for Rest<'a> {
    type Response = Response<reqwest::Body>;
    type Error = crate::error::BoxError;
    type Future =
        Pin<Box<dyn Future<Output = std::result::Result<Self::Response, Self::Error>> + Send + 'a>>;

    fn poll_ready(
        &mut self,
        _context: &mut Context<'_>,
    ) -> Poll<std::result::Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<reqwest::Body>) -> Self::Future {
        let Self { next, extensions } = self.clone();
        Box::pin(async move {
            let request = reqwest::Request::try_from(request)?;
            let mut extensions = extensions.lock().await;
            match next.run(request, &mut extensions).await {
                Ok(answer) => Ok(answer.into()),
                Err(Error::Reqwest(error)) => Err(crate::reqwest::plain(error)),
                Err(error) => Err(error.into()),
            }
        })
    }
}
