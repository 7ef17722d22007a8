//! One public document on a host of its own, such as GitHub's status page, asked for again and again.
//!
//! It has a client apart from the API's, so that no connection, no ledger line and no credential is shared with it.

use std::fmt;
use std::future::poll_fn;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, ETAG, IF_NONE_MATCH, USER_AGENT};
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Limited};
use tokio::time::timeout;
use tower_service::Service;

use crate::base::BaseUrlError;
use crate::error::{BuildError, UpstreamError};
use crate::options::UpstreamOptions;
use crate::request_body::{BoxError, RequestBody};
use crate::service::Upstream;

/// Bytes of a document; the status page has about five thousand.
const MAX_BYTES: usize = 1 << 20;

/// A document at a fixed address.
pub struct Document {
    client: Upstream,
    target: Uri,
    agent: HeaderValue,
    timeout: Duration,
    held: Option<Held>,
}

/// What was received last, and its tag as received.
struct Held {
    tag: Option<HeaderValue>,
    body: Bytes,
}

/// Why a document cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// It took longer than it may.
    #[error("no document in time")]
    Timeout,
    /// There is no answer.
    #[error("no answer")]
    Upstream(#[source] UpstreamError),
    /// The answer is something else.
    #[error("the answer is {0}")]
    Status(StatusCode),
    /// The body broke off, or is larger than such a document can be.
    #[error("the body cannot be received")]
    Body(#[source] BoxError),
}

/// Why a document's address cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentBuildError {
    /// Not an address.
    #[error("not a usable address")]
    Address(#[source] BaseUrlError),
    /// The client cannot be made.
    #[error("cannot set up the client")]
    Client(#[source] BuildError),
}

impl Document {
    /// The document at `url`, for which `timeout` is how long one fetch may take in all. Opens no connection.
    ///
    /// Of the `options`, the base address is replaced.
    ///
    /// # Errors
    /// When the address is none, or the options cannot be used.
    pub fn new(
        url: &str,
        agent: HeaderValue,
        timeout: Duration,
        mut options: UpstreamOptions,
    ) -> Result<Self, DocumentBuildError> {
        let malformed = || DocumentBuildError::Address(BaseUrlError::Malformed);
        let parts = url.parse::<Uri>().map_err(|_| malformed())?.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(malformed());
        };
        options.base_url = format!("{scheme}://{authority}")
            .parse()
            .map_err(DocumentBuildError::Address)?;
        options.response_timeout = timeout;
        options.connect_timeout = options.connect_timeout.min(timeout);
        options.body_idle_timeout = options.body_idle_timeout.min(timeout);
        let client = Upstream::builder(options)
            .build()
            .map_err(DocumentBuildError::Client)?;
        Ok(Self {
            client,
            target: parts.path_and_query.map_or_else(Uri::default, Uri::from),
            agent,
            timeout,
            held: None,
        })
    }

    /// The document as it is now; what has not changed is not sent again.
    ///
    /// # Errors
    /// When it cannot be had whole, in time, with status 200 or 304.
    pub async fn fetch(&mut self) -> Result<&[u8], DocumentError> {
        let fetched = timeout(self.timeout, self.ask()).await;
        if let Some(held) = fetched.map_err(|_| DocumentError::Timeout)?? {
            self.held = Some(held);
        }
        Ok(self.held.as_ref().map_or(&[], |held| &held.body))
    }

    /// `None` when it is what is held already.
    async fn ask(&mut self) -> Result<Option<Held>, DocumentError> {
        poll_fn(|context| self.client.poll_ready(context))
            .await
            .map_err(DocumentError::Upstream)?;
        let request = self.request();
        let answer = self.client.call(request).await;
        let (head, body) = answer.map_err(DocumentError::Upstream)?.into_parts();
        match head.status {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED if self.held.is_some() => return Ok(None),
            status => return Err(DocumentError::Status(status)),
        }
        let body = Limited::new(body, MAX_BYTES)
            .collect()
            .await
            .map_err(DocumentError::Body)?;
        Ok(Some(Held {
            tag: head.headers.get(ETAG).cloned(),
            body: body.to_bytes(),
        }))
    }

    fn request(&self) -> Request<RequestBody> {
        let mut request = Request::new(RequestBody::default());
        *request.uri_mut() = self.target.clone();
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, self.agent.clone());
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(tag) = self.held.as_ref().and_then(|held| held.tag.clone()) {
            headers.insert(IF_NONE_MATCH, tag);
        }
        request
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("target", &self.target.path())
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
