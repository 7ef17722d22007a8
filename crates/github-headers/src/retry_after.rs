//! `Retry-After`: how long to wait (RFC 9110 §10.2.3).
//!
//! GitHub sends seconds with some secondary rate limits and often, on purpose, nothing at all; proxies in front of it
//! may send a date.

use std::fmt;
use std::time::{Duration, SystemTime};

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue};

use crate::syntax::{parse_digits, trim_ows};

/// The value of `Retry-After`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RetryAfter {
    /// So many seconds after the answer was received.
    Seconds(u64),
    /// Not before this moment.
    Date(SystemTime),
}

/// `Retry-After` is neither a number of seconds nor an HTTP date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("retry-after is neither seconds nor an http date")]
pub struct RetryAfterError;

impl RetryAfter {
    /// Parses delay-seconds, or an HTTP date in any of the three forms of RFC 9110 §5.6.7.
    ///
    /// A number beyond `u64` saturates.
    ///
    /// # Errors
    /// When the value is neither; the caller then falls back to its own delay.
    pub fn parse(value: impl AsRef<[u8]>) -> Result<Self, RetryAfterError> {
        let value = trim_ows(value.as_ref());
        if let Some(seconds) = parse_digits(value) {
            return Ok(Self::Seconds(seconds));
        }
        let text = std::str::from_utf8(value).map_err(|_| RetryAfterError)?;
        httpdate::parse_http_date(text).map(Self::Date).map_err(|_| RetryAfterError)
    }

    /// The header of an answer, `None` when there is none.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, RetryAfterError> {
        headers.get(RETRY_AFTER).map(Self::parse).transpose()
    }

    /// How long to wait from `now`; a date in the past is no wait.
    ///
    /// ```
    /// use std::time::{Duration, UNIX_EPOCH};
    /// use github_headers::RetryAfter;
    ///
    /// let date = RetryAfter::parse("Thu, 01 Jan 1970 00:01:00 GMT")?;
    /// assert_eq!(date.delay(UNIX_EPOCH + Duration::from_secs(20)), Duration::from_secs(40));
    /// # Ok::<(), github_headers::retry_after::RetryAfterError>(())
    /// ```
    pub fn delay(&self, now: SystemTime) -> Duration {
        match self {
            Self::Seconds(seconds) => Duration::from_secs(*seconds),
            Self::Date(date) => date.duration_since(now).unwrap_or(Duration::ZERO),
        }
    }

    /// The field value.
    pub fn to_header_value(&self) -> HeaderValue {
        // Digits and HTTP dates are visible ASCII, so the fallback is never taken.
        HeaderValue::try_from(self.to_string()).unwrap_or(HeaderValue::from_static("0"))
    }
}

impl fmt::Display for RetryAfter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seconds(seconds) => write!(formatter, "{seconds}"),
            Self::Date(date) => httpdate::HttpDate::from(printable(*date)).fmt(formatter),
        }
    }
}

/// `httpdate` prints the years 1970 to 9999 and panics elsewhere.
fn printable(date: SystemTime) -> SystemTime {
    const LAST_SECOND_OF_9999: Duration = Duration::from_secs(253_402_300_799);
    let since_epoch = date.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    SystemTime::UNIX_EPOCH + since_epoch.min(LAST_SECOND_OF_9999)
}
