//! What an answer cost its caller in GitHub's primary rate limit.

use http::StatusCode;

use crate::fingerprint::CredentialClass;
use crate::outcome::{BypassReason, Collapse, Outcome, Report};

/// What one answer took from its caller's quota.
///
/// GitHub's own count is in the `x-ratelimit-*` headers of the answer; this says what this answer added to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cost {
    /// Nothing: GitHub was not asked, or confirmed with a 304 to an authorised caller, or charges nothing here.
    Nothing,
    /// One request.
    OneRequest,
    /// It is not known: no answer arrived, or GraphQL, where GitHub counts by what was asked.
    Unknown,
}

impl Cost {
    /// The word used in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::OneRequest => "one-request",
            Self::Unknown => "unknown",
        }
    }
}

impl Report {
    /// What this answer cost. A look behind a full last page ([`Probe`](crate::Probe)) is a request of its own.
    pub fn cost(&self) -> Cost {
        let Some(status) = self.upstream_status else {
            return match self.outcome {
                Outcome::Failed(_) | Outcome::Stale(_) => Cost::Unknown,
                _ => Cost::Nothing,
            };
        };
        if self.collapse == Collapse::Follower || self.class == CredentialClass::AppJwt {
            return Cost::Nothing;
        }
        match self.route.template() {
            "/rate_limit" => Cost::Nothing,
            // GraphQL is a POST to a path that no GET route has.
            "other" if self.outcome == Outcome::Bypassed(BypassReason::Method) => Cost::Unknown,
            _ if status == StatusCode::NOT_MODIFIED && self.class == CredentialClass::Token => {
                Cost::Nothing
            }
            _ => Cost::OneRequest,
        }
    }
}

#[cfg(test)]
mod tests {
    use github_headers::Route;

    use super::*;
    use crate::fingerprint::Fingerprint;
    use crate::outcome::{FreshReason, Storing, Trouble, ValidatorKind};

    #[track_caller]
    fn check(path: &str, class: CredentialClass, outcome: Outcome, status: u16, expected: Cost) {
        let mut report = Report::new(outcome, Route::of(path), Fingerprint::ANONYMOUS, class);
        report.upstream_status = StatusCode::from_u16(status).ok();
        assert_eq!(report.cost(), expected, "{path} {outcome:?} {status}");
        report.collapse = Collapse::Follower;
        if report.upstream_status.is_some() {
            assert_eq!(report.cost(), Cost::Nothing, "whoever led has paid");
        }
    }

    #[test]
    fn costs_are_those_of_github() {
        use CredentialClass::{Anonymous, AppJwt, Token};
        use Outcome::{Failed, Fetched, Fresh, Revalidated, Stale};
        let confirmed = Revalidated(ValidatorKind::OwnTag);
        let fetched = Fetched(Storing::Recorded);
        check("/user", Token, confirmed, 304, Cost::Nothing);
        check("/users/o", Anonymous, confirmed, 304, Cost::OneRequest);
        check("/app", AppJwt, fetched, 200, Cost::Nothing);
        check("/user", Token, fetched, 200, Cost::OneRequest);
        check("/rate_limit", Token, fetched, 200, Cost::Nothing);
        let written = Outcome::Bypassed(BypassReason::Method);
        check("/graphql", Token, written, 200, Cost::Unknown);
        check("/repos/o/r/issues", Token, written, 201, Cost::OneRequest);
        // 0 is no status: GitHub was not asked, or did not answer.
        check("/user", Token, Fresh(FreshReason::Fresh), 0, Cost::Nothing);
        check("/user", Token, Failed(Trouble::Timeout), 0, Cost::Unknown);
        check("/user", Token, Stale(Trouble::Connection), 0, Cost::Unknown);
        check(
            "/user",
            Token,
            Stale(Trouble::ServerError),
            503,
            Cost::OneRequest,
        );
    }
}
