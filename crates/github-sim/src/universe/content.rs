//! What is inside one repository: git objects, issues, pulls, comments, releases, hooks.
//!
//! Made from the repository's plan when first asked for; a pure function of (seed, id, plan), so it may be dropped and
//! made again as long as nobody edited it.

use super::build::Builder;
use super::git::{Objects, Person, Sha};
use super::model::{AccountIndex, Model, RepositoryIndex};
use super::random::Random;
use super::words;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
pub(crate) struct Label {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) color: String,
    pub(crate) description: Option<String>,
    pub(crate) default: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Milestone {
    pub(crate) number: u64,
    pub(crate) title: String,
    pub(crate) open: bool,
    pub(crate) creator: AccountIndex,
    pub(crate) created_at: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct Comment {
    pub(crate) id: u64,
    pub(crate) issue: u64,
    pub(crate) author: AccountIndex,
    pub(crate) body: String,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct Pull {
    pub(crate) head: String,
    pub(crate) head_sha: Sha,
    pub(crate) base_sha: Sha,
    /// Oldest first.
    pub(crate) commits: Vec<Sha>,
    pub(crate) merged_at: Option<i64>,
    pub(crate) draft: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Issue {
    pub(crate) number: u64,
    pub(crate) title: String,
    pub(crate) body: Option<String>,
    pub(crate) author: AccountIndex,
    pub(crate) assignee: Option<AccountIndex>,
    pub(crate) labels: Vec<String>,
    pub(crate) milestone: Option<u64>,
    pub(crate) locked: bool,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
    pub(crate) closed_at: Option<i64>,
    pub(crate) pull: Option<Pull>,
}

#[derive(Clone, Debug)]
pub(crate) struct Release {
    pub(crate) id: u64,
    pub(crate) tag: String,
    pub(crate) author: AccountIndex,
    pub(crate) prerelease: bool,
    pub(crate) created_at: i64,
    pub(crate) assets: u32,
    pub(crate) downloads: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Movement {
    pub(crate) id: u64,
    pub(crate) reference: String,
    pub(crate) before: Sha,
    pub(crate) after: Sha,
    pub(crate) actor: AccountIndex,
    pub(crate) at: i64,
    pub(crate) kind: &'static str,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Content {
    pub(crate) objects: Objects,
    /// Branch name to commit.
    pub(crate) branches: BTreeMap<String, Sha>,
    /// Tag name to (tag object, commit); a lightweight tag repeats the commit.
    pub(crate) tags: BTreeMap<String, (Sha, Sha)>,
    pub(crate) labels: Vec<Label>,
    pub(crate) milestones: Vec<Milestone>,
    /// Ascending by number.
    pub(crate) issues: Vec<Issue>,
    /// Ascending by id.
    pub(crate) comments: Vec<Comment>,
    /// Newest first.
    pub(crate) releases: Vec<Release>,
    /// Newest first.
    pub(crate) movements: Vec<Movement>,
    pub(crate) hooks: Vec<(u64, Value)>,
    pub(crate) next_number: u64,
    pub(crate) next_id: u64,
}

pub(crate) const ZERO: &str = "0000000000000000000000000000000000000000";

impl Content {
    pub(crate) fn issue(&self, number: u64) -> Option<&Issue> {
        self.issues
            .binary_search_by_key(&number, |issue| issue.number)
            .ok()
            .map(|at| &self.issues[at])
    }

    pub(crate) fn issue_mut(&mut self, number: u64) -> Option<&mut Issue> {
        let at = self
            .issues
            .binary_search_by_key(&number, |issue| issue.number)
            .ok()?;
        self.issues.get_mut(at)
    }

    pub(crate) fn fresh_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// A branch, tag, full or abbreviated (>= 7) commit id, or `refs/heads/..`; the tip commit.
    pub(crate) fn resolve(&self, name: &str) -> Option<Sha> {
        let short = name.strip_prefix("refs/").unwrap_or(name);
        let branch = self
            .branches
            .get(short.strip_prefix("heads/").unwrap_or(short));
        let tag = || {
            self.tags
                .get(short.strip_prefix("tags/").unwrap_or(short))
                .map(|(_, commit)| commit)
        };
        branch.or_else(tag).cloned().or_else(|| {
            let hex = name.len() >= 7
                && name.len() <= 40
                && name.bytes().all(|byte| byte.is_ascii_hexdigit());
            let name = name.to_ascii_lowercase();
            hex.then(|| {
                self.objects
                    .commits
                    .get(&name)
                    .map(|commit| commit.sha.clone())
                    .or_else(|| {
                        self.objects
                            .commits
                            .keys()
                            .filter(|sha| sha.starts_with(&name))
                            .min()
                            .cloned()
                    })
            })
            .flatten()
        })
    }
}

impl Model {
    pub(crate) fn person(&self, index: AccountIndex, date: i64) -> Person {
        // From the id, not from the login: a rename must not change commit ids.
        let id = self.account(index).id;
        let mut random = Random::new(self.seed, id ^ 0x0041_5554_484F_5200);
        let name = format!(
            "{} {}",
            random.pick(&words::FIRST),
            random.pick(&words::LAST)
        );
        Person {
            account: Some(index),
            name,
            email: format!("{id}@users.noreply.example.com"),
            date,
        }
    }

    /// Builds the content of a repository if it is not there yet.
    pub(crate) fn ensure_content(&mut self, index: RepositoryIndex) {
        if self.repository(index).content.is_some() {
            return;
        }
        let content = Builder::new(self, index).build();
        self.repository_mut(index).content = Some(Box::new(content));
    }
}
