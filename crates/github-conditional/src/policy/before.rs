//! Before GitHub is asked: serve what is stored, ask about it, or fetch.

use std::time::{Duration, SystemTime};

use super::directives::Directives;
use crate::confidence::Prediction;
use crate::entry::{Candidate, Sharing, Standing};
use crate::fingerprint::CredentialClass;
use crate::outcome::FreshReason;

/// When a stored body may be served without asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Freshness {
    /// Never: every read asks GitHub. A 304 is free for authorised callers.
    Revalidate,
    /// As long as `Cache-Control` says (RFC 9111 as a private cache, per caller).
    Rfc9111,
    /// This long after GitHub confirmed it to the caller, unless a write or an event marks it before.
    Ttl(Duration),
    /// Until an event or a write marks it, because events are told of whatever changes it; and no longer than this, in
    /// case one was missed.
    UntilMarked(Duration),
    /// As long as it is stored, unless a write or an event marks it: it never changes.
    Immutable,
}

/// Whether the client brought validators of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientValidators {
    Absent,
    Present,
}

/// Whether an unseen resource may be asked about as an empty list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speculation {
    EmptyList,
    Off,
}

/// What is known of the body that the caller was last confirmed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) validated_at: SystemTime,
    pub(crate) fresh_until: Option<SystemTime>,
    /// A write or an event has touched the resource; what GitHub said until then may be from before.
    pub(crate) settled_at: Option<SystemTime>,
}

/// Until when something held may be served unasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    /// It may not, or has been touched since.
    Never,
    Time(SystemTime),
    Always,
}

impl Held {
    fn is_touched(&self) -> bool {
        self.settled_at
            .is_some_and(|settled| settled >= self.validated_at)
    }

    fn until(&self, freshness: Freshness) -> Until {
        if self.is_touched() {
            return Until::Never;
        }
        match freshness {
            Freshness::Revalidate => Until::Never,
            Freshness::Rfc9111 => self.fresh_until.map_or(Until::Never, Until::Time),
            Freshness::Ttl(span) | Freshness::UntilMarked(span) => {
                // Beyond the end of the clock: never.
                let end = self.validated_at.checked_add(span);
                end.map_or(Until::Always, Until::Time)
            }
            Freshness::Immutable => Until::Always,
        }
    }

    fn age(&self, now: SystemTime) -> Duration {
        now.duration_since(self.validated_at)
            .unwrap_or(Duration::ZERO)
    }

    /// For how long it has been stale; its whole age where it never was fresh.
    fn stale_for(&self, freshness: Freshness, now: SystemTime) -> Duration {
        let since = match self.until(freshness) {
            Until::Always => return Duration::ZERO,
            Until::Time(until) => until,
            Until::Never if self.is_touched() => self.validated_at,
            Until::Never => self.fresh_until.unwrap_or(self.validated_at),
        };
        now.duration_since(since).unwrap_or(Duration::ZERO)
    }

    /// Seconds of freshness left, negative when stale; `None` = it never ends.
    pub(crate) fn ttl_seconds(&self, freshness: Freshness, now: SystemTime) -> Option<i64> {
        let until = match self.until(freshness) {
            Until::Always => return None,
            Until::Time(until) => until,
            Until::Never => match self.fresh_until {
                Some(until) if !self.is_touched() => until,
                _ => return Some(0),
            },
        };
        let seconds = |span: Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
        Some(match until.duration_since(now) {
            Ok(left) => seconds(left),
            Err(since) => -seconds(since.duration()),
        })
    }

    /// Why it may be served unasked, and for how long it could be after that.
    fn fresh(&self, freshness: Freshness, now: SystemTime) -> Option<(FreshReason, Duration)> {
        let left = match self.until(freshness) {
            Until::Never => return None,
            Until::Time(until) => until
                .duration_since(now)
                .ok()
                .filter(|left| !left.is_zero())?,
            Until::Always => Duration::MAX,
        };
        let reason = match freshness {
            Freshness::Ttl(_) => FreshReason::Ttl,
            Freshness::UntilMarked(_) => FreshReason::Covered,
            Freshness::Immutable => FreshReason::Immutable,
            Freshness::Revalidate | Freshness::Rfc9111 => FreshReason::Fresh,
        };
        Some((reason, left))
    }
}

/// The facts about a read that the decision needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    pub(crate) directives: Directives,
    pub(crate) freshness: Freshness,
    pub(crate) class: CredentialClass,
    pub(crate) client_validators: ClientValidators,
    pub(crate) prediction: Prediction,
    pub(crate) speculation: Speculation,
}

/// Which validator to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// The caller's own tag.
    OwnTag,
    /// The tag computed for this caller from the candidate body.
    Predicted,
    /// The computed tag of `[]`.
    EmptyList,
    /// The caller's own `Last-Modified`: there is no tag.
    LastModified,
    /// The client's own validators, as sent.
    Client,
    /// None.
    Plain,
}

/// What is done without asking GitHub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unasked {
    /// Serve the body the caller was last confirmed for.
    Serve(FreshReason),
    /// Nothing may be served, and the client forbids asking.
    NotCached,
}

/// Whether something may be served without asking; `None` = ask.
pub(crate) fn unasked(question: &Question, held: Option<Held>, now: SystemTime) -> Option<Unasked> {
    let directives = &question.directives;
    let Some(held) = held.filter(|held| directives.accept_age(held.age(now))) else {
        return directives.only_if_cached.then_some(Unasked::NotCached);
    };
    let wanted = Duration::from_secs(directives.min_fresh.unwrap_or(0));
    if let Some((reason, left)) = held.fresh(question.freshness, now)
        && left >= wanted
    {
        return Some(Unasked::Serve(reason));
    }
    if directives
        .max_stale
        .is_some_and(|limit| limit.allows(held.stale_for(question.freshness, now)))
    {
        return Some(Unasked::Serve(FreshReason::MaxStale));
    }
    directives
        .only_if_cached
        .then_some(Unasked::Serve(FreshReason::OnlyIfCached))
}

/// Which validator to send upstream.
pub(crate) fn ask(question: &Question, candidate: Option<&Candidate>) -> Ask {
    let predictable = question.prediction == Prediction::On;
    let known = candidate.and_then(|candidate| match &candidate.standing {
        Standing::Confirmed(confirmation) if confirmation.has_validator() => Some(Ask::OwnTag),
        Standing::Confirmed(_) => {
            // Never beside a tag: GitHub's dates lie more often than its tags (github-behaviour 1.6).
            let dated = candidate.representation.last_modified().is_some();
            dated.then_some(Ask::LastModified)
        }
        Standing::Predictable => {
            let sharable = candidate.representation.sharing() == Sharing::ByFormula;
            (predictable && sharable).then_some(Ask::Predicted)
        }
    });
    if let Some(ask) = known {
        return ask;
    }
    if question.client_validators == ClientValidators::Present {
        return Ask::Client;
    }
    // A 304 costs an anonymous caller as much as a 200, so there is nothing to gain by guessing.
    if candidate.is_none()
        && predictable
        && question.speculation == Speculation::EmptyList
        && question.class != CredentialClass::Anonymous
    {
        return Ask::EmptyList;
    }
    Ask::Plain
}

#[cfg(test)]
mod tests;
