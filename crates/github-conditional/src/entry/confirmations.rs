//! What is known of each caller of an entry.
//!
//! Most entries have one caller or a few, and there are as many maps as entries: so this is a sorted list, and one
//! caller stands in the entry itself. Even the most callers that an entry keeps are a dozen comparisons.

use std::sync::Arc;

use smallvec::SmallVec;

use super::Confirmation;
use crate::fingerprint::Fingerprint;

/// Callers of one entry that are remembered; beyond it the longest unconfirmed are forgotten.
const MAX_CONFIRMATIONS: usize = 4096;

/// One confirmation for each caller, in the order of their fingerprints.
#[derive(Debug, Default)]
pub(super) struct Confirmations(SmallVec<[(Fingerprint, Arc<Confirmation>); 1]>);

impl Confirmations {
    /// Without any, but with room for so many.
    pub(super) fn with_capacity(callers: usize) -> Self {
        Self(SmallVec::with_capacity(callers))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, caller: &Fingerprint) -> Option<&Arc<Confirmation>> {
        let at = self.find(caller).ok()?;
        Some(&self.0[at].1)
    }

    pub(super) fn insert(&mut self, caller: Fingerprint, confirmation: Arc<Confirmation>) {
        match self.find(&caller) {
            Ok(at) => self.0[at].1 = confirmation,
            Err(at) => self.0.insert(at, (caller, confirmation)),
        }
    }

    /// Adds a caller behind all others; `None` where the order, in which they are written, says otherwise.
    pub(super) fn push(
        &mut self,
        caller: Fingerprint,
        confirmation: Arc<Confirmation>,
    ) -> Option<()> {
        let behind = self.0.last().is_none_or(|(last, _)| *last < caller);
        behind.then(|| self.0.push((caller, confirmation)))
    }

    pub(super) fn remove(&mut self, caller: &Fingerprint) {
        if let Ok(at) = self.find(caller) {
            self.0.remove(at);
        }
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&Fingerprint, &Arc<Confirmation>) -> bool) {
        self.0.retain(|(caller, known)| keep(caller, known));
    }

    /// Forgets the longest unconfirmed callers when there are too many of them.
    pub(super) fn prune(&mut self) {
        if self.len() <= MAX_CONFIRMATIONS {
            return;
        }
        // An eighth at a time, so that a stream of new callers does not sort the list for each of them.
        // The fingerprint decides between equal times, so that a burst of newcomers is not forgotten as a whole.
        let order = |caller: &Fingerprint, known: &Confirmation| (known.validated_at(), *caller);
        let mut all: Vec<_> = self
            .iter()
            .map(|(caller, known)| order(caller, known))
            .collect();
        let (_, first_kept, _) = all.select_nth_unstable(MAX_CONFIRMATIONS / 8);
        let first_kept = *first_kept;
        self.retain(|caller, known| order(caller, known) >= first_kept);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Fingerprint, &Arc<Confirmation>)> {
        self.0.iter().map(|(caller, known)| (caller, known))
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Arc<Confirmation>> {
        self.0.iter().map(|(_, known)| known)
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut Arc<Confirmation>> {
        self.0.iter_mut().map(|(_, known)| known)
    }

    fn find(&self, caller: &Fingerprint) -> Result<usize, usize> {
        self.0.binary_search_by_key(caller, |(known, _)| *known)
    }
}
