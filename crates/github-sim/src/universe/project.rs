//! What stands around the code: branches, tags, releases, workflow runs, hooks, activity, people.

use super::commits::head_commit;
use super::content::Release;
use super::git::Commit;
use super::model::{AccountIndex, Permission, RepositoryIndex};
use super::object::{extend, object};
use super::paging::{Paging, page_url};
use super::reply::{Adjust, Reply, json, must_have_rights, not_found};
use super::time::iso;
use super::view::{View, node_id, tail};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

impl View<'_> {
    pub(crate) fn short_branch(&self, index: RepositoryIndex, name: &str, sha: &str) -> Value {
        let url = format!("{}/commits/{sha}", self.repository_url(index));
        object! { "name": name, "commit": object! { "sha": sha, "url": url }, "protected": false }
    }

    pub(crate) fn branch_endpoints(&self, index: RepositoryIndex, rest: &[&str]) -> Reply {
        let content = self.model.content(index);
        if rest.is_empty() {
            let branches: Vec<_> = content.branches.iter().collect();
            return self.page(&branches, |(name, sha)| self.short_branch(index, name, sha));
        }
        let docs = "/branches/branches#get-a-branch";
        let name = rest.join("/");
        let commit = content
            .branches
            .get(&name)
            .and_then(|sha| content.objects.commits.get(sha));
        let Some(commit) = commit else {
            return Err(super::reply::problem(
                http::StatusCode::NOT_FOUND,
                "Branch not found",
                None,
                docs,
            ));
        };
        let url = format!("{}/branches/{}", self.repository_url(index), tail(&name));
        let checks = object! { "enforcement_level": "off", "contexts": Vec::<Value>::new(), "checks": Vec::<Value>::new() };
        Ok(json(object! {
            "name": name.as_str(),
            "commit": self.commit(index, commit),
            "_links": object! {
                "self": url.as_str(),
                "html": format!("{}/tree/{}", self.html_url(index), tail(&name)),
            },
            "protected": false,
            "protection": object! { "enabled": false, "required_status_checks": checks },
            "protection_url": format!("{url}/protection"),
        }))
    }

    pub(crate) fn tag_list(&self, index: RepositoryIndex) -> Reply {
        // Newest version first.
        let tags: Vec<_> = self.model.content(index).tags.iter().rev().collect();
        let base = self.repository_url(index);
        let found = self.page(&tags, |(name, (_, commit))| {
            object! {
                "name": name.as_str(),
                "zipball_url": format!("{base}/zipball/refs/tags/{}", tail(name)),
                "tarball_url": format!("{base}/tarball/refs/tags/{}", tail(name)),
                "commit": object! { "sha": commit.as_str(), "url": format!("{base}/commits/{commit}") },
                "node_id": node_id("Ref", format!("{}:refs/tags/{name}", self.model.repository(index).id)),
            }
        })?;
        Ok(found.modified(self.model.repository(index).pushed_at))
    }

    fn asset(&self, index: RepositoryIndex, release: &Release, number: u32) -> Value {
        let id = release.id * 10 + u64::from(number);
        let name = if number == 0 {
            "checksums.txt".to_owned()
        } else {
            format!("tool-linux-{number}.tar.gz")
        };
        object! {
            "url": format!("{}/releases/assets/{id}", self.repository_url(index)),
            "id": id,
            "node_id": node_id("ReleaseAsset", id),
            "name": name.as_str(),
            "label": "",
            "uploader": self.simple_user(release.author),
            "content_type": if number == 0 { "text/plain" } else { "application/gzip" },
            "state": "uploaded",
            "size": 1_024 * (u64::from(number) + 1),
            "digest": format!("sha256:{}", hex::encode(<sha2::Sha256 as sha2::Digest>::digest(id.to_be_bytes()))),
            "download_count": release.downloads / (u64::from(number) + 1),
            "created_at": iso(release.created_at),
            "updated_at": iso(release.created_at),
            "browser_download_url": format!("{}/releases/download/{}/{name}", self.html_url(index), release.tag),
        }
    }

    pub(crate) fn release(&self, index: RepositoryIndex, release: &Release) -> Value {
        let (base, html_url) = (self.repository_url(index), self.html_url(index));
        let url = format!("{base}/releases/{}", release.id);
        let assets: Vec<Value> = (0..release.assets)
            .map(|number| self.asset(index, release, number))
            .collect();
        object! {
            "url": url.as_str(),
            "assets_url": format!("{url}/assets"),
            "upload_url": format!(
                "https://uploads.github.com/repos/{}/releases/{}/assets{{?name,label}}",
                self.model.full_name(index),
                release.id
            ),
            "html_url": format!("{html_url}/releases/tag/{}", release.tag),
            "id": release.id,
            "author": self.simple_user(release.author),
            "node_id": node_id("Release", release.id),
            "tag_name": release.tag.as_str(),
            "target_commitish": self.model.repository(index).default_branch.as_str(),
            "name": release.tag.as_str(),
            "draft": false,
            "immutable": false,
            "prerelease": release.prerelease,
            "created_at": iso(release.created_at),
            "updated_at": iso(release.created_at),
            "published_at": iso(release.created_at + 600),
            "assets": assets,
            "tarball_url": format!("{base}/tarball/{}", release.tag),
            "zipball_url": format!("{base}/zipball/{}", release.tag),
            "body": "What changed: see the log.",
        }
    }

    pub(crate) fn release_endpoints(&self, index: RepositoryIndex, rest: &[&str]) -> Reply {
        let docs = "/releases/releases#get-a-release";
        let releases = &self.model.content(index).releases;
        let found = match rest {
            [] => return self.page(releases, |release| self.release(index, release)),
            ["assets", id] => {
                let wanted: u64 = id.parse().map_err(|_| not_found(docs))?;
                let release = releases.iter().find(|release| release.id == wanted / 10);
                let release = release.filter(|release| wanted % 10 < u64::from(release.assets));
                let release =
                    release.ok_or_else(|| not_found("/releases/assets#get-a-release-asset"))?;
                return Ok(json(self.asset(index, release, (wanted % 10) as u32))
                    .modified(release.created_at));
            }
            ["latest"] => releases.iter().find(|release| !release.prerelease),
            ["tags", tag @ ..] => releases.iter().find(|release| release.tag == tag.join("/")),
            [id, ..] => releases
                .iter()
                .find(|release| release.id.to_string() == *id),
        };
        let release = found.ok_or_else(|| not_found(docs))?;
        if let [_, "assets"] = rest {
            let numbers: Vec<u32> = (0..release.assets).collect();
            return self.page(&numbers, |number| self.asset(index, release, *number));
        }
        Ok(json(self.release(index, release)).modified(release.created_at))
    }

    /// Run ids follow from the position in the history, so they need no table.
    pub(crate) fn run_id(&self, index: RepositoryIndex, commit: &Commit) -> u64 {
        self.model.repository(index).id * 1_000
            + u64::from_str_radix(&commit.sha[..4], 16).unwrap_or(0) % 1_000
    }

    fn run(&self, index: RepositoryIndex, number: usize, commit: &Commit) -> Value {
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

    fn job(&self, index: RepositoryIndex, commit: &Commit) -> Value {
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

    fn workflow(&self, index: RepositoryIndex) -> Value {
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

    fn hook(&self, index: RepositoryIndex, id: u64, events: &Value) -> Value {
        let repository = self.model.repository(index);
        let url = format!("{}/hooks/{id}", self.repository_url(index));
        object! {
            "type": "Repository",
            "id": id,
            "name": "web",
            "active": true,
            "events": events.clone(),
            "config": object! {
                "content_type": "json",
                "insecure_ssl": "0",
                "url": "https://hooks.example.com/github",
            },
            "updated_at": iso(repository.created_at),
            "created_at": iso(repository.created_at),
            "url": url.as_str(),
            "test_url": format!("{url}/test"),
            "ping_url": format!("{url}/pings"),
            "deliveries_url": format!("{url}/deliveries"),
            "last_response": object! { "code": 200, "status": "active", "message": "OK" },
        }
    }

    pub(crate) fn hook_endpoints(&self, index: RepositoryIndex, rest: &[&str]) -> Reply {
        let docs = "/repos/webhooks#get-a-repository-webhook";
        if self.model.permission(self.caller, index) < Some(Permission::Admin) {
            return Err(not_found(docs));
        }
        let content = self.model.content(index);
        let Some(id) = rest.first() else {
            return self.page(&content.hooks, |(id, events)| self.hook(index, *id, events));
        };
        let hook = content
            .hooks
            .iter()
            .find(|(own, _)| own.to_string() == *id)
            .ok_or_else(|| not_found(docs))?;
        match rest.get(1..).unwrap_or_default() {
            [] => {
                let at = self.model.repository(index).created_at;
                Ok(json(self.hook(index, hook.0, &hook.1)).modified(at))
            }
            ["deliveries"] => self.deliveries(index, hook.0),
            _ => Err(not_found(docs)),
        }
    }

    /// One delivery per push, newest first, in cursor pages (`cursor=v1_<id>`).
    fn deliveries(&self, index: RepositoryIndex, hook: u64) -> Reply {
        let movements = &self.model.content(index).movements;
        let paging = Paging::of(self.ask);
        let after = self
            .parameter("cursor")
            .and_then(|cursor| cursor.strip_prefix("v1_"))
            .and_then(|id| id.parse().ok());
        let from = after.map_or(0, |after: u64| {
            movements
                .iter()
                .take_while(|movement| movement.id >= after)
                .count()
        });
        let page = &movements[from..(from + paging.per_page).min(movements.len())];
        let body: Vec<Value> = page
            .iter()
            .map(|movement| {
                object! {
                    "id": movement.id,
                    "guid": format!("{:08x}-0000-4000-8000-{:012x}", hook & 0xffff_ffff, movement.id),
                    "delivered_at": iso(movement.at + 2),
                    "redelivery": false,
                    "duration": 0.27,
                    "status": "OK",
                    "status_code": 200,
                    "event": "push",
                    "action": (),
                    "installation_id": (),
                    "repository_id": self.model.repository(index).id,
                    "throttled_at": (),
                }
            })
            .collect();
        let more = from + page.len() < movements.len();
        let next = page.last().filter(|_| more).map(|last| {
            (
                "next",
                page_url(
                    self.ask,
                    self.identity,
                    &[("cursor", format!("v1_{}", last.id))],
                ),
            )
        });
        Ok(json(body.into()).linked(next.into_iter().collect()))
    }

    /// `/activity`: movements of refs, newest first, in `before`/`after` cursor pages.
    pub(crate) fn activity(&self, index: RepositoryIndex) -> Reply {
        use base64::Engine as _;
        let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let decode = |name: &str| -> Option<u64> {
            let bytes = engine.decode(self.parameter(name)?).ok()?;
            String::from_utf8(bytes).ok()?.parse().ok()
        };
        let branch = self.parameter("ref").map(|name| {
            if name.starts_with("refs/") {
                name.to_owned()
            } else {
                format!("refs/heads/{name}")
            }
        });
        let kind = self.parameter("activity_type");
        let mut movements: Vec<_> = self
            .model
            .content(index)
            .movements
            .iter()
            .filter(|movement| {
                branch
                    .as_deref()
                    .is_none_or(|branch| movement.reference == branch)
            })
            .filter(|movement| kind.is_none_or(|kind| movement.kind == kind))
            .collect();
        if self.ascending("direction", "desc") {
            movements.reverse();
        }
        let per_page = Paging::of(self.ask).per_page;
        let place = |id: u64| movements.iter().position(|movement| movement.id == id);
        let (from, to) = match (
            decode("after").and_then(place),
            decode("before").and_then(place),
        ) {
            (Some(after), _) => (after + 1, (after + 1 + per_page).min(movements.len())),
            (None, Some(before)) => (before.saturating_sub(per_page), before),
            (None, None) => (0, per_page.min(movements.len())),
        };
        let page = &movements[from..to];
        let body: Vec<Value> = page
            .iter()
            .map(|movement| {
                object! {
                    "id": movement.id,
                    "node_id": node_id("RepositoryActivity", movement.id),
                    "before": movement.before.as_str(),
                    "after": movement.after.as_str(),
                    "ref": movement.reference.as_str(),
                    "timestamp": iso(movement.at),
                    "activity_type": movement.kind,
                    "actor": self.simple_user(movement.actor),
                }
            })
            .collect();
        let cursor = |id: u64| engine.encode(id.to_string());
        let url = |name: &str, other: &str, id: u64| {
            let url = page_url(self.ask, self.identity, &[(name, cursor(id))]);
            strip(&url, other)
        };
        let mut link = Vec::new();
        if let Some(last) = page.last().filter(|_| to < movements.len()) {
            link.push(("next", url("after", "before", last.id)));
        }
        if let Some(first) = page.first().filter(|_| from > 0) {
            link.push(("prev", url("before", "after", first.id)));
        }
        Ok(json(body.into()).linked(link))
    }

    pub(crate) fn collaborators(&self, index: RepositoryIndex, rest: &[&str]) -> Reply {
        let docs = "/collaborators/collaborators#list-repository-collaborators";
        if self.caller == super::access::Caller::Anonymous {
            return Err(super::reply::requires_authentication(docs));
        }
        if self.model.permission(self.caller, index) < Some(Permission::Push) {
            return Err(super::reply::problem(
                http::StatusCode::FORBIDDEN,
                "Must have push access to view repository collaborators.",
                None,
                docs,
            ));
        }
        let repository = self.model.repository(index);
        let owner = self.model.account(repository.owner);
        let mut users: Vec<AccountIndex> = owner.members.iter().map(|member| member.user).collect();
        if owner.members.is_empty() {
            users.push(repository.owner);
        }
        users.extend(repository.collaborators.iter().map(|(user, _)| *user));
        let mut seen = std::collections::HashSet::new();
        users.retain(|user| seen.insert(*user) && !self.model.account(*user).deleted);
        let role = |user: AccountIndex| self.model.role(user, index);
        match rest {
            [] => self.page(&users, |user| {
                self.collaborator(*user, role(*user).unwrap_or(Permission::Pull))
            }),
            [login] => match self
                .model
                .find_account(login)
                .filter(|user| users.contains(user))
            {
                Some(_) => Ok(super::reply::no_content()),
                None => Err(not_found(docs)),
            },
            [login, "permission"] => {
                let user = self
                    .model
                    .find_account(login)
                    .ok_or_else(|| not_found(docs))?;
                let (permission, name, shown) = match role(user) {
                    Some(Permission::Admin) => ("admin", "admin", Permission::Admin),
                    Some(role) if role >= Permission::Push => ("write", role.role(), role),
                    Some(role) => ("read", role.role(), role),
                    None if repository.private => ("none", "none", Permission::Pull),
                    None => ("read", "read", Permission::Pull),
                };
                let shown = self.collaborator(user, shown);
                Ok(json(
                    object! { "permission": permission, "user": shown, "role_name": name },
                ))
            }
            _ => Err(must_have_rights(docs)),
        }
    }

    pub(crate) fn contributors(&self, index: RepositoryIndex) -> Reply {
        let content = self.model.content(index);
        let Some(tip) = content
            .branches
            .get(&self.model.repository(index).default_branch)
        else {
            // An empty repository has no contributors and says so with 204.
            return Ok(super::reply::no_content());
        };
        let mut counts: BTreeMap<AccountIndex, usize> = BTreeMap::new();
        for commit in content.objects.history(tip) {
            if let Some(author) = commit.author.account {
                *counts.entry(author).or_default() += 1;
            }
        }
        let mut counts: Vec<(AccountIndex, usize)> = counts.into_iter().collect();
        counts.sort_by_key(|(author, count)| (std::cmp::Reverse(*count), *author));
        self.page(&counts, |(author, count)| {
            let mut contributor = self.simple_user(*author);
            extend(&mut contributor, object! { "contributions": *count });
            contributor
        })
    }

    pub(crate) fn languages(&self, index: RepositoryIndex) -> Reply {
        let repository = self.model.repository(index);
        let mut languages = Map::new();
        if let Some(language) = repository.language {
            languages.insert(language.to_owned(), (repository.size * 700).into());
            languages.insert("Shell".to_owned(), (repository.size * 9).into());
        }
        Ok(json(Value::Object(languages)))
    }
}

/// Removes one parameter from a url.
fn strip(url: &str, name: &str) -> String {
    let Some((path, query)) = url.split_once('?') else {
        return url.to_owned();
    };
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| pair.split('=').next() != Some(name))
        .collect();
    format!("{path}?{}", kept.join("&"))
}
