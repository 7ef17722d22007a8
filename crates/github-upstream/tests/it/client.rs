//! The stack under test, and short ways to ask it.

use bytes::Bytes;
use github_upstream::{
    BodyError, RequestBody, ResponseBody, Upstream, UpstreamError, UpstreamOptions,
};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use tower::ServiceExt;

pub(crate) fn options(url: &str) -> UpstreamOptions {
    let mut options = UpstreamOptions::default();
    options.base_url = url.parse().unwrap();
    options
}

pub(crate) fn client(url: &str) -> Upstream {
    Upstream::builder(options(url)).build().unwrap()
}

pub(crate) fn request(method: Method, target: &str) -> Request<RequestBody> {
    Request::builder()
        .method(method)
        .uri(target)
        .body(RequestBody::default())
        .unwrap()
}

pub(crate) fn get(target: &str) -> Request<RequestBody> {
    request(Method::GET, target)
}

pub(crate) fn post(target: &str, body: &'static str) -> Request<RequestBody> {
    request(Method::POST, target).map(|_| RequestBody::from(Bytes::from_static(body.as_bytes())))
}

pub(crate) async fn send(
    client: &Upstream,
    request: Request<RequestBody>,
) -> Result<Response<ResponseBody>, UpstreamError> {
    client.clone().oneshot(request).await
}

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Result<Bytes, BodyError>,
}

impl Whole {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(self.body.as_ref().unwrap()).unwrap()
    }
}

pub(crate) async fn fetch(
    client: &Upstream,
    request: Request<RequestBody>,
) -> Result<Whole, UpstreamError> {
    let (head, body) = send(client, request).await?.into_parts();
    Ok(Whole {
        status: head.status,
        headers: head.headers,
        body: body.collect().await.map(|collected| collected.to_bytes()),
    })
}

/// The messages of an error and all its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// What the cache looks for to tell a time-out from a lost connection.
pub(crate) fn names_a_timeout(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>()
            && error.kind() == std::io::ErrorKind::TimedOut
        {
            return true;
        }
        cause = error.source();
    }
    false
}
