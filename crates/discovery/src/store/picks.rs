//! Takes the next developers to sync, so that nobody takes the same.

use super::database::{Dialect, Statement, writing};
use super::{Candidate, Store, StoreError};
use crate::crawl::selection::PICKED_FOR;
use crate::moment::Moment;

impl Store {
    /// The next `count` candidates, in the order of `crawl::selection`. Each is due again after a day at the latest,
    /// whatever becomes of its run, so that nobody is picked twice while others wait.
    pub(crate) async fn pick_candidates(
        &self,
        max_depth: Option<i64>,
        count: u32,
        now: Moment,
    ) -> Result<Vec<Candidate>, StoreError> {
        let skip = match self.database.dialect() {
            Dialect::Sqlite => "",
            Dialect::Postgres => " FOR UPDATE SKIP LOCKED",
        };
        writing!(self.database, |transaction| {
            let mut picked: Vec<Candidate> = Vec::new();
            // One query for each index.
            for synced in ["IS NULL", "IS NOT NULL"] {
                let left = i64::from(count) - i64::try_from(picked.len()).unwrap_or(i64::MAX);
                let select = Statement::new(format!(
                    "SELECT github_id, login, last_full_sync_at, due_at, depth FROM developers \
                     WHERE last_full_sync_at {synced} AND due_at <= $1 AND depth <= $2 \
                     ORDER BY due_at, github_id LIMIT $3{skip}"
                ));
                let select = select.bind(now).bind(max_depth.unwrap_or(i64::MAX));
                for row in transaction.all(select.bind(left)).await? {
                    picked.push(Candidate {
                        github_id: row.integer("github_id")?,
                        login: row.text("login")?,
                        last_full_sync: row.maybe_moment("last_full_sync_at")?,
                        due_at: row.moment("due_at")?,
                        depth: row.integer("depth")?,
                    });
                }
            }
            let ids: Vec<i64> = picked.iter().map(|candidate| candidate.github_id).collect();
            let mut update =
                Statement::new("UPDATE developers SET due_at = $1 WHERE github_id IN ")
                    .bind(now.after(PICKED_FOR));
            update.push_ids(&ids);
            transaction.execute(update).await?;
            Ok(picked)
        })
    }
}
