//! Units of each token's quota, taken before a request is sent and given back when it cost nothing.
//!
//! All workers take from the same row, so together they go neither below the threshold nor above the share.
//! A worker that dies with a request under way leaves its unit taken: too careful until the window ends, never too bold.

use std::time::Duration;

use super::database::{Dialect, Row, Statement, Transaction, writing};
use super::{Store, StoreError};
use crate::crawl::throttle::{Bucket, QuotaRules, Verdict, judge};
use crate::moment::Moment;

/// `x-ratelimit-reset` wavers by a second; a new window ends an hour later.
const SAME_WINDOW: Duration = Duration::from_secs(60);

/// What a request found when it asked for its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reserved {
    /// It has one.
    Taken,
    /// Nothing is known of a running window: it may start.
    Unknown,
    Refused(Verdict),
}

/// What an answer told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settled {
    pub(crate) reserved: Reserved,
    pub(crate) charge: Charge,
    pub(crate) said: Option<Said>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charge {
    OneUnit,
    Nothing,
}

/// GitHub's headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) limit: i64,
    pub(crate) remaining: i64,
    pub(crate) reset_at: Moment,
}

impl Store {
    /// What is known of each token's window.
    pub(crate) async fn buckets(&self) -> Result<Vec<(String, Bucket)>, StoreError> {
        let rows = self
            .database
            .all(Statement::new("SELECT * FROM windows"))
            .await?;
        rows.iter()
            .map(|row| Ok((row.text("token")?, bucket(row)?)))
            .collect()
    }

    /// Takes a unit, if the rules allow it.
    pub(crate) async fn reserve(
        &self,
        token: &str,
        rules: QuotaRules,
        now: Moment,
    ) -> Result<Reserved, StoreError> {
        writing!(self.database, |transaction| {
            let known = locked(transaction, token).await?;
            let verdict = judge(known.as_ref(), rules, now);
            let reserved = match (verdict, known) {
                (Verdict::Wait { .. }, _) => Reserved::Refused(verdict),
                (Verdict::Go, Some(bucket)) if bucket.resets_at > now => Reserved::Taken,
                (Verdict::Go, _) => Reserved::Unknown,
            };
            if reserved == Reserved::Taken {
                let take = Statement::new(
                    "UPDATE windows SET remaining = remaining - 1, used_here = used_here + 1 WHERE token = $1",
                );
                transaction.execute(take.bind(token)).await?;
            }
            Ok(reserved)
        })
    }

    /// Enters what an answer told.
    pub(crate) async fn settle(&self, token: &str, settled: &Settled) -> Result<(), StoreError> {
        writing!(self.database, |transaction| {
            let known = locked(transaction, token).await?;
            let Some(next) = entered(known, settled) else {
                return Ok(());
            };
            let upsert = Statement::new(
                "INSERT INTO windows (token, rate_limit, remaining, used_here, reset_at, blocked_until) \
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (token) DO UPDATE SET rate_limit = excluded.rate_limit, \
                 remaining = excluded.remaining, used_here = excluded.used_here, reset_at = excluded.reset_at, \
                 blocked_until = excluded.blocked_until",
            )
            .bind(token)
            .bind(signed(next.limit))
            .bind(signed(next.remaining))
            .bind(signed(next.used_here))
            .bind(next.resets_at)
            .bind(next.blocked_until);
            transaction.execute(upsert).await?;
            Ok(())
        })
    }

    /// A secondary limit was signalled: nobody asks with this token until then.
    pub(crate) async fn block(
        &self,
        token: &str,
        until: Moment,
        now: Moment,
    ) -> Result<(), StoreError> {
        let block = Statement::new(
            "INSERT INTO windows (token, rate_limit, remaining, used_here, reset_at, blocked_until) \
             VALUES ($1, 0, 0, 0, $3, $2) ON CONFLICT (token) DO UPDATE SET blocked_until = \
             CASE WHEN windows.blocked_until > excluded.blocked_until THEN windows.blocked_until \
             ELSE excluded.blocked_until END",
        );
        let block = block.bind(token).bind(until).bind(now);
        self.database.execute(&block).await?;
        Ok(())
    }
}

