//! Errors to HTTP answers, in this one place: JSON with a `message`, as GitHub's errors are.

use axum::body::Body;
use axum::response::IntoResponse;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::Timestamp;
use crate::name::FullName;
use crate::store::StoreError;

/// Why a request is not answered with what it asked for.
#[derive(Debug)]
pub(crate) enum Problem {
    /// Nothing is at this path.
    NoSuchPage,
    /// No such repository is watched.
    NoSuchRepository,
    /// GitHub has no such repository, or does not show it.
    UnknownUpstream(FullName),
    MethodNotAllowed,
    /// No key, or a wrong one.
    Unauthenticated,
    /// A delivery that nobody has signed who knows the secret.
    Signature,
    /// A body that cannot be read.
    Malformed(String),
    /// A body that is too long.
    TooLarge,
    /// A query parameter that cannot be read.
    Parameter {
        name: &'static str,
        expected: &'static str,
    },
    /// More would be active than may be.
    TooManyActive {
        most: usize,
        active: Vec<FullName>,
    },
    /// A poll is wanted of a repository that is not polled.
    Inactive,
    /// GitHub wants no poll yet.
    TooEarly {
        next_poll_at: Timestamp,
        wait_seconds: u64,
    },
    /// Too many requests are in flight.
    Overloaded,
    /// Too many clients listen to the stream.
    TooManyListeners,
    /// The token is limited: GitHub cannot be asked now.
    Limited {
        wait_seconds: u64,
    },
    /// GitHub does not answer as it should.
    Upstream(String),
    /// The database does not do what it should.
    Store(StoreError),
    /// Something that only a programmer can repair.
    Broken(&'static str),
}

/// Where a problem's id is told, here and in the log.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How an answer was made, for the log and the metrics.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome(pub(crate) &'static str);

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message())
    }
}

impl Problem {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NoSuchPage | Self::NoSuchRepository | Self::UnknownUpstream(_) => {
                StatusCode::NOT_FOUND
            }
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Unauthenticated | Self::Signature => StatusCode::UNAUTHORIZED,
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Parameter { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooManyActive { .. } | Self::Inactive => StatusCode::CONFLICT,
            Self::TooEarly { .. } => StatusCode::TOO_MANY_REQUESTS,
            // A database that is away comes back; the client may try again.
            Self::Overloaded | Self::TooManyListeners | Self::Limited { .. } | Self::Store(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Upstream(_) => StatusCode::BAD_GATEWAY,
            Self::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The word used in metrics and logs.
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::NoSuchPage => "no-such-page",
            Self::NoSuchRepository => "no-such-repository",
            Self::UnknownUpstream(_) => "unknown-upstream",
            Self::MethodNotAllowed => "method",
            Self::Unauthenticated => "unauthenticated",
            Self::Signature => "signature",
            Self::Malformed(_) => "malformed",
            Self::TooLarge => "too-large",
            Self::Parameter { .. } => "parameter",
            Self::TooManyActive { .. } => "too-many-active",
            Self::Inactive => "inactive",
            Self::TooEarly { .. } => "too-early",
            Self::Overloaded => "overloaded",
            Self::TooManyListeners => "too-many-listeners",
            Self::Limited { .. } => "limited",
            Self::Upstream(_) => "upstream",
            Self::Store(_) => "store",
            Self::Broken(_) => "broken",
        }
    }

    fn message(&self) -> String {
        match self {
            Self::NoSuchPage | Self::NoSuchRepository => "Not Found".to_owned(),
            Self::UnknownUpstream(name) => format!("GitHub knows no repository {name}"),
            Self::MethodNotAllowed => "Method Not Allowed".to_owned(),
            Self::Unauthenticated => "Requires authentication".to_owned(),
            Self::Signature => "the signature of the delivery is not valid".to_owned(),
            Self::Malformed(what) => what.clone(),
            Self::TooLarge => "the body is too large".to_owned(),
            Self::Parameter { name, expected } => format!("{name}: expected {expected}"),
            Self::TooManyActive { most, .. } => {
                format!("at most {most} repositories can be active")
            }
            Self::Inactive => "the repository is not active".to_owned(),
            Self::TooEarly { .. } => "GitHub allows no poll before next_poll_at".to_owned(),
            Self::Overloaded => "too many requests are in flight".to_owned(),
            Self::TooManyListeners => "too many clients listen to the stream".to_owned(),
            Self::Limited { .. } => "GitHub's rate limit is used up".to_owned(),
            Self::Upstream(why) => format!("GitHub could not be asked: {why}"),
            Self::Store(_) => "the database does not answer".to_owned(),
            Self::Broken(what) => (*what).to_owned(),
        }
    }

    fn body(&self) -> Value {
        let mut body = json!({ "message": self.message() });
        match self {
            Self::Parameter { name, .. } => {
                // As GitHub names what is wrong with a request.
                body["errors"] = json!([{ "field": name, "code": "invalid" }]);
            }
            Self::TooManyActive { active, .. } => body["active"] = json!(active),
            Self::TooEarly { next_poll_at, .. } => body["next_poll_at"] = json!(next_poll_at),
            _ => {}
        }
        body
    }

    /// When it is worth while again.
    fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::Overloaded | Self::Store(_) => Some(1),
            Self::TooManyListeners => Some(10),
            Self::TooEarly { wait_seconds, .. } | Self::Limited { wait_seconds } => {
                Some((*wait_seconds).max(1))
            }
            _ => None,
        }
    }

    pub(crate) fn answer(&self) -> Response<Body> {
        // Enough chance to find one request among many in a log.
        let id = format!("{:016x}", getrandom::u64().unwrap_or_default());
        if let Self::Store(error) = self {
            tracing::error!(request_id = id, error = %Chain(error), "the database failed");
        }
        let mut answer = Response::new(Body::from(self.body().to_string()));
        *answer.status_mut() = self.status();
        answer.extensions_mut().insert(Outcome(self.as_str()));
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
        if matches!(self, Self::Unauthenticated) {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        answer
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> axum::response::Response {
        self.answer()
    }
}

/// An error with its causes on one line.
struct Chain<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(problem: &Problem, status: u16, body: &Value) {
        assert_eq!(problem.status().as_u16(), status);
        assert_eq!(problem.body(), *body);
    }

    #[test]
    fn bodies_of_the_contract() {
        check(
            &Problem::Unauthenticated,
            401,
            &json!({"message": "Requires authentication"}),
        );
        check(
            &Problem::TooManyActive {
                most: 5,
                active: vec![FullName::parse("o/r").unwrap()],
            },
            409,
            &json!({"message": "at most 5 repositories can be active", "active": ["o/r"]}),
        );
        check(
            &Problem::Parameter {
                name: "days",
                expected: "a number",
            },
            422,
            &json!({
                "message": "days: expected a number",
                "errors": [{"field": "days", "code": "invalid"}],
            }),
        );
    }

    #[test]
    fn what_may_be_tried_again_says_when() {
        let early = Problem::TooEarly {
            next_poll_at: Timestamp::from_seconds(0),
            wait_seconds: 42,
        };
        let answer = early.answer();
        assert_eq!(answer.status(), 429);
        assert_eq!(answer.headers()["retry-after"], "42");
        assert_eq!(early.body()["next_poll_at"], "1970-01-01T00:00:00Z");
        assert!(answer.headers().contains_key("x-request-id"));
    }
}
