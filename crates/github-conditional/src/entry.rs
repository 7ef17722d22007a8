//! The stored entry of one resource variant: the bodies GitHub sent, and who was confirmed to see which of them.
//!
//! One entry serves every caller.
//! A body is kept once, whoever fetched it; each caller (fingerprint) has a [`Confirmation`] that says which body
//! GitHub gave or confirmed to it, under which tag, and when.
//! Callers who see the same body form a [`View`]; usually there is one view, but where GitHub shows different callers
//! different bytes (`/user`, `permissions` of a repository) each kind of caller has its own, so that they do not
//! push each other's body out.
//!
//! A value is changed in place under a short lock and handed to the store again; merging two values is replaying
//! the confirmations of one into the other, so concurrent writers lose nothing.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cache_backends::CacheValue;
#[cfg(feature = "packed")]
use cache_backends::{Pack, Packing};
use github_headers::EntityTag;
use http::HeaderMap;
use parking_lot::RwLock;

use crate::fingerprint::{CredentialClass, Fingerprint};

mod account;
mod caller_headers;
mod codec;
mod confirmation;
mod confirmations;
mod dictionary;
mod kept;
mod kept_tag;
mod representation;
mod revocations;
mod views;

pub(crate) use account::Remains;
pub use account::{BodyAccount, CallerAccount, EntryAccount, SharedWith};
pub(crate) use caller_headers::CallerHeaders;
pub(crate) use confirmation::{Confirmation, Confirmed};
use confirmations::Confirmations;
pub(crate) use representation::{BodyDigest, Derived, Representation, Sharing, storable_headers};
use revocations::Revocations;
pub(crate) use views::Absorbed;
use views::{Difference, Views};

/// Fixed cost of an entry in memory, beside its representations and confirmations.
const ENTRY_BYTES: usize = 512;
/// Cost of one confirmation in memory: map slot, reference count, tag.
const CONFIRMATION_BYTES: usize = 256;

/// Cost of one revocation in memory.
const REVOCATION_BYTES: usize = 64;

/// What is stored for one resource variant. Cloning shares the value.
#[derive(Clone, Debug)]
pub struct Entry(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    path: Box<str>,
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    views: Views,
    confirmations: Confirmations,
    /// Callers who have lost the right to be shown anything, and when: so that a confirmation from before, kept by
    /// another process or another store, does not bring the right back.
    revocations: Revocations,
}

/// The body that is the best guess for a caller.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) representation: Arc<Representation>,
    pub(crate) standing: Standing,
}

/// What a candidate body is to the caller.
#[derive(Clone, Debug)]
pub(crate) enum Standing {
    /// GitHub has given or confirmed this body to this caller: its own tag is known.
    Confirmed(Arc<Confirmation>),
    /// A body confirmed to others, or newer than what this caller was confirmed for; its tag can be predicted.
    Predictable,
}

/// A body that GitHub sent to a caller, ready to be absorbed.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) class: CredentialClass,
    pub(crate) representation: Arc<Representation>,
    pub(crate) confirmed: Confirmed,
}

impl Entry {
    /// An entry for a resource under `path` (no query) with nothing in it yet.
    pub(crate) fn new(path: &str) -> Self {
        let views = Views::new(Difference::expected(path));
        let state = State {
            views,
            ..State::default()
        };
        Self(Arc::new(Shared {
            path: path.into(),
            state: RwLock::new(state),
        }))
    }

