//! What others say about a commit: statuses, check runs and suites, comments.

use super::content::ZERO;
use super::git::Commit;
use super::model::{AccountIndex, RepositoryIndex};
use super::object::object;
use super::time::iso;
use super::view::{View, node_id};
use serde_json::Value;

impl View<'_> {
    pub(crate) fn status(&self, index: RepositoryIndex, commit: &Commit) -> Value {
        let id = self.model.repository(index).id * 10_000 + 1;
        object! {
            "url": format!("{}/statuses/{}", self.repository_url(index), commit.sha),
            "avatar_url": self.avatar(self.model.repository(index).owner),
            "id": id,
            "node_id": node_id("StatusContext", id),
            "state": "success",
            "description": "Build has completed successfully",
            "target_url": "https://ci.example.com/1000/output",
            "context": "continuous-integration/build",
            "created_at": iso(commit.author.date + 60),
            "updated_at": iso(commit.author.date + 120),
        }
    }

    pub(crate) fn combined_status(&self, index: RepositoryIndex, commit: &Commit) -> Value {
        let url = format!("{}/commits/{}", self.repository_url(index), commit.sha);
        object! {
            "state": "success",
            "statuses": vec![self.status(index, commit)],
            "sha": commit.sha.as_str(),
            "total_count": 1,
            "repository": self.bare_repository(index),
            "commit_url": url.as_str(),
            "url": format!("{url}/status"),
        }
    }

    /// The one app that builds everything here.
    pub(crate) fn builder_app(&self, index: RepositoryIndex) -> Value {
        object! {
            "id": 15_368,
            "client_id": "Iv1.05c79e9ad1f6bdfa",
            "slug": "github-actions",
            "node_id": node_id("App", 15_368),
            "owner": self.simple_user(self.model.repository(index).owner),
            "name": "GitHub Actions",
            "description": "Automate your workflow from idea to production",
            "external_url": "https://help.github.com/en/actions",
            "html_url": "https://github.com/apps/github-actions",
            "created_at": "2018-07-30T09:30:17Z",
            "updated_at": "2024-04-10T20:33:16Z",
            "permissions": object! { "actions": "write", "checks": "write", "metadata": "read" },
            "events": vec!["check_run", "push"],
        }
    }

    pub(crate) fn check_run(&self, index: RepositoryIndex, commit: &Commit) -> Value {
        let id = self.run_id(index, commit) * 10 + 1;
        let url = format!("{}/check-runs/{id}", self.repository_url(index));
        object! {
            "id": id,
            "name": "build",
            "node_id": node_id("CheckRun", id),
            "head_sha": commit.sha.as_str(),
            "external_id": id.to_string(),
            "url": url.as_str(),
            "html_url": format!("{}/runs/{id}", self.html_url(index)),
            "details_url": format!("{}/runs/{id}", self.html_url(index)),
            "status": "completed",
            "conclusion": "success",
            "started_at": iso(commit.author.date + 30),
            "completed_at": iso(commit.author.date + 90),
            "output": object! {
                "title": (),
                "summary": (),
                "text": (),
                "annotations_count": 0,
                "annotations_url": format!("{url}/annotations"),
            },
            "check_suite": object! { "id": self.run_id(index, commit) * 10 + 2 },
            "app": self.builder_app(index),
            "pull_requests": Vec::<Value>::new(),
        }
    }

    pub(crate) fn check_suite(&self, index: RepositoryIndex, commit: &Commit) -> Value {
        let id = self.run_id(index, commit) * 10 + 2;
        let url = format!("{}/check-suites/{id}", self.repository_url(index));
        object! {
            "id": id,
            "node_id": node_id("CheckSuite", id),
            "head_branch": self.model.repository(index).default_branch.as_str(),
            "head_sha": commit.sha.as_str(),
            "status": "completed",
            "conclusion": "success",
            "url": url.as_str(),
            "before": commit.parents.first().map_or(ZERO, String::as_str),
            "after": commit.sha.as_str(),
            "pull_requests": Vec::<Value>::new(),
            "app": self.builder_app(index),
            "created_at": iso(commit.author.date + 30),
            "updated_at": iso(commit.author.date + 90),
            "latest_check_runs_count": 1,
            "check_runs_url": format!("{url}/check-runs"),
            "head_commit": head_commit(commit),
            "repository": self.bare_repository(index),
        }
    }

    pub(crate) fn commit_comment(
        &self,
        index: RepositoryIndex,
        sha: &str,
        by: AccountIndex,
        at: i64,
    ) -> Value {
        let id = self.model.repository(index).id * 10 + 7;
        let url = format!("{}/comments/{id}", self.repository_url(index));
        object! {
            "url": url.as_str(),
            "html_url": format!("{}/commit/{sha}#commitcomment-{id}", self.html_url(index)),
            "id": id,
            "node_id": node_id("CommitComment", id),
            "user": self.simple_user(by),
            "position": (),
            "line": (),
            "path": (),
            "commit_id": sha,
            "created_at": iso(at),
            "updated_at": iso(at),
            "author_association": self.model.association(by, index),
            "body": "Nice.",
            "reactions": Self::reactions(&url),
        }
    }
}

pub(crate) fn head_commit(commit: &Commit) -> Value {
    let person =
        object! { "name": commit.author.name.as_str(), "email": commit.author.email.as_str() };
    object! {
        "id": commit.sha.as_str(),
        "tree_id": commit.tree.as_str(),
        "message": commit.message.as_str(),
        "timestamp": iso(commit.author.date),
        "author": person.clone(),
        "committer": person,
    }
}
