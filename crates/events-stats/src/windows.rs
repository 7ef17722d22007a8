//! The windows of the repositories that this process polls, in memory: statistics are answered from here.
//!
//! They are built from the store and fed by the poller after it has stored what it found. Whatever else changes the
//! store, a backfill for instance, shows in the number of stored events: then the store is read, and the window is built
//! anew before the next poll.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::RwLock;

use crate::Timestamp;
use crate::event::Event;
use crate::gap::Gap;
use crate::rate::{NEWEST, Rate, Recent};
use crate::store::{Repository, RepositoryId, Store, StoreError};
use crate::window::{Extent, Window};
use crate::windowed::Windowed;

/// One repository's window, and what is known of its completeness.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    /// The counted events.
    pub window: Window,
    /// Where events may be missing.
    pub gaps: Vec<Gap>,
    /// Since when all events are known, but for gaps.
    pub covered_from: Option<Timestamp>,
}

#[derive(Debug)]
struct Kept {
    /// Answers that are under way share it; it is copied only where it changes meanwhile.
    watched: Arc<Watched>,
    recent: Recent,
    /// Events in the store.
    stored: u64,
}

/// All windows of this process. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Windows {
    extent: Extent,
    kept: Arc<RwLock<HashMap<RepositoryId, Kept>>>,
}

impl Windows {
    /// None yet; each will reach so far.
    pub(crate) fn new(extent: Extent) -> Self {
        Self {
            extent,
            kept: Arc::default(),
        }
    }

    /// How far they reach.
    pub(crate) fn extent(&self) -> Extent {
        self.extent
    }

    /// A repository's window; none where this process does not poll it.
    #[cfg(test)]
    pub(crate) fn watched(&self, id: RepositoryId) -> Option<Arc<Watched>> {
        let kept = self.kept.read();
        kept.get(&id).map(|kept| Arc::clone(&kept.watched))
    }

    /// A repository's window as answers need it: from memory where it is there and of this extent, else from the store.
    pub(crate) async fn windowed(
        &self,
        store: &Store,
        repository: &Repository,
        extent: Extent,
        now: Timestamp,
    ) -> Result<Windowed, StoreError> {
        if extent == self.extent
            && let Some(watched) = self.as_of(repository, now)
        {
            return Ok(Windowed::of(&repository.full_name, watched, now));
        }
        Windowed::read(store, repository, extent, now).await
    }

    /// What is in memory without what has become too old; none where the store has more or less.
    fn as_of(&self, repository: &Repository, now: Timestamp) -> Option<Arc<Watched>> {
        let id = repository.id;
        let is_current = |kept: &Kept| kept.stored == repository.events_stored;
        {
            let all = self.kept.read();
            let kept = all.get(&id).filter(|kept| is_current(kept))?;
            if kept.watched.window.is_as_of(now) {
                return Some(Arc::clone(&kept.watched));
            }
        }
        let mut all = self.kept.write();
        let kept = all.get_mut(&id).filter(|kept| is_current(kept))?;
        Arc::make_mut(&mut kept.watched).window.expire(now);
        Some(Arc::clone(&kept.watched))
    }

    /// How often a repository has events.
    pub(crate) fn rate(&self, id: RepositoryId) -> Option<Rate> {
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
            watched: Arc::new(Watched {
                window: store.window(id, self.extent, now).await?,
                gaps: store.gaps(id).await?,
                covered_from: repository.covered_from,
            }),
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
        let watched = Arc::make_mut(&mut kept.watched);
        for event in &brought.events {
            let window = &mut watched.window;
            window.insert(event.id, event.created_at, &event.kind, now);
        }
        watched.gaps.extend(brought.gap.cloned());
        let covered = watched.covered_from.into_iter();
        watched.covered_from = covered.chain(brought.covered_from).min();
        let moments = brought.events.iter().map(|event| event.created_at);
        kept.recent = kept.recent.with(moments);
        kept.stored += brought.events.len() as u64;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::parse_event;
    use crate::store::{Adding, NewRepository, Standing, StoreOptions};
    use crate::{FullName, window::LimitedBy};

    const DAY: i64 = 86_400;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(100 * DAY + seconds)
    }

    fn event(id: u64, seconds: i64) -> Event {
        let created_at = at(seconds);
        parse_event(&format!(
            r#"{{"id":"{id}","type":"PushEvent","actor":{{"login":"a"}},"repo":{{"id":7,"name":"o/r"}},"created_at":"{created_at}"}}"#
        ))
        .unwrap()
    }

    async fn found(store: &Store) -> Repository {
        let name = FullName::parse("o/r").unwrap();
        store.repository(&name).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn answers_share_a_window_until_it_changes_and_never_see_a_former_one() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("events.db");
        let path = path.to_str().unwrap();
        let store = Store::open(path, StoreOptions::default()).await.unwrap();
        let new = NewRepository {
            full_name: FullName::parse("o/r").unwrap(),
            github_id: None,
            standing: Standing::Active,
        };
        let added = store.add(&[new], 5, at(0)).await.unwrap();
        assert!(matches!(added, Adding::Done(_)));
        let id = found(&store).await.id;
        let first = [event(1, 0), event(2, 60)];
        store.insert(id, &first).await.unwrap();
        let windows = Windows::new(Extent::default());
        let repository = found(&store).await;
        windows.load(&store, &repository, at(60)).await.unwrap();

        let held = windows.as_of(&repository, at(60)).unwrap();
        let again = windows.as_of(&repository, at(70)).unwrap();
        assert!(Arc::ptr_eq(&held, &again));

        // The poller takes what it has stored; who holds the window still has what it was given.
        let third = event(3, 80);
        store
            .insert(id, std::slice::from_ref(&third))
            .await
            .unwrap();
        let brought = Brought {
            events: vec![&third],
            gap: None,
            covered_from: Some(at(-30 * DAY)),
        };
        let newer = found(&store).await;
        // Between storing and taking, the store answers.
        assert!(windows.as_of(&newer, at(80)).is_none());
        let answer = windows.windowed(&store, &newer, Extent::default(), at(80));
        assert_eq!(answer.await.unwrap().report().events, 3);
        windows.take(id, &brought, at(80));
        assert_eq!(held.window.len(), 2);
        assert_eq!(windows.as_of(&newer, at(80)).unwrap().window.len(), 3);

        // What has become too old is not in an answer.
        let later = at(60 + 7 * DAY);
        let answer = windows.windowed(&store, &newer, Extent::default(), later);
        let report = answer.await.unwrap().report().clone();
        assert_eq!((report.events, report.limited_by), (1, LimitedBy::Age));
    }
}
