//! What an entry holds, told to an operator: sizes, times and masked callers, never bytes of a body.

use std::time::SystemTime;

use cache_backends::CacheValue;
use http::StatusCode;
use http::header::CONTENT_TYPE;

use super::representation::{BodyDigest, Representation, Sharing};
use super::{Entry, to_millis};
use crate::fingerprint::{CredentialClass, Fingerprint};

/// What is stored of one resource variant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntryAccount {
    /// Memory that the entry takes.
    pub weight_bytes: usize,
    /// The bodies that are kept, newest first.
    pub bodies: Vec<BodyAccount>,
    /// The callers that GitHub has confirmed one of them to, latest first.
    pub callers: Vec<CallerAccount>,
    /// Callers that GitHub has refused, and when.
    pub refused: Vec<(Fingerprint, SystemTime)>,
}

/// One stored body.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BodyAccount {
    /// Which body: the beginning of its SHA-256.
    pub digest: String,
    /// Its length.
    pub bytes: usize,
    /// The status it came with.
    pub status: StatusCode,
    /// Its media type.
    pub content_type: Option<String>,
    /// When it was asked for.
    pub requested_at: SystemTime,
    /// Whether its tag can be computed for callers that have not seen it.
    pub shared: SharedWith,
}

/// Whom a stored body can serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SharedWith {
    /// Every caller whom GitHub confirms it to: its tag follows the formula.
    AllCallers,
    /// Only the callers who were sent it: its tag cannot be computed for others.
    SameCaller,
}

impl SharedWith {
    /// The word used in explanations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AllCallers => "all-callers",
            Self::SameCaller => "same-caller",
        }
    }
}

/// One caller's standing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallerAccount {
    /// Who, masked when shown.
    pub fingerprint: Fingerprint,
    /// What kind of credential.
    pub class: CredentialClass,
    /// Which body, as in [`BodyAccount::digest`].
    pub body: String,
    /// When GitHub confirmed it last.
    pub validated_at: SystemTime,
    /// Until when it may be served unasked where that is wanted.
    pub fresh_until: Option<SystemTime>,
}

/// Whether anything is left after a purge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remains {
    Something,
    Nothing,
}

impl Entry {
    /// What the entry holds.
    pub(crate) fn account(&self) -> EntryAccount {
        let weight_bytes = self.weight_bytes();
        let state = self.0.state.read();
        let mut bodies: Vec<_> = state
            .views
            .representations()
            .into_iter()
            .map(|body| body_account(body))
            .collect();
        bodies.sort_by(|one, other| {
            (other.requested_at, &other.digest).cmp(&(one.requested_at, &one.digest))
        });
        let mut callers: Vec<_> = state
            .confirmations
            .iter()
            .filter_map(|(fingerprint, known)| {
                Some(CallerAccount {
                    fingerprint: *fingerprint,
                    class: state.views.find(known.view())?.class(),
                    body: short(known.digest()),
                    validated_at: known.validated_at(),
                    fresh_until: known.fresh_until(),
                })
            })
            .collect();
        callers.sort_by(|one, other| {
            (other.validated_at, other.fingerprint).cmp(&(one.validated_at, one.fingerprint))
        });
        let mut refused: Vec<_> = state.revocations.iter().collect();
        refused.sort();
        EntryAccount {
            weight_bytes,
            bodies,
            callers,
            refused,
        }
    }

    /// Forgets all that GitHub said up to `at`: rights, and bodies that nobody was confirmed for since.
    pub(crate) fn forget_until(&self, at: SystemTime) -> Remains {
        let is_old = |time: SystemTime| to_millis(time) <= to_millis(at);
        let untouched = {
            let state = self.0.state.read();
            let mut confirmed = state.confirmations.values();
            !confirmed.any(|known| is_old(known.validated_at()))
                && !state.views.hold_asked_until(at)
        };
        let mut state = match untouched {
            true => return Remains::Something,
            false => self.0.state.write(),
        };
        let super::State {
            views,
            confirmations,
            ..
        } = &mut *state;
        confirmations.retain(|_, known| !is_old(known.validated_at()));
        views.forget_until(at, confirmations);
        match views.iter().next() {
            Some(_) => Remains::Something,
            None => Remains::Nothing,
        }
    }
}

fn body_account(body: &Representation) -> BodyAccount {
    let content_type = body.headers().get(&CONTENT_TYPE);
    BodyAccount {
        digest: short(body.digest()),
        bytes: body.body().len(),
        status: body.status(),
        content_type: content_type
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned),
        requested_at: body.requested_at(),
        shared: match body.sharing() {
            Sharing::ByFormula => SharedWith::AllCallers,
            Sharing::SameFingerprint => SharedWith::SameCaller,
        },
    }
}

/// Enough to tell bodies apart.
fn short(digest: BodyDigest) -> String {
    digest.as_bytes()[..6]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
