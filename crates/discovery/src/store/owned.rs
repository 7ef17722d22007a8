//! The repositories of one owner, one after the other: whose stargazers to read, and which have gone astray.

use super::database::Statement;
use super::edges::EdgeKind;
use super::{Store, StoreError};
use crate::moment::Moment;

/// A repository on the way through an owner's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owned {
    pub(crate) github_id: i64,
    pub(crate) full_name: String,
    pub(crate) stargazers_count: i64,
}

impl Store {
    /// The next repository of `owner` after this id whose stargazers are worth reading: GitHub counts some, or some are
    /// stored.
    pub(crate) async fn next_starred(
        &self,
        owner: i64,
        after: i64,
    ) -> Result<Option<Owned>, StoreError> {
        let select = format!(
            "SELECT github_id, full_name, stargazers_count FROM repositories \
             WHERE owner_id = $1 AND github_id > $2 AND sync_state <> 'unavailable' \
             AND EXISTS (SELECT 1 FROM edges WHERE kind = {owns} AND from_id = $1 AND to_id = repositories.github_id \
             AND closed_at IS NULL) \
             AND (COALESCE(stargazers_count, 0) > 0 OR EXISTS (SELECT 1 FROM edges WHERE kind = {stars} \
             AND to_id = repositories.github_id AND closed_at IS NULL)) \
             ORDER BY github_id LIMIT 1",
            owns = EdgeKind::Owns.number(),
            stars = EdgeKind::Stars.number(),
        );
        self.owned(Statement::new(select).bind(owner).bind(after))
            .await
    }

    /// The next repository after this id that is stored as `owner`'s although the owner's list does not show it:
    /// transferred, deleted or hidden.
    pub(crate) async fn next_astray(
        &self,
        owner: i64,
        after: i64,
    ) -> Result<Option<Owned>, StoreError> {
        let select = format!(
            "SELECT github_id, full_name, stargazers_count FROM repositories \
             WHERE owner_id = $1 AND github_id > $2 AND sync_state <> 'unavailable' \
             AND NOT EXISTS (SELECT 1 FROM edges WHERE kind = {} AND from_id = $1 AND to_id = repositories.github_id \
             AND closed_at IS NULL) ORDER BY github_id LIMIT 1",
            EdgeKind::Owns.number(),
        );
        self.owned(Statement::new(select).bind(owner).bind(after))
            .await
    }

    /// The next repository of `owner` after this id that is not known to be gone.
    pub(crate) async fn next_owned(
        &self,
        owner: i64,
        after: i64,
    ) -> Result<Option<Owned>, StoreError> {
        let select = "SELECT github_id, full_name, stargazers_count FROM repositories \
             WHERE owner_id = $1 AND github_id > $2 AND sync_state <> 'unavailable' ORDER BY github_id LIMIT 1";
        self.owned(Statement::new(select).bind(owner).bind(after))
            .await
    }

    /// Every repository on the owner's list has been read.
    pub(crate) async fn mark_owned(
        &self,
        owner: i64,
        now: Moment,
        due_at: Moment,
    ) -> Result<(), StoreError> {
        let update = Statement::new(format!(
            "UPDATE repositories SET sync_state = 'complete', last_full_sync_at = $2, due_at = $3 \
             WHERE owner_id = $1 AND EXISTS (SELECT 1 FROM edges WHERE kind = {} AND from_id = $1 \
             AND to_id = repositories.github_id AND closed_at IS NULL)",
            EdgeKind::Owns.number()
        ));
        let update = update.bind(owner).bind(now).bind(due_at);
        self.database.execute(&update).await?;
        Ok(())
    }

    async fn owned(&self, select: Statement) -> Result<Option<Owned>, StoreError> {
        let Some(row) = self.database.first(select).await? else {
            return Ok(None);
        };
        Ok(Some(Owned {
            github_id: row.integer("github_id")?,
            full_name: row.text("full_name")?,
            stargazers_count: row.maybe_integer("stargazers_count")?.unwrap_or(0),
        }))
    }
}
