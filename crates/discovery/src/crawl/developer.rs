//! The full sync of a developer: profile, followers, followed, stars, repositories and their stargazers.

use std::time::Duration;

use super::documents::{profile, repository};
use super::fetch::Answer;
use super::gap::{Reach, gap};
use super::lists::{List, Members, Walked};
use super::selection::{Counts, after_pass};
use super::work::{Stage, Stop, Work, part, parts, unreadable};
use crate::store::{
    Anchor, Developer, EdgeKind, Gap, NewRun, Owned, Relation, RunTarget, Subject, SyncMark,
    SyncState,
};

impl Work {
    pub(crate) async fn sync_developer(&mut self, login: &str) -> Result<(), Stop> {
        loop {
            let subject = self.cursor.subject;
            match (self.cursor.stage, subject) {
                (Stage::Subject, _) | (_, None) => self.find_developer(login).await?,
                (Stage::Followers, Some(id)) => {
                    let anchor = Anchor::To(id);
                    self.cursor.followers = self.people("followers", anchor).await?;
                    self.enter(Stage::Following).await?;
                }
                (Stage::Following, Some(id)) => {
                    let anchor = Anchor::From(id);
                    self.cursor.following = self.people("following", anchor).await?;
                    self.enter(Stage::Starred).await?;
                }
                (Stage::Starred, Some(id)) => {
                    self.projects("starred", EdgeKind::Stars, id).await?;
                    self.enter(Stage::Repositories).await?;
                }
                (Stage::Repositories, Some(id)) => {
                    let reach = self.projects("repos", EdgeKind::Owns, id).await?;
                    self.cursor.repositories = reach;
                    self.enter(Stage::Astray).await?;
                }
                (Stage::Astray, Some(id)) => {
                    let after = self.cursor.after;
                    match self.store().next_astray(id, after).await? {
                        Some(owned) => self.look_for(&owned).await?,
                        None => self.enter(Stage::Stargazers).await?,
                    }
                }
                (Stage::Stargazers, Some(id)) => {
                    let after = self.cursor.after;
                    match self.store().next_starred(id, after).await? {
                        Some(owned) => {
                            self.stargazers(&owned, Members::Listed).await?;
                            self.cursor.after = owned.github_id;
                            self.save().await?;
                        }
                        None => self.enter(Stage::Finish).await?,
                    }
                }
                (Stage::Orphans, Some(id)) => {
                    let after = self.cursor.after;
                    match self.store().next_owned(id, after).await? {
                        Some(owned) => self.look_for(&owned).await?,
                        None => return Err(Stop::Unavailable),
                    }
                }
                (Stage::Finish, Some(id)) => return self.finish_developer(id).await,
            }
        }
    }

    /// By login, and where that is not known any more by the id that it had: a rename is followed.
    async fn find_developer(&mut self, login: &str) -> Result<(), Stop> {
        let known = self.store().developer_by_login(login).await?;
        let by_id = known.as_ref().map(|one| format!("/user/{}", one.github_id));
        let target = format!("/users/{}", part(login));
        match (self.fetch_either(&target, by_id).await?, known) {
            (Ok(document), _) => {
                let record = profile(&document.body).map_err(unreadable)?;
                self.cursor.subject = Some(record.github_id);
                self.cursor.name.clone_from(&record.login);
                let (depth, now) = (self.run.depth, self.now());
                self.store()
                    .upsert_developers(&[record], depth, now)
                    .await?;
                self.enter(Stage::Followers).await
            }
            (Err(absence), Some(known)) => {
                self.developer_is_absent(known.github_id, absence).await?;
                self.cursor.subject = Some(known.github_id);
                self.enter(Stage::Orphans).await
            }
            (Err(_), None) => Err(Stop::Unavailable),
        }
    }

    async fn people(&mut self, list: &str, anchor: Anchor) -> Result<Reach, Stop> {
        let list = List {
            path: format!("/users/{}/{list}", part(&self.cursor.name)),
            kind: EdgeKind::Follows,
            anchor,
            members: Members::Described,
        };
        self.walk(&list).await.map(reach)
    }

    async fn projects(&mut self, list: &str, kind: EdgeKind, id: i64) -> Result<Reach, Stop> {
        let list = List {
            path: format!("/users/{}/{list}", part(&self.cursor.name)),
            kind,
            anchor: Anchor::From(id),
            members: Members::Repositories,
        };
        self.walk(&list).await.map(reach)
    }

    /// Whoever starred a repository; the gap between them and GitHub's count.
    pub(crate) async fn stargazers(
        &mut self,
        owned: &Owned,
        members: Members,
    ) -> Result<Walked, Stop> {
        let list = List {
            path: format!("/repos/{}/stargazers", parts(&owned.full_name)),
            kind: EdgeKind::Stars,
            anchor: Anchor::To(owned.github_id),
            members,
        };
        let walked = self.walk(&list).await?;
        if let Walked::Read { reach, open } = walked {
            let gap = gap(owned.stargazers_count, open, reach).map(|reason| Gap {
                subject: Subject::Repository,
                subject_id: owned.github_id,
                relation: Relation::Stargazers,
                reason,
                reported: owned.stargazers_count,
                stored: open,
                recorded_at: self.now(),
            });
            let gaps: Vec<Gap> = gap.into_iter().collect();
            self.store()
                .replace_gaps(Subject::Repository, owned.github_id, &gaps)
                .await?;
        }
        Ok(walked)
    }

