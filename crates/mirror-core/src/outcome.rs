//! The mirror's words for how an answer was made: `X-Cache`, `Cache-Status`, the log's word, the metric labels.
//!
//! All of them come from the one [`Report`] of the engine.

use std::cell::RefCell;
use std::ops::RangeInclusive;

use foldhash::HashMap;
use github_conditional::{Collapse, Outcome, Report, Trouble};
use github_headers::names::{CACHE_STATUS, X_CACHE};
use http::{HeaderMap, HeaderValue, StatusCode, header};

/// The cache's name in `Cache-Status`.
const NAME: &str = "github-mirror";

/// The value of `X-Cache`: kept names that users of such mirrors already chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum XCache {
    OnlineHit,
    OnlineMiss,
    OfflineHit,
    OfflineMiss,
    RateLimitedHit,
    RateLimitedMiss,
    ApiErrorHit,
    ApiErrorMiss,
    ApiTimeoutHit,
    ApiTimeoutMiss,
    ApiConnectionErrorHit,
    ApiConnectionErrorMiss,
}

impl XCache {
    pub(crate) fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Revalidated(_) | Outcome::Fresh(_) => Self::OnlineHit,
            Outcome::Stale(trouble) => match trouble {
                Trouble::RateLimited => Self::RateLimitedHit,
                Trouble::Timeout => Self::ApiTimeoutHit,
                Trouble::Connection => Self::ApiConnectionErrorHit,
                Trouble::Offline => Self::OfflineHit,
                _ => Self::ApiErrorHit,
            },
            Outcome::Refused(trouble) | Outcome::Failed(trouble) => match trouble {
                Trouble::RateLimited => Self::RateLimitedMiss,
                Trouble::Timeout => Self::ApiTimeoutMiss,
                Trouble::Connection => Self::ApiConnectionErrorMiss,
                Trouble::Offline => Self::OfflineMiss,
                _ => Self::ApiErrorMiss,
            },
            _ => Self::OnlineMiss,
        }
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::OnlineHit => "ONLINE_HIT",
            Self::OnlineMiss => "ONLINE_MISS",
            Self::OfflineHit => "OFFLINE_HIT",
            Self::OfflineMiss => "OFFLINE_MISS",
            Self::RateLimitedHit => "RATE_LIMITED_HIT",
            Self::RateLimitedMiss => "RATE_LIMITED_MISS",
            Self::ApiErrorHit => "API_ERROR_HIT",
            Self::ApiErrorMiss => "API_ERROR_MISS",
            Self::ApiTimeoutHit => "API_TIMEOUT_HIT",
            Self::ApiTimeoutMiss => "API_TIMEOUT_MISS",
            Self::ApiConnectionErrorHit => "API_CONNECTION_ERROR_HIT",
            Self::ApiConnectionErrorMiss => "API_CONNECTION_ERROR_MISS",
        }
    }

    /// The word of the log line.
    pub(crate) const fn log_label(self) -> &'static str {
        match self {
            Self::OnlineHit
            | Self::OfflineHit
            | Self::RateLimitedHit
            | Self::ApiErrorHit
            | Self::ApiTimeoutHit
            | Self::ApiConnectionErrorHit => "CACHE_HIT",
            _ => "CACHE_MISS",
        }
    }
}

/// Says in the headers how the answer was made.
pub(crate) fn tell(report: &Report, headers: &mut HeaderMap) {
    headers.insert(
        X_CACHE,
        HeaderValue::from_static(XCache::of(report.outcome).as_str()),
    );
    // GitHub's own edge may have said something before; ours is added to the list (RFC 9211 §2).
    headers.append(CACHE_STATUS, cache_status(report));
    if let Some(age) = report.age {
        headers.insert(header::AGE, HeaderValue::from(age.as_secs()));
    }
}

/// All that the text depends on but the number of seconds.
type Told = (Outcome, Option<StatusCode>, Collapse, Lifetime);

/// Whether the text tells how long the answer stays fresh.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Lifetime {
    Told,
    Untold,
}

/// A text whose number of seconds is left out.
enum Template {
    Whole(HeaderValue),
    Around { before: String, after: String },
}

/// A few dozen texts are said again and again. Whoever finds more makes the rest anew each time.
const MOST_REMEMBERED: usize = 256;

thread_local! {
    static SAID: RefCell<HashMap<Told, Template>> = RefCell::default();
}

/// Putting the text together takes 4,000 instructions, a tenth of a fresh hit.
fn cache_status(report: &Report) -> HeaderValue {
    let ttl_seconds = report.ttl_seconds;
    let told = (
        report.outcome,
        report.upstream_status,
        report.collapse,
        match ttl_seconds {
            Some(_) => Lifetime::Told,
            None => Lifetime::Untold,
        },
    );
    let made = || report.cache_status(NAME).to_header_value();
    SAID.with_borrow_mut(|said| match said.get(&told) {
        Some(template) => template.filled(ttl_seconds).unwrap_or_else(made),
        None => {
            let made = made();
            if said.len() < MOST_REMEMBERED {
                said.insert(told, Template::of(made.clone(), ttl_seconds));
            }
            made
        }
    })
}

impl Template {
    fn of(value: HeaderValue, ttl_seconds: Option<i64>) -> Self {
        let around = ttl_seconds.and_then(|seconds| {
            // No other parameter and no value of ours has this in it.
            let lifetime = format!("{TTL}{seconds}");
            let (before, after) = value.to_str().ok()?.split_once(&*lifetime)?;
            let before = format!("{before}{TTL}");
            let after = after.to_owned();
            Some(Self::Around { before, after })
        });
        around.unwrap_or(Self::Whole(value))
    }

