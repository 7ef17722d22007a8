//! Leases of repositories, where several processes share a database.
//!
//! A lease only divides the work. That nobody polls twice in an interval does not hang on it: the time of the next poll
//! is taken in one statement, and what an overtaken poll brings is not stored.

use std::time::Duration;

use super::{RepositoryId, Store, StoreError, failed, write};
use crate::Timestamp;
use crate::lease::Holder;
use crate::store::Pool;

/// How long a lease lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeaseTerms {
    /// A holder that is gone loses its repositories after this time.
    pub(crate) lasts: Duration,
    /// How often it is renewed.
    pub(crate) renewed_every: Duration,
}

impl Default for LeaseTerms {
    fn default() -> Self {
        Self {
            lasts: Duration::from_secs(30),
            renewed_every: Duration::from_secs(10),
        }
    }
}

/// By whose clock leases end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeaseClock {
    /// The database's: the processes' may differ.
    Database,
    /// One that is given.
    Given(Timestamp),
}

impl LeaseClock {
    pub(super) fn milliseconds(self) -> Option<i64> {
        match self {
            Self::Database => None,
            Self::Given(now) => Some(now.seconds().saturating_mul(1000)),
        }
    }
}

/// Milliseconds by the database's own clock.
const SERVER_CLOCK: &str = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)";
const FILE_CLOCK: &str = "SELECT CAST(unixepoch('subsec') * 1000 AS BIGINT)";

/// The given moment, or the database's.
macro_rules! clock {
    ($store:expr, $transaction:ident, $failed:ident, $given:expr) => {
        match $given {
            Some(given) => given,
            None => {
                let sql = $store.clock_statement();
                let row = sqlx::query_as::<_, (i64,)>(sql).fetch_one(&mut *$transaction);
                row.await.map_err($failed)?.0
            }
        }
    };
}

/// Whether somebody holds the lease of a repository.
macro_rules! held {
    ($store:expr, $transaction:ident, $failed:ident, $id:expr, $owner:expr, $given:expr) => {{
        let now = crate::store::lease::clock!($store, $transaction, $failed, $given);
        let row = sqlx::query_as::<_, (i64,)>(
            "SELECT until_ms FROM leases WHERE repository = $1 AND owner = $2 AND until_ms > $3",
        );
        let row = row
            .bind($id.0)
            .bind($owner)
            .bind(now)
            .fetch_optional(&mut *$transaction);
        row.await.map_err($failed)?.is_some()
    }};
}

pub(super) use {clock, held};

impl Store {
    pub(super) fn clock_statement(&self) -> &'static str {
        match &self.pool {
            Pool::Sqlite(_) => FILE_CLOCK,
            Pool::Postgres(_) => SERVER_CLOCK,
        }
    }

    /// Renews the leases that a holder has, and takes those of active repositories that nobody has; all that it has then.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn lease(
        &self,
        holder: &Holder,
        terms: LeaseTerms,
        clock: LeaseClock,
    ) -> Result<Vec<RepositoryId>, StoreError> {
        let failed = failed("renew leases");
        let lasts = i64::try_from(terms.lasts.as_millis()).unwrap_or(i64::MAX);
        let rows = write!(self, "renew leases", transaction => {
            if let Pool::Postgres(_) = &self.pool {
                let lock = sqlx::query("LOCK TABLE leases IN SHARE ROW EXCLUSIVE MODE");
                lock.execute(&mut *transaction).await.map_err(failed)?;
            }
            let now = clock!(self, transaction, failed, clock.milliseconds());
            let renew = sqlx::query(
                "UPDATE leases SET until_ms = $2 WHERE owner = $1 AND until_ms > $3 \
                 AND repository IN (SELECT id FROM repositories WHERE active)",
            );
            let renew = renew.bind(holder.as_str()).bind(now.saturating_add(lasts)).bind(now);
            renew.execute(&mut *transaction).await.map_err(failed)?;
            let take = sqlx::query(
                "INSERT INTO leases (repository, owner, until_ms) \
                 SELECT id, $1, $2 FROM repositories WHERE active \
                 ON CONFLICT (repository) DO UPDATE SET owner = excluded.owner, until_ms = excluded.until_ms \
                 WHERE leases.until_ms <= $3",
            );
            let take = take.bind(holder.as_str()).bind(now.saturating_add(lasts)).bind(now);
            take.execute(&mut *transaction).await.map_err(failed)?;
            let mine = sqlx::query_as::<_, (i64,)>(
                "SELECT repository FROM leases WHERE owner = $1 AND until_ms > $2 \
                 AND repository IN (SELECT id FROM repositories WHERE active) ORDER BY repository",
            );
            let mine = mine.bind(holder.as_str()).bind(now);
            mine.fetch_all(&mut *transaction).await.map_err(failed)?
        });
        Ok(rows.into_iter().map(|(id,)| RepositoryId(id)).collect())
    }

    /// Lets go of all leases, so that others need not wait until they end.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn release(&self, holder: &Holder) -> Result<(), StoreError> {
        let failed = failed("let go of leases");
        write!(self, "let go of leases", transaction => {
            let release = sqlx::query("DELETE FROM leases WHERE owner = $1").bind(holder.as_str());
            release.execute(&mut *transaction).await.map_err(failed)?;
        });
        Ok(())
    }
}
