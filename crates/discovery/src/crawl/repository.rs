//! The full sync of a repository: itself, its owner, its stargazers.

use super::documents::repository;
use super::lists::{Members, Walked};
use super::work::{Stage, Stop, Work, part, unreadable};
use crate::store::{Owned, SyncMark, SyncState};

impl Work {
    pub(crate) async fn sync_repository(&mut self, owner: &str, name: &str) -> Result<(), Stop> {
        if self.cursor.stage == Stage::Subject {
            self.find_repository(owner, name).await?;
        }
        let Some(id) = self.cursor.subject else {
            return Err(Stop::Unavailable);
        };
        let Some(stored) = self.store().repository(id).await? else {
            return Err(Stop::Unavailable);
        };
        let owned = Owned {
            github_id: id,
            full_name: stored.record.full_name.clone(),
            stargazers_count: stored.record.stargazers_count.unwrap_or(0),
        };
        let state = match self.stargazers(&owned, Members::Described).await? {
            Walked::Read { .. } => SyncState::Complete,
            Walked::Gone => SyncState::Partial,
        };
        let now = self.now();
        let mark = SyncMark {
            state,
            last_full_sync: Some(now),
            due_at: Some(now.after(self.tools.rules.max_age)),
            back_off_seconds: 0,
        };
        Ok(self.store().mark_repository(id, &mark).await?)
    }

    /// By name, and where that is not known any more by the id that it had.
    async fn find_repository(&mut self, owner: &str, name: &str) -> Result<(), Stop> {
        let full_name = format!("{owner}/{name}");
        let known = self.store().repository_by_full_name(&full_name).await?;
        let id = known.map(|known| known.record.github_id);
        let by_id = id.map(|id| format!("/repositories/{id}"));
        let target = format!("/repos/{}/{}", part(owner), part(name));
        let document = match (self.fetch_either(&target, by_id).await?, id) {
            (Ok(document), _) => document,
            (Err(absence), Some(id)) => {
                self.repository_is_absent(id, absence).await?;
                return Err(Stop::Unavailable);
            }
            (Err(_), None) => return Err(Stop::Unavailable),
        };
        let found = repository(&document.body).map_err(unreadable)?;
        let met = self.meet(std::slice::from_ref(&found.owner)).await?;
        let now = self.now();
        self.cursor.subject = Some(found.record.github_id);
        self.cursor.name.clone_from(&found.record.full_name);
        self.store()
            .upsert_repositories(&[found.record], now)
            .await?;
        self.describe(&met).await?;
        self.enter(Stage::Stargazers).await
    }
}
