//! Commits, comparisons, statuses and check runs.

use super::diff;
use super::git::{Commit, Person, Sha};
use super::model::{AccountIndex, RepositoryIndex};
use super::object::{extend, object};
use super::paging::Paging;
use super::reply::{Adjust, Reply, json, not_found, problem, text};
use super::time::{iso, parse};
use super::view::{View, node_id};
use crate::answer::Media;
use http::StatusCode;
use serde_json::Value;

const DOCS: &str = "/commits/commits#get-a-commit";

pub(crate) fn verification() -> Value {
    object! { "verified": false, "reason": "unsigned", "signature": (), "payload": (), "verified_at": () }
}

pub(crate) fn person(person: &Person) -> Value {
    object! { "name": person.name.as_str(), "email": person.email.as_str(), "date": iso(person.date) }
}

impl View<'_> {
    pub(crate) fn commit(&self, index: RepositoryIndex, commit: &Commit) -> Value {
        let (url, html_url, sha) = (
            self.repository_url(index),
            self.html_url(index),
            &commit.sha,
        );
        let author = commit
            .author
            .account
            .map_or(Value::Null, |account| self.simple_user(account));
        let parents: Vec<Value> = commit
            .parents
            .iter()
            .map(|parent| {
                object! {
                    "sha": parent.as_str(),
                    "url": format!("{url}/commits/{parent}"),
                    "html_url": format!("{html_url}/commit/{parent}"),
                }
            })
            .collect();
        object! {
            "sha": sha.as_str(),
            "node_id": node_id("Commit", format!("{}:{sha}", self.model.repository(index).id)),
            "commit": object! {
                "author": person(&commit.author),
                "committer": person(&commit.author),
                "message": commit.message.as_str(),
                "tree": object! { "sha": commit.tree.as_str(), "url": format!("{url}/git/trees/{}", commit.tree) },
                "url": format!("{url}/git/commits/{sha}"),
                "comment_count": 0,
                "verification": verification(),
            },
            "url": format!("{url}/commits/{sha}"),
            "html_url": format!("{html_url}/commit/{sha}"),
            "comments_url": format!("{url}/commits/{sha}/comments"),
            "author": author.clone(),
            "committer": author,
            "parents": parents,
        }
    }

    pub(crate) fn commit_changes(
        &self,
        index: RepositoryIndex,
        commit: &Commit,
    ) -> Vec<diff::Change> {
        let objects = &self.model.content(index).objects;
        let parent = commit
            .parents
            .first()
            .and_then(|parent| objects.commits.get(parent));
        diff::changes(
            objects,
            parent.map_or("", |parent| parent.tree.as_str()),
            &commit.tree,
        )
    }

    pub(crate) fn commit_patch(&self, index: RepositoryIndex, commit: &Commit) -> String {
        diff::patch(commit, &self.commit_changes(index, commit))
    }

    /// With statistics and files; the files are paginated.
    pub(crate) fn full_commit(&self, index: RepositoryIndex, commit: &Commit) -> Reply {
        let changes = self.commit_changes(index, commit);
        let (additions, deletions) = changes.iter().fold((0, 0), |sum, change| {
            (sum.0 + change.additions, sum.1 + change.deletions)
        });
        let paging = Paging::with_default(self.ask, 100);
        let files: Vec<Value> = paging
            .slice(&changes)
            .iter()
            .map(|change| self.change_entry(index, &commit.sha, change))
            .collect();
        let mut body = self.commit(index, commit);
        let stats = object! { "total": additions + deletions, "additions": additions, "deletions": deletions };
        extend(&mut body, object! { "stats": stats, "files": files });
        Ok(json(body).linked(paging.link(self.ask, self.identity, changes.len())))
    }

    pub(crate) fn resolve(
        &self,
        index: RepositoryIndex,
        name: &str,
    ) -> Result<&Commit, Box<crate::answer::Answer>> {
        let content = self.model.content(index);
        let name = if name == "HEAD" {
            self.model.repository(index).default_branch.as_str()
        } else {
            name
        };
        content
            .resolve(name)
            .and_then(|sha| content.objects.commits.get(&sha))
            .ok_or_else(|| {
                if name.len() == 40 && name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    problem(
                        StatusCode::UNPROCESSABLE_ENTITY,
                        &format!("No commit found for SHA: {name}"),
                        None,
                        DOCS,
                    )
                } else {
                    not_found(DOCS)
                }
            })
    }

    /// `GET /repos/{o}/{r}/commits...`; `rest` begins behind `commits`. A ref may contain slashes.
    pub(crate) fn commit_endpoints(&self, index: RepositoryIndex, rest: &[&str]) -> Reply {
        if rest.is_empty() {
            return self.commit_list(index);
        }
        const BELOW: [&str; 8] = [
            "status",
            "statuses",
            "check-runs",
            "check-suites",
            "pulls",
            "comments",
            "branches-where-head",
            "_",
        ];
        let (name, below) = match rest.split_last() {
            Some((last, first)) if !first.is_empty() && BELOW.contains(last) => {
                (first.join("/"), *last)
            }
            _ => (rest.join("/"), ""),
        };
        let commit = self.resolve(index, &name)?;
        let sha = commit.sha.as_str();
        match below {
            "status" => Ok(json(self.combined_status(index, commit))),
            "statuses" => self.page(&[commit], |commit| {
                let mut status = self.status(index, commit);
                let creator = self.simple_user(self.model.repository(index).owner);
                extend(&mut status, object! { "creator": creator });
                status
            }),
            "check-runs" => self.counted_page("check_runs", &[commit], |commit| {
                self.check_run(index, commit)
            }),
            "check-suites" => self.counted_page("check_suites", &[commit], |commit| {
                self.check_suite(index, commit)
            }),
            "pulls" => self.pulls_of_commit(index, sha),
            "comments" => {
                let by = self.model.repository(index).watchers.first().copied();
                let comments: Vec<AccountIndex> = by.into_iter().collect();
                self.page(&comments, |by| {
                    self.commit_comment(index, sha, *by, commit.author.date + 60)
                })
            }
            "branches-where-head" => {
                let content = self.model.content(index);
                let heads: Vec<_> = content
                    .branches
                    .iter()
                    .filter(|(_, tip)| *tip == sha)
                    .collect();
                Ok(json(
                    heads
                        .iter()
                        .map(|(name, tip)| self.short_branch(index, name, tip))
                        .collect(),
                ))
            }
            _ => self.commit_itself(index, commit),
        }
    }

    pub(crate) fn commit_itself(&self, index: RepositoryIndex, commit: &Commit) -> Reply {
        let found = match self.ask.media {
            // The body is the bare id, and so is the tag (behaviour notes 1.3).
            Media::Sha => text(
                "application/vnd.github.sha; charset=utf-8",
                commit.sha.clone(),
            )
            .git_object(&commit.sha),
            Media::Diff => text(
                "application/vnd.github.diff; charset=utf-8",
                diff::unified(&self.commit_changes(index, commit)),
            ),
            Media::Patch => text(
                "application/vnd.github.patch; charset=utf-8",
                self.commit_patch(index, commit),
            ),
            _ => self.full_commit(index, commit)?,
        };
        Ok(found.modified(commit.author.date))
    }

    pub(crate) fn commit_list(&self, index: RepositoryIndex) -> Reply {
        let content = self.model.content(index);
        if content.branches.is_empty() {
            return Err(problem(
                StatusCode::CONFLICT,
                "Git Repository is empty.",
                None,
                "/commits/commits#list-commits",
            ));
        }
        let start = self.resolve(index, self.parameter("sha").unwrap_or("HEAD"))?;
        let mut history = content.objects.history(&start.sha);
        if let Some(since) = self.parameter("since").and_then(parse) {
            history.retain(|commit| commit.author.date >= since);
        }
        if let Some(until) = self.parameter("until").and_then(parse) {
            history.retain(|commit| commit.author.date <= until);
        }
        if let Some(author) = self.parameter("author") {
            let index = self.model.find_account(author);
            history.retain(|commit| {
                commit.author.email == author || (index.is_some() && commit.author.account == index)
            });
        }
        if let Some(path) = self.parameter("path").filter(|path| !path.is_empty()) {
            let below = format!("{path}/");
            history.retain(|commit| {
                self.commit_changes(index, commit)
                    .iter()
                    .any(|c| c.path == path || c.path.starts_with(&below))
            });
        }
        let newest = history.first().map(|commit| commit.author.date);
        let mut found = self.page(&history, |commit| self.commit(index, commit))?;
        found.last_modified = newest;
        Ok(found)
    }

    /// `GET .../compare/{base}...{head}`.
    pub(crate) fn compare(&self, index: RepositoryIndex, basehead: &str) -> Reply {
        let docs = "/commits/commits#compare-two-commits";
        let (base, head) = basehead.split_once("...").ok_or_else(|| not_found(docs))?;
        let local = |name: &str| {
            name.rsplit_once(':')
                .map_or(name, |(_, name)| name)
                .to_owned()
        };
        let (base, head) = (
            self.resolve(index, &local(base))?,
            self.resolve(index, &local(head))?,
        );
        let objects = &self.model.content(index).objects;
        let (old, new) = (objects.history(&base.sha), objects.history(&head.sha));
        let in_old: std::collections::HashSet<&Sha> =
            old.iter().map(|commit| &commit.sha).collect();
        let ahead: Vec<&Commit> = new
            .iter()
            .copied()
            .take_while(|commit| !in_old.contains(&commit.sha))
            .collect();
        let merge_base = new
            .get(ahead.len())
            .copied()
            .ok_or_else(|| not_found(docs))?;
        let behind = old
            .iter()
            .take_while(|commit| commit.sha != merge_base.sha)
            .count();
        let changes = diff::changes(objects, &merge_base.tree, &head.tree);
        match self.ask.media {
            Media::Diff => {
                let diff = diff::unified(&changes);
                return Ok(text("application/vnd.github.diff; charset=utf-8", diff)
                    .modified(head.author.date));
            }
            Media::Patch => {
                let patches = ahead
                    .iter()
                    .rev()
                    .map(|commit| self.commit_patch(index, commit))
                    .collect::<String>();
                return Ok(text("application/vnd.github.patch; charset=utf-8", patches)
                    .modified(head.author.date));
            }
            _ => {}
        }
        let status = match (ahead.len(), behind) {
            (0, 0) => "identical",
            (_, 0) => "ahead",
            (0, _) => "behind",
            _ => "diverged",
        };
        let oldest_first: Vec<&Commit> = ahead.iter().rev().copied().collect();
        let paging = Paging::with_default(self.ask, 250);
        let page: Vec<Value> = paging
            .slice(&oldest_first)
            .iter()
            .map(|commit| self.commit(index, commit))
            .collect();
        let files: Vec<Value> = changes
            .iter()
            .map(|change| self.change_entry(index, &head.sha, change))
            .collect();
        let html_url = format!("{}/compare/{basehead}", self.html_url(index));
        let body = object! {
            "url": format!("{}/compare/{basehead}", self.repository_url(index)),
            "html_url": html_url.as_str(),
            "permalink_url": format!("{}/compare/{}...{}", self.html_url(index), base.sha, head.sha),
            "diff_url": format!("{html_url}.diff"),
            "patch_url": format!("{html_url}.patch"),
            "base_commit": self.commit(index, base),
            "merge_base_commit": self.commit(index, merge_base),
            "status": status,
            "ahead_by": ahead.len(),
            "behind_by": behind,
            "total_commits": ahead.len(),
            "commits": page,
            "files": files,
        };
        let link = paging.compare_link(self.ask, self.identity, ahead.len());
        Ok(json(body).linked(link).modified(head.author.date))
    }
}
