//! apalis on the database that the runs are in.

use std::time::Duration;

use apalis_core::backend::{TaskSink, Vacuum};
use apalis_postgres::PostgresStorage;
use apalis_sqlite::SqliteStorage;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::pool::PoolOptions;
use sqlx::sqlite::SqlitePool;
use uuid::Uuid;

use crate::store::{Database, Store};

/// The name of the queue in apalis' tables.
const QUEUE: &str = "github-discovery";
/// One to fetch and acknowledge with, one to deliver with.
const CONNECTIONS: u32 = 2;

/// What travels: the id of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Delivery {
    run: String,
}

impl Delivery {
    /// `None` = nothing of ours.
    pub(crate) fn run(&self) -> Option<Uuid> {
        Uuid::parse_str(&self.run).ok()
    }
}

/// Why there is no queue.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobsProblem {
    /// The database lets nobody in.
    #[error("failed to open the job queue")]
    Open(#[source] sqlx::Error),
    /// Its tables could not be brought up to date. PostgreSQL needs the extension `hstore`.
    #[error("failed to bring the job queue's tables up to date")]
    Migrate(#[source] sqlx::migrate::MigrateError),
}

/// A delivery that could not be handed over.
#[derive(Debug, thiserror::Error)]
#[error("the job queue does not take a delivery")]
pub(crate) struct NotDelivered(#[source] Box<dyn std::error::Error + Send + Sync>);

/// The queue.
#[derive(Clone)]
pub(crate) enum Queue {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Queue {
    /// Opens the queue beside the runs, and brings its tables up to date.
    pub(crate) async fn open(store: &Store) -> Result<Self, JobsProblem> {
        match &store.database {
            Database::Sqlite { write, .. } => {
                let options = write.connect_options().as_ref().clone();
                let pool = PoolOptions::new()
                    .max_connections(CONNECTIONS)
                    .connect_with(options)
                    .await
                    .map_err(JobsProblem::Open)?;
                let mut tables = SqliteStorage::<()>::migrations();
                // Several histories in one file.
                tables.dangerous_set_table_name("apalis_migrations");
                tables.run(&pool).await.map_err(JobsProblem::Migrate)?;
                Ok(Self::Sqlite(pool))
            }
            Database::Postgres(pool) => {
                let options = pool.connect_options().as_ref().clone();
                let pool = PoolOptions::new()
                    .max_connections(CONNECTIONS)
                    .connect_with(options)
                    .await
                    .map_err(JobsProblem::Open)?;
                PostgresStorage::<()>::migrations()
                    .run(&pool)
                    .await
                    .map_err(JobsProblem::Migrate)?;
                Ok(Self::Postgres(pool))
            }
        }
    }

    pub(crate) async fn deliver(&self, run: Uuid) -> Result<(), NotDelivered> {
        let delivery = Delivery {
            run: run.to_string(),
        };
        match self {
            Self::Sqlite(pool) => {
                let pushed = sqlite(pool, Duration::from_secs(1)).push(delivery).await;
                pushed.map_err(|error| NotDelivered(error.into()))
            }
            Self::Postgres(pool) => {
                let pushed = postgres(pool, Duration::from_secs(1)).push(delivery).await;
                pushed.map_err(|error| NotDelivered(error.into()))
            }
        }
    }

    /// Forgets deliveries that were worked off.
    pub(crate) async fn tidy(&self) -> Result<usize, NotDelivered> {
        match self {
            Self::Sqlite(pool) => {
                let tidied = sqlite(pool, Duration::from_secs(1)).vacuum().await;
                tidied.map_err(|error| NotDelivered(error.into()))
            }
            Self::Postgres(pool) => {
                // The library has no vacuum for PostgreSQL.
                let delete =
                    sqlx::query("DELETE FROM apalis.jobs WHERE job_type = $1 AND status = 'Done'");
                let tidied = delete.bind(QUEUE).execute(pool).await;
                let tidied = tidied.map_err(|error| NotDelivered(error.into()))?;
                Ok(usize::try_from(tidied.rows_affected()).unwrap_or(usize::MAX))
            }
        }
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// A worker that gives no sign of life for three heartbeats is dead: what it had fetched is delivered to others.
const MISSED_HEARTBEATS: usize = 3;

pub(crate) fn sqlite(pool: &SqlitePool, heartbeat: Duration) -> SqliteStorage<Delivery> {
    SqliteStorage::new(pool).with_config(
        apalis_sqlite::Config::default()
            .queue(QUEUE)
            .batch_size(1)
            .heartbeat_interval(heartbeat)
            .missed_heartbeats(MISSED_HEARTBEATS),
    )
}

pub(crate) fn postgres(pool: &PgPool, heartbeat: Duration) -> PostgresStorage<Delivery> {
    PostgresStorage::new(pool).with_config(
        apalis_postgres::Config::default()
            .queue(QUEUE)
            .batch_size(1)
            .heartbeat_interval(heartbeat)
            .missed_heartbeats(MISSED_HEARTBEATS),
    )
}
