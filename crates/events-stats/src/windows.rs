//! The windows of the repositories that this process polls, in memory: statistics are answered from here.
//!
//! They are built from the store and fed by the poller after it has stored what it found. Whatever else changes the
//! store, a backfill for instance, shows in the number of stored events, and the window is built anew.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::RwLock;

use crate::Timestamp;
use crate::event::Event;
use crate::gap::Gap;
use crate::rate::{NEWEST, Rate, Recent};
use crate::store::{Repository, RepositoryId, Store, StoreError};
use crate::window::{Extent, Window};

/// One repository's window, and what is known of its completeness.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The counted events.
    pub window: Window,
    /// Where events may be missing.
    pub gaps: Vec<Gap>,
    /// Since when all events are known, but for gaps.
    pub covered_from: Option<Timestamp>,
}

#[derive(Debug)]
struct Kept {
    watched: Watched,
    recent: Recent,
    /// Events in the store.
    stored: u64,
}

/// All windows of this process. Clones share them.
#[derive(Clone, Debug)]
pub struct Windows {
    extent: Extent,
    kept: Arc<RwLock<HashMap<RepositoryId, Kept>>>,
}

impl Windows {
    /// None yet; each will reach so far.
    pub fn new(extent: Extent) -> Self {
        Self {
            extent,
            kept: Arc::default(),
        }
    }

    /// How far they reach.
    pub fn extent(&self) -> Extent {
        self.extent
    }

    /// A repository's window; none where this process does not poll it: then the store has it.
    pub fn watched(&self, id: RepositoryId) -> Option<Watched> {
        let kept = self.kept.read();
        kept.get(&id).map(|kept| kept.watched.clone())
    }

    /// How often a repository has events.
    pub fn rate(&self, id: RepositoryId) -> Option<Rate> {
        self.kept.read().get(&id)?.recent.rate()
    }

    /// The same, as it will be with these events.
    pub(crate) fn rate_with(&self, id: RepositoryId, new: &[Event]) -> Option<Rate> {
        let kept = self.kept.read();
        let new = new.iter().map(|event| event.created_at);
        match kept.get(&id) {
            Some(kept) => kept.recent.with(new).rate(),
            None => Recent::of(new.collect()).rate(),
        }
    }

    /// Builds a repository's window from the store, unless it is there and the store has not changed.
    pub(crate) async fn load(
        &self,
        store: &Store,
        repository: &Repository,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let id = repository.id;
        let is_current = |kept: &Kept| kept.stored == repository.events_stored;
        if self.kept.read().get(&id).is_some_and(is_current) {
            return Ok(());
        }
        let moments = store.newest_moments(id, NEWEST).await?;
        let kept = Kept {
            watched: Watched {
                window: store.window(id, self.extent, now).await?,
                gaps: store.gaps(id).await?,
                covered_from: repository.covered_from,
            },
            recent: Recent::of(moments),
            stored: repository.events_stored,
        };
        self.kept.write().insert(id, kept);
        Ok(())
    }

    /// Lets go of all others.
    pub(crate) fn retain(&self, ids: &HashSet<RepositoryId>) {
        self.kept.write().retain(|id, _| ids.contains(id));
    }

    /// Takes what a poll has brought and stored.
    pub(crate) fn take(&self, id: RepositoryId, brought: &Brought<'_>, now: Timestamp) {
        let mut all = self.kept.write();
        let Some(kept) = all.get_mut(&id) else {
            return;
        };
        for event in &brought.events {
            let window = &mut kept.watched.window;
            window.insert(event.id, event.created_at, &event.kind, now);
        }
        let moments = brought.events.iter().map(|event| event.created_at);
        kept.recent = kept.recent.with(moments);
        kept.stored += brought.events.len() as u64;
        kept.watched.gaps.extend(brought.gap.cloned());
        let covered = kept.watched.covered_from.into_iter();
        kept.watched.covered_from = covered.chain(brought.covered_from).min();
    }
}

/// What a poll has brought.
#[derive(Debug)]
pub(crate) struct Brought<'a> {
    /// Events that were not stored before, oldest first.
    pub(crate) events: Vec<&'a Event>,
    pub(crate) gap: Option<&'a Gap>,
    pub(crate) covered_from: Option<Timestamp>,
}
