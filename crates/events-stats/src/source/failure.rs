//! Why GitHub gave nothing that can be used.

use std::fmt;
use std::time::SystemTime;

use github_upstream::UpstreamError;
use http::StatusCode;
use http_body_util::LengthLimitError;

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Cause {
    /// A rate limit, primary or secondary.
    RateLimited,
    /// The token is not accepted, or may not: 401, 403.
    Refused(StatusCode),
    /// 5xx, or a status that makes no sense here.
    ServerError(StatusCode),
    /// No connection, or it broke.
    Unreachable,
    /// GitHub took too long.
    Timeout,
    /// The answer ended before its end.
    BrokenBody,
    /// The answer is larger than the settings allow.
    TooLarge,
    /// 200 with something else than was asked for.
    WrongBody,
    /// A redirect that leads to another host, or to nothing that is known.
    StrangeRedirect,
}

impl Cause {
    /// The word in logs and metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::RateLimited => "rate-limited",
            Self::Refused(_) => "refused",
            Self::ServerError(_) => "server-error",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::BrokenBody => "broken-body",
            Self::TooLarge => "too-large",
            Self::WrongBody => "wrong-body",
            Self::StrangeRedirect => "strange-redirect",
        }
    }
}

/// In words, for `last_error`.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RateLimited => f.write_str("GitHub limits the token"),
            Self::Refused(status) => {
                write!(f, "GitHub refuses the token ({})", status.as_u16())
            }
            Self::ServerError(status) => write!(f, "GitHub answers {}", status.as_u16()),
            Self::Unreachable => f.write_str("GitHub cannot be reached"),
            Self::Timeout => f.write_str("GitHub takes too long to answer"),
            Self::BrokenBody => f.write_str("GitHub's answer broke off"),
            Self::TooLarge => f.write_str("GitHub's answer is too large"),
            Self::WrongBody => f.write_str("GitHub's answer is not what was asked for"),
            Self::StrangeRedirect => f.write_str("GitHub redirects to somewhere else"),
        }
    }
}

/// Nothing that can be used, and when to try again where GitHub has said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failed {
    /// Why.
    pub cause: Cause,
    /// Not before this moment.
    pub retry_at: Option<SystemTime>,
}

impl Failed {
    pub(super) fn of(cause: Cause) -> Self {
        Self {
            cause,
            retry_at: None,
        }
    }
}

pub(super) fn unreachable(error: &UpstreamError) -> Failed {
    if error.is_limited() {
        // GitHub has said so before; the stack did not ask again.
        return Failed {
            cause: Cause::RateLimited,
            retry_at: error.retry_at(),
        };
    }
    Failed::of(match error.is_timeout() {
        true => Cause::Timeout,
        false => Cause::Unreachable,
    })
}

pub(super) fn broken_body(error: &(dyn std::error::Error + Send + Sync + 'static)) -> Failed {
    if error.is::<LengthLimitError>() {
        return Failed::of(Cause::TooLarge);
    }
    let stalled = error
        .downcast_ref::<github_upstream::BodyError>()
        .is_some_and(github_upstream::BodyError::is_timeout);
    Failed::of(match stalled {
        true => Cause::Timeout,
        false => Cause::BrokenBody,
    })
}
