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
        httpdate::parse_http_date(text)
            .map(Self::Date)
            .map_err(|_| RetryAfterError)
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
    let since_epoch = date
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    SystemTime::UNIX_EPOCH + since_epoch.min(LAST_SECOND_OF_9999)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn seconds_and_dates_are_read() {
        for (text, expected) in [
            // RFC 9110 §10.2.3, examples; GitHub's secondary limit.
            (
                "Fri, 31 Dec 1999 23:59:59 GMT",
                RetryAfter::Date(at(946_684_799)),
            ),
            ("120", RetryAfter::Seconds(120)),
            ("60", RetryAfter::Seconds(60)),
            ("0", RetryAfter::Seconds(0)),
            (" 60 ", RetryAfter::Seconds(60)),
            ("99999999999999999999", RetryAfter::Seconds(u64::MAX)),
            // RFC 9110 §5.6.7, the three forms.
            (
                "Sun, 06 Nov 1994 08:49:37 GMT",
                RetryAfter::Date(at(784_111_777)),
            ),
            (
                "Sunday, 06-Nov-94 08:49:37 GMT",
                RetryAfter::Date(at(784_111_777)),
            ),
            (
                "Sun Nov  6 08:49:37 1994",
                RetryAfter::Date(at(784_111_777)),
            ),
        ] {
            assert_eq!(RetryAfter::parse(text), Ok(expected), "{text}");
        }
        for bad in [
            "",
            "-1",
            "1.5",
            "60s",
            "soon",
            "2026-03-10T00:00:00Z",
            "Sun, 06 Nov 1994",
            "é",
        ] {
            assert_eq!(RetryAfter::parse(bad), Err(RetryAfterError), "{bad}");
        }
        assert_eq!(RetryAfter::parse(b"\xff"), Err(RetryAfterError));
    }

    #[test]
    fn the_delay_depends_on_now() {
        let date = RetryAfter::Date(at(100));
        assert_eq!(date.delay(at(40)), Duration::from_secs(60));
        assert_eq!(date.delay(at(100)), Duration::ZERO);
        assert_eq!(date.delay(at(101)), Duration::ZERO);
        assert_eq!(
            RetryAfter::Seconds(60).delay(at(40)),
            Duration::from_secs(60)
        );
    }

    #[test]
    fn dates_that_http_cannot_say_are_clamped() {
        let before = RetryAfter::Date(UNIX_EPOCH - Duration::from_secs(1));
        assert_eq!(before.to_string(), "Thu, 01 Jan 1970 00:00:00 GMT");
        let after = RetryAfter::Date(at(253_402_300_800));
        assert_eq!(after.to_string(), "Fri, 31 Dec 9999 23:59:59 GMT");
    }

    #[test]
    fn an_answer_without_the_header_says_nothing() {
        let mut headers = HeaderMap::new();
        assert_eq!(RetryAfter::from_headers(&headers), Ok(None));
        headers.insert(RETRY_AFTER, RetryAfter::Seconds(60).to_header_value());
        assert_eq!(
            RetryAfter::from_headers(&headers),
            Ok(Some(RetryAfter::Seconds(60)))
        );
        headers.insert(RETRY_AFTER, HeaderValue::from_static("later"));
        assert_eq!(RetryAfter::from_headers(&headers), Err(RetryAfterError));
    }

    proptest! {
        #[test]
        fn a_written_value_reads_the_same(seconds: u64, date in 0..253_402_300_800u64) {
            for value in [RetryAfter::Seconds(seconds), RetryAfter::Date(at(date))] {
                prop_assert_eq!(RetryAfter::parse(value.to_header_value()), Ok(value));
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, now: u32) {
            if let Ok(value) = RetryAfter::parse(&bytes) {
                let _ = (value.delay(at(u64::from(now))), value.to_header_value());
            }
        }

        #[test]
        fn arbitrary_dates_never_panic(text in "(Sun|Sunday)?,? ?[0-9]{0,3}[ -](Nov|Feb|Xxx)[ -][0-9]{1,5} [0-9]{1,2}:[0-9]{2}:[0-9]{2}( GMT| [0-9]{4})") {
            if let Ok(value) = RetryAfter::parse(&text) {
                prop_assert_eq!(RetryAfter::parse(value.to_header_value()), Ok(value));
            }
        }
    }
}
