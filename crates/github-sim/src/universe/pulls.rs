//! Pull requests, their files, commits and reviews.

use super::content::{Issue, Pull};
use super::diff;
use super::model::RepositoryIndex;
use super::object::{extend, object};
use super::paging::Paging;
use super::reply::{Adjust, Reply, json, not_found, text};
use super::time::iso;
use super::view::{View, node_id};
use crate::answer::{ApiVersion, Media};
use serde_json::Value;

const DOCS: &str = "/pulls/pulls#get-a-pull-request";

impl View<'_> {
    fn end(&self, index: RepositoryIndex, name: &str, sha: &str) -> Value {
        let owner = self.model.repository(index).owner;
        object! {
            "label": format!("{}:{name}", self.login(owner)),
            "ref": name,
            "sha": sha,
            "user": self.simple_user(owner),
            "repo": self.bare_repository(index),
        }
    }

    /// The trimmed form inside events.
    pub(crate) fn minimal_pull(&self, index: RepositoryIndex, issue: &Issue) -> Value {
        let repository = self.model.repository(index);
        let end = |name: &str, sha: &str| {
            object! {
                "ref": name,
                "sha": sha,
                "repo": object! {
                    "id": repository.id,
                    "url": self.repository_url(index),
                    "name": repository.name.as_str(),
                },
            }
        };
        let (head, head_sha, base_sha) = issue.pull.as_ref().map_or(("", "", ""), |pull| {
            (&pull.head, &pull.head_sha, &pull.base_sha)
        });
        object! {
            "url": format!("{}/pulls/{}", self.repository_url(index), issue.number),
            "id": repository.id * 10_000 + issue.number,
            "number": issue.number,
            "head": end(head, head_sha),
            "base": end(&repository.default_branch, base_sha),
        }
    }

    /// As lists show it.
    pub(crate) fn simple_pull(&self, index: RepositoryIndex, issue: &Issue, pull: &Pull) -> Value {
        let repository = self.model.repository(index);
        let (base, number) = (self.repository_url(index), issue.number);
        let url = format!("{base}/pulls/{number}");
        let html_url = format!("{}/pull/{number}", self.html_url(index));
        let id = repository.id * 10_000 + number;
        let link = |href: String| object! { "href": href };
        let mut body = object! {
            "url": url.as_str(),
            "id": id,
            "node_id": node_id("PullRequest", id),
            "html_url": html_url.as_str(),
            "diff_url": format!("{html_url}.diff"),
            "patch_url": format!("{html_url}.patch"),
            "issue_url": format!("{base}/issues/{number}"),
            "number": number,
            "state": if issue.closed_at.is_none() { "open" } else { "closed" },
            "locked": issue.locked,
            "title": issue.title.as_str(),
            "user": self.simple_user(issue.author),
            "body": issue.body.as_deref(),
            "created_at": iso(issue.created_at),
            "updated_at": iso(issue.updated_at),
            "closed_at": issue.closed_at.map(iso),
            "merged_at": pull.merged_at.map(iso),
            "merge_commit_sha": pull.merged_at.map(|_| pull.head_sha.as_str()),
            "assignee": issue.assignee.map_or(Value::Null, |user| self.simple_user(user)),
            "assignees": issue.assignee.map(|user| self.simple_user(user)).into_iter().collect::<Vec<_>>(),
            "requested_reviewers": Vec::<Value>::new(),
            "requested_teams": Vec::<Value>::new(),
            "labels": self.labels_of(index, issue),
            "milestone": self.milestone_of(index, issue.milestone),
            "draft": pull.draft,
            "commits_url": format!("{url}/commits"),
            "review_comments_url": format!("{url}/comments"),
            "review_comment_url": format!("{base}/pulls/comments{{/number}}"),
            "comments_url": format!("{base}/issues/{number}/comments"),
            "statuses_url": format!("{base}/statuses/{}", pull.head_sha),
            "head": self.end(index, &pull.head, &pull.head_sha),
            "base": self.end(index, &repository.default_branch, &pull.base_sha),
            "_links": object! {
                "self": link(url.clone()),
                "html": link(html_url),
                "issue": link(format!("{base}/issues/{number}")),
                "comments": link(format!("{base}/issues/{number}/comments")),
                "review_comments": link(format!("{url}/comments")),
                "review_comment": link(format!("{base}/pulls/comments{{/number}}")),
                "commits": link(format!("{url}/commits")),
                "statuses": link(format!("{base}/statuses/{}", pull.head_sha)),
            },
            "author_association": self.model.association(issue.author, index),
            "auto_merge": (),
            "active_lock_reason": (),
        };
        if self.ask.version == ApiVersion::V2026_03_10 {
            // Breaking changes of 2026-03-10: the singular assignee and the merge commit of lists are gone.
            super::object::without(&mut body, "assignee");
            super::object::without(&mut body, "merge_commit_sha");
        }
        body
    }

    fn full_pull(&self, index: RepositoryIndex, issue: &Issue, pull: &Pull) -> Value {
        let content = self.model.content(index);
        let changes = self.pull_changes(index, pull);
        let sum = |count: fn(&diff::Change) -> usize| changes.iter().map(count).sum::<usize>();
        let open = issue.closed_at.is_none();
        let mut body = self.simple_pull(index, issue, pull);
        extend(
            &mut body,
            object! {
                "merged": pull.merged_at.is_some(),
                "mergeable": open.then_some(true),
                "rebaseable": open.then_some(true),
                "mergeable_state": if open { "clean" } else { "unknown" },
                "merged_by": pull.merged_at.map(|_| self.simple_user(issue.author)),
                "comments": content.comments.iter().filter(|comment| comment.issue == issue.number).count(),
                "review_comments": 1,
                "maintainer_can_modify": false,
                "commits": pull.commits.len(),
                "additions": sum(|change| change.additions),
                "deletions": sum(|change| change.deletions),
                "changed_files": changes.len(),
            },
        );
        body
    }

    fn pull_changes(&self, index: RepositoryIndex, pull: &Pull) -> Vec<diff::Change> {
        let objects = &self.model.content(index).objects;
        let tree = |sha: &str| {
            objects
                .commits
                .get(sha)
                .map(|commit| commit.tree.as_str())
                .unwrap_or_default()
        };
        diff::changes(objects, tree(&pull.base_sha), tree(&pull.head_sha))
    }

    pub(crate) fn review(&self, index: RepositoryIndex, issue: &Issue) -> Value {
        let repository = self.model.repository(index);
        let id = repository.id * 10_000 + issue.number + 5_000;
        let pull_url = format!("{}/pulls/{}", self.repository_url(index), issue.number);
        let html_url = format!(
            "{}/pull/{}#pullrequestreview-{id}",
            self.html_url(index),
            issue.number
        );
        let sha = issue.pull.as_ref().map(|pull| pull.head_sha.as_str());
        object! {
            "id": id,
            "node_id": node_id("PullRequestReview", id),
            "user": self.simple_user(repository.owner),
            "body": "Looks good.",
            "state": "APPROVED",
            "html_url": html_url.as_str(),
            "pull_request_url": pull_url.as_str(),
            "author_association": self.model.association(repository.owner, index),
            "_links": object! {
                "html": object! { "href": html_url.as_str() },
                "pull_request": object! { "href": pull_url.as_str() },
            },
            "submitted_at": iso(issue.created_at + 300),
            "commit_id": sha,
        }
    }

    pub(crate) fn review_comment(&self, index: RepositoryIndex, issue: &Issue) -> Value {
        let repository = self.model.repository(index);
        let id = repository.id * 10_000 + issue.number + 6_000;
        let url = format!("{}/pulls/comments/{id}", self.repository_url(index));
        let pull_url = format!("{}/pulls/{}", self.repository_url(index), issue.number);
        let html_url = format!(
            "{}/pull/{}#discussion_r{id}",
            self.html_url(index),
            issue.number
        );
        let sha = issue
            .pull
            .as_ref()
            .map_or("", |pull| pull.head_sha.as_str());
        object! {
            "url": url.as_str(),
            "pull_request_review_id": repository.id * 10_000 + issue.number + 5_000,
            "id": id,
            "node_id": node_id("PullRequestReviewComment", id),
            "diff_hunk": "@@ -1,2 +1,3 @@\n start\n+again",
            "path": "src/main.txt",
            "position": 2,
            "original_position": 2,
            "commit_id": sha,
            "original_commit_id": sha,
            "user": self.simple_user(repository.owner),
            "body": "Could this be shorter?",
            "created_at": iso(issue.created_at + 300),
            "updated_at": iso(issue.created_at + 300),
            "html_url": html_url.as_str(),
            "pull_request_url": pull_url.as_str(),
            "author_association": self.model.association(repository.owner, index),
            "_links": object! {
                "self": object! { "href": url.as_str() },
                "html": object! { "href": html_url.as_str() },
                "pull_request": object! { "href": pull_url.as_str() },
            },
            "reactions": Self::reactions(&url),
        }
    }

    pub(crate) fn change_entry(
        &self,
        index: RepositoryIndex,
        sha: &str,
        change: &diff::Change,
    ) -> Value {
        let (html_url, path) = (self.html_url(index), super::view::tail(&change.path));
        let blob = change.new.as_ref().or(change.old.as_ref());
        object! {
            "sha": blob.map(String::as_str),
            "filename": change.path.as_str(),
            "status": change.status.as_str(),
            "additions": change.additions,
            "deletions": change.deletions,
            "changes": change.additions + change.deletions,
            "blob_url": format!("{html_url}/blob/{sha}/{path}"),
            "raw_url": format!("{html_url}/raw/{sha}/{path}"),
            "contents_url": format!("{}/contents/{path}?ref={sha}", self.repository_url(index)),
            "patch": change.hunk.as_str(),
        }
    }

    /// `GET /repos/{o}/{r}/pulls...`; `rest` begins behind `pulls`.
    pub(crate) fn pull_endpoints(&self, index: RepositoryIndex, rest: &[&str]) -> Reply {
        let content = self.model.content(index);
        let pulls = content.issues.iter().filter(|issue| issue.pull.is_some());
        match rest {
            [] => {
                let mut issues = self.chosen(index, pulls);
                if let Some(head) = self.parameter("head") {
                    let name = head.split_once(':').map_or(head, |(_, name)| name);
                    issues
                        .retain(|issue| issue.pull.as_ref().is_some_and(|pull| pull.head == name));
                }
                if let Some(base) = self.parameter("base") {
                    issues.retain(|_| base == self.model.repository(index).default_branch);
                }
                return self.page(&issues, |issue| match &issue.pull {
                    Some(pull) => self.simple_pull(index, issue, pull),
                    None => Value::Null,
                });
            }
            ["comments"] => {
                let all: Vec<&Issue> = pulls.collect();
                return self.page(&all, |issue| self.review_comment(index, issue));
            }
            ["comments", id] => {
                let base = self.model.repository(index).id * 10_000 + 6_000;
                let number = id.parse::<u64>().ok().and_then(|id| id.checked_sub(base));
                let wanted = |issue: &&Issue| Some(issue.number) == number;
                let issue = pulls.clone().find(wanted).ok_or_else(|| not_found(DOCS))?;
                return Ok(json(self.review_comment(index, issue)).modified(issue.created_at + 300));
            }
            _ => {}
        }
        let issue = rest
            .first()
            .and_then(|number| number.parse().ok())
            .and_then(|number| content.issue(number))
            .ok_or_else(|| not_found(DOCS))?;
        let pull = issue.pull.as_ref().ok_or_else(|| not_found(DOCS))?;
        match rest.get(1..).unwrap_or_default() {
            [] => self.pull_itself(index, issue, pull),
            ["files"] => {
                let changes = self.pull_changes(index, pull);
                let found = self.page(&changes, |change| {
                    self.change_entry(index, &pull.head_sha, change)
                })?;
                Ok(found.modified(issue.updated_at))
            }
            ["commits"] => {
                let commits: Vec<_> = pull
                    .commits
                    .iter()
                    .filter_map(|sha| content.objects.commits.get(sha))
                    .collect();
                Ok(self
                    .page(&commits, |commit| self.commit(index, commit))?
                    .modified(issue.updated_at))
            }
            ["reviews"] => self.page(&[issue], |issue| self.review(index, issue)),
            ["comments"] => self.page(&[issue], |issue| self.review_comment(index, issue)),
            ["requested_reviewers"] => Ok(json(
                object! { "users": Vec::<Value>::new(), "teams": Vec::<Value>::new() },
            )),
            ["merge"] if pull.merged_at.is_some() => Ok(super::reply::no_content()),
            _ => Err(not_found(DOCS)),
        }
    }

    fn pull_itself(&self, index: RepositoryIndex, issue: &Issue, pull: &Pull) -> Reply {
        let content = self.model.content(index);
        Ok(match self.ask.media {
            Media::Diff => text(
                "application/vnd.github.diff; charset=utf-8",
                diff::unified(&self.pull_changes(index, pull)),
            ),
            Media::Patch => {
                let parts = pull
                    .commits
                    .iter()
                    .filter_map(|sha| content.objects.commits.get(sha));
                let patch = parts
                    .map(|commit| self.commit_patch(index, commit))
                    .collect::<Vec<_>>()
                    .join("");
                text("application/vnd.github.patch; charset=utf-8", patch)
            }
            _ => json(self.full_pull(index, issue, pull)),
        }
        .modified(issue.updated_at))
    }

    /// Which pulls contain a commit.
    pub(crate) fn pulls_of_commit(&self, index: RepositoryIndex, sha: &str) -> Reply {
        let content = self.model.content(index);
        let pulls: Vec<(&Issue, &Pull)> = content
            .issues
            .iter()
            .filter_map(|issue| Some((issue, issue.pull.as_ref()?)))
            .filter(|(_, pull)| pull.commits.iter().any(|commit| commit == sha))
            .collect();
        let paging = Paging::of(self.ask);
        let body: Vec<Value> = paging
            .slice(&pulls)
            .iter()
            .map(|(issue, pull)| self.simple_pull(index, issue, pull))
            .collect();
        Ok(json(body.into()).linked(paging.link(self.ask, self.identity, pulls.len())))
    }
}