    /// `None` if it tells something else.
    fn filled(&self, ttl_seconds: Option<i64>) -> Option<HeaderValue> {
        match (self, ttl_seconds) {
            (Self::Around { before, after }, Some(seconds)) if SECONDS.contains(&seconds) => {
                let text = [before, &*seconds.to_string(), after].concat();
                HeaderValue::try_from(text).ok()
            }
            (Self::Whole(value), None) => Some(value.clone()),
            _ => None,
        }
    }
}

/// The parameter as it is written (RFC 9211 §2.5).
const TTL: &str = "; ttl=";

/// What an integer of a structured field may be (RFC 9651 §3.3.1); the rare one beyond is not filled in here.
const SECONDS: RangeInclusive<i64> = -999_999_999_999_999..=999_999_999_999_999;

#[cfg(test)]
mod tests {
    use github_conditional::{BypassReason, FreshReason, Storing, ValidatorKind};
    use github_headers::CacheStatus;

    use super::*;

    #[test]
    fn a_remembered_text_is_the_one_that_would_be_made() {
        #[track_caller]
        fn check(status: CacheStatus, texts: [&str; 2]) {
            let with = |ttl_seconds: Option<i64>| {
                let status = status.clone();
                let status = ttl_seconds.map_or(status.clone(), |seconds| status.ttl(seconds));
                (status.to_header_value(), ttl_seconds)
            };
            assert_eq!(with(None).0, texts[0]);
            assert_eq!(with(Some(60)).0, texts[1]);
            let lifetimes = [0, 6, 60, 86_400, -3, i64::from(i32::MIN)].map(Some);
            for (made, ttl_seconds) in lifetimes.map(with) {
                let template = Template::of(made, ttl_seconds);
                for (made, ttl_seconds) in lifetimes.map(with) {
                    assert_eq!(template.filled(ttl_seconds), Some(made));
                }
                assert_eq!(template.filled(Some(i64::MAX)), None);
                assert_eq!(template.filled(None), None);
            }
            let (made, ttl_seconds) = with(None);
            let template = Template::of(made.clone(), ttl_seconds);
            assert_eq!(template.filled(None), Some(made));
            assert_eq!(template.filled(Some(60)), None);
        }
        let status = CacheStatus::new(NAME);
        check(
            status.clone().hit(),
            ["github-mirror; hit", "github-mirror; hit; ttl=60"],
        );
        check(
            status.fwd_status(StatusCode::OK).collapsed().detail("ttl"),
            [
                "github-mirror; fwd-status=200; collapsed; detail=ttl",
                "github-mirror; fwd-status=200; collapsed; ttl=60; detail=ttl",
            ],
        );
    }

    #[test]
    fn x_cache_values() {
        #[track_caller]
        fn check(outcome: Outcome, expected: &str, label: &str) {
            let value = XCache::of(outcome);
            assert_eq!(
                (value.as_str(), value.log_label()),
                (expected, label),
                "{outcome:?}"
            );
        }
        check(
            Outcome::Revalidated(ValidatorKind::Predicted),
            "ONLINE_HIT",
            "CACHE_HIT",
        );
        check(
            Outcome::Fresh(FreshReason::Fresh),
            "ONLINE_HIT",
            "CACHE_HIT",
        );
        check(
            Outcome::Fetched(Storing::Recorded),
            "ONLINE_MISS",
            "CACHE_MISS",
        );
        check(
            Outcome::Changed(Storing::Status),
            "ONLINE_MISS",
            "CACHE_MISS",
        );
        check(
            Outcome::Bypassed(BypassReason::Method),
            "ONLINE_MISS",
            "CACHE_MISS",
        );
        check(Outcome::ClientConfirmed, "ONLINE_MISS", "CACHE_MISS");
        check(Outcome::NotCached, "ONLINE_MISS", "CACHE_MISS");
        check(
            Outcome::Stale(Trouble::RateLimited),
            "RATE_LIMITED_HIT",
            "CACHE_HIT",
        );
        check(
            Outcome::Stale(Trouble::ServerError),
            "API_ERROR_HIT",
            "CACHE_HIT",
        );
        check(
            Outcome::Stale(Trouble::Timeout),
            "API_TIMEOUT_HIT",
            "CACHE_HIT",
        );
        check(
            Outcome::Stale(Trouble::Connection),
            "API_CONNECTION_ERROR_HIT",
            "CACHE_HIT",
        );
        check(Outcome::Stale(Trouble::Offline), "OFFLINE_HIT", "CACHE_HIT");
        check(
            Outcome::Failed(Trouble::Offline),
            "OFFLINE_MISS",
            "CACHE_MISS",
        );
        check(
            Outcome::Refused(Trouble::RateLimited),
            "RATE_LIMITED_MISS",
            "CACHE_MISS",
        );
        check(
            Outcome::Refused(Trouble::ServerError),
            "API_ERROR_MISS",
            "CACHE_MISS",
        );
        check(
            Outcome::Failed(Trouble::Timeout),
            "API_TIMEOUT_MISS",
            "CACHE_MISS",
        );
        check(
            Outcome::Failed(Trouble::Connection),
            "API_CONNECTION_ERROR_MISS",
            "CACHE_MISS",
        );
    }
}
