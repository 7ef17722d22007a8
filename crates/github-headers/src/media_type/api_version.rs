//! `X-GitHub-Api-Version`: the REST version, as a part of cache keys.

use std::fmt;
use std::str::FromStr;

use http::{HeaderMap, HeaderValue};

use crate::names::X_GITHUB_API_VERSION;
use crate::syntax::trim_ows;

/// A REST version: a date, opaque beyond its shape.
///
/// GitHub hashes it into no `ETag` and names it in no `Vary`, yet bodies differ between versions: a cache that leaves it
/// out of its key mixes them up.
/// See GitHub's "API versions".
///
/// ```
/// use github_headers::ApiVersion;
///
/// let version: ApiVersion = "2026-03-10".parse()?;
/// assert!(version > ApiVersion::DEFAULT);
/// # Ok::<(), github_headers::media_type::ApiVersionError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiVersion([u8; 10]);

/// `X-GitHub-Api-Version` is not of the form `YYYY-MM-DD`; GitHub answers 400 to an unknown version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("x-github-api-version is not a date")]
pub struct ApiVersionError;

impl ApiVersion {
    /// `2022-11-28`: what GitHub assumes when a request names no version.
    pub const DEFAULT: Self = Self(*b"2022-11-28");
    /// `2026-03-10`, the second version.
    pub const V2026_03_10: Self = Self(*b"2026-03-10");

    /// Parses `YYYY-MM-DD` with a plausible month and day.
    ///
    /// Which dates name a version is GitHub's business.
    ///
    /// # Errors
    /// When the text has another shape.
    pub fn parse(text: impl AsRef<[u8]>) -> Result<Self, ApiVersionError> {
        let date: [u8; 10] = trim_ows(text.as_ref())
            .try_into()
            .map_err(|_| ApiVersionError)?;
        let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = date else {
            return Err(ApiVersionError);
        };
        if ![y1, y2, y3, y4, m1, m2, d1, d2]
            .iter()
            .all(u8::is_ascii_digit)
        {
            return Err(ApiVersionError);
        }
        let month = (m1 - b'0') * 10 + (m2 - b'0');
        let day = (d1 - b'0') * 10 + (d2 - b'0');
        if (1..=12).contains(&month) && (1..=31).contains(&day) {
            Ok(Self(date))
        } else {
            Err(ApiVersionError)
        }
    }

    /// The version a request names, `None` when it names none (GitHub then takes [`DEFAULT`](Self::DEFAULT)).
    ///
    /// # Errors
    /// As [`parse`](Self::parse). Such a request is GitHub's to answer, not a cache's.
    pub fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, ApiVersionError> {
        headers
            .get(X_GITHUB_API_VERSION)
            .map(Self::parse)
            .transpose()
    }

    /// The date as text.
    pub fn as_str(&self) -> &str {
        // Digits and hyphens by construction.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The field value.
    pub fn to_header_value(&self) -> HeaderValue {
        HeaderValue::from_bytes(&self.0).unwrap_or(HeaderValue::from_static("2022-11-28"))
    }
}

impl Default for ApiVersion {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for ApiVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ApiVersion({self})")
    }
}

impl FromStr for ApiVersion {
    type Err = ApiVersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}
