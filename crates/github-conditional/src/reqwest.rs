//! reqwest's client as a tower service, so that the layer can wrap it.
//!
//! Its own redirects happen below the cache: an answer is then stored under the target that was asked for.
//! GitHub's redirects (a renamed repository) are better left to whoever asks: build the client with
//! `redirect(Policy::none())`, and answers that redirect are passed on.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use ::reqwest::ResponseBuilderExt;
use bytes::Bytes;
use cache_backends::CacheStore;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::body::ConditionalBody;
use crate::entry::Entry;
use crate::error::{BoxError, Error};
use crate::service::Conditional;

/// A [`reqwest::Client`] as a service over `http` requests.
///
/// ```
/// use github_conditional::{ConditionalLayer, reqwest::ReqwestService};
/// use tower::Layer;
///
/// let github = ConditionalLayer::builder().build()?.layer(ReqwestService::new(reqwest::Client::new()));
/// # let _: github_conditional::Conditional<ReqwestService, _> = github;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ReqwestService(::reqwest::Client);

impl ReqwestService {
    /// Wraps a client; its time-outs, proxies and connections stay as they are.
    pub fn new(client: ::reqwest::Client) -> Self {
        Self(client)
    }

    /// The client.
    pub fn get_ref(&self) -> &::reqwest::Client {
        &self.0
    }

    /// The client.
    pub fn into_inner(self) -> ::reqwest::Client {
        self.0
    }
}

impl<B> Service<Request<B>> for ReqwestService
where
    B: Body + Send + Sync + 'static,
    B::Data: Into<Bytes>,
    B::Error: Into<BoxError>,
{
    type Response = Response<::reqwest::Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        // The client queues for connections by itself.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let client = self.0.clone();
        Box::pin(async move {
            let request = request.map(to_reqwest_body);
            let request = ::reqwest::Request::try_from(request)?;
            let answer = client.execute(request).await.map_err(plain)?;
            Ok(answer.into())
        })
    }
}

/// An empty body is told so, which reqwest cannot see of a stream: a GET must not become a chunked upload.
fn to_reqwest_body<B>(body: B) -> ::reqwest::Body
where
    B: Body + Send + Sync + 'static,
    B::Data: Into<Bytes>,
    B::Error: Into<BoxError>,
{
    if body.is_end_stream() {
        return ::reqwest::Body::from(Bytes::new());
    }
    ::reqwest::Body::wrap(body)
}

impl<St: CacheStore<Entry>> Conditional<ReqwestService, St> {
    /// As `reqwest::Client::execute`, for code that is written against reqwest: same request, same response.
    ///
    /// The [`Report`](crate::Report) is among the response's extensions.
    ///
    /// # Errors
    /// When the request is none that HTTP can carry, or there is no answer (then the source is an
    /// [`Error`](crate::Error)).
    ///
    /// # Cancel safety
    /// As [`Conditional`].
    pub async fn execute(
        &self,
        request: ::reqwest::Request,
    ) -> Result<::reqwest::Response, ExecuteError> {
        let url = request.url().clone();
        let request = Request::try_from(request).map_err(ExecuteError::Request)?;
        let answer = self.clone().call(request).await;
        Ok(to_reqwest(answer.map_err(ExecuteError::Answer)?, url))
    }
}

/// Why a reqwest request got no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecuteError {
    /// It is no HTTP request.
    #[error("the request cannot be sent")]
    Request(#[source] ::reqwest::Error),
    /// It was asked in vain.
    #[error("the request was not answered")]
    Answer(#[source] Error),
}

/// An answer of the layer as reqwest knows it, with the url that was asked.
pub(crate) fn to_reqwest<B>(
    answer: Response<ConditionalBody<B>>,
    url: ::reqwest::Url,
) -> ::reqwest::Response
where
    B: Body<Data = Bytes> + Send + Sync + 'static,
    B::Error: Into<BoxError>,
{
    let (parts, body) = answer.into_parts();
    let mut response = Response::new(::reqwest::Body::wrap(body));
    // The type that carries the url is reqwest's secret; only its builder makes one.
    if let Ok(with_url) = Response::builder().url(url).body(()) {
        *response.extensions_mut() = with_url.into_parts().0.extensions;
    }
    *response.status_mut() = parts.status;
    *response.version_mut() = parts.version;
    *response.headers_mut() = parts.headers;
    response.extensions_mut().extend(parts.extensions);
    response.into()
}

/// reqwest's own time-outs are of a type that nobody else can name; the engine looks for one that it can.
pub(crate) fn plain(error: ::reqwest::Error) -> BoxError {
    // The url holds the query, which belongs in no error.
    let error = error.without_url();
    if error.is_timeout() {
        return Box::new(io::Error::new(io::ErrorKind::TimedOut, error));
    }
    error.into()
}
