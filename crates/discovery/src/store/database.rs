//! One way of talking to both databases: SQLite and PostgreSQL read the same SQL here, with `$1` for values.
//!
//! Only this module knows which of the two it is; the exceptions ask [`Database::dialect`].

use std::time::Duration;

use service_database::{Address, file};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgArguments, PgPool, PgRow};
use sqlx::query::Query;
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, Postgres, Row as _, SqlSafeStr as _, Sqlite};

use super::StoreError;
use super::conflicts::{Next, after_conflict};
use crate::chance::chance;

const SQLITE_TABLES: &str = include_str!("../../migrations/sqlite/1_tables.sql");
const POSTGRES_TABLES: &str = include_str!("../../migrations/postgres/1_tables.sql");
const SQLITE_TAKEOVERS: &str = include_str!("../../migrations/sqlite/3_takeovers.sql");
const POSTGRES_TAKEOVERS: &str = include_str!("../../migrations/postgres/3_takeovers.sql");
const SQLITE_CRAWL: &str = include_str!("../../migrations/sqlite/2_crawl.sql");
const SQLITE_AGES: &str = include_str!("../../migrations/sqlite/4_ages.sql");
const POSTGRES_AGES: &str = include_str!("../../migrations/postgres/4_ages.sql");
const POSTGRES_CRAWL: &str = include_str!("../../migrations/postgres/2_crawl.sql");

/// Another writer of the same file may hold it this long.
const BUSY: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

/// A SQLite file has many readers and one writer.
#[derive(Clone, Debug)]
pub(crate) enum Database {
    Sqlite { read: SqlitePool, write: SqlitePool },
    Postgres(PgPool),
}

/// A value in a statement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Integer(Option<i64>),
    Text(Option<String>),
    Bool(Option<bool>),
    Bytes(Vec<u8>),
}

macro_rules! value_from {
    ($($type:ty => |$value:ident| $into:expr;)*) => {
        $(impl From<$type> for Value {
            fn from($value: $type) -> Self {
                $into
            }
        })*
    };
}

value_from! {
    i64 => |value| Self::Integer(Some(value));
    Option<i64> => |value| Self::Integer(value);
    String => |value| Self::Text(Some(value));
    &str => |value| Self::Text(Some(value.to_owned()));
    Option<String> => |value| Self::Text(value);
    &Option<String> => |value| Self::Text(value.clone());
    bool => |value| Self::Bool(Some(value));
    Vec<u8> => |value| Self::Bytes(value);
    Option<bool> => |value| Self::Bool(value);
    crate::moment::Moment => |value| Self::Integer(Some(value.milliseconds()));
    Option<crate::moment::Moment> => |value| Self::Integer(value.map(crate::moment::Moment::milliseconds));
}

/// SQL and its values. What is dynamic in the text comes from this crate; what comes from outside is a value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Statement {
    sql: String,
    values: Vec<Value>,
}

impl Statement {
    pub(crate) fn new(sql: impl Into<String>) -> Self {
        Self {
            sql: sql.into(),
            values: Vec::new(),
        }
    }

    /// The next value: `$1`, `$2`, ...
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    pub(crate) fn push(&mut self, sql: &str) {
        self.sql.push_str(sql);
    }

    /// Adds a value and its place in the text.
    pub(crate) fn push_value(&mut self, value: impl Into<Value>) {
        use std::fmt::Write as _;
        self.values.push(value.into());
        // Writing to a string cannot fail.
        let _ = write!(self.sql, "${}", self.values.len());
    }

    /// `(1, 2, 3)`; numbers are safe in the text, and any number of them may be asked for.
    pub(crate) fn push_ids(&mut self, ids: &[i64]) {
        let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
        self.sql.push('(');
        self.sql.push_str(if ids.is_empty() { "NULL" } else { "" });
        self.sql.push_str(&ids.join(","));
        self.sql.push(')');
    }

    pub(crate) fn sql(&self) -> &str {
        &self.sql
    }

    pub(crate) fn values(&self) -> &[Value] {
        &self.values
    }

