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
    authorization: String,
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
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self {
            http: Http::builder(TokioExecutor::new()).build(connector),
            authorization: format!("token {token}"),
        }
    }

    /// Reads `url` to its end.
    ///
    /// # Errors
    /// When no whole answer arrives.
    pub async fn get(&self, url: &str) -> Fallible<Reply> {
        let request = Request::get(url)
            .header("authorization", &self.authorization)
            .header("user-agent", "bench")
            .body(Empty::new())?;
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
