//! What a client is told when a rate limit keeps the upstream from being asked and nothing stored may be shown.
//!
//! GitHub's shape and GitHub's key words, because clients recognise limits by them and wait as they would for GitHub;
//! and the mirror's name, so that nobody looks for the answer in GitHub's logs.

use std::time::SystemTime;

use github_headers::RateLimit;
use github_upstream::{Refusal, RefusalReason};
use http::{HeaderMap, HeaderValue, header};
use serde_json::Value;

const DOCUMENTATION: &str = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api";

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
    let seconds = refusal.retry_after_seconds(now);
    headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
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
