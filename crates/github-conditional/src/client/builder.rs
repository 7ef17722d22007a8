//! Builds a [`Client`]; every part has a default that works.

use super::*;
use crate::clock::Clock;
use crate::fingerprint::FingerprintKey;
use crate::hyper::TlsError;
use crate::observer::Observer;
use crate::options::Options;
use crate::service::Builder;

const GITHUB: &str = "https://api.github.com";

/// Builds a [`Client`].
pub struct ClientBuilder<St> {
    layer: Builder<St>,
    options: Options,
    base: String,
    token: Option<String>,
    user_agent: String,
    api_version: String,
    limits: Limits,
}

impl<St: CacheStore<Entry>> ClientBuilder<St> {
    pub(super) fn new(store: St) -> Self {
        Self {
            layer: ConditionalLayer::builder_on(store),
            options: Options::default(),
            base: GITHUB.to_owned(),
            token: None,
            user_agent: concat!("github-conditional/", env!("CARGO_PKG_VERSION")).to_owned(),
            api_version: "2022-11-28".to_owned(),
            limits: Limits {
                max_body_bytes: 16 << 20,
                timeout: Duration::from_secs(60),
            },
        }
    }

    /// The token of a user, an installation or an app. Default: none, and then every 304 costs as much as a 200 and the
    /// quota is 60 requests an hour.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Where the API is, path included: `https://ghe.example/api/v3`, a mirror, a simulator.
    /// Default `https://api.github.com`.
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base = url.into();
        self
    }

    /// `User-Agent`, without which GitHub refuses requests. Default `github-conditional/VERSION`; GitHub asks for a
    /// name by which it can find you.
    #[must_use]
    pub fn user_agent(mut self, agent: impl Into<String>) -> Self {
        self.user_agent = agent.into();
        self
    }

    /// `X-GitHub-Api-Version`, a date. Default `2022-11-28`. Another version is another entry in the cache.
    #[must_use]
    pub fn api_version(mut self, version: impl Into<String>) -> Self {
        self.api_version = version.into();
        self
    }

    /// How long one answer may take, body included. Default 60 s. After that it is an error.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.limits.timeout = timeout;
        self
    }

    /// Bytes that one answer may have. Default 16 MiB. A larger one is an error.
    #[must_use]
    pub fn max_body_bytes(mut self, bytes: usize) -> Self {
        self.limits.max_body_bytes = bytes;
        self
    }

    /// Settings of the cache; its origin is that of [`base_url`](Self::base_url), whatever is set here.
    /// Default [`Options::default`].
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Where entries live. Default: this process's memory, 256 MiB.
    #[must_use]
    pub fn store<Other: CacheStore<Entry>>(self, store: Other) -> ClientBuilder<Other> {
        let Self {
            layer,
            options,
            base,
            token,
            user_agent,
            api_version,
            limits,
        } = self;
        ClientBuilder {
            layer: layer.store(store),
            options,
            base,
            token,
            user_agent,
            api_version,
            limits,
        }
    }

    /// As [`Builder::fingerprint_key`].
    #[must_use]
    pub fn fingerprint_key(mut self, key: FingerprintKey) -> Self {
        self.layer = self.layer.fingerprint_key(key);
        self
    }

    /// As [`Builder::clock`].
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.layer = self.layer.clock(clock);
        self
    }

    /// As [`Builder::observer`].
    #[must_use]
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.layer = self.layer.observer(observer);
        self
    }

    /// The client.
    ///
    /// # Errors
    /// When a value is none that HTTP can carry, or the system gives no randomness or no TLS.
    pub fn build(self) -> Result<Client<St>, BuildError> {
        let base = self.base.trim_end_matches('/');
        let uri: Uri = base.parse().map_err(|_| BuildError::BaseUrl)?;
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(BuildError::BaseUrl);
        };
        let mut options = self.options;
        options.origin = format!("{scheme}://{authority}");
        let mut headers = HeaderMap::new();
        headers.insert(
            ACCEPT,
            HeaderValue::from_static("application/vnd.github+json"),
        );
        headers.insert(X_GITHUB_API_VERSION, value(&self.api_version)?);
        headers.insert(USER_AGENT, value(&self.user_agent)?);
        if let Some(token) = &self.token {
            headers.insert(AUTHORIZATION, authorization(token)?);
        }
        let layer = self.layer.options(options).build()?;
        Ok(Client {
            service: layer.layer(https_client()?),
            base: base.into(),
            headers,
            limits: self.limits,
        })
    }
}

fn value(text: &str) -> Result<HeaderValue, BuildError> {
    HeaderValue::from_str(text).map_err(|_| BuildError::HeaderValue)
}

pub(super) fn authorization(token: &str) -> Result<HeaderValue, BuildError> {
    let mut value = value(&format!("Bearer {token}"))?;
    value.set_sensitive(true);
    Ok(value)
}

impl<St> fmt::Debug for ClientBuilder<St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("base", &self.base)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// A [`Client`] cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The base url has no scheme or no host.
    #[error("the base url has no scheme or no host")]
    BaseUrl,
    /// The token, the agent or the version holds what no header can carry.
    #[error("a value holds what no header can carry")]
    HeaderValue,
    /// The operating system has no randomness to give.
    #[error("no randomness")]
    Randomness(#[from] getrandom::Error),
    /// TLS cannot be set up.
    #[error("no tls")]
    Tls(#[from] TlsError),
}
