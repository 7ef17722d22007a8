//! How events look, with the payloads as trimmed in October 2025 (behaviour notes 3), and the pages of a feed.

use super::feed::{Event, Scope};
use super::model::{AccountIndex, Kind, RepositoryIndex};
use super::object::{extend, object};
use super::paging::Paging;
use super::reply::{Adjust, Reply, json, unprocessable};
use super::time::iso;
use super::view::{View, node_id};
use serde_json::Value;

const LIMIT: &str =
    "In order to keep the API fast for everyone, pagination is limited for this resource.";

impl View<'_> {
    fn actor(&self, index: AccountIndex, display: Option<&str>) -> Value {
        let account = self.model.account(index);
        let mut actor = object! { "id": account.id, "login": account.login.as_str() };
        if let Some(display) = display {
            extend(&mut actor, object! { "display_login": display });
        }
        let path = if display.is_some() { "users" } else { "orgs" };
        extend(
            &mut actor,
            object! {
                "gravatar_id": "",
                "url": self.url(&format!("/{path}/{}", account.login)),
                // Feeds end the address with a bare question mark.
                "avatar_url": format!("https://avatars.githubusercontent.com/u/{}?", account.id),
            },
        );
        actor
    }

    pub(crate) fn event(&self, event: &Event) -> Value {
        let repository = self.model.repository(event.repository);
        let payload = event.payload.clone().unwrap_or_else(|| self.payload(event));
        let mut body = object! {
            "id": event.id.to_string(),
            "type": event.kind,
            "actor": self.actor(event.actor, Some(self.login(event.actor))),
            "repo": object! {
                "id": repository.id,
                "name": self.model.full_name(event.repository),
                "url": self.repository_url(event.repository),
            },
            "payload": payload,
            "public": !repository.private,
            "created_at": iso(event.at),
        };
        if self.model.account(repository.owner).kind == Kind::Organization {
            extend(
                &mut body,
                object! { "org": self.actor(repository.owner, None) },
            );
        }
        body
    }

    fn payload(&self, event: &Event) -> Value {
        let index = event.repository;
        let content = self.model.content(index);
        let pick = event.pick as usize;
        let issue = || content.issues.get(pick % content.issues.len().max(1));
        let pulls: Vec<_> = content
            .issues
            .iter()
            .filter(|issue| issue.pull.is_some())
            .collect();
        let pull = || pulls.get(pick % pulls.len().max(1)).copied();
        let branch = self.model.repository(index).default_branch.as_str();
        let tip = content
            .branches
            .get(branch)
            .map(String::as_str)
            .unwrap_or_default();
        let action = |list: [&'static str; 2]| list[pick / 7 % 2];
        match event.kind {
            "PushEvent" => {
                let history = content.objects.history(tip);
                let commit = history.get(pick % history.len().max(1));
                let head = commit.map_or(tip, |commit| commit.sha.as_str());
                let before = commit
                    .and_then(|commit| commit.parents.first())
                    .map_or(super::content::ZERO, String::as_str);
                self.push_payload(
                    index,
                    event.id,
                    &format!("refs/heads/{branch}"),
                    before,
                    head,
                )
            }
            "CreateEvent" => {
                let tag = content
                    .tags
                    .keys()
                    .nth(pick % content.tags.len().max(1))
                    .map_or("v1", String::as_str);
                self.create_payload(index, tag, "tag")
            }
            "DeleteEvent" => object! {
                "ref": format!("patch-{}", pick % 50),
                "ref_type": "branch",
                "full_ref": format!("refs/heads/patch-{}", pick % 50),
                "pusher_type": "user",
            },
            "IssuesEvent" => match issue() {
                Some(issue) => {
                    object! { "action": action(["opened", "closed"]), "issue": self.issue(index, issue) }
                }
                None => Value::Null,
            },
            "IssueCommentEvent" => {
                let comment = content.comments.get(pick % content.comments.len().max(1));
                match comment.and_then(|comment| Some((comment, content.issue(comment.issue)?))) {
                    Some((comment, issue)) => object! {
                        "action": "created",
                        "issue": self.issue(index, issue),
                        "comment": self.comment(index, comment),
                    },
                    None => Value::Null,
                }
            }
            "PullRequestEvent" => match pull() {
                Some(issue) => object! {
                    "action": action(["opened", "closed"]),
                    "number": issue.number,
                    "pull_request": self.minimal_pull(index, issue),
                },
                None => Value::Null,
            },
            "PullRequestReviewEvent" => match pull() {
                Some(issue) => object! {
                    "action": "created",
                    "review": self.review(index, issue),
                    "pull_request": self.minimal_pull(index, issue),
                },
                None => Value::Null,
            },
            "PullRequestReviewCommentEvent" => match pull() {
                Some(issue) => object! {
                    "action": "created",
                    "pull_request": self.minimal_pull(index, issue),
                    "comment": self.review_comment(index, issue),
                },
                None => Value::Null,
            },
            "ForkEvent" => {
                let forks = &self.model.repository(index).forks;
                let fork = forks
                    .get(pick % forks.len().max(1))
                    .copied()
                    .unwrap_or(index);
                object! { "action": "forked", "forkee": self.bare_repository(fork) }
            }
            "ReleaseEvent" => {
                let release = content.releases.get(pick % content.releases.len().max(1));
                match release {
                    Some(release) => {
                        object! { "action": "published", "release": self.release(index, release) }
                    }
                    None => Value::Null,
                }
            }
            "CommitCommentEvent" => {
                object! { "action": "created", "comment": self.commit_comment(index, tip, event.actor, event.at) }
            }
            "GollumEvent" => {
                let page = object! {
                    "page_name": "Home",
                    "title": "Home",
                    "summary": (),
                    "action": "edited",
                    "sha": tip,
                    "html_url": format!("{}/wiki/Home", self.html_url(index)),
                };
                object! { "pages": vec![page] }
            }
            "MemberEvent" => object! { "action": "added", "member": self.simple_user(event.actor) },
            "DiscussionEvent" => {
                object! { "action": "created", "discussion": self.discussion(event) }
            }
            "WatchEvent" => object! { "action": "started" },
            _ => object! {},
        }
    }

    pub(crate) fn push_payload(
        &self,
        index: RepositoryIndex,
        id: u64,
        reference: &str,
        before: &str,
        head: &str,
    ) -> Value {
        object! {
            "repository_id": self.model.repository(index).id,
            "push_id": id - 12_133_229_568,
            "ref": reference,
            "head": head,
            "before": before,
        }
    }

    pub(crate) fn create_payload(&self, index: RepositoryIndex, name: &str, kind: &str) -> Value {
        let directory = if kind == "tag" { "tags" } else { "heads" };
        object! {
            "ref": name,
            "ref_type": kind,
            "full_ref": format!("refs/{directory}/{name}"),
            "master_branch": self.model.repository(index).default_branch.as_str(),
            "description": self.model.repository(index).description.as_deref(),
            "pusher_type": "user",
        }
    }

    fn discussion(&self, event: &Event) -> Value {
        let repository = self.model.repository(event.repository);
        let number = 1_000 + event.pick % 50;
        let id = repository.id * 100 + number;
        object! {
            "repository_url": self.repository_url(event.repository),
            "category": object! {
                "id": repository.id,
                "node_id": node_id("DiscussionCategory", repository.id),
                "repository_id": repository.id,
                "emoji": ":speech_balloon:",
                "name": "General",
                "description": "Chat about anything",
                "created_at": iso(repository.created_at),
                "updated_at": iso(repository.created_at),
                "slug": "general",
                "is_answerable": false,
            },
            "answer_html_url": (),
            "answer_chosen_at": (),
            "answer_chosen_by": (),
            "html_url": format!("{}/discussions/{number}", self.html_url(event.repository)),
            "id": id,
            "node_id": node_id("Discussion", id),
            "number": number,
            "title": "Where to start?",
            "user": self.simple_user(event.actor),
            "state": "open",
            "state_reason": (),
            "locked": false,
            "comments": 0,
            "created_at": iso(event.at),
            "updated_at": iso(event.at),
            "active_lock_reason": (),
            "body": "I would like to help.",
        }
    }

    /// The path under which a feed may be frozen.
    pub(crate) fn feed_key(path: &str) -> String {
        path.trim_end_matches('/').to_ascii_lowercase()
    }

    pub(crate) fn feed_paging(&self, scope: Scope) -> Paging {
        Paging::with_default(self.ask, if scope == Scope::Everything { 15 } else { 30 })
    }

    /// One page of a feed. Last-Modified is the newest event of that page.
    pub(crate) fn feed_page(&self, scope: Scope) -> Reply {
        let paging = self.feed_paging(scope);
        if paging.page > 1 && (paging.page - 1) * paging.per_page >= 300 {
            return Err(limited());
        }
        let key = Self::feed_key(self.ask.path);
        let events = self
            .feed
            .show(self.model, self.caller, scope, &key, self.ask.now);
        let page = paging.slice(&events);
        let newest = page.iter().map(|event| event.at).max();
        let body: Vec<Value> = page.iter().map(|event| self.event(event)).collect();
        let mut found =
            json(body.into()).linked(paging.link(self.ask, self.identity, events.len()));
        found.last_modified = newest;
        found.poll_interval = Some(self.feed.poll_seconds);
        found.max_age = Some(self.feed.poll_seconds);
        if scope == Scope::Everything {
            found.max_age = Some(300);
        }
        Ok(found)
    }
}

fn limited() -> Box<crate::answer::Answer> {
    let mut answer = unprocessable(LIMIT, "");
    if let crate::answer::Answer::Problem {
        documentation_url, ..
    } = &mut *answer
    {
        *documentation_url = "https://docs.github.com/v3/#pagination".to_owned();
    }
    answer
}
