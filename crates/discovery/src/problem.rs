//! Errors to HTTP answers, in this one place. The words are those of Django's REST framework, which clients know.

use axum::body::Body;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value, json};
use service_runtime::front::Told;

use crate::filter::BadValue;
use crate::store::StoreError;

/// Why a request is not answered with what it asked for.
#[derive(Debug)]
pub(crate) enum Problem {
    /// No credentials were sent.
    Anonymous,
    /// A wrong login or password.
    WrongPassword,
    /// A key that is nobody's, or a header that is none.
    WrongKey,
    /// Too many wrong passwords, by whomever.
    TooManyFailures,
    NotFound,
    NoSuchPage,
    MethodNotAllowed,
    /// Parameters or fields with values that mean nothing.
    BadValues(Vec<BadValue>),
    /// A body that cannot be read.
    BadBody(&'static str),
    TooLarge,
    UnsupportedMediaType,
    /// What `tasks/` says about a task that it cannot make.
    TaskRefused(String),
    /// A task that has ended, or that is not in the state that this needs.
    Conflict(&'static str),
    /// More hyperlinks on one page than the setting allows.
    TooManyRelations,
    Overloaded,
    /// The store failed.
    Store(StoreError),
    /// Something that cannot happen did.
    Broken(&'static str),
}

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Problem {
    pub(crate) fn bad_value(parameter: &str, message: impl Into<String>) -> Self {
        Self::BadValues(vec![BadValue {
            parameter: parameter.to_owned(),
            message: message.into(),
        }])
    }

    pub(crate) const fn status(&self) -> StatusCode {
        match self {
            Self::Anonymous | Self::WrongPassword | Self::WrongKey => StatusCode::FORBIDDEN,
            Self::TooManyFailures => StatusCode::TOO_MANY_REQUESTS,
            Self::NotFound | Self::NoSuchPage => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::BadValues(_) | Self::BadBody(_) | Self::TooManyRelations => {
                StatusCode::BAD_REQUEST
            }
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TaskRefused(_) => StatusCode::NOT_ACCEPTABLE,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Overloaded | Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The word used in metrics and logs.
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::WrongPassword => "wrong-password",
            Self::WrongKey => "wrong-key",
            Self::TooManyFailures => "too-many-failures",
            Self::NotFound => "not-found",
            Self::NoSuchPage => "no-such-page",
            Self::MethodNotAllowed => "method",
            Self::BadValues(_) => "bad-values",
            Self::BadBody(_) => "bad-body",
            Self::TooLarge => "too-large",
            Self::UnsupportedMediaType => "media-type",
            Self::TaskRefused(_) => "task-refused",
            Self::Conflict(_) => "conflict",
            Self::TooManyRelations => "too-many-relations",
            Self::Overloaded => "overloaded",
            Self::Store(_) => "store",
            Self::Broken(_) => "broken",
        }
    }

    fn body(&self) -> Value {
        let detail = match self {
            Self::BadValues(bad) => {
                let mut fields = Map::new();
                for BadValue { parameter, message } in bad {
                    fields.insert(parameter.clone(), json!([message]));
                }
                return Value::Object(fields);
            }
            Self::TaskRefused(error) => return json!({ "success": "no", "error": error }),
            Self::Anonymous => "Authentication credentials were not provided.",
            Self::WrongPassword => "Invalid username/password.",
            Self::WrongKey => "Invalid token.",
            Self::TooManyFailures => "Too many failed attempts.",
            Self::NotFound => "Not found.",
            Self::NoSuchPage => "Invalid page.",
            Self::MethodNotAllowed => "Method not allowed.",
            Self::BadBody(detail) | Self::Conflict(detail) => detail,
            Self::TooLarge => "The body is too large.",
            Self::UnsupportedMediaType => "Unsupported media type in request.",
            Self::TooManyRelations => {
                "Too many relations for one page: ask for relations=count, relations=none or a smaller page_size."
            }
            Self::Overloaded => "Too many requests are in flight.",
            Self::Store(_) => "The database cannot be used.",
            Self::Broken(_) => "Internal error.",
        };
        json!({ "detail": detail })
    }

    const fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::TooManyFailures => Some(60),
            Self::Overloaded | Self::Store(_) => Some(1),
            _ => None,
        }
    }

    pub(crate) fn answer(&self, route: &'static str) -> Response<Body> {
        // Enough chance to find one request among many in a log.
        let id = format!("{:016x}", getrandom::u64().unwrap_or_default());
        match self {
            Self::Store(error) => {
                let cause = std::error::Error::source(error).map(ToString::to_string);
                let cause = cause.unwrap_or_default();
                tracing::error!(%error, %cause, request_id = id, "a request could not be answered");
            }
            Self::Broken(what) => {
                tracing::error!(what, request_id = id, "a request could not be answered");
            }
            _ => {}
        }
        let mut answer = Response::new(Body::from(self.body().to_string()));
        *answer.status_mut() = self.status();
        answer.extensions_mut().insert(Told {
            route,
            outcome: self.as_str(),
        });
        let headers = answer.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Ok(id) = HeaderValue::try_from(id) {
            headers.insert(REQUEST_ID, id);
        }
        if let Some(seconds) = self.retry_after_seconds() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        answer
    }
}
