//! The mirror's words for how an answer was made: `X-Cache`, `Cache-Status`, the log's word, the metric labels.
//!
//! All of them come from the one [`Report`] of the engine.

use std::cell::RefCell;

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

/// All that the text depends on.
type Told = (Outcome, Option<StatusCode>, Collapse, Option<i64>);

/// Longer lifetimes are seldom met twice.
const LONGEST_REMEMBERED_SECONDS: i64 = 120;

/// A few dozen texts are said again and again, each with up to as many lifetimes. Whoever finds more makes the rest anew
/// each time.
const MOST_REMEMBERED: usize = 1024;

thread_local! {
    static SAID: RefCell<HashMap<Told, HeaderValue>> = RefCell::default();
}

/// Putting the text together takes 4,000 instructions, a tenth of a fresh hit.
fn cache_status(report: &Report) -> HeaderValue {
    let make = || report.cache_status(NAME).to_header_value();
    let remembered = 0..=LONGEST_REMEMBERED_SECONDS;
    if report
        .ttl_seconds
        .is_some_and(|ttl| !remembered.contains(&ttl))
    {
        return make();
    }
    let told = (
        report.outcome,
        report.upstream_status,
        report.collapse,
        report.ttl_seconds,
    );
    SAID.with_borrow_mut(|said| match said.get(&told) {
        Some(value) => value.clone(),
        None if said.len() < MOST_REMEMBERED => said.entry(told).or_insert_with(make).clone(),
        None => make(),
    })
}

#[cfg(test)]
mod tests {
    use github_conditional::{BypassReason, FreshReason, Storing, ValidatorKind};

    use super::*;

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