    /// The path of the resource, without its query.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// The body to ask GitHub about on behalf of this caller.
    pub(crate) fn candidate(
        &self,
        fingerprint: Fingerprint,
        class: CredentialClass,
    ) -> Option<Candidate> {
        let state = self.0.state.read();
        let Some(confirmation) = state.confirmations.get(&fingerprint) else {
            let representation = state.views.best_guess(class)?;
            return Some(Candidate {
                representation,
                standing: Standing::Predictable,
            });
        };
        let view = state.views.find(confirmation.view())?;
        if view.head().digest() == confirmation.digest() {
            let standing = Standing::Confirmed(Arc::clone(confirmation));
            return Some(Candidate {
                representation: Arc::clone(view.head()),
                standing,
            });
        }
        if view.head().sharing() == Sharing::ByFormula {
            let representation = Arc::clone(view.head());
            return Some(Candidate {
                representation,
                standing: Standing::Predictable,
            });
        }
        // The newest body proves nothing for this caller, so it is asked about the one it knows.
        view.holding(confirmation.digest()).map(|own| Candidate {
            representation: Arc::clone(own),
            standing: Standing::Confirmed(Arc::clone(confirmation)),
        })
    }

    /// The body that this caller may be shown without asking GitHub: the one it was last confirmed for.
    pub(crate) fn confirmed(
        &self,
        fingerprint: Fingerprint,
    ) -> Option<(Arc<Representation>, Arc<Confirmation>)> {
        let state = self.0.state.read();
        let confirmation = state.confirmations.get(&fingerprint)?;
        let view = state.views.find(confirmation.view())?;
        let representation = view.holding(confirmation.digest())?;
        Some((Arc::clone(representation), Arc::clone(confirmation)))
    }

    /// Takes in a body that GitHub has just sent.
    pub(crate) fn absorb(&self, received: Received) -> Absorbed {
        let mut state = self.0.state.write();
        let State {
            views,
            confirmations,
            revocations,
        } = &mut *state;
        let known = confirmations.get(&received.fingerprint);
        let outdated = known.is_some_and(|known| known.validated_at() > received.confirmed.at)
            || revocations.forbid(received.fingerprint, received.confirmed.at);
        let (view, absorbed) = views.absorb(&received, known.map(|known| known.place()));
        if let Some(view) = view {
            let digest = received.representation.digest();
            if absorbed == Absorbed::Split {
                views.follow_split(view, digest, confirmations);
            }
            if !outdated {
                let confirmation = Confirmation::new(view, digest, received.confirmed);
                confirmations.insert(received.fingerprint, Arc::new(confirmation));
            }
            views.prune(confirmations);
            confirmations.prune();
        }
        absorbed
    }

    /// Notes that GitHub has confirmed this very body to the caller (a 304 to its tag).
    pub(crate) fn confirm(
        &self,
        fingerprint: Fingerprint,
        class: CredentialClass,
        representation: &Arc<Representation>,
        confirmed: Confirmed,
    ) -> Arc<Confirmation> {
        let mut state = self.0.state.write();
        let State {
            views,
            confirmations,
            revocations,
        } = &mut *state;
        let at = confirmed.at;
        let view = views.place_confirmed(class, representation, at);
        let confirmation = Arc::new(Confirmation::new(view, representation.digest(), confirmed));
        let known = confirmations.get(&fingerprint);
        if known.is_none_or(|known| known.validated_at() <= at)
            && !revocations.forbid(fingerprint, at)
        {
            confirmations.insert(fingerprint, Arc::clone(&confirmation));
        }
        views.prune(confirmations);
        confirmations.prune();
        confirmation
    }

    /// Ends the caller's right to be shown a body unasked: GitHub refused it in answer to a question sent at `at`.
    ///
    /// What GitHub confirms in answer to a later question gives the right again.
    pub(crate) fn revoke(&self, fingerprint: Fingerprint, at: SystemTime) {
        let mut state = self.0.state.write();
        let State {
            confirmations,
            revocations,
            ..
        } = &mut *state;
        // Times are kept in milliseconds, so what was asked within the same one counts as before.
        let known = confirmations.get(&fingerprint);
        if known.is_none_or(|known| to_millis(known.validated_at()) <= to_millis(at)) {
            confirmations.remove(&fingerprint);
            revocations.note(fingerprint, at);
        }
    }

