//! Opening a file that other processes open at the same moment.

use std::time::Duration;

use sqlx::Sqlite;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::pool::{Pool, PoolOptions};
use sqlx::sqlite::SqliteConnectOptions;

const PAUSE: Duration = Duration::from_millis(10);
/// SQLite's `SQLITE_BUSY`, in the low byte of what it says.
const BUSY: u32 = 5;

/// One connection to a file, tried for as long as `patience` while somebody else makes it.
///
/// Turning to write-ahead logging takes the whole file, and SQLite does not wait for that as it waits for a lock.
///
/// # Errors
/// What SQLite says, and `SQLITE_BUSY` only after that time.
pub async fn writer(
    pool: PoolOptions<Sqlite>,
    file: &SqliteConnectOptions,
    patience: Duration,
) -> Result<Pool<Sqlite>, sqlx::Error> {
    let mut left = patience;
    loop {
        let pool = pool.clone().max_connections(1);
        match pool.connect_with(file.clone()).await {
            Err(error) if is_busy(&error) && !left.is_zero() => {
                tokio::time::sleep(PAUSE).await;
                left = left.saturating_sub(PAUSE);
            }
            done => return done,
        }
    }
}

/// Brings the tables up to date, one process at a time: in a file, migrations have no lock of their own.
///
/// # Errors
/// Those of the migrations.
pub async fn migrate(writer: &Pool<Sqlite>, migrator: &Migrator) -> Result<(), MigrateError> {
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
    migrator.run(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(())
}

fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.and_then(|code| code.parse::<u32>().ok())
        .is_some_and(|code| code & 0xff == BUSY)
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use sqlx::sqlite::SqliteJournalMode;

    use super::*;

    #[tokio::test]
    async fn a_new_file_may_be_opened_by_several_at_once() {
        let folder = tempfile::tempdir().unwrap();
        for round in 0..20 {
            let options = SqliteConnectOptions::new()
                .filename(folder.path().join(format!("{round}.db")))
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal);
            // Each has a thread of its own.
            let opening =
                (0..6).map(|_| writer(PoolOptions::new(), &options, Duration::from_secs(60)));
            for opened in join_all(opening).await {
                opened.unwrap();
            }
        }
    }

    #[tokio::test]
    async fn what_is_no_file_is_said_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteConnectOptions::new().filename(folder.path());
        let patience = Duration::MAX;
        assert!(
            writer(PoolOptions::new(), &options, patience)
                .await
                .is_err()
        );
    }
}
