//! `X-Poll-Interval`: how often GitHub lets an event feed be polled.
//!
//! 60 seconds on all event feeds and on notifications, 300 on `/git/ref*` and `/git/matching-refs*`, more under load.
//! An origin 304 leaves the header out: keep the last one seen.
//! See GitHub's "REST API endpoints for events", section "About GitHub events".

use std::time::Duration;

use http::{HeaderMap, HeaderValue};

use crate::names::X_POLL_INTERVAL;
use crate::syntax::{parse_digits, trim_ows};

/// The value of `X-Poll-Interval`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PollInterval(Duration);

/// `X-Poll-Interval` is not a number of seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("x-poll-interval is not a number of seconds")]
pub struct PollIntervalError;

impl PollInterval {
    /// An interval of whole seconds; a fraction is rounded up, so that nobody polls too early.
    pub fn new(interval: Duration) -> Self {
        let seconds = interval
            .as_secs()
            .saturating_add(u64::from(interval.subsec_nanos() > 0));
        Self(Duration::from_secs(seconds))
    }

    /// Parses a number of seconds.
    ///
    /// # Errors
    /// When the value is anything but digits.
    pub fn parse(value: impl AsRef<[u8]>) -> Result<Self, PollIntervalError> {
        let seconds = parse_digits(trim_ows(value.as_ref())).ok_or(PollIntervalError)?;
        Ok(Self(Duration::from_secs(seconds)))
    }

    /// The header of an answer, `None` when there is none.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, PollIntervalError> {
        headers.get(X_POLL_INTERVAL).map(Self::parse).transpose()
    }

    /// The time to wait between two polls.
    pub fn duration(self) -> Duration {
        self.0
    }

    /// The field value.
    pub fn to_header_value(self) -> HeaderValue {
        HeaderValue::from(self.0.as_secs())
    }
}

impl From<PollInterval> for Duration {
    fn from(interval: PollInterval) -> Self {
        interval.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_whole_seconds() {
        for (text, expected) in [
            ("60", Ok(60)),
            (" 300 ", Ok(300)),
            ("0", Ok(0)),
            ("99999999999999999999", Ok(u64::MAX)),
        ] {
            let expected = expected.map(|seconds| PollInterval::new(Duration::from_secs(seconds)));
            assert_eq!(PollInterval::parse(text), expected, "{text}");
        }
        for bad in ["", "-60", "60.5", "1m", "60, 60"] {
            assert_eq!(PollInterval::parse(bad), Err(PollIntervalError), "{bad}");
        }
    }

    #[test]
    fn a_fraction_is_rounded_up() {
        assert_eq!(
            PollInterval::new(Duration::from_millis(59_001)).to_header_value(),
            "60"
        );
        assert_eq!(
            PollInterval::new(Duration::from_secs(60)).to_header_value(),
            "60"
        );
        assert_eq!(
            PollInterval::new(Duration::MAX).duration(),
            Duration::from_secs(u64::MAX)
        );
    }

    #[test]
    fn an_answer_without_the_header_says_nothing() {
        let mut headers = HeaderMap::new();
        assert_eq!(PollInterval::from_headers(&headers), Ok(None));
        let interval = PollInterval::new(Duration::from_secs(300));
        headers.insert(X_POLL_INTERVAL, interval.to_header_value());
        assert_eq!(PollInterval::from_headers(&headers), Ok(Some(interval)));
        assert_eq!(Duration::from(interval), Duration::from_secs(300));
        headers.insert(X_POLL_INTERVAL, HeaderValue::from_static("often"));
        assert_eq!(PollInterval::from_headers(&headers), Err(PollIntervalError));
    }
}
