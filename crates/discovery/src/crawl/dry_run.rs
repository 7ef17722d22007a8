//! What a full profile sync would cost, without storing anything: reads the profile and its lists, and counts.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::documents::{Account, accounts, profile, repositories};
use super::fetch::Answer;
use super::lists::PER_PAGE;
use super::metered::Meter;
use super::plan::{Plan, Scope, plan};
use super::work::{Stop, Tools, part, unreadable};
use crate::store::Known;

/// The plan, and what it cost to make. What was read for it is confirmed at no cost when the sync comes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DryRun {
    pub(crate) plan: Plan,
    pub(crate) asked: i64,
}

impl Tools {
    pub(crate) async fn dry_run(&self, login: &str) -> Result<DryRun, Stop> {
        let meter = Arc::new(Meter::default());
        let login = part(login);
        let Answer::Document(document) = self
            .fetcher
            .fetch(&format!("/users/{login}"), &meter)
            .await?
        else {
            return Err(Stop::Unavailable);
        };
        let subject = profile(&document.body).map_err(unreadable)?.github_id;
        let mut scope = Scope::default();
        for (list, count) in [
            ("followers", &mut scope.followers),
            ("following", &mut scope.following),
        ] {
            let mut next = Some(format!("/users/{login}/{list}?per_page={PER_PAGE}"));
            while let Some(target) = next.take() {
                let Answer::Document(page) = self.fetcher.fetch(&target, &meter).await? else {
                    break;
                };
                let people = accounts(&page.body).map_err(unreadable)?;
                *count += people.len() as u64;
                self.add_unknown(&people, &mut scope.unknown).await?;
                next = page.next;
            }
        }
        for list in ["starred", "repos"] {
            let mut next = Some(format!("/users/{login}/{list}?per_page={PER_PAGE}"));
            while let Some(target) = next.take() {
                let Answer::Document(page) = self.fetcher.fetch(&target, &meter).await? else {
                    break;
                };
                let projects = repositories(&page.body).map_err(unreadable)?;
                let owners: Vec<Account> = projects.iter().map(|one| one.owner.clone()).collect();
                self.add_unknown(&owners, &mut scope.unknown).await?;
                match list {
                    "starred" => scope.starred += projects.len() as u64,
                    _ => {
                        scope.repositories += projects.len() as u64;
                        let stars = projects.iter().map(|one| one.record.stargazers_count);
                        let stars =
                            stars.map(|count| u64::try_from(count.unwrap_or(0)).unwrap_or(0));
                        scope.stargazers.extend(stars);
                    }
                }
                next = page.next;
            }
        }
        // The sync describes its subject first.
        scope.unknown.remove(&subject);
        Ok(DryRun {
            plan: plan(&scope, PER_PAGE as u64),
            asked: meter.requests(),
        })
    }

    async fn add_unknown(
        &self,
        people: &[Account],
        unknown: &mut BTreeSet<i64>,
    ) -> Result<(), Stop> {
        let ids: Vec<i64> = people.iter().map(|account| account.id).collect();
        let known = self.store.known_developers(&ids).await?;
        let now = self.now();
        for (id, known) in ids.into_iter().zip(known) {
            let described = match known {
                Known::Described(at) => now.since(at) < self.rules.max_age,
                Known::Listed | Known::Unknown => false,
            };
            if !described {
                unknown.insert(id);
            }
        }
        Ok(())
    }
}
