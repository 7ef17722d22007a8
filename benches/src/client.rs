//! A client of a mirror that checks every answer.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::Instant;

use crate::Fallible;

/// One client with one token and connections of its own.
#[derive(Clone, Debug)]
pub struct Client {
    http: Http<HttpConnector, Empty<Bytes>>,
    authorization: Option<String>,
}

/// What came back, and how long it took to its last byte.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// From the first byte sent to the last one received.
    pub took: Duration,
}

impl Reply {
    /// `X-Cache`.
    pub fn x_cache(&self) -> &str {
        let value = self.headers.get("x-cache");
        value.and_then(|value| value.to_str().ok()).unwrap_or("")
    }
}

impl Client {
    /// A client that shows this token.
    pub fn new(token: &str) -> Self {
        Self {
            authorization: Some(format!("token {token}")),
            ..Self::anonymous()
        }
    }

    /// A client without a token.
    pub fn anonymous() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self {
            http: Http::builder(TokioExecutor::new()).build(connector),
            authorization: None,
        }
    }

    /// Reads `url` to its end.
    ///
    /// # Errors
    /// When no whole answer arrives.
    pub async fn get(&self, url: &str) -> Fallible<Reply> {
        let mut request = Request::get(url).header("user-agent", "bench");
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        let request = request.body(Empty::new())?;
        let begun = Instant::now();
        let (head, body) = self.http.request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Reply {
            status: head.status,
            headers: head.headers,
            body,
            took: begun.elapsed(),
        })
    }

    /// Sends a POST without a body, with a bearer token of its own; anything but a success is an error.
    ///
    /// # Errors
    /// Also when no answer arrives.
    pub async fn post(&self, url: &str, bearer: &str) -> Fallible<()> {
        let request = Request::post(url)
            .header("authorization", format!("Bearer {bearer}"))
            .body(Empty::new())?;
        let status = self.http.request(request).await?.status();
        match status.is_success() {
            true => Ok(()),
            false => Err(format!("{url}: {status}").into()),
        }
    }

    /// As [`get`](Self::get); anything but a hit is an error.
    ///
    /// # Errors
    /// Also when the answer is not a 200 that GitHub has just confirmed.
    pub async fn hit(&self, url: &str) -> Fallible<Reply> {
        let reply = self.get(url).await?;
        match (reply.status, reply.x_cache()) {
            (StatusCode::OK, "ONLINE_HIT") => Ok(reply),
            (status, x_cache) => {
                Err(format!("{url}: {status} {x_cache} where a hit is due").into())
            }
        }
    }
}
