//! Errors to HTTP answers, in this one place.
//!
//! The bodies have GitHub's shape, `{"message": ...}`, so that clients show them.

use std::time::SystemTime;

use github_conditional::Error;
use http::{HeaderValue, Response, StatusCode, header};

use crate::admin::access::Refusal;
use crate::admin::problem::AdminProblem;
use crate::admission::Rejection;
use crate::body::MirrorBody;
use crate::users::Denied;
use crate::webhook::Refusal as WebhookRefusal;

/// Why the mirror answers by itself.
#[derive(Debug)]
pub(crate) enum Problem<'a> {
    /// The request goes nowhere.
    Rejected(Rejection),
    /// Nothing is at this path below `/_mirror/`.
    NoSuchPage,
    /// An administrative request is not carried out.
    Administration(&'a AdminProblem),
    /// A request for GitHub carries the admin token.
    AdminToken,
    /// A delivery is not taken in.
    Webhook(WebhookRefusal),
    /// Too many requests are in flight.
    Overloaded,
    /// The client wants a stored answer or none, and there is none it may see (RFC 9111 §5.2.1.7).
    NotCached,
    /// The upstream gave no answer, and nothing stored may be shown.
    Unreachable { upstream: &'a str, error: &'a Error },
    /// Users are validated, and this one is not served.
    Denied {
        upstream: &'a str,
        denied: &'a Denied,
    },
    /// The mirror should send a credential of its own, and has none that can be used.
    NoCredential { upstream: &'a str },
    /// A rate limit of the upstream applies, the upstream was not asked, and nothing stored may be shown.
    RateLimited {
        upstream: &'a str,
        refusal: &'a github_upstream::Refusal,
        now: SystemTime,
    },
}

impl Problem<'_> {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Rejected(Rejection::Uploads) => StatusCode::NOT_IMPLEMENTED,
            Self::Rejected(_) => StatusCode::BAD_REQUEST,
            Self::Webhook(refusal) => match refusal {
                WebhookRefusal::NotOffered => StatusCode::NOT_FOUND,
                WebhookRefusal::Signature => StatusCode::UNAUTHORIZED,
                WebhookRefusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
                WebhookRefusal::TooSlow => StatusCode::REQUEST_TIMEOUT,
                WebhookRefusal::Broken | WebhookRefusal::NotJson | WebhookRefusal::NoEvent => {
                    StatusCode::BAD_REQUEST
                }
            },
            Self::NoSuchPage => StatusCode::NOT_FOUND,
            Self::Administration(problem) => admin_status(problem),
            Self::AdminToken => StatusCode::BAD_REQUEST,
            Self::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotCached => StatusCode::GATEWAY_TIMEOUT,
            Self::Unreachable { error, .. } => unreachable_status(error),
            Self::Denied { denied, .. } => match denied {
                Denied::NoCredentials | Denied::SeveralCredentials | Denied::BadCredentials => {
                    StatusCode::UNAUTHORIZED
                }
                Denied::NoUser | Denied::NotAllowed => StatusCode::FORBIDDEN,
                Denied::Limited { .. } => StatusCode::TOO_MANY_REQUESTS,
                Denied::Failed { status, .. } => *status,
                Denied::Unreachable(error) => unreachable_status(error),
            },
            Self::NoCredential { .. } => StatusCode::BAD_GATEWAY,
            Self::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// The word used in metrics.
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Rejected(Rejection::Target) => "target",
            Self::Rejected(Rejection::DotSegment) => "dot-segment",
            Self::Rejected(Rejection::Host) => "host",
            Self::Rejected(Rejection::Uploads) => "uploads",
            Self::Webhook(refusal) => refusal.as_str(),
            Self::NoSuchPage => "no-such-page",
            Self::Administration(problem) => problem.as_str(),
            Self::AdminToken => "admin-token",
            Self::Overloaded => "overloaded",
            Self::NotCached => "not-cached",
            Self::Unreachable { .. } => "unreachable",
            Self::Denied { denied, .. } => denied.as_str(),
            Self::NoCredential { .. } => "no-credential",
            Self::RateLimited { .. } => "rate-limited",
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Rejected(rejection) => rejection.message().to_owned(),
            Self::Webhook(refusal) => refusal.message().to_owned(),
            Self::NoSuchPage => "Not Found".to_owned(),
            Self::Administration(problem) => problem.message(),
            Self::AdminToken => {
                "this is the token of the mirror's administration, not one of GitHub".to_owned()
            }
            Self::Overloaded => "the mirror has too many requests in flight".to_owned(),
            Self::NotCached => "gateway timeout".to_owned(),
            Self::Unreachable { upstream, error } => unreachable_message(upstream, error),
            Self::Denied { upstream, denied } => match denied {
                Denied::NoCredentials => "Requires authentication".to_owned(),
                Denied::SeveralCredentials => {
                    "Requires authentication: one Authorization header, not several".to_owned()
                }
                Denied::BadCredentials => "Bad credentials".to_owned(),
                Denied::NoUser => "This mirror serves users only: the token belongs to no user, \
                                   as those of GitHub App installations do not"
                    .to_owned(),
                Denied::NotAllowed => {
                    "This mirror does not serve the user of this token".to_owned()
                }
                Denied::Limited { .. } => format!(
                    "This mirror cannot find out whose token this is: rate limit exceeded at {upstream}"
                ),
                Denied::Failed { status, .. } if *status == StatusCode::GATEWAY_TIMEOUT => {
                    "gateway timeout".to_owned()
                }
                Denied::Failed { .. } => {
                    format!("This mirror cannot find out whose token this is: {upstream} failed")
                }
                Denied::Unreachable(error) => unreachable_message(upstream, error),
            },
            Self::NoCredential { upstream } => format!(
                "Error reaching {upstream}: none of the mirror's own credentials can be used"
            ),
            Self::RateLimited {
                upstream, refusal, ..
            } => crate::limited::message(upstream, refusal.reason),
        }
    }

    fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::Overloaded => Some(1),
            Self::Denied {
                denied: Denied::Limited { retry_after, .. },
                ..
            } => {
                // Rounded up: whoever comes a moment too early is refused again.
                let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
                Some(seconds.max(1))
            }
            _ => None,
        }
    }

    pub(crate) fn answer(&self) -> Response<MirrorBody> {
        let mut body = serde_json::json!({ "message": self.message() });
        if let Self::RateLimited { .. } = self {
            crate::limited::complete(&mut body);
        }
        let body = body.to_string();
        let mut answer = Response::new(MirrorBody::whole(body));
        *answer.status_mut() = self.status();
        let headers = answer.headers_mut();
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        headers.insert(header::CONTENT_TYPE, json);
        match self {
            Self::Administration(AdminProblem::Refused(Refusal::NoToken | Refusal::WrongToken)) => {
                // Browsers ask their user for the second.
                for scheme in [BEARER, BASIC] {
                    headers.append(header::WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
                }
            }
            Self::Administration(AdminProblem::Method { allowed }) => {
                let allowed = match *allowed {
                    "POST" => "POST",
                    "GET" => "GET, HEAD",
                    _ => "GET, HEAD, PUT",
                };
                headers.insert(header::ALLOW, HeaderValue::from_static(allowed));
            }
            _ => {}
        }
        if let Some(seconds) = self.retry_after_seconds() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Self::RateLimited { refusal, now, .. } = self {
            crate::limited::tell(refusal, *now, headers);
        }
        answer
    }
}

