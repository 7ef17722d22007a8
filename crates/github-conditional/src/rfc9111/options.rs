//! Settings of the RFC 9111 cache; every default works.

use std::time::Duration;

use http::HeaderValue;

/// For whom a cache stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Audience {
    /// For many users: `private` answers and most answers to requests with `Authorization` are not stored, `s-maxage`
    /// and `proxy-revalidate` count.
    Shared,
    /// For one user, as in a browser: whoever holds the service sees what is stored.
    Private,
}

/// Settings of a [`CacheLayer`](super::CacheLayer).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// For whom answers are stored. Default [`Audience::Shared`].
    pub audience: Audience,
    /// Scheme and authority that targets without one belong to; part of keys, and what `Location` is compared with.
    /// Default `http://localhost`.
    pub origin: String,
    /// Bytes up to which a body is stored. Default 8 MiB. Larger bodies stream through in flat memory.
    pub max_cacheable_body_bytes: usize,
    /// Bytes that all bodies being recorded may hold together. Default 256 MiB. Beyond it answers stream through
    /// without being stored.
    pub max_recording_bytes: usize,
    /// How long a body may stall while it is recorded. Default 30 s. After that it has failed, and is not stored.
    pub body_idle_timeout: Duration,
    /// Answers that are kept for one url beside each other, for requests with different selecting headers (`Vary`).
    /// Default 16. Beyond it the one that was received first goes.
    pub max_variants: usize,
    /// Freshness of an answer that states none, in percent of the time since it was last modified. Default 10
    /// (RFC 9111 §4.2.2). 0 = no guessing.
    pub heuristic_percent: u8,
    /// The most that is guessed. Default one day.
    pub max_heuristic: Duration,
    /// How long after its freshness an answer may stand in for a server that cannot be reached, unless the answer
    /// forbids it. Default one day (RFC 9111 §4.2.4 allows it to a disconnected cache). 0 = never.
    pub stale_if_unreachable: Duration,
    /// The same for a server that answers 500, 502, 503 or 504. Default 0: only where the answer or the request says
    /// `stale-if-error` (RFC 5861 §4).
    pub stale_if_error: Duration,
    /// The name under which this cache is a surrogate: it announces itself upstream (`Surrogate-Capability`), and
    /// `Surrogate-Control` then counts more than `Cache-Control`. Default none.
    pub surrogate: Option<SurrogateName>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            audience: Audience::Shared,
            origin: "http://localhost".to_owned(),
            max_cacheable_body_bytes: 8 << 20,
            max_recording_bytes: 256 << 20,
            body_idle_timeout: Duration::from_secs(30),
            max_variants: 16,
            heuristic_percent: 10,
            max_heuristic: Duration::from_secs(24 * 3600),
            stale_if_unreachable: Duration::from_secs(24 * 3600),
            stale_if_error: Duration::ZERO,
            surrogate: None,
        }
    }
}

/// The name of a surrogate: a token (RFC 9110 §5.6.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SurrogateName {
    name: Box<str>,
    capability: HeaderValue,
}

impl SurrogateName {
    /// `None` unless it is made of letters, digits and `-_.`.
    pub fn new(name: &str) -> Option<Self> {
        let token = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if name.is_empty() || !name.bytes().all(token) {
            return None;
        }
        let capability = HeaderValue::try_from(format!("{name}=\"Surrogate/1.0\"")).ok()?;
        Some(Self {
            name: name.into(),
            capability,
        })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// What it adds to `Surrogate-Capability`.
    pub(crate) fn capability(&self) -> &HeaderValue {
        &self.capability
    }
}