/// What is known after an answer (pure). `None` = no more than before.
fn entered(known: Option<Bucket>, settled: &Settled) -> Option<Bucket> {
    let taken = settled.reserved == Reserved::Taken;
    let cost = u64::from(settled.charge == Charge::OneUnit);
    let Some(said) = settled.said else {
        let mut bucket = known.filter(|_| taken && cost == 0)?;
        bucket.remaining += 1;
        bucket.used_here = bucket.used_here.saturating_sub(1);
        return Some(bucket);
    };
    let fresh = Bucket {
        limit: unsigned(said.limit),
        remaining: unsigned(said.remaining),
        used_here: cost,
        resets_at: said.reset_at,
        blocked_until: known.and_then(|bucket| bucket.blocked_until),
    };
    let Some(mut bucket) = known else {
        return Some(fresh);
    };
    if said.reset_at > bucket.resets_at.after(SAME_WINDOW) {
        return Some(fresh);
    }
    if bucket.resets_at > said.reset_at.after(SAME_WINDOW) {
        // An answer from a window that has been replaced.
        return None;
    }
    match (settled.reserved, settled.charge) {
        (Reserved::Taken, Charge::Nothing) => {
            bucket.remaining += 1;
            bucket.used_here = bucket.used_here.saturating_sub(1);
        }
        (Reserved::Unknown, Charge::OneUnit) => bucket.used_here += 1,
        (Reserved::Taken, Charge::OneUnit) | (_, _) => {}
    }
    // Others may use the token too; what is under way here has been taken off already.
    bucket.remaining = bucket.remaining.min(unsigned(said.remaining));
    bucket.limit = unsigned(said.limit);
    bucket.resets_at = bucket.resets_at.max(said.reset_at);
    Some(bucket)
}

async fn locked(transaction: &mut Transaction, token: &str) -> Result<Option<Bucket>, StoreError> {
    let lock = match transaction.dialect() {
        Dialect::Sqlite => "",
        Dialect::Postgres => " FOR UPDATE",
    };
    let select = Statement::new(format!("SELECT * FROM windows WHERE token = $1{lock}"));
    let row = transaction.first(select.bind(token)).await?;
    row.as_ref().map(bucket).transpose()
}

fn bucket(row: &Row) -> Result<Bucket, StoreError> {
    Ok(Bucket {
        limit: unsigned(row.integer("rate_limit")?),
        remaining: unsigned(row.integer("remaining")?),
        used_here: unsigned(row.integer("used_here")?),
        resets_at: row.moment("reset_at")?,
        blocked_until: row.maybe_moment("blocked_until")?,
    })
}

fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Moment {
        Moment::from_seconds(seconds)
    }

    fn known(remaining: u64, used_here: u64) -> Bucket {
        Bucket {
            limit: 60,
            remaining,
            used_here,
            resets_at: at(3_600),
            blocked_until: None,
        }
    }

    #[track_caller]
    fn check(
        before: Option<Bucket>,
        (reserved, charge): (Reserved, Charge),
        said: Option<(i64, i64)>,
        expected: Option<(u64, u64)>,
    ) {
        let settled = Settled {
            reserved,
            charge,
            said: said.map(|(remaining, reset)| Said {
                limit: 60,
                remaining,
                reset_at: at(reset),
            }),
        };
        let after = entered(before, &settled);
        let after = after.map(|bucket| (bucket.remaining, bucket.used_here));
        assert_eq!(after, expected);
    }

    #[test]
    fn what_cost_nothing_is_given_back() {
        use Charge::{Nothing, OneUnit};
        use Reserved::{Taken, Unknown};
        check(
            Some(known(40, 5)),
            (Taken, OneUnit),
            Some((40, 3_600)),
            Some((40, 5)),
        );
        check(
            Some(known(40, 5)),
            (Taken, Nothing),
            Some((41, 3_600)),
            Some((41, 4)),
        );
        // Others use it too.
        check(
            Some(known(40, 5)),
            (Taken, Nothing),
            Some((30, 3_601)),
            Some((30, 4)),
        );
        // Late answers do not give units back.
        check(
            Some(known(40, 5)),
            (Taken, OneUnit),
            Some((55, 3_599)),
            Some((40, 5)),
        );
        check(None, (Unknown, OneUnit), Some((59, 3_600)), Some((59, 1)));
        check(
            Some(known(58, 1)),
            (Unknown, OneUnit),
            Some((57, 3_600)),
            Some((57, 2)),
        );
        // No answer, nothing sent.
        check(Some(known(40, 5)), (Taken, Nothing), None, Some((41, 4)));
        check(Some(known(40, 5)), (Taken, OneUnit), None, None);
    }

    #[test]
    fn a_new_window_takes_the_place_of_the_old_one_and_never_the_reverse() {
        use Charge::OneUnit;
        use Reserved::{Taken, Unknown};
        check(
            Some(known(0, 60)),
            (Unknown, OneUnit),
            Some((59, 7_300)),
            Some((59, 1)),
        );
        check(Some(known(40, 5)), (Taken, OneUnit), Some((9, 100)), None);
    }
}
