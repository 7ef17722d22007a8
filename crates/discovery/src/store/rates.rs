//! What GitHub last said about each token's quota. Tokens are named by a hash; none is stored.

use super::database::{Row, Statement};
use super::{Store, StoreError};
use crate::moment::Moment;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    /// A hash that names the token without giving it away; `anonymous` where there is none.
    pub(crate) token: String,
    /// What may be shown of it.
    pub(crate) masked: String,
    pub(crate) limit: i64,
    pub(crate) remaining: i64,
    pub(crate) reset_at: Moment,
    /// A secondary limit holds until then.
    pub(crate) blocked_until: Option<Moment>,
    pub(crate) seen_at: Moment,
}

/// All tokens together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RateSum {
    pub(crate) limit: i64,
    pub(crate) remaining: i64,
    /// The earliest.
    pub(crate) reset_at: Moment,
}

impl Store {
    /// Writes what GitHub said; what was said earlier never replaces what was said later.
    pub(crate) async fn record_rate(&self, rate: &Rate) -> Result<(), StoreError> {
        let upsert = Statement::new(
            "INSERT INTO rates (token, masked, rate_limit, rate_remaining, reset_at, blocked_until, seen_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (token) DO UPDATE SET \
             masked = excluded.masked, rate_limit = excluded.rate_limit, rate_remaining = excluded.rate_remaining, \
             reset_at = excluded.reset_at, blocked_until = excluded.blocked_until, seen_at = excluded.seen_at \
             WHERE rates.seen_at <= excluded.seen_at",
        )
        .bind(rate.token.as_str())
        .bind(rate.masked.as_str())
        .bind(rate.limit)
        .bind(rate.remaining)
        .bind(rate.reset_at)
        .bind(rate.blocked_until)
        .bind(rate.seen_at);
        self.database.execute(&upsert).await?;
        Ok(())
    }

    pub(crate) async fn rates(&self) -> Result<Vec<Rate>, StoreError> {
        let select = Statement::new("SELECT * FROM rates ORDER BY token");
        let rows = self.database.all(select).await?;
        rows.iter().map(rate).collect()
    }

    /// `None` before GitHub said anything.
    pub(crate) async fn rate_sum(&self) -> Result<Option<RateSum>, StoreError> {
        let rates = self.rates().await?;
        let Some(reset_at) = rates.iter().map(|rate| rate.reset_at).min() else {
            return Ok(None);
        };
        Ok(Some(RateSum {
            limit: rates.iter().map(|rate| rate.limit).sum(),
            remaining: rates.iter().map(|rate| rate.remaining).sum(),
            reset_at,
        }))
    }
}

fn rate(row: &Row) -> Result<Rate, StoreError> {
    Ok(Rate {
        token: row.text("token")?,
        masked: row.text("masked")?,
        limit: row.integer("rate_limit")?,
        remaining: row.integer("rate_remaining")?,
        reset_at: row.moment("reset_at")?,
        blocked_until: row.maybe_moment("blocked_until")?,
        seen_at: row.moment("seen_at")?,
    })
}
