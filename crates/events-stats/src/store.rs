//! What outlives the process: repositories, their events, the state of their polls; in SQLite or PostgreSQL.
//!
//! A file of SQLite is the default: one process polls, others may read. Several processes that share the work share a
//! PostgreSQL database. Statements are the same for both, so each is written once, and run through `read!` or `write!`.

mod announcement;
mod delivery;
mod event;
mod gap;
mod lease;
mod poll;
mod repository;
mod watching;

use std::path::PathBuf;
use std::time::Duration;

use service_database::file;
use sqlx::migrate::MigrateError;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{PgPool, SqlitePool};

pub(crate) use announcement::{Announcement, KEPT as ANNOUNCEMENTS_KEPT, Stretch, Tidings};
pub(crate) use delivery::Delivery;
pub use event::{EventFilter, EventPage};
pub(crate) use lease::{LeaseClock, LeaseTerms};
pub(crate) use poll::{Begun, Kept, News, PollRequest, Requested, Started};
pub use repository::{Repository, RepositoryId, Standing};
use service_database::{Address, NoAddress};
pub use watching::{Activation, Added, Adding, NewRepository, Novelty};

/// How a store works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreOptions {
    /// Connections to the database at most, all uses together.
    pub max_connections: u32,
    /// How long an operation waits for a connection, or for another process that writes to the same file.
    pub wait: Duration,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            max_connections: 8,
            wait: Duration::from_secs(10),
        }
    }
}

/// Part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Counted from 1.
    pub number: u32,
    /// Elements of a page.
    pub size: u32,
}

impl Page {
    fn limit(self) -> i64 {
        i64::from(self.size)
    }

    fn offset(self) -> i64 {
        i64::from(self.number.saturating_sub(1)) * i64::from(self.size)
    }
}

/// What went wrong with the database.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// It is no address of a database.
    #[error("DATABASE_URL: {0}")]
    Address(#[from] NoAddress),
    /// The database cannot be opened.
    #[error("cannot open the database {at}")]
    Open {
        /// The file, or host and database; no password.
        at: String,
        /// Why.
        source: sqlx::Error,
    },
    /// Its tables cannot be brought up to date.
    #[error("cannot prepare the tables of the database {at}")]
    Migrate {
        /// The file, or host and database; no password.
        at: String,
        /// Why.
        source: MigrateError,
    },
    /// An operation failed.
    #[error("the database failed to {doing}")]
    Failed {
        /// `list repositories`, ...
        doing: &'static str,
        /// Why.
        source: sqlx::Error,
    },
    /// Something stored has a form that this version does not write.
    #[error("the database holds a {what} that cannot be read")]
    Unreadable {
        /// `repository name`, ...
        what: &'static str,
    },
}

/// Names an operation in the error of its statements.
pub(crate) fn failed(doing: &'static str) -> impl Fn(sqlx::Error) -> StoreError + Copy {
    move |source| StoreError::Failed { doing, source }
}

/// Repositories, events and polls. Clones share connections.
#[derive(Clone, Debug)]
pub struct Store {
    pool: Pool,
}

#[derive(Clone, Debug)]
enum Pool {
    Sqlite(Files),
    Postgres(PgPool),
}

/// SQLite has one writer at a time: ours wait for each other here, and not in the file's lock.
#[derive(Clone, Debug)]
struct Files {
    path: PathBuf,
    writer: SqlitePool,
    readers: SqlitePool,
}

/// Which kind of database it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// A file: one process polls.
    File(PathBuf),
    /// A server: processes divide the repositories among them.
    Server,
}

/// Runs statements that change nothing.
macro_rules! read {
    ($store:expr, $pool:ident => $body:expr) => {
        match &$store.pool {
            crate::store::Pool::Sqlite(files) => {
                let $pool = &files.readers;
                $body
            }
            crate::store::Pool::Postgres($pool) => $body,
        }
    };
}

