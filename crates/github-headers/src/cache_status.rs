//! `Cache-Status`: how each cache on the way handled a request (RFC 9211).
//!
//! Each cache appends its own member, so the list reads from the origin to the client.
//! A member is written here as RFC 9211 shows it: `github-mirror; fwd=stale; fwd-status=304; detail=own-tag`.

use std::fmt;

use http::{HeaderMap, HeaderValue, StatusCode};

use crate::names::CACHE_STATUS;
use crate::structured::{self, BareItem, Item};
use crate::syntax::trim_ows;

/// What one cache says about one request.
///
/// ```
/// use github_headers::{CacheStatus, Fwd};
///
/// let status = CacheStatus::new("github-mirror")
///     .forwarded(Fwd::Stale)
///     .fwd_status(http::StatusCode::NOT_MODIFIED)
///     .stored()
///     .detail("own-tag");
/// assert_eq!(status.to_string(), "github-mirror; fwd=stale; fwd-status=304; stored; detail=own-tag");
/// assert_eq!(CacheStatus::parse_list([status.to_string()])?, [status]);
/// # Ok::<(), github_headers::CacheStatusError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CacheStatus {
    cache: Box<str>,
    handling: Option<Handling>,
    fwd_status: Option<StatusCode>,
    stored: bool,
    collapsed: bool,
    ttl: Option<i64>,
    key: Option<Box<str>>,
    detail: Option<Box<str>>,
    extensions: Vec<(Box<str>, BareItem)>,
}

/// `hit` or `fwd`; the two exclude each other (RFC 9211 §2.1, §2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Handling {
    /// Answered from the cache, nobody was asked.
    Hit,
    /// The request went forward, for this reason.
    Forwarded(Fwd),
}

/// Why a request went forward: the values of `fwd` (RFC 9211 §2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fwd {
    /// The cache was configured not to handle this request.
    Bypass,
    /// The method's semantics require it to be forwarded.
    Method,
    /// Nothing is stored for this URI.
    UriMiss,
    /// Something is stored for this URI, but nothing that `Vary` lets it use.
    VaryMiss,
    /// Nothing usable is stored; the cache does not say why.
    Miss,
    /// A fresh response is stored, but the request's directives do not allow its use.
    Request,
    /// The stored response is stale.
    Stale,
    /// The stored response does not contain all that was asked for.
    Partial,
}

/// Why a `Cache-Status` could not be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CacheStatusError {
    /// Not a structured list of tokens and strings.
    #[error("cache-status is malformed at offset {offset}")]
    Malformed {
        /// Where, in bytes over all field lines joined by `, `.
        offset: usize,
    },
    /// The member is no cache's name: neither a token nor a string.
    #[error("member {member} of cache-status has no cache name")]
    Name {
        /// Which member, counted from 1.
        member: usize,
    },
    /// A parameter holds a value of the wrong type, or one that RFC 9211 does not define.
    #[error("member {member} of cache-status has a bad `{parameter}`")]
    Parameter {
        /// Which member, counted from 1.
        member: usize,
        /// Which parameter.
        parameter: &'static str,
    },
    /// `hit` and `fwd` on the same member.
    #[error("member {member} of cache-status is hit and forwarded at once")]
    HitAndForwarded {
        /// Which member, counted from 1.
        member: usize,
    },
}

impl CacheStatus {
    /// A member for the cache of this name, which says nothing yet.
    pub fn new(cache: &str) -> Self {
        Self {
            cache: printable(cache),
            handling: None,
            fwd_status: None,
            stored: false,
            collapsed: false,
            ttl: None,
            key: None,
            detail: None,
            extensions: Vec::new(),
        }
    }

    /// Answered from the cache (RFC 9211 §2.1). Takes the place of [`forwarded`](Self::forwarded).
    #[must_use]
    pub fn hit(mut self) -> Self {
        self.handling = Some(Handling::Hit);
        self
    }

    /// Sent forward (RFC 9211 §2.2). Takes the place of [`hit`](Self::hit).
    #[must_use]
    pub fn forwarded(mut self, reason: Fwd) -> Self {
        self.handling = Some(Handling::Forwarded(reason));
        self
    }

