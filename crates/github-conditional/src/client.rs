//! A small client for those who have none: typed JSON by GET, and what it cost.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use cache_backends::{CacheStore, MemoryStore};
use github_headers::RateLimit;
use github_headers::names::X_GITHUB_API_VERSION;
use http::header::{ACCEPT, AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Uri};
use http_body_util::Full;
use serde::de::DeserializeOwned;
use tower_layer::Layer;

use crate::cost::Cost;
use crate::entry::Entry;
use crate::fetch::{Limits, fetch};
use crate::hyper::{HttpsClient, https_client};
use crate::outcome::Report;
use crate::pages::Paginator;
use crate::read_error::{Kind, ReadError};
use crate::service::{Conditional, ConditionalLayer};

mod builder;

pub use builder::{BuildError, ClientBuilder};

/// Reads GitHub's REST API, and never pays twice for what has not changed.
///
/// ```no_run
/// use futures_util::TryStreamExt;
/// use github_conditional::Client;
///
/// #[derive(serde::Deserialize)]
/// struct Repository { full_name: String, stargazers_count: u64 }
/// #[derive(serde::Deserialize)]
/// struct Issue { number: u64, title: String }
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let github = Client::builder().token("ghp_yours").build()?;
/// let answer = github.get::<Repository>("/repos/octocat/Hello-World").await?;
/// println!("{} has {} stars; this cost {:?}", answer.value.full_name, answer.value.stargazers_count, answer.cost());
///
/// let mut issues = github.pages("/repos/octocat/Hello-World/issues?per_page=100")?.items::<Issue>();
/// while let Some(issue) = issues.try_next().await? {
///     println!("#{} {}", issue.number, issue.title);
/// }
/// # Ok(())
/// # }
/// ```
///
/// Clones share the cache and the connections.
///
/// # Cancel safety
/// Every future may be dropped at any time; see [`Conditional`].
pub struct Client<St = MemoryStore<Entry>> {
    service: Conditional<HttpsClient, St>,
    base: Box<str>,
    headers: HeaderMap,
    limits: Limits,
}

impl Client {
    /// A builder with the defaults.
    pub fn builder() -> ClientBuilder<MemoryStore<Entry>> {
        ClientBuilder::new(MemoryStore::default())
    }
}

impl<St: CacheStore<Entry>> Client<St> {
    /// Reads the JSON at `target`, such as `/repos/octocat/Hello-World`.
    ///
    /// # Errors
    /// When there is no answer, another one than a 200, or one that is no `T`.
    pub async fn get<T: DeserializeOwned>(&self, target: &str) -> Result<Fetched<T>, ReadError> {
        let uri = self.uri(target)?;
        let headers = self.headers.clone();
        let service = self.service.clone();
        let whole = fetch::<_, Full<Bytes>, _>(service, uri, headers, self.limits).await?;
        let value = serde_json::from_slice(&whole.body).map_err(Kind::Json)?;
        let report = whole.report.expect("the layer reports every answer");
        Ok(Fetched {
            value,
            report,
            headers: whole.headers,
        })
    }

    /// The list at `target`, page by page or item by item.
    ///
    /// # Errors
    /// When the target is no url.
    pub fn pages(&self, target: &str) -> Result<Paginator, ReadError> {
        let mut request = Request::new(());
        *request.uri_mut() = self.uri(target)?;
        *request.headers_mut() = self.headers.clone();
        Ok(Paginator::new::<_, Full<Bytes>, _>(
            self.service.clone(),
            request,
        ))
    }

    /// The same client for another token. The two share the cache: what one has fetched, GitHub confirms to the other
    /// at no cost, or not at all.
    ///
    /// # Errors
    /// When the token holds what no header can carry.
    pub fn with_token(&self, token: &str) -> Result<Self, BuildError> {
        let mut client = self.clone();
        client
            .headers
            .insert(AUTHORIZATION, builder::authorization(token)?);
        Ok(client)
    }

    /// The service below, for requests that are more than a GET of JSON.
    pub fn service(&self) -> &Conditional<HttpsClient, St> {
        &self.service
    }

    fn uri(&self, target: &str) -> Result<Uri, ReadError> {
        let slash = if target.starts_with('/') { "" } else { "/" };
        let uri = format!("{}{slash}{target}", self.base).parse();
        Ok(uri.map_err(Kind::Target)?)
    }
}

impl<St> Clone for Client<St> {
    fn clone(&self) -> Self {
        Self {
            service: self.service.clone(),
            base: self.base.clone(),
            headers: self.headers.clone(),
            limits: self.limits,
        }
    }
}

impl<St> fmt::Debug for Client<St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

/// A value, and how it was come by.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Fetched<T> {
    /// The value.
    pub value: T,
    /// How the answer was made.
    pub report: Report,
    /// GitHub's headers.
    pub headers: HeaderMap,
}

impl<T> Fetched<T> {
    /// What this answer took from the caller's quota.
    pub fn cost(&self) -> Cost {
        self.report.cost()
    }

    /// The state of the caller's quota after this answer, if GitHub told it.
    pub fn rate_limit(&self) -> Option<RateLimit> {
        RateLimit::from_headers(&self.headers).ok().flatten()
    }
}
