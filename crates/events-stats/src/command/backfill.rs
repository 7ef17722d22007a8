//! Events of GH Archive into the store: of repositories that are watched, and of each file all or none.

use std::collections::HashMap;
use std::path::PathBuf;

use super::FileError;
use super::lines::each_event;
use crate::event::Event;
use crate::store::{Page, RepositoryId, Store, StoreError};

/// What a backfill came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Backfilled {
    /// Events in the files.
    pub read: u64,
    /// Of them, those of watched repositories.
    pub of_watched: u64,
    /// Of them, those that were not stored before.
    pub new: u64,
}

impl std::fmt::Display for Backfilled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            read,
            of_watched,
            new,
        } = self;
        write!(
            f,
            "{read} events read, {of_watched} of watched repositories, {new} of them new"
        )
    }
}

/// Why a backfill ended early. Files before the one that is named are stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum BackfillError {
    /// A file cannot be used; nothing of it is stored.
    #[error(transparent)]
    File(#[from] FileError),
    /// The database fails.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Which repository an event belongs to.
struct Watched {
    by_number: HashMap<u64, RepositoryId>,
    by_name: HashMap<String, RepositoryId>,
}

impl Watched {
    async fn read(store: &Store) -> Result<Self, StoreError> {
        let mut watched = Self {
            by_number: HashMap::new(),
            by_name: store.names().await?.into_iter().collect(),
        };
        for number in 1.. {
            let page = Page { number, size: 1000 };
            let (repositories, _) = store.repositories(page).await?;
            if repositories.is_empty() {
                break;
            }
            let numbered = repositories
                .iter()
                .filter_map(|one| Some((one.github_id?, one.id)));
            watched.by_number.extend(numbered);
        }
        Ok(watched)
    }

    /// The number is the identity; a name is only asked where the number says nothing.
    fn of(&self, event: &Event) -> Option<RepositoryId> {
        let numbered = self.by_number.get(&event.repository_id);
        let named = || self.by_name.get(&event.repository.to_ascii_lowercase());
        numbered.or_else(named).copied()
    }
}

/// Stores the events of these files.
///
/// # Errors
/// When a file is damaged, naming the line; or the database fails.
pub(crate) async fn backfill(
    store: &Store,
    files: &[PathBuf],
) -> Result<Backfilled, BackfillError> {
    let watched = Watched::read(store).await?;
    let mut all = Backfilled::default();
    for path in files {
        let mut found: HashMap<RepositoryId, Vec<Event>> = HashMap::new();
        let mut read = 0;
        each_event(path, |event| {
            read += 1;
            if let Some(id) = watched.of(&event) {
                found.entry(id).or_default().push(event);
            }
        })?;
        all.read += read;
        for (id, events) in found {
            all.of_watched += events.len() as u64;
            all.new += store.insert(id, &events).await?.len() as u64;
        }
    }
    Ok(all)
}
