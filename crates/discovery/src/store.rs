//! What is known, in one SQLite file or in PostgreSQL.
//!
//! GitHub's numeric ids are the keys, so a rename changes a column and nothing else. Every method is one
//! transaction: after a crash it happened or it did not. All of them take `now`.
//!
//! | module | what it is responsible for |
//! |---|---|
//! | `database` | one way of talking to both databases |
//! | `conflicts` | when a write begins anew that another was in the way of |
//! | `developers`, `repositories` | who and what is known, by GitHub's ids; when each is due |
//! | `edges` | who follows, stars and owns what; passes that close what is gone |
//! | `others` | whole lists of edges' other ends |
//! | `gaps` | what can never match, and why |
//! | `runs` | the tasks: queued, cancelled, listed |
//! | `claims` | who works on a task, and how it ends |
//! | `rates` | what GitHub said about each token's quota |
//! | `lists` | pages of what is served, and exact totals |
//! | `ages` | how many rows are how old, and where a page in the middle of a list begins |
//! | `dump` | everything, piece by piece |
//! | `users` | who may use the API |
//! | `picks` | who is synced next |
//! | `owned` | the repositories of one owner, one after the other |
//! | `deliveries` | which runs are handed to the job library |
//! | `windows` | units of quota, taken before they are spent |
//! | `entries` | GitHub's answers, for conditional requests |

use std::fmt;

use service_database::{Address, NoAddress};

mod ages;
mod claims;
mod conflicts;
mod database;
mod deliveries;
mod developers;
mod dump;
mod edges;
mod entries;
mod gaps;
mod lists;
mod others;
mod owned;
mod picks;
mod rates;
mod repositories;
mod runs;
mod schedule;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod users;
mod windows;

pub(crate) use claims::RunEnd;
pub(crate) use database::{Database, Dialect, Row, Statement, Value};
pub(crate) use developers::{
    Candidate, Developer, DeveloperDetail, DeveloperRecord, Known, SyncMark, SyncState, Upserted,
};
pub(crate) use dump::NamedEdge;
pub(crate) use edges::{Anchor, EdgeKind, Pass, PassEnd, PassResult, Side};
pub(crate) use entries::Entries;
pub(crate) use gaps::{Gap, Relation, Subject};
pub(crate) use lists::Totals;
pub(crate) use others::Others;
pub(crate) use owned::Owned;
pub(crate) use rates::{Rate, RateSum};
pub(crate) use repositories::{Repository, RepositoryFlags, RepositoryRecord};
pub(crate) use runs::{Cost, Finish, NewRun, Progress, Queued, Run, RunState, RunTarget, TaskName};
pub(crate) use schedule::Turn;
pub(crate) use users::Added;
pub(crate) use windows::{Charge, Reserved, Said, Settled};

/// Why the store could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The address names no database.
    #[error("the database's address is wrong")]
    Address(#[from] NoAddress),
    /// It is not there, or lets nobody in.
    #[error("failed to open {what}")]
    Open {
        what: String,
        #[source]
        source: sqlx::Error,
    },
    /// The tables could not be brought up to date.
    #[error("failed to bring the database's tables up to date")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// A statement failed.
    #[error("failed to use the database")]
    Query(#[source] sqlx::Error),
    /// Another writer changed it meanwhile.
    #[error("another writer changed it meanwhile")]
    Overtaken,
    /// Something there was not written by this program.
    #[error("the database holds a value that is not known: {0}")]
    Unknown(&'static str),
}

impl StoreError {
    /// Two writers stood in each other's way; the same transaction may succeed now.
    fn is_conflict(&self) -> bool {
        match self {
            Self::Overtaken => true,
            // PostgreSQL's serialization failure and deadlock. SQLite has one writer, and whoever found it busy has
            // waited long enough.
            Self::Query(sqlx::Error::Database(error)) => {
                matches!(error.code().as_deref(), Some("40001" | "40P01"))
            }
            Self::Address(_) | Self::Open { .. } | Self::Migrate(_) => false,
            Self::Query(_) | Self::Unknown(_) => false,
        }
    }
}

/// What is known. Clones share it.
#[derive(Clone)]
pub struct Store {
    pub(crate) database: Database,
}

impl Store {
    /// Opens `sqlite:///abs/path`, a plain path or `postgres://...`, and brings its tables up to date.
    ///
    /// # Errors
    /// When the address is wrong, or what it names cannot be used.
    pub async fn open(url: &str, max_connections: u32) -> Result<Self, StoreError> {
        let location = Address::parse(url)?;
        let database = Database::open(&location, max_connections).await?;
        Ok(Self { database })
    }

    /// Ends its connections; a SQLite file is left as one file.
    pub async fn close(&self) {
        self.database.close().await;
    }

    /// Whether the database answers.
    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        self.database.all(Statement::new("SELECT 1")).await?;
        Ok(())
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("dialect", &self.database.dialect())
            .finish_non_exhaustive()
    }
}

/// Enums that are stored as words.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum $name { $($(#[$doc])* $variant),+ }

        impl $name {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            pub(crate) fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == word)
            }
        }
    };
}
pub(crate) use words;