/// Runs statements of one transaction, and commits it. Left early, it changes nothing.
macro_rules! write {
    ($store:expr, $doing:literal, $transaction:ident => $body:expr) => {
        match &$store.pool {
            crate::store::Pool::Sqlite(files) => {
                let failed = crate::store::failed($doing);
                let begun = files.writer.begin_with("BEGIN IMMEDIATE").await;
                let mut $transaction = begun.map_err(failed)?;
                let answer = $body;
                $transaction.commit().await.map_err(failed)?;
                answer
            }
            crate::store::Pool::Postgres(pool) => {
                let failed = crate::store::failed($doing);
                let mut $transaction = pool.begin().await.map_err(failed)?;
                let answer = $body;
                $transaction.commit().await.map_err(failed)?;
                answer
            }
        }
    };
}

pub(crate) use {read, write};

impl Store {
    /// Opens a database, creates its file where there is none, and brings its tables up to date.
    ///
    /// # Errors
    /// Says what is wrong with the address, or why the database cannot be used.
    pub async fn open(address: &str, options: StoreOptions) -> Result<Self, StoreError> {
        match Address::parse(address)? {
            Address::File(path) => Self::open_file(path, options).await,
            Address::Server(server) => Self::open_server(&server, options).await,
        }
    }

    async fn open_file(path: PathBuf, options: StoreOptions) -> Result<Self, StoreError> {
        let at = path.display().to_string();
        let connect = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            // In WAL mode a commit survives the process in any case; after a power cut the newest may be missing, and
            // are then fetched again.
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(options.wait);
        let unopened = |source| StoreError::Open {
            at: at.clone(),
            source,
        };
        let pool = SqlitePoolOptions::new().acquire_timeout(options.wait);
        let writer = file::writer(pool.clone(), &connect, options.wait)
            .await
            .map_err(unopened)?;
        file::migrate(&writer, &sqlx::migrate!("migrations/sqlite"))
            .await
            .map_err(|source| StoreError::Migrate {
                at: at.clone(),
                source,
            })?;
        let readers = pool
            .max_connections(options.max_connections.saturating_sub(1).max(1))
            .connect_with(connect)
            .await
            .map_err(unopened)?;
        Ok(Self {
            pool: Pool::Sqlite(Files {
                path,
                writer,
                readers,
            }),
        })
    }

    async fn open_server(
        server: &sqlx::postgres::PgConnectOptions,
        options: StoreOptions,
    ) -> Result<Self, StoreError> {
        let database = server.get_database().unwrap_or_default();
        let at = format!("{}:{}/{database}", server.get_host(), server.get_port());
        let pool = PgPoolOptions::new()
            .max_connections(options.max_connections)
            .acquire_timeout(options.wait)
            .connect_with(server.clone())
            .await
            .map_err(|source| StoreError::Open {
                at: at.clone(),
                source,
            })?;
        let migrated = sqlx::migrate!("migrations/postgres").run(&pool).await;
        migrated.map_err(|source| StoreError::Migrate { at, source })?;
        Ok(Self {
            pool: Pool::Postgres(pool),
        })
    }

    /// Which kind of database it is.
    pub(crate) fn sharing(&self) -> Sharing {
        match &self.pool {
            Pool::Sqlite(files) => Sharing::File(files.path.clone()),
            Pool::Postgres(_) => Sharing::Server,
        }
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let failed = failed("answer");
        read!(self, pool => sqlx::query("SELECT 1").execute(pool).await.map(drop).map_err(failed))
    }

    /// Ends all connections.
    pub async fn close(&self) {
        match &self.pool {
            Pool::Sqlite(files) => {
                files.readers.close().await;
                files.writer.close().await;
            }
            Pool::Postgres(pool) => pool.close().await,
        }
    }
}

/// Statements that may run in a transaction of either database, with values in the order of `$1`, `$2`, ...
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Number(i64),
    Text(String),
}

/// Binds values whose number is known only now.
macro_rules! bound {
    ($query:expr, $values:expr) => {{
        let mut query = $query;
        for value in $values {
            query = match value {
                crate::store::Value::Number(number) => query.bind(*number),
                crate::store::Value::Text(text) => query.bind(text.clone()),
            };
        }
        query
    }};
}

pub(crate) use bound;