    /// The status the next hop answered with (RFC 9211 §2.3).
    #[must_use]
    pub fn fwd_status(mut self, status: StatusCode) -> Self {
        self.fwd_status = Some(status);
        self
    }

    /// The response was stored (RFC 9211 §2.5).
    #[must_use]
    pub fn stored(mut self) -> Self {
        self.stored = true;
        self
    }

    /// The request shared the forwarded request of another (RFC 9211 §2.6).
    #[must_use]
    pub fn collapsed(mut self) -> Self {
        self.collapsed = true;
        self
    }

    /// The remaining freshness lifetime in seconds, negative when stale (RFC 9211 §2.4).
    #[must_use]
    pub fn ttl(mut self, seconds: i64) -> Self {
        self.ttl = Some(seconds.clamp(-structured::LARGEST_INTEGER, structured::LARGEST_INTEGER));
        self
    }

    /// The cache key (RFC 9211 §2.7). Characters beyond visible ASCII become `?`; put no secret in it.
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        self.key = Some(printable(key));
        self
    }

    /// Anything else worth saying (RFC 9211 §2.8). Characters beyond visible ASCII become `?`.
    #[must_use]
    pub fn detail(mut self, detail: &str) -> Self {
        self.detail = Some(printable(detail));
        self
    }

    /// The cache's name.
    pub fn cache(&self) -> &str {
        &self.cache
    }

    /// Hit or forwarded, if the cache says.
    pub fn handling(&self) -> Option<Handling> {
        self.handling
    }

    /// The status the next hop answered with.
    pub fn forward_status(&self) -> Option<StatusCode> {
        self.fwd_status
    }

    /// Whether the response was stored.
    pub fn is_stored(&self) -> bool {
        self.stored
    }

    /// Whether the request was collapsed with others.
    pub fn is_collapsed(&self) -> bool {
        self.collapsed
    }

    /// The remaining freshness lifetime in seconds.
    pub fn remaining_ttl(&self) -> Option<i64> {
        self.ttl
    }

    /// The cache key, if the cache tells it.
    pub fn cache_key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// The detail.
    pub fn detail_text(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// Parses all field lines of one message: the members from the origin's side to the client's.
    ///
    /// Unknown parameters are kept and written again.
    ///
    /// # Errors
    /// Names the offset or the member; RFC 9651 §4.2 has a malformed field ignored as a whole.
    pub fn parse_list<L>(lines: impl IntoIterator<Item = L>) -> Result<Vec<Self>, CacheStatusError>
    where
        L: AsRef<[u8]>,
    {
        // RFC 9651 §4.2: lines are joined before they are parsed.
        let mut text = Vec::new();
        for line in lines {
            let line = trim_ows(line.as_ref());
            if !text.is_empty() && !line.is_empty() {
                text.extend_from_slice(b", ");
            }
            text.extend_from_slice(line);
        }
        let items =
            structured::parse_list(&text).map_err(|malformed| CacheStatusError::Malformed {
                offset: malformed.0,
            })?;
        items
            .into_iter()
            .enumerate()
            .map(|(index, item)| Self::from_item(index + 1, item))
            .collect()
    }

    /// The members of a response; empty when it has no `Cache-Status`.
    ///
    /// # Errors
    /// As [`parse_list`](Self::parse_list).
    pub fn from_headers(headers: &HeaderMap) -> Result<Vec<Self>, CacheStatusError> {
        Self::parse_list(headers.get_all(CACHE_STATUS))
    }

    /// Appends this member after those of the caches nearer to the origin (RFC 9211 §2).
    pub fn append_to(&self, headers: &mut HeaderMap) {
        headers.append(CACHE_STATUS, self.to_header_value());
    }

    /// The field value.
    pub fn to_header_value(&self) -> HeaderValue {
        // Structured fields are visible ASCII, so the fallback is never taken.
        HeaderValue::try_from(self.to_string()).unwrap_or(HeaderValue::from_static("cache"))
    }

    fn from_item(member: usize, item: Item) -> Result<Self, CacheStatusError> {
        let bad = |parameter| CacheStatusError::Parameter { member, parameter };
        let (BareItem::Token(cache) | BareItem::String(cache)) = item.value else {
            return Err(CacheStatusError::Name { member });
        };
        let mut status = Self::new(&cache);
        let mut hit = false;
        let mut fwd = None;
        for (key, value) in item.parameters {
            match (&*key, value) {
                ("hit", BareItem::Boolean(value)) => hit = value,
                ("fwd", BareItem::Token(reason)) => {
                    fwd = Some(Fwd::parse(&reason).ok_or(bad("fwd"))?)
                }
                ("fwd-status", BareItem::Integer(code)) => {
                    let code = u16::try_from(code).map_err(|_| bad("fwd-status"))?;
                    let code = StatusCode::from_u16(code).map_err(|_| bad("fwd-status"))?;
                    status.fwd_status = Some(code);
                }
                ("stored", BareItem::Boolean(value)) => status.stored = value,
                ("collapsed", BareItem::Boolean(value)) => status.collapsed = value,
                ("ttl", BareItem::Integer(seconds)) => status.ttl = Some(seconds),
                ("key", BareItem::String(text)) => status.key = Some(text),
                ("detail", BareItem::String(text) | BareItem::Token(text)) => {
                    status.detail = Some(text)
                }
                (known, value) => match PARAMETERS.iter().find(|name| **name == known) {
                    Some(name) => return Err(bad(name)),
                    None => status.extensions.push((key, value)),
                },
            }
        }
        status.handling = match (hit, fwd) {
            (true, Some(_)) => return Err(CacheStatusError::HitAndForwarded { member }),
            (true, None) => Some(Handling::Hit),
            (false, Some(reason)) => Some(Handling::Forwarded(reason)),
            (false, None) => None,
        };
        Ok(status)
    }

    fn to_item(&self) -> Item {
        let mut parameters: Vec<(Box<str>, BareItem)> = Vec::new();
        let mut add = |key: &str, value| parameters.push((key.into(), value));
        match self.handling {
            Some(Handling::Hit) => add("hit", BareItem::Boolean(true)),
            Some(Handling::Forwarded(reason)) => {
                add("fwd", BareItem::Token(reason.as_str().into()))
            }
            None => {}
        }
        if let Some(status) = self.fwd_status {
            add("fwd-status", BareItem::Integer(i64::from(status.as_u16())));
        }
        if self.stored {
            add("stored", BareItem::Boolean(true));
        }
        if self.collapsed {
            add("collapsed", BareItem::Boolean(true));
        }
        if let Some(seconds) = self.ttl {
            add("ttl", BareItem::integer(seconds));
        }
        if let Some(key) = &self.key {
            add("key", BareItem::string(key));
        }
        if let Some(detail) = &self.detail {
            add("detail", BareItem::token_or_string(detail));
        }
        parameters.extend(self.extensions.iter().cloned());
        Item {
            value: BareItem::token_or_string(&self.cache),
            parameters,
        }
    }
}

const PARAMETERS: [&str; 8] = [
    "hit",
    "fwd",
    "fwd-status",
    "stored",
    "collapsed",
    "ttl",
    "key",
    "detail",
];

impl fmt::Display for CacheStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_item().fmt(formatter)
    }
}

impl Fwd {
    /// Every value, in the order of RFC 9211 §2.2.
    pub const ALL: [Self; 8] = [
        Self::Bypass,
        Self::Method,
        Self::UriMiss,
        Self::VaryMiss,
        Self::Miss,
        Self::Request,
        Self::Stale,
        Self::Partial,
    ];

    /// The token.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Miss => "miss",
            Self::Request => "request",
            Self::Stale => "stale",
            Self::Partial => "partial",
        }
    }

    fn parse(token: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|reason| reason.as_str() == token)
    }
}

impl fmt::Display for Fwd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What a structured string can hold (RFC 9651 §3.3.3).
fn printable(text: &str) -> Box<str> {
    text.chars()
        .map(|character| {
            if matches!(character, ' '..='~') {
                character
            } else {
                '?'
            }
        })
        .collect::<String>()
        .into()
}

#[cfg(test)]
mod tests;
