//! Workflow runs and jobs: one run per commit of the default branch.

use super::checks::head_commit;
use super::git::Commit;
use super::model::RepositoryIndex;
use super::object::object;
use super::reply::{Reply, json, not_found};
use super::time::iso;
use super::view::{View, node_id};
use serde_json::Value;

impl View<'_> {
    /// Run ids follow from the position in the history, so they need no table.
    pub(crate) fn run_id(&self, index: RepositoryIndex, commit: &Commit) -> u64 {
        self.model.repository(index).id * 1_000
            + u64::from_str_radix(&commit.sha[..4], 16).unwrap_or(0) % 1_000
    }

    pub(crate) fn run(&self, index: RepositoryIndex, number: usize, commit: &Commit) -> Value {
        let id = self.run_id(index, commit);
        let repository = self.model.repository(index);
        let base = self.repository_url(index);
        let url = format!("{base}/actions/runs/{id}");
        object! {
            "id": id,
            "name": "CI",
            "node_id": node_id("WorkflowRun", id),
            "head_branch": repository.default_branch.as_str(),
            "head_sha": commit.sha.as_str(),
            "path": ".github/workflows/ci.yml",
            "display_title": commit.message.as_str(),
            "run_number": number,
            "event": "push",
            "status": "completed",
            "conclusion": "success",
            "workflow_id": repository.id * 10 + 1,
            "check_suite_id": id * 10 + 2,
            "check_suite_node_id": node_id("CheckSuite", id * 10 + 2),
            "url": url.as_str(),
            "html_url": format!("{}/actions/runs/{id}", self.html_url(index)),
            "pull_requests": Vec::<Value>::new(),
            "created_at": iso(commit.author.date + 30),
            "updated_at": iso(commit.author.date + 90),
            "actor": self.simple_user(repository.owner),
            "run_attempt": 1,
            "referenced_workflows": Vec::<Value>::new(),
            "run_started_at": iso(commit.author.date + 30),
            "triggering_actor": self.simple_user(repository.owner),
            "jobs_url": format!("{url}/jobs"),
            "logs_url": format!("{url}/logs"),
            "check_suite_url": format!("{base}/check-suites/{}", id * 10 + 2),
            "artifacts_url": format!("{url}/artifacts"),
            "cancel_url": format!("{url}/cancel"),
            "rerun_url": format!("{url}/rerun"),
            "previous_attempt_url": (),
            "workflow_url": format!("{base}/actions/workflows/{}", repository.id * 10 + 1),
            "head_commit": head_commit(commit),
            "repository": self.bare_repository(index),
            "head_repository": self.bare_repository(index),
        }
    }

    pub(crate) fn job(&self, index: RepositoryIndex, commit: &Commit) -> Value {
        let (run, base) = (self.run_id(index, commit), self.repository_url(index));
        let id = run * 10 + 1;
        object! {
            "id": id,
            "run_id": run,
            "workflow_name": "CI",
            "head_branch": self.model.repository(index).default_branch.as_str(),
            "run_url": format!("{base}/actions/runs/{run}"),
            "run_attempt": 1,
            "node_id": node_id("CheckRun", id),
            "head_sha": commit.sha.as_str(),
            "url": format!("{base}/actions/jobs/{id}"),
            "html_url": format!("{}/actions/runs/{run}/job/{id}", self.html_url(index)),
            "status": "completed",
            "conclusion": "success",
            "created_at": iso(commit.author.date + 30),
            "started_at": iso(commit.author.date + 35),
            "completed_at": iso(commit.author.date + 90),
            "name": "build",
            "steps": Vec::<Value>::new(),
            "check_run_url": format!("{base}/check-runs/{id}"),
            "labels": vec!["ubuntu-latest"],
            "runner_id": 1,
            "runner_name": "GitHub Actions 1",
            "runner_group_id": 1,
            "runner_group_name": "GitHub Actions",
        }
    }

    pub(crate) fn workflow(&self, index: RepositoryIndex) -> Value {
        let repository = self.model.repository(index);
        let id = repository.id * 10 + 1;
        object! {
            "id": id,
            "node_id": node_id("Workflow", id),
            "name": "CI",
            "path": ".github/workflows/ci.yml",
            "state": "active",
            "created_at": iso(repository.created_at),
            "updated_at": iso(repository.created_at),
            "url": format!("{}/actions/workflows/{id}", self.repository_url(index)),
            "html_url": format!("{}/blob/{}/.github/workflows/ci.yml", self.html_url(index), repository.default_branch),
            "badge_url": format!("{}/workflows/CI/badge.svg", self.html_url(index)),
        }
    }

    pub(crate) fn action_endpoints(&self, index: RepositoryIndex, rest: &[&str]) -> Reply {
        let docs = "/actions/workflow-runs#get-a-workflow-run";
        let content = self.model.content(index);
        let tip = content
            .branches
            .get(&self.model.repository(index).default_branch);
        // Newest first; the number counts from the oldest.
        let history = tip
            .map(|tip| content.objects.history(tip))
            .unwrap_or_default();
        let total = history.len();
        let runs: Vec<(usize, &Commit)> = history
            .into_iter()
            .enumerate()
            .map(|(at, commit)| (total - at, commit))
            .collect();
        let find = |id: &str| {
            runs.iter()
                .find(|(_, commit)| self.run_id(index, commit).to_string() == id)
        };
        match rest {
            ["runs"] | ["workflows", _, "runs"] => {
                self.counted_page("workflow_runs", &runs, |(number, commit)| {
                    self.run(index, *number, commit)
                })
            }
            ["workflows"] => self.counted_page("workflows", &[()], |()| self.workflow(index)),
            ["workflows", _] => Ok(json(self.workflow(index))),
            ["artifacts"] | ["runs", _, "artifacts"] => {
                self.counted_page("artifacts", &[] as &[Value], Clone::clone)
            }
            ["runs", id] => {
                let (number, commit) = find(id).ok_or_else(|| not_found(docs))?;
                Ok(json(self.run(index, *number, commit)))
            }
            ["runs", id, "jobs"] => {
                let (_, commit) = find(id).ok_or_else(|| not_found(docs))?;
                self.counted_page("jobs", &[*commit], |commit| self.job(index, commit))
            }
            ["jobs", id] => {
                let run = id.strip_suffix('1').unwrap_or_default();
                let (_, commit) = find(run).ok_or_else(|| not_found(docs))?;
                Ok(json(self.job(index, commit)))
            }
            _ => Err(not_found(docs)),
        }
    }

    pub(crate) fn check_run_by_id(&self, index: RepositoryIndex, id: &str) -> Reply {
        let commits = &self.model.content(index).objects.commits;
        let mut found: Vec<&Commit> = commits
            .values()
            .filter(|commit| (self.run_id(index, commit) * 10 + 1).to_string() == id)
            .collect();
        found.sort_by_key(|commit| &commit.sha);
        let commit = found
            .first()
            .ok_or_else(|| not_found("/checks/runs#get-a-check-run"))?;
        Ok(json(self.check_run(index, commit)))
    }
}
