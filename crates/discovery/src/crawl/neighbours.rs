//! Meets the developers on a page: stores them at once, and describes those that nobody has described lately.

use super::documents::{Account, profile};
use super::fetch::{Absence, Answer};
use super::selection::UNAVAILABLE_FOR;
use super::work::{Stop, Work, part, unreadable};
use crate::store::{DeveloperRecord, Known, SyncMark, SyncState};

/// Who was met.
#[derive(Clone, Debug, Default)]
pub(crate) struct Met {
    /// Those that are stored.
    pub(crate) stored: Vec<Account>,
    /// Those of them that are to be described, as they were known before.
    unknown: Vec<(Account, Known)>,
    turned_away: usize,
}

impl Met {
    /// Whether somebody is not stored because enough are.
    pub(crate) fn left_out(&self) -> bool {
        self.turned_away > 0
    }
}

impl Work {
    /// Stores who is on a page, as far as there is room. Logins are taken as they are now.
    pub(crate) async fn meet(&self, page: &[Account]) -> Result<Met, Stop> {
        let mut accounts = page.to_vec();
        accounts.sort_by_key(|account| account.id);
        accounts.dedup_by_key(|account| account.id);
        let ids: Vec<i64> = accounts.iter().map(|account| account.id).collect();
        let known = self.store().known_developers(&ids).await?;
        let mut room = match self.tools.rules.max_users {
            Some(most) => most - self.store().developer_count().await?,
            None => i64::MAX,
        };
        let (now, mut met) = (self.now(), Met::default());
        for (account, known) in accounts.into_iter().zip(known) {
            match known {
                Known::Unknown if room <= 0 => {
                    met.turned_away += 1;
                    continue;
                }
                Known::Unknown => {
                    room -= 1;
                    met.unknown.push((account.clone(), known));
                }
                Known::Listed => met.unknown.push((account.clone(), known)),
                Known::Described(at) if now.since(at) >= self.tools.rules.max_age => {
                    met.unknown.push((account.clone(), known));
                }
                Known::Described(_) => {}
            }
            met.stored.push(account);
        }
        let listed = |account: &Account| DeveloperRecord {
            github_id: account.id,
            login: account.login.clone(),
            detail: None,
        };
        let records: Vec<_> = met.stored.iter().map(listed).collect();
        let depth = self.run.depth + 1;
        self.store().upsert_developers(&records, depth, now).await?;
        Ok(met)
    }

    /// One conditional request for each that is to be described.
    pub(crate) async fn describe(&mut self, met: &Met) -> Result<(), Stop> {
        for (account, known) in &met.unknown {
            let target = format!("/users/{}", part(&account.login));
            match self.fetch(&target).await? {
                Answer::Document(document) => {
                    let record = profile(&document.body).map_err(unreadable)?;
                    let (depth, now) = (self.run.depth + 1, self.now());
                    let is_it = record.github_id == account.id;
                    let store = self.store();
                    store.upsert_developers(&[record], depth, now).await?;
                    // A page takes as many requests as it has strangers, and the cursor stands still meanwhile.
                    let for_the_first_time = !matches!(known, Known::Described(_));
                    if is_it && for_the_first_time && self.run.takeovers > 0 {
                        self.run.got_on();
                        self.save().await?;
                    }
                }
                Answer::Absent(absence) => self.developer_is_absent(account.id, absence).await?,
            }
        }
        Ok(())
    }

    /// GitHub does not show a developer: looked for again in a week, or never.
    pub(crate) async fn developer_is_absent(&self, id: i64, absence: Absence) -> Result<(), Stop> {
        let Some(developer) = self.store().developer(id).await? else {
            return Ok(());
        };
        let mark = absent(&developer.sync, absence, self.now());
        Ok(self.store().mark_developer(id, &mark).await?)
    }

    pub(crate) async fn repository_is_absent(&self, id: i64, absence: Absence) -> Result<(), Stop> {
        let Some(repository) = self.store().repository(id).await? else {
            return Ok(());
        };
        let mark = absent(&repository.sync, absence, self.now());
        Ok(self.store().mark_repository(id, &mark).await?)
    }
}

fn absent(before: &SyncMark, absence: Absence, now: crate::moment::Moment) -> SyncMark {
    SyncMark {
        state: SyncState::Unavailable,
        last_full_sync: before.last_full_sync,
        due_at: match absence {
            Absence::Gone => None,
            Absence::NotFound | Absence::Empty | Absence::TooFar => {
                Some(now.after(UNAVAILABLE_FOR))
            }
        },
        back_off_seconds: 0,
    }
}
