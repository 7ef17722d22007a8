//! Why a refresh failed, when it is tried again, and what clients hear who have nothing else to get (pure).

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::drift::Drift;
use crate::flatten::Flaw;

/// Longest pause between attempts that failed for another reason than a rate limit.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// While the quota is used up one attempt per minute is made, not more.
pub(crate) const PROBE_INTERVAL: Duration = Duration::from_secs(60);

/// Why a refresh failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Cause {
    /// GitHub says that there is no such organisation.
    NotFound,
    /// The token is not accepted, or may not.
    Refused,
    /// A rate limit.
    RateLimited,
    /// 5xx, or a status that makes no sense here.
    ServerError,
    /// No connection, or it broke.
    Unreachable,
    /// GitHub took too long.
    Timeout,
    /// 200 with JSON of the wrong kind, or with none.
    WrongBody,
    /// More pages or bytes than the settings allow.
    TooLarge,
    /// The list moved under the reader, again and again.
    Unsteady,
}

impl Cause {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::Refused => "refused",
            Self::RateLimited => "rate-limited",
            Self::ServerError => "server-error",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::WrongBody => "wrong-body",
            Self::TooLarge => "too-large",
            Self::Unsteady => "unsteady",
        }
    }
}

impl From<Flaw> for Cause {
    fn from(flaw: Flaw) -> Self {
        match flaw {
            Flaw::WrongKind | Flaw::NoId => Self::WrongBody,
            Flaw::TooLarge => Self::TooLarge,
        }
    }
}

impl From<Drift> for Cause {
    fn from(_: Drift) -> Self {
        Self::Unsteady
    }
}

/// One failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failed {
    pub(crate) cause: Cause,
    /// When GitHub says that it is worth while again.
    pub(crate) retry_at: Option<SystemTime>,
}

impl Failed {
    pub(crate) const fn of(cause: Cause) -> Self {
        Self {
            cause,
            retry_at: None,
        }
    }
}

impl<T: Into<Cause>> From<T> for Failed {
    fn from(cause: T) -> Self {
        Self::of(cause.into())
    }
}

/// When the next attempt is made after so many failures in a row; `chance` is evenly between 0 and 1.
pub(crate) fn retry_at(failed: &Failed, failures: u32, chance: f64, now: SystemTime) -> SystemTime {
    if failed.cause == Cause::RateLimited {
        let said = failed.retry_at.unwrap_or(now + PROBE_INTERVAL);
        // A reset that is far away is not believed blindly: one probe a minute finds out.
        return said
            .min(now + PROBE_INTERVAL)
            .max(now + Duration::from_secs(1));
    }
    let longest = Duration::from_secs(1)
        .saturating_mul(1 << failures.saturating_sub(1).min(10))
        .min(LONGEST_PAUSE);
    now + longest.mul_f64(0.5 + chance / 2.0)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn pauses_grow_up_to_half_a_minute() {
        let failed = Failed::of(Cause::ServerError);
        for (failures, expected) in [(1, 1), (2, 2), (3, 4), (5, 16), (6, 30), (u32::MAX, 30)] {
            assert_eq!(
                retry_at(&failed, failures, 1.0, at(100)),
                at(100 + expected)
            );
            let early = retry_at(&failed, failures, 0.0, at(100));
            assert_eq!(early, at(100) + Duration::from_secs(expected) / 2);
        }
    }

    #[test]
    fn a_rate_limit_is_probed_once_a_minute_and_no_earlier_than_github_says() {
        let until = |retry_at| Failed {
            cause: Cause::RateLimited,
            retry_at,
        };
        #[track_caller]
        fn check(failed: &Failed, expected: u64) {
            for failures in [1, 100] {
                assert_eq!(retry_at(failed, failures, 0.0, at(100)), at(expected));
            }
        }
        check(&until(None), 160);
        check(&until(Some(at(3700))), 160);
        check(&until(Some(at(130))), 130);
        check(&until(Some(at(50))), 101);
    }
}
