//! Why a value or a page could not be read.

use std::error::Error as StdError;
use std::fmt;
use std::time::{Duration, SystemTime};

use github_headers::{RateLimit, RetryAfter};
use http::{HeaderMap, StatusCode};

use crate::error::{BodyError, BoxError, Error};
use crate::pages::Drifted;
use crate::policy::limits::Refusal;

/// A value or a page could not be read.
///
/// Whose fault it is: [`is_caller`](Self::is_caller), [`is_network`](Self::is_network) or GitHub's.
/// Whether the same request may help later: [`is_retryable`](Self::is_retryable), and for limits
/// [`wait`](Self::wait).
/// Neither token nor body nor query is in it, except for what [`json_error`](Self::json_error) quotes.
#[derive(Debug)]
pub struct ReadError(Box<Kind>);

#[derive(Debug)]
pub(crate) enum Kind {
    #[cfg_attr(
        not(feature = "client"),
        expect(dead_code, reason = "only the client takes targets as text")
    )]
    Target(http::uri::InvalidUri),
    NoAnswer(BoxError),
    TimedOut,
    BrokenBody(BoxError),
    TooLarge(usize),
    Refused {
        status: StatusCode,
        refusal: Refusal,
        retry_after: Option<RetryAfter>,
        rate_limit: Option<RateLimit>,
    },
    Json(serde_json::Error),
    NoList,
    BadLink,
    ForeignLink,
    TooManyPages(u32),
    Drifted(Drifted),
}

impl From<Kind> for ReadError {
    fn from(kind: Kind) -> Self {
        Self(Box::new(kind))
    }
}

impl ReadError {
    pub(crate) fn refused(status: StatusCode, refusal: Refusal, headers: &HeaderMap) -> Self {
        Self::from(Kind::Refused {
            status,
            refusal,
            retry_after: RetryAfter::from_headers(headers).ok().flatten(),
            rate_limit: RateLimit::from_headers(headers).ok().flatten(),
        })
    }

    /// The request was wrong: its target, its rights, or the type that the answer was read into.
    pub fn is_caller(&self) -> bool {
        match &*self.0 {
            Kind::Target(_) | Kind::Json(_) | Kind::NoList | Kind::TooManyPages(_) => true,
            Kind::Refused {
                status,
                refusal: Refusal::Other,
                ..
            } => status.is_client_error(),
            _ => false,
        }
    }

    /// No answer arrived, or not all of it.
    pub fn is_network(&self) -> bool {
        matches!(
            *self.0,
            Kind::NoAnswer(_) | Kind::TimedOut | Kind::BrokenBody(_)
        )
    }

    /// No answer arrived in time.
    pub fn is_timeout(&self) -> bool {
        match &*self.0 {
            Kind::TimedOut => true,
            Kind::NoAnswer(error) => error.downcast_ref::<Error>().is_some_and(Error::is_timeout),
            Kind::BrokenBody(error) => error
                .downcast_ref::<BodyError>()
                .is_some_and(BodyError::is_timeout),
            _ => false,
        }
    }

    /// GitHub's primary or secondary rate limit.
    pub fn is_rate_limited(&self) -> bool {
        match *self.0 {
            Kind::Refused { refusal, .. } => refusal != Refusal::Other,
            _ => false,
        }
    }

    /// The answer is not what it was read into.
    pub fn is_decode(&self) -> bool {
        matches!(*self.0, Kind::Json(_) | Kind::NoList)
    }

    /// The list changed while its pages were read.
    pub fn is_drift(&self) -> bool {
        matches!(*self.0, Kind::Drifted(_))
    }

    /// The list has more pages than were allowed.
    pub fn is_page_limit(&self) -> bool {
        matches!(*self.0, Kind::TooManyPages(_))
    }