const BEARER: &str = "Bearer realm=\"github-mirror\"";
const BASIC: &str =
    "Basic realm=\"github-mirror: any user, the admin token as password\", charset=\"UTF-8\"";

fn admin_status(problem: &AdminProblem) -> StatusCode {
    match problem {
        AdminProblem::Refused(Refusal::NoToken | Refusal::WrongToken) => StatusCode::UNAUTHORIZED,
        AdminProblem::Refused(_) => StatusCode::FORBIDDEN,
        AdminProblem::NoSuchPage => StatusCode::NOT_FOUND,
        AdminProblem::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
        AdminProblem::NotOffered => StatusCode::NOT_IMPLEMENTED,
        AdminProblem::Missing(_)
        | AdminProblem::UnknownParameter
        | AdminProblem::Parameter { .. }
        | AdminProblem::PathOrPrefix
        | AdminProblem::Body
        | AdminProblem::Level => StatusCode::BAD_REQUEST,
        AdminProblem::Settings(_) => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

/// What is known to be away is not waited for; what has failed just now is named.
fn unreachable_status(error: &Error) -> StatusCode {
    if error.is_offline() {
        StatusCode::GATEWAY_TIMEOUT
    } else if error.is_rate_limited() {
        StatusCode::TOO_MANY_REQUESTS
    } else {
        StatusCode::BAD_GATEWAY
    }
}

fn unreachable_message(upstream: &str, error: &Error) -> String {
    match error.is_offline() {
        true => "gateway timeout".to_owned(),
        false => format!("Error reaching {upstream}: {}", reason(error)),
    }
}

/// The innermost thing known about a failure: `connection refused`, not `no connection`.
fn reason(error: &Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}
