//! Gaps as they are kept.

use super::{RepositoryId, Store, StoreError, failed, read};
use crate::Timestamp;
use crate::gap::{Gap, GapReason};

impl Store {
    /// Where events of a repository may be missing, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn gaps(&self, id: RepositoryId) -> Result<Vec<Gap>, StoreError> {
        let failed = failed("list gaps");
        let rows = read!(self, pool => {
            let rows = sqlx::query_as::<_, (i64, i64, String, i64)>(
                "SELECT from_at, to_at, reason, missed_at_least FROM gaps WHERE repository = $1 ORDER BY to_at, from_at",
            );
            rows.bind(id.0).fetch_all(pool).await.map_err(failed)?
        });
        rows.into_iter()
            .map(|(from, to, reason, missed)| {
                let reason = GapReason::read(&reason);
                Ok(Gap {
                    from: Timestamp::from_seconds(from),
                    to: Timestamp::from_seconds(to),
                    reason: reason.ok_or(StoreError::Unreadable { what: "gap" })?,
                    events_missed_at_least: missed.cast_unsigned(),
                })
            })
            .collect()
    }
}