    /// The same request may succeed later, without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        match *self.0 {
            Kind::Refused { status, .. } => self.is_rate_limited() || status.is_server_error(),
            Kind::Drifted(_) => true,
            _ => self.is_network(),
        }
    }

    /// The status, where GitHub answered with another one than 200.
    pub fn status(&self) -> Option<StatusCode> {
        match *self.0 {
            Kind::Refused { status, .. } => Some(status),
            _ => None,
        }
    }

    /// How long GitHub asks to wait: `Retry-After`, or until the quota is filled up again.
    pub fn wait(&self, now: SystemTime) -> Option<Duration> {
        match &*self.0 {
            Kind::Refused {
                retry_after: Some(after),
                ..
            } => Some(after.delay(now)),
            Kind::Refused {
                rate_limit: Some(limit),
                refusal: Refusal::PrimaryLimit,
                ..
            } => Some(limit.until_reset(now)),
            _ => None,
        }
    }

    /// What serde says about the answer, for development: it may quote values of the body.
    pub fn json_error(&self) -> Option<&serde_json::Error> {
        match &*self.0 {
            Kind::Json(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Kind::Target(_) => f.write_str("the target is no url"),
            Kind::NoAnswer(_) => f.write_str("the request was not answered"),
            Kind::TimedOut => f.write_str("no answer in time"),
            Kind::BrokenBody(_) => f.write_str("the answer broke off"),
            Kind::TooLarge(limit) => write!(f, "the answer is longer than {limit} bytes"),
            Kind::Refused {
                status, refusal, ..
            } => match refusal {
                Refusal::PrimaryLimit => write!(f, "the quota is used up ({status})"),
                Refusal::SecondaryLimit => write!(f, "a secondary rate limit applies ({status})"),
                Refusal::Other => write!(f, "github answered {status}"),
            },
            Kind::Json(error) => write!(
                f,
                "the answer is not of the wanted form (line {}, column {})",
                error.line(),
                error.column()
            ),
            Kind::NoList => f.write_str("the answer holds no list"),
            Kind::BadLink => f.write_str("the link header is malformed"),
            Kind::ForeignLink => f.write_str("the next page is said to be on another host"),
            Kind::TooManyPages(limit) => write!(f, "the list has more than {limit} pages"),
            Kind::Drifted(drifted) => {
                write!(
                    f,
                    "the list changed while it was read: {}",
                    drifted.as_str()
                )
            }
        }
    }
}

impl StdError for ReadError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &*self.0 {
            Kind::Target(error) => Some(error),
            Kind::NoAnswer(error) | Kind::BrokenBody(error) => Some(&**error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use http::{HeaderName, HeaderValue};

    use super::*;
    use crate::policy::limits::classify;

    fn refused(status: u16, headers: &[(&'static str, &'static str)]) -> ReadError {
        let map: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                let name = HeaderName::from_static(name);
                (name, HeaderValue::from_static(value))
            })
            .collect();
        let status = StatusCode::from_u16(status).unwrap();
        ReadError::refused(status, classify(status, &map, b""), &map)
    }

    #[track_caller]
    fn check(error: &ReadError, caller: bool, network: bool, retryable: bool) {
        let answers = (error.is_caller(), error.is_network(), error.is_retryable());
        assert_eq!(answers, (caller, network, retryable), "{error}");
    }

    #[test]
    fn whose_fault_it_is_and_whether_to_try_again() {
        check(&refused(404, &[]), true, false, false);
        check(&refused(502, &[]), false, false, true);
        check(&refused(429, &[]), false, false, true);
        check(&Kind::TimedOut.into(), false, true, true);
        check(&Kind::NoList.into(), true, false, false);
        check(&Kind::ForeignLink.into(), false, false, false);
        check(&Kind::Drifted(Drifted::Repeated).into(), false, false, true);
        assert!(ReadError::from(Kind::TimedOut).is_timeout());
        assert_eq!(refused(404, &[]).status(), Some(StatusCode::NOT_FOUND));
    }

    #[test]
    fn limits_say_how_long_to_wait() {
        let used_up = [
            ("x-ratelimit-limit", "5000"),
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-used", "5000"),
            ("x-ratelimit-reset", "100"),
            ("x-ratelimit-resource", "core"),
        ];
        let primary = refused(403, &used_up);
        assert!(primary.is_rate_limited() && !primary.is_caller());
        let now = UNIX_EPOCH + Duration::from_secs(40);
        assert_eq!(primary.wait(now), Some(Duration::from_secs(60)));
        let secondary = refused(403, &[("retry-after", "7")]);
        assert!(secondary.is_rate_limited());
        assert_eq!(secondary.wait(now), Some(Duration::from_secs(7)));
        assert_eq!(refused(404, &[]).wait(now), None);
    }

    #[test]
    fn a_body_is_quoted_only_on_request() {
        let json = serde_json::from_str::<u32>("\"confidential\"").unwrap_err();
        let error = ReadError::from(Kind::Json(json));
        assert!(!error.to_string().contains("confidential"));
        assert!(error.source().is_none());
        assert!(
            error
                .json_error()
                .unwrap()
                .to_string()
                .contains("confidential")
        );
    }
}
