//! Errors to HTTP answers, in this one place: JSON `{"message", "request_id"}`.

use std::time::SystemTime;

use axum::body::Body;
use github_conditional::Error;
use github_upstream::Refusal;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::json;

use crate::failure::{Cause, PROBE_INTERVAL};
use crate::node::{Failure, Unserved};
use service_runtime::front::Told;

/// Why the read cache answers by itself.
#[derive(Debug)]
pub(crate) enum Problem<'a> {
    /// Nothing is at this path.
    NoSuchPage,
    MethodNotAllowed,
    /// How many elements of a view is no positive integer.
    Count,
    /// The target leaves the API.
    Target,
    /// Too many requests are in flight.
    Overloaded,
    /// Nothing is here, and the last attempt to get it failed.
    Failed {
        failure: Failure,
        now: SystemTime,
    },
    /// Nothing is here, and nothing came in time.
    TimedOut,
    /// A proxied request that wants a stored answer or none.
    NotCached,
    /// A proxied request that got no answer.
    Unreachable {
        error: &'a Error,
        now: SystemTime,
    },
    /// Metrics cannot be written.
    Broken,
}

/// Where a problem's id is told besides the body.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

impl Problem<'_> {
    pub(crate) fn of(unserved: Unserved, now: SystemTime) -> Self {
        match unserved {
            Unserved::Failed(failure) => Self::Failed { failure, now },
            Unserved::TimedOut => Self::TimedOut,
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NoSuchPage => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Count | Self::Target => StatusCode::BAD_REQUEST,
            Self::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            Self::Failed { failure, .. } => match failure.cause {
                Cause::NotFound => StatusCode::NOT_FOUND,
                Cause::RateLimited => StatusCode::SERVICE_UNAVAILABLE,
                Cause::Refused
                | Cause::ServerError
                | Cause::Unreachable
                | Cause::Timeout
                | Cause::WrongBody
                | Cause::TooLarge
                | Cause::Unsteady => StatusCode::BAD_GATEWAY,
            },
            Self::TimedOut | Self::NotCached => StatusCode::GATEWAY_TIMEOUT,
            // GitHub was not asked: it has said that the quota is used up.
            Self::Unreachable { error, .. } if error.is_rate_limited() => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Unreachable { .. } => StatusCode::BAD_GATEWAY,
            Self::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The word used in metrics and logs.
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::NoSuchPage => "no-such-page",
            Self::MethodNotAllowed => "method",
            Self::Count => "count",
            Self::Target => "target",
            Self::Overloaded => "overloaded",
            Self::Failed { failure, .. } => failure.cause.as_str(),
            Self::TimedOut => "timed-out",
            Self::NotCached => "not-cached",
            Self::Unreachable { error, .. } if error.is_rate_limited() => "rate-limited",
            Self::Unreachable { .. } => "unreachable",
            Self::Broken => "broken",
        }
    }

    fn message(&self) -> String {
        match self {
            Self::NoSuchPage => "Not Found".to_owned(),
            Self::MethodNotAllowed => "Method Not Allowed".to_owned(),
            Self::Count => "the number of elements must be a positive integer".to_owned(),
            Self::Target => "the path must not hold dot segments".to_owned(),
            Self::Overloaded => "too many requests are in flight".to_owned(),
            Self::Failed { failure, .. } => match failure.cause {
                Cause::NotFound => "Not Found".to_owned(),
                cause => format!("GitHub could not be read: {}", cause.as_str()),
            },
            Self::TimedOut => "GitHub could not be read in time".to_owned(),
            Self::NotCached => "nothing is stored for this request".to_owned(),
            Self::Unreachable { error, .. } if error.is_rate_limited() => {
                "GitHub was not asked: a rate limit applies".to_owned()
            }
            Self::Unreachable { error, .. } => {
                format!("GitHub could not be reached: {}", reason(error))
            }
            Self::Broken => "metrics cannot be shown".to_owned(),
        }
    }

    /// When it is worth while again.
    fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::Overloaded => Some(1),
            Self::Failed { failure, now } if failure.cause == Cause::RateLimited => {
                let wait = failure.retry_at.duration_since(*now).unwrap_or_default();
                Some(wait.as_secs() + 1)
            }
            // Whoever held the request back knows until when. What says no more than that a limit applies is asked about
            // again as the refresher would.
            Self::Unreachable { error, now } if error.is_rate_limited() => {
                let known = Refusal::of(*error).map(|refusal| refusal.retry_after_seconds(*now));
                Some(known.unwrap_or(PROBE_INTERVAL.as_secs()))
            }
            _ => None,
        }
    }

    pub(crate) fn answer(&self, route: &'static str) -> Response<Body> {
        // Enough chance to find one request among many in a log.
        let id = format!("{:016x}", getrandom::u64().unwrap_or_default());
        let body = json!({ "message": self.message(), "request_id": id }).to_string();
        let mut answer = Response::new(Body::from(body));
        *answer.status_mut() = self.status();
        answer.extensions_mut().insert(Told {
            route,
            outcome: self.as_str(),
        });
        let headers = answer.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json; charset=utf-8"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Ok(id) = HeaderValue::try_from(id) {
            headers.insert(REQUEST_ID, id);
        }
        if let Some(seconds) = self.retry_after_seconds() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if matches!(self, Self::MethodNotAllowed) {
            headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        answer
    }
}

/// The innermost thing known about a failure: `connection refused`, not `no connection`.
fn reason(error: &Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}
