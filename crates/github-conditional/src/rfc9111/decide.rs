//! Whether a stored answer is given, and when it may stand in for one that cannot be had (RFC 9111 §4).

use std::time::{Duration, SystemTime};

use http::StatusCode;

use super::options::Options;
use super::stored::{Stale, Stored, Unasked};
use crate::outcome::{FreshReason, Trouble};
use crate::policy::directives::Directives;

/// What is done about a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// The stored answer is given.
    Serve(FreshReason),
    /// The stored answer is given, and the server is asked behind it (RFC 5861 §3).
    ServeAndRevalidate,
    /// The server is asked first.
    Ask,
    /// The client wants a stored answer or none (RFC 9111 §5.2.1.7).
    NotCached,
}

/// Whether a write through this cache has overtaken a stored answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Valid,
    Invalidated,
}

impl Standing {
    pub(crate) fn of(stored: &Stored, invalidated_at: Option<SystemTime>) -> Self {
        match invalidated_at {
            Some(at) if stored.times.as_of <= at => Self::Invalidated,
            _ => Self::Valid,
        }
    }
}

pub(crate) fn decide(
    stored: Option<(&Stored, Standing)>,
    directives: &Directives,
    now: SystemTime,
) -> Decision {
    let refused = match directives.only_if_cached {
        true => Decision::NotCached,
        false => Decision::Ask,
    };
    let Some((stored, standing)) = stored else {
        return refused;
    };
    if standing == Standing::Invalidated
        || stored.terms.unasked == Unasked::Never
        || directives.no_cache
        || !accepts_age(stored, directives, now)
    {
        return refused;
    }
    let (age, fresh_for) = (stored.age(now), stored.times.fresh_for);
    if age < fresh_for {
        let left = fresh_for - age;
        let wanted = Duration::from_secs(directives.min_fresh.unwrap_or(0));
        return if left >= wanted {
            Decision::Serve(FreshReason::Fresh)
        } else {
            refused
        };
    }
    if stored.terms.stale == Stale::Forbidden || directives.min_fresh.is_some() {
        return refused;
    }
    let stale_for = age - fresh_for;
    if directives
        .max_stale
        .is_some_and(|accepted| accepted.allows(stale_for))
    {
        return Decision::Serve(FreshReason::MaxStale);
    }
    // Strictly less: without the directive nothing is served, not even at the instant of becoming stale.
    if stale_for < stored.terms.while_revalidating && directives.max_age.is_none() {
        return Decision::ServeAndRevalidate;
    }
    refused
}

/// Whether the stored answer may stand in for the one that the server did not give.
pub(crate) fn stands_in(
    stored: &Stored,
    standing: Standing,
    directives: &Directives,
    failure: Failure,
    now: SystemTime,
    options: &Options,
) -> StandIn {
    let age = stored.age(now);
    let stale_for = age.saturating_sub(stored.times.fresh_for);
    if standing == Standing::Invalidated
        || stored.terms.unasked == Unasked::Never
        || directives.no_cache
        || directives.min_fresh.is_some()
        || !accepts_age(stored, directives, now)
    {
        return StandIn::Refused;
    }
    if !stale_for.is_zero() && stored.terms.stale == Stale::Forbidden {
        return StandIn::Refused;
    }
    let configured = match failure {
        Failure::Unreachable(_) => options.stale_if_unreachable,
        Failure::ServerError => options.stale_if_error,
    };
    let requested = Duration::from_secs(directives.stale_if_error.unwrap_or(0));
    let most = configured.max(stored.terms.if_error).max(requested);
    match !most.is_zero() && stale_for <= most {
        true => StandIn::Allowed,
        false => StandIn::Refused,
    }
}

fn accepts_age(stored: &Stored, directives: &Directives, now: SystemTime) -> bool {
    match directives.max_age {
        None => true,
        // A client that says so wants the server asked.
        Some(0) => false,
        Some(seconds) => stored.age(now) <= Duration::from_secs(seconds),
    }
}

/// Whether a stored answer stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StandIn {
    Allowed,
    Refused,
}

/// Why there is no answer of the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It could not be asked, or did not answer.
    Unreachable(Trouble),
    /// It answered with an error of its own.
    ServerError,
}

impl Failure {
    /// The errors for which RFC 5861 §4 lets a stale answer stand in.
    pub(crate) fn of(status: StatusCode) -> Option<Self> {
        matches!(status.as_u16(), 500 | 502 | 503 | 504).then_some(Self::ServerError)
    }

    pub(crate) fn trouble(self) -> Trouble {
        match self {
            Self::Unreachable(trouble) => trouble,
            Self::ServerError => Trouble::ServerError,
        }
    }
}

#[cfg(test)]
mod tests;
