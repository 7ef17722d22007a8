//! What a client is told when a rate limit keeps the upstream from being asked and nothing stored may be shown.
//!
//! GitHub's shape and GitHub's key words, because clients recognise limits by them and wait as they would for GitHub;
//! and the mirror's name, so that nobody looks for the answer in GitHub's logs.

use std::error::Error as StdError;
use std::time::SystemTime;

use github_headers::RateLimit;
use github_upstream::{Refusal, RefusalReason, UpstreamError};
use http::{HeaderMap, HeaderValue, header};
use serde_json::Value;

const DOCUMENTATION: &str = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api";

/// The refusal among an error's causes.
pub(crate) fn refusal<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Refusal> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<UpstreamError>() {
            return error.refusal();
        }
        cause = error.source();
    }
    None
}

pub(crate) fn message(upstream: &str, reason: RefusalReason) -> String {
    match reason {
        RefusalReason::PrimaryLimit => format!(
            "API rate limit exceeded at {upstream}. github-mirror did not ask again and has nothing stored that it may show."
        ),
        RefusalReason::SecondaryLimit => format!(
            "You have exceeded a secondary rate limit at {upstream}. github-mirror did not ask again and has nothing stored \
             that it may show."
        ),
        _ => format!(
            "Asking {upstream} now would exceed a secondary rate limit. github-mirror did not ask and has nothing stored \
             that it may show."
        ),
    }
}

/// What GitHub's own refusals have besides the message.
pub(crate) fn complete(body: &mut Value) {
    body["documentation_url"] = DOCUMENTATION.into();
    body["status"] = "429".into();
}

/// When to come back, and what GitHub said last about the bucket.
pub(crate) fn tell(refusal: &Refusal, now: SystemTime, headers: &mut HeaderMap) {
    let wait = refusal.retry_at.duration_since(now).unwrap_or_default();
    // Rounded up: whoever comes a moment too early is refused again.
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    if let Some(window) = refusal.window {
        let limit = RateLimit {
            limit: window.limit,
            remaining: window.remaining,
            used: window.used,
            reset: window.reset,
            resource: refusal.resource.clone(),
        };
        limit.write_to(headers);
    }
}
