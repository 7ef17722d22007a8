//! One JSON answer as a whole, from any service that the layer wraps: what [`pages`](crate::pages) and the client share.

use std::future::poll_fn;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tower_service::Service;

use crate::error::BoxError;
use crate::outcome::Report;
use crate::policy::limits::classify;
use crate::read_error::{Kind, ReadError};

/// What one answer may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) max_body_bytes: usize,
    pub(crate) timeout: Duration,
}

/// A 200 with its whole body.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) headers: HeaderMap,
    pub(crate) report: Option<Report>,
    pub(crate) body: Bytes,
}

/// Asks for `uri`; everything but a 200 is an error.
pub(crate) async fn fetch<S, ReqB, ResB>(
    service: S,
    uri: Uri,
    headers: HeaderMap,
    limits: Limits,
) -> Result<Whole, ReadError>
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
    S::Error: Into<BoxError>,
    ReqB: Default,
    ResB: Body<Data = Bytes>,
    ResB::Error: Into<BoxError>,
{
    let mut request = Request::new(ReqB::default());
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    tokio::time::timeout(limits.timeout, whole(service, request, limits))
        .await
        .unwrap_or_else(|_elapsed| Err(Kind::TimedOut.into()))
}

async fn whole<S, ReqB, ResB>(
    mut service: S,
    request: Request<ReqB>,
    limits: Limits,
) -> Result<Whole, ReadError>
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
    S::Error: Into<BoxError>,
    ResB: Body<Data = Bytes>,
    ResB::Error: Into<BoxError>,
{
    let answer = async {
        poll_fn(|context| service.poll_ready(context)).await?;
        service.call(request).await
    };
    let answer = answer
        .await
        .map_err(|error: S::Error| Kind::NoAnswer(error.into()))?;
    let (mut parts, body) = answer.into_parts();
    let collected = Limited::new(body, limits.max_body_bytes).collect().await;
    let body = collected.map_err(|error| match error.is::<LengthLimitError>() {
        true => Kind::TooLarge(limits.max_body_bytes),
        false => Kind::BrokenBody(error),
    });
    if parts.status != StatusCode::OK {
        // What cannot be read of a refusal is not needed: its status says enough.
        let body = body.map(|body| body.to_bytes()).unwrap_or_default();
        let refusal = classify(parts.status, &parts.headers, &body);
        return Err(ReadError::refused(parts.status, refusal, &parts.headers));
    }
    Ok(Whole {
        body: body?.to_bytes(),
        report: parts.extensions.remove(),
        headers: parts.headers,
    })
}
