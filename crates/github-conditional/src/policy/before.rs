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
    /// A write through this cache has touched the resource since.
    pub(crate) marked_at: Option<SystemTime>,
}

impl Held {
    fn fresh_for(&self, now: SystemTime) -> Option<Duration> {
        if self
            .marked_at
            .is_some_and(|marked| marked >= self.validated_at)
        {
            return None;
        }
        self.fresh_until?
            .duration_since(now)
            .ok()
            .filter(|left| !left.is_zero())
    }

    fn age(&self, now: SystemTime) -> Duration {
        now.duration_since(self.validated_at)
            .unwrap_or(Duration::ZERO)
    }

    /// For how long it has been stale; its whole age where it never was fresh.
    fn stale_for(&self, now: SystemTime) -> Duration {
        let since = match (self.marked_at, self.fresh_until) {
            (Some(marked), _) if marked >= self.validated_at => self.validated_at,
            (_, Some(until)) => until,
            (_, None) => self.validated_at,
        };
        now.duration_since(since).unwrap_or(Duration::ZERO)
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
    if directives.only_if_cached {
        return Some(match held {
            Some(_) => Unasked::Serve(FreshReason::OnlyIfCached),
            None => Unasked::NotCached,
        });
    }
    let held = held?;
    if directives.no_cache {
        return None;
    }
    if directives
        .max_age
        .is_some_and(|limit| held.age(now) > Duration::from_secs(limit))
    {
        return None;
    }
    if question.freshness == Freshness::Rfc9111
        && let Some(left) = held.fresh_for(now)
        && left >= Duration::from_secs(directives.min_fresh.unwrap_or(0))
    {
        return Some(Unasked::Serve(FreshReason::Fresh));
    }
    if directives
        .max_stale
        .is_some_and(|limit| limit.allows(held.stale_for(now)))
    {
        return Some(Unasked::Serve(FreshReason::MaxStale));
    }
    None
}

/// Which validator to send upstream.
pub(crate) fn ask(question: &Question, candidate: Option<&Candidate>) -> Ask {
    let predictable = question.prediction == Prediction::On;
    let known = candidate.and_then(|candidate| match &candidate.standing {
        Standing::Confirmed(confirmation) => match confirmation.tag() {
            Some(tag) if !tag.is_empty() => Some(Ask::OwnTag),
            // Never beside a tag: GitHub's dates lie more often than its tags (github-behaviour 1.6).
            _ if candidate.representation.last_modified().is_some() => Some(Ask::LastModified),
            _ => None,
        },
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
