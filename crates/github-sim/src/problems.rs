//! The bodies of GitHub's refusals, word for word (behaviour notes 2 and 5).

use crate::app_jwt::JwtProblem;
use crate::credentials::{Caller, Refusal};
use crate::quota::Owner;
use crate::secondary::SecondaryLimit;
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Map, Value};

const RATE_LIMIT_DOCUMENTATION: &str =
    "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api";
const SECONDARY_DOCUMENTATION: &str = "https://docs.github.com/free-pro-team@latest/rest/overview/\
                                       rate-limits-for-the-rest-api#about-secondary-rate-limits";
pub(crate) const REST_DOCUMENTATION: &str = "https://docs.github.com/rest";

/// A refusal with its JSON body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

impl Problem {
    /// Keys in GitHub's order: message, errors, documentation_url, status.
    pub(crate) fn new(
        status: StatusCode,
        message: &str,
        errors: Option<Value>,
        documentation_url: &str,
    ) -> Self {
        let mut body = Map::new();
        body.insert("message".to_owned(), message.into());
        if let Some(errors) = errors {
            body.insert("errors".to_owned(), errors);
        }
        body.insert("documentation_url".to_owned(), documentation_url.into());
        body.insert("status".to_owned(), status.as_u16().to_string().into());
        Self {
            status,
            body: Value::Object(body).to_string().into(),
        }
    }

    pub(crate) fn refused(refusal: Refusal) -> Self {
        let (status, message) = match refusal {
            Refusal::BadCredentials => (StatusCode::UNAUTHORIZED, "Bad credentials"),
            Refusal::TooManyLogins => (
                StatusCode::FORBIDDEN,
                "Maximum number of login attempts exceeded. Please try again later.",
            ),
            Refusal::Jwt(JwtProblem::Unauthorized(message)) => (StatusCode::UNAUTHORIZED, message),
            Refusal::Jwt(JwtProblem::UnknownApp) => {
                (StatusCode::NOT_FOUND, "Integration not found")
            }
        };
        Self::new(status, message, None, REST_DOCUMENTATION)
    }

    pub(crate) fn unsupported_version(given: &str) -> Self {
        let message = format!(
            "Bad Request: The version you specified in the \"X-GitHub-API-Version\" request \
             header, \"{given}\", is not a supported version. The following versions are currently \
             supported: \"2026-03-10\" (most recent), \"2022-11-28\".\n\nSee also: \
             https://docs.github.com/rest"
        );
        Self::new(StatusCode::BAD_REQUEST, &message, None, REST_DOCUMENTATION)
    }

    pub(crate) fn unreadable_date() -> Self {
        let message = "Unable to parse If-Modified-Since request header. Please make sure value \
                       is in an acceptable format.";
        let documentation = "https://docs.github.com/rest/activity/notifications";
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            message,
            None,
            documentation,
        )
    }

    /// The primary quota is used up.
    pub(crate) fn exhausted(
        status: StatusCode,
        caller: &Caller,
        user_id: Option<u64>,
        request_id: &str,
    ) -> Self {
        if let Owner::Ip(ip) = &caller.owner {
            let message = format!(
                "API rate limit exceeded for {ip}. (But here's the good news: Authenticated \
                 requests get a higher rate limit. Check out the documentation for more details.)"
            );
            let documentation = "https://docs.github.com/rest/overview/\
                                 resources-in-the-rest-api#rate-limiting";
            return Self::without_status(status, &message, documentation);
        }
        let message = format!(
            "API rate limit exceeded for {}. If you reach out to GitHub Support for help, please \
             include the request ID {request_id}.",
            who(&caller.owner, user_id)
        );
        Self::new(status, &message, None, RATE_LIMIT_DOCUMENTATION)
    }

    /// A secondary limit.
    pub(crate) fn secondary(status: StatusCode, limit: SecondaryLimit, request_id: &str) -> Self {
        let message = match limit {
            SecondaryLimit::Concurrency | SecondaryLimit::Points => format!(
                "You have exceeded a secondary rate limit. Please wait a few minutes before you \
                 try again. If you reach out to GitHub Support for help, please include the \
                 request ID {request_id}."
            ),
            SecondaryLimit::Content => "You have exceeded a secondary rate limit and have been \
                                        temporarily blocked from content creation. Please retry \
                                        your request again later."
                .to_owned(),
        };
        Self::new(status, &message, None, SECONDARY_DOCUMENTATION)
    }

    /// 301 and 307 of something that moved.
    pub(crate) fn moved(status: StatusCode, location: &str) -> Self {
        let message = match status {
            StatusCode::MOVED_PERMANENTLY => "Moved Permanently",
            _ => "Temporary Redirect",
        };
        let mut body = Map::new();
        body.insert("message".to_owned(), message.into());
        body.insert("url".to_owned(), location.into());
        let documentation = "https://docs.github.com/v3/#http-redirects";
        body.insert("documentation_url".to_owned(), documentation.into());
        Self {
            status,
            body: Value::Object(body).to_string().into(),
        }
    }

    fn without_status(status: StatusCode, message: &str, documentation_url: &str) -> Self {
        let body = serde_json::json!({
            "message": message, "documentation_url": documentation_url,
        });
        Self {
            status,
            body: body.to_string().into(),
        }
    }
}

/// `user ID 5`, as the messages name a bucket.
pub(crate) fn who(owner: &Owner, user_id: Option<u64>) -> String {
    match owner {
        Owner::Ip(ip) => ip.to_string(),
        Owner::User(_) => format!("user ID {}", user_id.unwrap_or_default()),
        Owner::Installation(id) => format!("installation ID {id}"),
        Owner::App(id) => format!("client ID {id}"),
        Owner::Repository(name) => format!("repository {name}"),
    }
}

pub(crate) const MISSING_USER_AGENT: &str = "\r\nRequest forbidden by administrative rules. Please make sure your request has a \
     User-Agent header (https://docs.github.com/en/rest/overview/resources-in-the-rest-api\
     #user-agent-required). Check https://developer.github.com for other possible causes.\r\n";

pub(crate) const UNICORN: &str = "<!DOCTYPE html>\n<html>\n  <head>\n    <meta \
    http-equiv=\"Content-type\" content=\"text/html; charset=utf-8\">\n    <meta \
    http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; base-uri 'self'; \
    connect-src 'self'; form-action 'self'; img-src 'self' data:; script-src 'self'; style-src \
    'unsafe-inline'\">\n    <title>Unicorn! &middot; GitHub</title>\n  </head>\n  <body>\n    \
    <div class=\"container\">\n      <p>\n        <strong>No server is currently available to \
    service your request.</strong>\n      </p>\n      <p>Sorry about that. Please try refreshing \
    and contact us if the problem persists.</p>\n    </div>\n  </body>\n</html>\n";

pub(crate) const LOAD_BALANCER: &str = "<html><body><h1>503 Service Unavailable</h1>\nNo server \
                                        is available to handle this request.\n</body></html>\n";