    /// A repository that is not where it was: transferred, renamed, deleted or hidden.
    async fn look_for(&mut self, owned: &Owned) -> Result<(), Stop> {
        let target = format!("/repositories/{}", owned.github_id);
        match self.fetch(&target).await? {
            Answer::Document(document) => {
                let found = repository(&document.body).map_err(unreadable)?;
                let met = self.meet(std::slice::from_ref(&found.owner)).await?;
                let now = self.now();
                self.store()
                    .upsert_repositories(&[found.record], now)
                    .await?;
                self.describe(&met).await?;
            }
            Answer::Absent(absence) => {
                self.repository_is_absent(owned.github_id, absence).await?;
            }
        }
        self.cursor.after = owned.github_id;
        self.save().await
    }

    async fn finish_developer(&mut self, id: i64) -> Result<(), Stop> {
        let Some(developer) = self.store().developer(id).await? else {
            return Err(Stop::Unavailable);
        };
        let now = self.now();
        let store = self.store();
        let stored = Stored {
            followers: store.open_edges(EdgeKind::Follows, Anchor::To(id)).await?,
            following: store
                .open_edges(EdgeKind::Follows, Anchor::From(id))
                .await?,
            repositories: store.open_edges(EdgeKind::Owns, Anchor::From(id)).await?,
        };
        let gaps = self.gaps(&developer, &stored);
        let reported = developer.detail.as_ref().map(|detail| Counts {
            followers: unsigned(detail.followers_count),
            following: unsigned(detail.following_count),
            repositories: unsigned(detail.public_repos),
        });
        let before = developer.sync.back_off_seconds;
        let before = (before > 0).then(|| Duration::from_secs(unsigned(before)));
        let schedule = after_pass(
            reported.unwrap_or_default(),
            stored.counts(),
            before,
            self.tools.rules.max_age,
            now,
        );
        let back_off = schedule.back_off.unwrap_or_default().as_secs();
        store.replace_gaps(Subject::Developer, id, &gaps).await?;
        store
            .mark_owned(id, now, now.after(self.tools.rules.max_age))
            .await?;
        let mark = SyncMark {
            state: SyncState::Complete,
            last_full_sync: Some(now),
            due_at: Some(schedule.due_at),
            back_off_seconds: i64::try_from(back_off).unwrap_or(i64::MAX),
        };
        Ok(store.mark_developer(id, &mark).await?)
    }

    fn gaps(&self, developer: &Developer, stored: &Stored) -> Vec<Gap> {
        let detail = developer.detail.clone().unwrap_or_default();
        let lists = [
            (
                Relation::Followers,
                detail.followers_count,
                stored.followers,
                self.cursor.followers,
            ),
            (
                Relation::Following,
                detail.following_count,
                stored.following,
                self.cursor.following,
            ),
            (
                Relation::Repositories,
                detail.public_repos,
                stored.repositories,
                self.cursor.repositories,
            ),
        ];
        let gaps = lists
            .into_iter()
            .filter_map(|(relation, reported, stored, reach)| {
                Some(Gap {
                    subject: Subject::Developer,
                    subject_id: developer.github_id,
                    relation,
                    reason: gap(reported, stored, reach)?,
                    reported,
                    stored,
                    recorded_at: self.now(),
                })
            });
        gaps.collect()
    }

    /// Picks developers that are due, and queues the sync of each as a run of its own.
    pub(crate) async fn discover(&mut self) -> Result<(), Stop> {
        let now = self.now();
        let rules = &self.tools.rules;
        let picked = self
            .store()
            .pick_candidates(rules.max_depth, rules.count, now)
            .await?;
        let runs: Vec<NewRun> = picked
            .iter()
            .map(|candidate| NewRun {
                target: RunTarget::Developer(candidate.login.clone()),
                depth: candidate.depth,
                run_after: now,
            })
            .collect();
        let queued = self.store().queue_runs(&runs, now).await?;
        tracing::info!(picked = queued.len(), "discovery");
        self.run.progress.items = i64::try_from(queued.len()).unwrap_or(i64::MAX);
        Ok(())
    }
}

/// How many edges are open.
struct Stored {
    followers: i64,
    following: i64,
    repositories: i64,
}

impl Stored {
    fn counts(&self) -> Counts {
        Counts {
            followers: unsigned(self.followers),
            following: unsigned(self.following),
            repositories: unsigned(self.repositories),
        }
    }
}

fn reach(walked: Walked) -> Reach {
    match walked {
        Walked::Read { reach, .. } => reach,
        Walked::Gone => Reach::Moved,
    }
}

fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}
