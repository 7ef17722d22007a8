//! Which webhook deliveries have been seen.

use super::{Store, StoreError, failed, write};
use crate::Timestamp;
use crate::store::Novelty;

/// Seconds after which GitHub repeats no delivery: it keeps them for three days, and some more for a late click.
const KEPT_SECONDS: i64 = 4 * 86_400;

/// GitHub's number of a delivery (`X-GitHub-Delivery`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delivery<'a>(pub(crate) &'a str);

impl Store {
    /// Remembers a delivery; whether it has come before.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn deliver(
        &self,
        delivery: Delivery<'_>,
        now: Timestamp,
    ) -> Result<Novelty, StoreError> {
        let failed = failed("remember a delivery");
        let inserted = write!(self, "remember a delivery", transaction => {
            let forget = sqlx::query("DELETE FROM deliveries WHERE received_at < $1");
            let forget = forget.bind(now.seconds().saturating_sub(KEPT_SECONDS));
            forget.execute(&mut *transaction).await.map_err(failed)?;
            let insert = sqlx::query(
                "INSERT INTO deliveries (id, received_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING",
            );
            let insert = insert.bind(delivery.0).bind(now.seconds());
            insert.execute(&mut *transaction).await.map_err(failed)?.rows_affected()
        });
        Ok(match inserted {
            0 => Novelty::Known,
            _ => Novelty::New,
        })
    }
}