    /// Replaces the stored headers that go with a body (a 304 refreshed them, or `Link` has grown); returns the body
    /// under its new headers.
    pub(crate) fn freshen(
        &self,
        representation: &Arc<Representation>,
        headers: HeaderMap,
    ) -> Arc<Representation> {
        let fresh = representation.with_headers(headers);
        self.0.state.write().views.replace(&fresh);
        fresh
    }

    /// When GitHub last confirmed anything of this entry to anybody.
    pub fn last_confirmed(&self) -> Option<SystemTime> {
        let state = self.0.state.read();
        state
            .confirmations
            .values()
            .map(|known| known.validated_at())
            .max()
    }

    /// How many callers GitHub has confirmed a body of this entry to.
    pub fn confirmations(&self) -> usize {
        self.0.state.read().confirmations.len()
    }

    /// How many different bodies are kept.
    pub fn representations(&self) -> usize {
        self.0.state.read().views.representations().len()
    }

    /// What decides which of two confirmations of one caller is the later one.
    fn standing(&self, fingerprint: Fingerprint) -> Option<(SystemTime, BodyDigest)> {
        let state = self.0.state.read();
        let known = state.confirmations.get(&fingerprint)?;
        Some((known.validated_at(), known.digest()))
    }

    fn received(&self) -> Vec<Received> {
        let state = self.0.state.read();
        let mut received: Vec<_> = state
            .confirmations
            .iter()
            .filter_map(|(fingerprint, confirmation)| {
                let view = state.views.find(confirmation.view())?;
                Some(Received {
                    fingerprint: *fingerprint,
                    class: view.class(),
                    representation: Arc::clone(view.holding(confirmation.digest())?),
                    confirmed: confirmation.confirmed(),
                })
            })
            .collect();
        // Versions in the order in which they were asked for; the rest makes the order the same everywhere.
        received.sort_by_key(|received| {
            let requested_at = received.representation.requested_at();
            (requested_at, received.confirmed.at, received.fingerprint)
        });
        received
    }
}

impl CacheValue for Entry {
    fn weight_bytes(&self) -> usize {
        let state = self.0.state.read();
        let bodies = state.views.representations();
        ENTRY_BYTES
            + self.0.path.len()
            + bodies.iter().map(|body| body.weight_bytes()).sum::<usize>()
            + state.confirmations.len() * CONFIRMATION_BYTES
            + state.revocations.len() * REVOCATION_BYTES
    }

    fn merge(stored: &Self, arriving: Self) -> Self {
        if !Arc::ptr_eq(&stored.0, &arriving.0) {
            // One lock at a time, so that two merges in opposite directions cannot lock each other out.
            let (difference, revocations) = {
                let state = arriving.0.state.read();
                (state.views.difference(), state.revocations.clone())
            };
            stored.0.state.write().views.learn(difference);
            for (fingerprint, at) in revocations.iter() {
                stored.revoke(fingerprint, at);
            }
            for received in arriving.received() {
                let standing = (received.confirmed.at, received.representation.digest());
                let known = stored.standing(received.fingerprint);
                if known.is_none_or(|known| known < standing) {
                    stored.absorb(received);
                }
            }
        }
        stored.clone()
    }
}

#[cfg(feature = "packed")]
impl Pack for Entry {
    fn packed(self, packing: &Packing) -> Self {
        // The lock is not held while zstd works; what has gone meanwhile is not there any more to be replaced.
        let plain = self.0.state.read().views.plain_bodies();
        for (digest, body) in plain {
            if let Some(packed) = body.packed(packing) {
                self.0.state.write().views.replace_plain(digest, &packed);
            }
        }
        self
    }
}

/// Milliseconds since the Unix epoch; times before it count as the epoch.
pub(crate) fn to_millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) fn from_millis(millis: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(millis)
}

/// The tag a caller's answer carries: the caller's own, spelled weak if GitHub's was.
pub(crate) fn spelled_like(own: &EntityTag, weak: bool) -> EntityTag {
    if weak { own.as_weak() } else { own.as_strong() }
}

#[cfg(test)]
mod tests;