    fn sqlite(self, reuse: Reuse) -> Query<'static, Sqlite, SqliteArguments> {
        let mut query = sqlx::query(AssertSqlSafe(self.sql)).persistent(reuse == Reuse::Yes);
        for value in self.values {
            query = match value {
                Value::Integer(value) => query.bind(value),
                Value::Text(value) => query.bind(value),
                Value::Bool(value) => query.bind(value),
                Value::Bytes(value) => query.bind(value),
            };
        }
        query
    }

    fn postgres(self, reuse: Reuse) -> Query<'static, Postgres, PgArguments> {
        let mut query = sqlx::query(AssertSqlSafe(self.sql)).persistent(reuse == Reuse::Yes);
        for value in self.values {
            query = match value {
                Value::Integer(value) => query.bind(value),
                // A byte that PostgreSQL's text cannot hold.
                Value::Text(value) => query.bind(value.map(|text| text.replace('\0', ""))),
                Value::Bool(value) => query.bind(value),
                Value::Bytes(value) => query.bind(value),
            };
        }
        query
    }

    /// Lists of ids make texts that never come again: they would push out the plans that do.
    fn reuse(&self) -> Reuse {
        if self.sql.len() > 4_096 {
            Reuse::No
        } else {
            Reuse::Yes
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reuse {
    Yes,
    No,
}

/// One row of either database, read by the names of its columns.
#[derive(Debug)]
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

macro_rules! read {
    ($($name:ident: $type:ty;)*) => {
        $(pub(crate) fn $name(&self, column: &str) -> Result<$type, StoreError> {
            match self {
                Self::Sqlite(row) => row.try_get(column),
                Self::Postgres(row) => row.try_get(column),
            }
            .map_err(StoreError::Query)
        })*
    };
}

impl Row {
    read! {
        integer: i64;
        maybe_integer: Option<i64>;
        text: String;
        maybe_text: Option<String>;
        maybe_bool: Option<bool>;
        bytes: Vec<u8>;
    }

    pub(crate) fn moment(&self, column: &str) -> Result<crate::moment::Moment, StoreError> {
        self.integer(column)
            .map(crate::moment::Moment::from_milliseconds)
    }

    pub(crate) fn maybe_moment(
        &self,
        column: &str,
    ) -> Result<Option<crate::moment::Moment>, StoreError> {
        let value = self.maybe_integer(column)?;
        Ok(value.map(crate::moment::Moment::from_milliseconds))
    }
}

/// Writes in one transaction: all of it happens, or nothing. In PostgreSQL two writers may stand in each other's way, and
/// one of them is sent back: it begins anew, so the block must be fit to be run again. A macro, because the future of an
/// async closure that borrows cannot be shown to be `Send`.
macro_rules! writing {
    ($database:expr, |$transaction:ident| $work:block) => {{
        let mut attempt = 1;
        loop {
            let mut begun = match $database.begin().await {
                Ok(begun) => begun,
                Err(error) => break Err(error),
            };
            let $transaction = &mut begun;
            let worked = async { $work }.await;
            match begun.end(worked, attempt).await {
                $crate::store::database::Written::Ended(ended) => break ended,
                $crate::store::database::Written::SentBack => attempt += 1,
            }
        }
    }};
}
pub(crate) use writing;

impl Database {
    pub(crate) async fn open(address: &Address, max_connections: u32) -> Result<Self, StoreError> {
        let database = match address {
            Address::File(path) => {
                let options = SqliteConnectOptions::new()
                    .filename(path)
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Normal)
                    .foreign_keys(true)
                    .busy_timeout(BUSY)
                    .pragma("mmap_size", "268435456")
                    .pragma("cache_size", "-32768");
                let unopened = |source| StoreError::Open {
                    what: path.display().to_string(),
                    source,
                };
                let write = file::writer(PoolOptions::new(), &options, BUSY)
                    .await
                    .map_err(unopened)?;
                let read = PoolOptions::new()
                    .max_connections(max_connections)
                    .connect_with(options)
                    .await
                    .map_err(unopened)?;
                Self::Sqlite { read, write }
            }
            Address::Server(options) => {
                let pool = PoolOptions::new()
                    .max_connections(max_connections)
                    .connect_with((**options).clone().application_name("github-discovery"))
                    .await
                    .map_err(|source| StoreError::Open {
                        what: format!("the database at {}", options.get_host()),
                        source,
                    })?;
                Self::Postgres(pool)
            }
        };
        database.migrate().await?;
        Ok(database)
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        let steps = match self.dialect() {
            Dialect::Sqlite => [
                (1, "tables", SQLITE_TABLES),
                (2, "crawl", SQLITE_CRAWL),
                (3, "takeovers", SQLITE_TAKEOVERS),
                (4, "ages", SQLITE_AGES),
            ],
            Dialect::Postgres => [
                (1, "tables", POSTGRES_TABLES),
                (2, "crawl", POSTGRES_CRAWL),
                (3, "takeovers", POSTGRES_TAKEOVERS),
                (4, "ages", POSTGRES_AGES),
            ],
        };
        let steps = steps.into_iter().map(|(version, name, sql)| {
            let sql = sql.into_sql_str();
            Migration::new(version, name.into(), MigrationType::Simple, sql, false)
        });
        let mut migrator = Migrator::with_migrations(steps.collect());
        // The jobs' tables in the same database have a history of their own.
        migrator.dangerous_set_table_name("discovery_migrations");
        match self {
            Self::Sqlite { write, .. } => file::migrate(write, &migrator).await,
            Self::Postgres(pool) => migrator.run(pool).await,
        }
        .map_err(StoreError::Migrate)
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite { .. } => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    pub(crate) async fn all(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        let reuse = statement.reuse();
        match self {
            Self::Sqlite { read, .. } => {
                let rows = statement.sqlite(reuse).fetch_all(read).await;
                rows.map(|rows| rows.into_iter().map(Row::Sqlite).collect())
            }
            Self::Postgres(pool) => {
                let rows = statement.postgres(reuse).fetch_all(pool).await;
                rows.map(|rows| rows.into_iter().map(Row::Postgres).collect())
            }
        }
        .map_err(StoreError::Query)
    }

    pub(crate) async fn first(&self, statement: Statement) -> Result<Option<Row>, StoreError> {
        Ok(self.all(statement).await?.into_iter().next())
    }

    /// Writes one statement, and tells how many rows it changed.
    pub(crate) async fn execute(&self, statement: &Statement) -> Result<u64, StoreError> {
        writing!(self, |transaction| {
            transaction.execute(statement.clone()).await
        })
    }

    /// For `writing`, which ends what it begins.
    pub(crate) async fn begin(&self) -> Result<Transaction, StoreError> {
        match self {
            // Taking the lock at once: a reader that becomes a writer may find that it cannot.
            Self::Sqlite { write, .. } => write
                .begin_with("BEGIN IMMEDIATE")
                .await
                .map(Transaction::Sqlite),
            Self::Postgres(pool) => pool.begin().await.map(Transaction::Postgres),
        }
        .map_err(StoreError::Query)
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// What became of a transaction.
pub(crate) enum Written<T> {
    Ended(Result<T, StoreError>),
    /// Another writer was in the way, and has had its turn.
    SentBack,
}

#[derive(Debug)]
pub(crate) enum Transaction {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

impl Transaction {
    pub(crate) async fn all(&mut self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        let reuse = statement.reuse();
        match self {
            Self::Sqlite(transaction) => {
                let rows = statement.sqlite(reuse).fetch_all(&mut **transaction).await;
                rows.map(|rows| rows.into_iter().map(Row::Sqlite).collect())
            }
            Self::Postgres(transaction) => {
                let rows = statement
                    .postgres(reuse)
                    .fetch_all(&mut **transaction)
                    .await;
                rows.map(|rows| rows.into_iter().map(Row::Postgres).collect())
            }
        }
        .map_err(StoreError::Query)
    }

    pub(crate) async fn first(&mut self, statement: Statement) -> Result<Option<Row>, StoreError> {
        Ok(self.all(statement).await?.into_iter().next())
    }

    /// How many rows it changed.
    pub(crate) async fn execute(&mut self, statement: Statement) -> Result<u64, StoreError> {
        let reuse = statement.reuse();
        match self {
            Self::Sqlite(transaction) => statement
                .sqlite(reuse)
                .execute(&mut **transaction)
                .await
                .map(|done| done.rows_affected()),
            Self::Postgres(transaction) => statement
                .postgres(reuse)
                .execute(&mut **transaction)
                .await
                .map(|done| done.rows_affected()),
        }
        .map_err(StoreError::Query)
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Adds to the exact totals and tells readers that something changed. Always last: in PostgreSQL writers wait for
    /// each other at these rows, and whoever waits must hold all else that it needs. Only ages come later: nobody takes
    /// their rows who does not hold these.
    pub(crate) async fn count(&mut self, changes: &[(&str, i64)]) -> Result<(), StoreError> {
        let mut changes: Vec<_> = changes.iter().filter(|(_, change)| *change != 0).collect();
        // In one order, so that two writers cannot wait for each other.
        changes.sort();
        for (name, change) in changes {
            let add = Statement::new("UPDATE counters SET value = value + $2 WHERE name = $1");
            self.execute(add.bind(*name).bind(*change)).await?;
        }
        let next =
            Statement::new("UPDATE counters SET value = value + 1 WHERE name = 'generation'");
        self.execute(next).await?;
        Ok(())
    }

    /// Commits what worked. What another writer was in the way of is given another attempt, after a moment.
    pub(crate) async fn end<T>(self, worked: Result<T, StoreError>, attempt: u32) -> Written<T> {
        let ended = match worked {
            Ok(value) => self.commit().await.map(|()| value),
            Err(error) => {
                // If even that fails, the connection is gone, and the transaction with it.
                let _ = self.roll_back().await;
                Err(error)
            }
        };
        match ended {
            Err(error) if error.is_conflict() => match after_conflict(attempt, chance()) {
                Next::Again { after } => {
                    tracing::debug!(%error, attempt, "another writer was in the way");
                    tokio::time::sleep(after).await;
                    Written::SentBack
                }
                Next::GiveUp => Written::Ended(Err(error)),
            },
            ended => Written::Ended(ended),
        }
    }

    async fn roll_back(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(transaction) => transaction.rollback().await,
            Self::Postgres(transaction) => transaction.rollback().await,
        }
        .map_err(StoreError::Query)
    }

    async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await,
            Self::Postgres(transaction) => transaction.commit().await,
        }
        .map_err(StoreError::Query)
    }
}
