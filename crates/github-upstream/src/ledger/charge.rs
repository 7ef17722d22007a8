//! What an answer cost, and whether it signals a limit.

use std::time::SystemTime;

use github_headers::{RateLimit, RetryAfter};
use http::header::{AUTHORIZATION, RETRY_AFTER};
use http::{HeaderMap, StatusCode, Uri};

use crate::ledger::cooldown::Wait;
use crate::ledger::{CallerId, CooldownCause};

/// An answer, as far as the ledger needs to know it.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// Who asked.
    pub caller: CallerId,
    /// Whether they said who they are.
    pub authorization: Authorization,
    /// What they asked.
    pub endpoint: Endpoint,
    /// The answer's status.
    pub status: StatusCode,
    /// The answer's headers.
    pub headers: &'a HeaderMap,
}

impl Answer<'_> {
    /// Whose bucket the headers describe. A refused token has none: GitHub states the anonymous one of this address.
    pub(super) fn accountable(&self) -> CallerId {
        if self.status == StatusCode::UNAUTHORIZED {
            CallerId::ANONYMOUS
        } else {
            self.caller
        }
    }
}

/// Whether a request carried `Authorization`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Authorization {
    /// It did.
    Present,
    /// It did not: its 304 costs as much as a 200.
    Absent,
}

impl Authorization {
    /// As the request's headers say.
    pub fn of(headers: &HeaderMap) -> Self {
        if headers.contains_key(AUTHORIZATION) {
            Self::Present
        } else {
            Self::Absent
        }
    }
}

/// What kind of endpoint was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `/rate_limit`, which states quota and uses none.
    RateLimit,
    /// Any other.
    Other,
}

impl Endpoint {
    /// By the request's own path, before any prefix.
    pub fn of(target: &Uri) -> Self {
        if target.path() == "/rate_limit" {
            Self::RateLimit
        } else {
            Self::Other
        }
    }
}

/// What an answer cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Charge {
    /// One unit: any status, redirects and 404 among them.
    Charged,
    /// Nothing: a 304 to a caller who sent `Authorization`.
    NotModified,
    /// Nothing: `/rate_limit`.
    FreeEndpoint,
    /// Nothing that is known of: the answer speaks of no quota.
    Unmetered,
    /// Refused: the window's quota is used up.
    PrimaryLimit,
    /// Refused: too much at a time.
    SecondaryLimit,
}

impl Charge {
    /// The word used in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Charged => "charged",
            Self::NotModified => "not-modified",
            Self::FreeEndpoint => "free-endpoint",
            Self::Unmetered => "unmetered",
            Self::PrimaryLimit => "primary-limit",
            Self::SecondaryLimit => "secondary-limit",
        }
    }

    pub(super) fn of(answer: &Answer<'_>, limit: Option<&RateLimit>) -> Self {
        match answer.status {
            // `Retry-After` first: a secondary limit may hit with the last unit spent, and does not last an hour.
            StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS
                if answer.headers.contains_key(RETRY_AFTER) =>
            {
                Self::SecondaryLimit
            }
            StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS
                if limit.is_some_and(RateLimit::is_exhausted) =>
            {
                Self::PrimaryLimit
            }
            StatusCode::TOO_MANY_REQUESTS => Self::SecondaryLimit,
            StatusCode::NOT_MODIFIED if answer.authorization == Authorization::Present => {
                Self::NotModified
            }
            _ if limit.is_none() => Self::Unmetered,
            _ if answer.endpoint == Endpoint::RateLimit => Self::FreeEndpoint,
            // A 403 of the secondary limit without `Retry-After` looks like any other; its text tells.
            _ => Self::Charged,
        }
    }
}

/// What an answer says about going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// The caller is served.
    Quiet,
    /// The answer says nothing about limits: a refusal whose text may yet tell, or trouble of GitHub's own.
    Neutral,
    /// A secondary limit.
    Limited(Wait),
}

impl Signal {
    pub(super) fn of(answer: &Answer<'_>, charge: &Charge, now: SystemTime) -> Self {
        match charge {
            Charge::SecondaryLimit => {
                let after = RetryAfter::from_headers(answer.headers).ok().flatten();
                Self::Limited(after.map_or(Wait::Unsaid(CooldownCause::Status), |after| {
                    Wait::Stated(after.delay(now))
                }))
            }
            _ if answer.status == StatusCode::FORBIDDEN || answer.status.is_server_error() => {
                Self::Neutral
            }
            _ => Self::Quiet,
        }
    }
}
