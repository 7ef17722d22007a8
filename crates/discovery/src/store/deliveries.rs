//! Which runs are to be handed to the job library now.
//!
//! The runs are the truth, and the job library only carries their ids: a run whose delivery was lost is delivered again,
//! and one that was delivered twice is claimed once.

use std::time::Duration;

use uuid::Uuid;

use super::database::{Dialect, Statement, writing};
use super::{Store, StoreError};
use crate::moment::Moment;

impl Store {
    /// Takes runs that may be claimed now and were not delivered since, or so long ago that the delivery must be lost.
    pub(crate) async fn take_deliveries(
        &self,
        lost_after: Duration,
        limit: u32,
        now: Moment,
    ) -> Result<Vec<Uuid>, StoreError> {
        let skip = match self.database.dialect() {
            Dialect::Sqlite => "",
            Dialect::Postgres => " FOR UPDATE SKIP LOCKED",
        };
        let take = Statement::new(format!(
            "UPDATE runs SET delivered_at = $1 WHERE id IN (SELECT id FROM runs WHERE \
             ((state IN ('queued', 'waiting_quota') AND run_after <= $1 \
             AND (delivered_at IS NULL OR delivered_at < run_after OR delivered_at <= $2)) \
             OR (state = 'running' AND lease_until <= $1 \
             AND (delivered_at IS NULL OR delivered_at < lease_until OR delivered_at <= $2))) \
             ORDER BY run_after, id LIMIT $3{skip}) RETURNING id"
        ))
        .bind(now)
        .bind(now.before(lost_after))
        .bind(i64::from(limit));
        let rows = writing!(self.database, |transaction| {
            transaction.all(take.clone()).await
        })?;
        let id = |text: String| {
            Uuid::parse_str(&text).map_err(|_| StoreError::Unknown("the id of a run"))
        };
        rows.iter().map(|row| id(row.text("id")?)).collect()
    }
}
