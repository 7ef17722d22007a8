//! Issues, labels, milestones and comments: how they look and how their lists are chosen.

use super::content::{Comment, Issue, Label, Milestone};
use super::model::RepositoryIndex;
use super::object::{extend, object};
use super::reply::{Adjust, Reply, json, not_found};
use super::time::{iso, parse};
use super::view::{View, node_id};
use crate::answer::{ApiVersion, Media};
use serde_json::Value;

pub(crate) const DOCS: &str = "/issues/issues#get-an-issue";

impl View<'_> {
    pub(crate) fn label(&self, index: RepositoryIndex, label: &Label) -> Value {
        object! {
            "id": label.id,
            "node_id": node_id("Label", label.id),
            "url": format!("{}/labels/{}", self.repository_url(index), super::paging::encode(&label.name)),
            "name": label.name.as_str(),
            "color": label.color.as_str(),
            "default": label.default,
            "description": label.description.as_deref(),
        }
    }

    pub(crate) fn labels_of(&self, index: RepositoryIndex, issue: &Issue) -> Vec<Value> {
        let content = self.model.content(index);
        let mut labels = Vec::new();
        for name in &issue.labels {
            labels.extend(
                content
                    .labels
                    .iter()
                    .find(|label| label.name == *name)
                    .map(|label| self.label(index, label)),
            );
        }
        labels
    }

    pub(crate) fn milestone(&self, index: RepositoryIndex, milestone: &Milestone) -> Value {
        let url = format!(
            "{}/milestones/{}",
            self.repository_url(index),
            milestone.number
        );
        let id = self.model.repository(index).id * 100 + milestone.number;
        let issues = &self.model.content(index).issues;
        let of = |open: bool| {
            issues
                .iter()
                .filter(|i| i.milestone == Some(milestone.number) && i.closed_at.is_none() == open)
                .count()
        };
        object! {
            "url": url.as_str(),
            "html_url": format!("{}/milestone/{}", self.html_url(index), milestone.number),
            "labels_url": format!("{url}/labels"),
            "id": id,
            "node_id": node_id("Milestone", id),
            "number": milestone.number,
            "title": milestone.title.as_str(),
            "description": "The next version",
            "creator": self.simple_user(milestone.creator),
            "open_issues": of(true),
            "closed_issues": of(false),
            "state": if milestone.open { "open" } else { "closed" },
            "created_at": iso(milestone.created_at),
            "updated_at": iso(milestone.created_at),
            "due_on": (),
            "closed_at": (),
        }
    }

    pub(crate) fn milestone_of(&self, index: RepositoryIndex, number: Option<u64>) -> Value {
        let found = self
            .model
            .content(index)
            .milestones
            .iter()
            .find(|milestone| Some(milestone.number) == number);
        found.map_or(Value::Null, |milestone| self.milestone(index, milestone))
    }

    /// Reactions hang on issues, comments and releases; nobody reacts here.
    pub(crate) fn reactions(url: &str) -> Value {
        object! {
            "url": format!("{url}/reactions"),
            "total_count": 0,
            "+1": 0,
            "-1": 0,
            "laugh": 0,
            "hooray": 0,
            "confused": 0,
            "heart": 0,
            "rocket": 0,
            "eyes": 0,
        }
    }

    pub(crate) fn issue(&self, index: RepositoryIndex, issue: &Issue) -> Value {
        let repository = self.repository_url(index);
        let url = format!("{repository}/issues/{}", issue.number);
        let id = self.model.repository(index).id * 10_000 + issue.number;
        let content = self.model.content(index);
        let kind = if issue.pull.is_some() {
            "pull"
        } else {
            "issues"
        };
        let html_url = format!("{}/{kind}/{}", self.html_url(index), issue.number);
        let assignee = issue
            .assignee
            .map_or(Value::Null, |user| self.simple_user(user));
        let mut body = object! {
            "url": url.as_str(),
            "repository_url": repository.as_str(),
            "labels_url": format!("{url}/labels{{/name}}"),
            "comments_url": format!("{url}/comments"),
            "events_url": format!("{url}/events"),
            "html_url": html_url.as_str(),
            "id": id,
            "node_id": node_id("Issue", id),
            "number": issue.number,
            "title": issue.title.as_str(),
            "user": self.simple_user(issue.author),
            "labels": self.labels_of(index, issue),
            "state": if issue.closed_at.is_none() { "open" } else { "closed" },
            "locked": issue.locked,
            "assignees": issue.assignee.map(|user| self.simple_user(user)).into_iter().collect::<Vec<_>>(),
            "milestone": self.milestone_of(index, issue.milestone),
            "comments": content.comments.iter().filter(|comment| comment.issue == issue.number).count(),
            "created_at": iso(issue.created_at),
            "updated_at": iso(issue.updated_at),
            "closed_at": issue.closed_at.map(iso),
            "assignee": assignee,
            "author_association": self.model.association(issue.author, index),
            "active_lock_reason": (),
        };
        if let Some(pull) = &issue.pull {
            extend(
                &mut body,
                object! {
                    "draft": pull.draft,
                    "pull_request": object! {
                        "url": format!("{repository}/pulls/{}", issue.number),
                        "html_url": html_url.as_str(),
                        "diff_url": format!("{html_url}.diff"),
                        "patch_url": format!("{html_url}.patch"),
                        "merged_at": pull.merged_at.map(iso),
                    },
                },
            );
        }
        extend(
            &mut body,
            object! {
                "body": issue.body.as_deref(),
                "closed_by": (),
                "reactions": Self::reactions(&url),
                "timeline_url": format!("{url}/timeline"),
                "performed_via_github_app": (),
                "state_reason": issue.closed_at.filter(|_| issue.pull.is_none()).map(|_| "completed"),
            },
        );
        if self.ask.version == ApiVersion::V2026_03_10 {
            // Breaking change of 2026-03-10: `assignees` alone is left.
            super::object::without(&mut body, "assignee");
        }
        self.render(&mut body, issue.body.as_deref());
        body
    }

    /// Adds what the `full` media type asks for: a text as HTML and without markup.
    fn render(&self, body: &mut Value, text: Option<&str>) {
        if self.ask.media != Media::Full {
            return;
        }
        let html = text.map(|text| {
            let escaped = text
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;");
            format!("<p dir=\"auto\">{escaped}</p>")
        });
        extend(body, object! { "body_html": html, "body_text": text });
    }

    pub(crate) fn comment(&self, index: RepositoryIndex, comment: &Comment) -> Value {
        let repository = self.repository_url(index);
        let url = format!("{repository}/issues/comments/{}", comment.id);
        let mut body = object! {
            "url": url.as_str(),
            "html_url": format!("{}/issues/{}#issuecomment-{}", self.html_url(index), comment.issue, comment.id),
            "issue_url": format!("{repository}/issues/{}", comment.issue),
            "id": comment.id,
            "node_id": node_id("IssueComment", comment.id),
            "user": self.simple_user(comment.author),
            "created_at": iso(comment.created_at),
            "updated_at": iso(comment.updated_at),
            "body": comment.body.as_str(),
            "author_association": self.model.association(comment.author, index),
            "reactions": Self::reactions(&url),
            "performed_via_github_app": (),
        };
        self.render(&mut body, Some(&comment.body));
        body
    }

    /// The filters and orders that issue lists share.
    pub(crate) fn chosen<'i>(
        &self,
        index: RepositoryIndex,
        issues: impl Iterator<Item = &'i Issue>,
    ) -> Vec<&'i Issue> {
        let comments = |issue: &Issue| {
            self.model
                .content(index)
                .comments
                .iter()
                .filter(|comment| comment.issue == issue.number)
                .count()
        };
        let state = self.parameter("state").unwrap_or("open");
        let since = self.parameter("since").and_then(parse);
        let wanted: Vec<&str> = self
            .parameter("labels")
            .map(|list| list.split(',').collect())
            .unwrap_or_default();
        let creator = self
            .parameter("creator")
            .and_then(|login| self.model.find_account(login));
        let assignee = self.parameter("assignee");
        let milestone = self.parameter("milestone");
        let mut chosen: Vec<&Issue> = issues
            .filter(|issue| match state {
                "all" => true,
                "closed" => issue.closed_at.is_some(),
                _ => issue.closed_at.is_none(),
            })
            .filter(|issue| since.is_none_or(|since| issue.updated_at >= since))
            .filter(|issue| {
                wanted.iter().all(|label| {
                    issue
                        .labels
                        .iter()
                        .any(|own| own.eq_ignore_ascii_case(label))
                })
            })
            .filter(|issue| self.parameter("creator").is_none() || creator == Some(issue.author))
            .filter(|issue| match assignee {
                None => true,
                Some("*") => issue.assignee.is_some(),
                Some("none") => issue.assignee.is_none(),
                Some(login) => {
                    issue.assignee.is_some() && issue.assignee == self.model.find_account(login)
                }
            })
            .filter(|issue| match milestone {
                None => true,
                Some("*") => issue.milestone.is_some(),
                Some("none") => issue.milestone.is_none(),
                Some(number) => issue.milestone.is_some() && number.parse().ok() == issue.milestone,
            })
            .collect();
        match self.parameter("sort").unwrap_or("created") {
            "updated" => chosen.sort_by_key(|issue| (issue.updated_at, issue.number)),
            "comments" => chosen.sort_by_key(|issue| (comments(issue), issue.number)),
            _ => chosen.sort_by_key(|issue| (issue.created_at, issue.number)),
        }
        if !self.ascending("direction", "desc") {
            chosen.reverse();
        }
        chosen
    }

    /// `GET /repos/{o}/{r}/issues...`; `rest` begins behind `issues`.
    pub(crate) fn issue_endpoints(&self, index: RepositoryIndex, rest: &[&str]) -> Reply {
        let content = self.model.content(index);
        if !self.model.repository(index).has_issues {
            return Err(super::reply::problem(
                http::StatusCode::GONE,
                "Issues are disabled for this repo",
                None,
                "/issues/issues#list-repository-issues",
            ));
        }
        if let ["events"] = rest {
            let mut events: Vec<Value> = content
                .issues
                .iter()
                .flat_map(|issue| self.issue_events(index, issue))
                .collect();
            events.reverse();
            return self.page(&events, Clone::clone);
        }
        if let ["events", id] = rest {
            return self.issue_event_by_id(index, id);
        }
        match rest {
            [] => {
                let issues = self.chosen(index, content.issues.iter());
                return self.page(&issues, |issue| self.issue(index, issue));
            }
            ["comments"] => {
                return self.page(&content.comments, |comment| self.comment(index, comment));
            }
            ["comments", id] => {
                let id: u64 = id.parse().map_err(|_| not_found(DOCS))?;
                let comment = content
                    .comments
                    .iter()
                    .find(|comment| comment.id == id)
                    .ok_or_else(|| not_found(DOCS))?;
                return Ok(json(self.comment(index, comment)));
            }
            _ => {}
        }
        let issue = rest
            .first()
            .and_then(|number| number.parse().ok())
            .and_then(|number| content.issue(number))
            .ok_or_else(|| not_found(DOCS))?;
        match rest.get(1..).unwrap_or_default() {
            [] => Ok(json(self.issue(index, issue)).modified(issue.updated_at)),
            ["comments"] => {
                let since = self.parameter("since").and_then(parse).unwrap_or(i64::MIN);
                let of: Vec<&Comment> = content
                    .comments
                    .iter()
                    .filter(|comment| comment.issue == issue.number && comment.updated_at >= since)
                    .collect();
                self.page(&of, |comment| self.comment(index, comment))
            }
            ["labels"] => {
                let labels = self.labels_of(index, issue);
                Ok(self.page(&labels, Clone::clone)?.modified(issue.updated_at))
            }
            ["events"] => self.page(&self.issue_events(index, issue), Clone::clone),
            ["timeline"] => {
                let mut timeline = self.issue_events(index, issue);
                for comment in content
                    .comments
                    .iter()
                    .filter(|comment| comment.issue == issue.number)
                {
                    let mut entry = self.comment(index, comment);
                    let actor = self.simple_user(comment.author);
                    extend(&mut entry, object! { "event": "commented", "actor": actor });
                    timeline.push(entry);
                }
                self.page(&timeline, Clone::clone)
            }
            ["reactions"] | ["sub_issues"] => self.page(&[] as &[Value], Clone::clone),
            _ => Err(not_found(DOCS)),
        }
    }

    fn issue_event_by_id(&self, index: RepositoryIndex, id: &str) -> Reply {
        let id: u64 = id
            .parse()
            .map_err(|_| not_found("/issues/events#get-an-issue-event"))?;
        let mut issues = self.model.content(index).issues.iter();
        let found = issues.find_map(|issue| {
            let mut events = self.issue_events(index, issue).into_iter();
            let event = events.find(|event| event.get("id").and_then(Value::as_u64) == Some(id))?;
            Some((event, issue.created_at))
        });
        let (event, at) = found.ok_or_else(|| not_found("/issues/events#get-an-issue-event"))?;
        Ok(json(event).modified(at))
    }

    fn issue_events(&self, index: RepositoryIndex, issue: &Issue) -> Vec<Value> {
        let mut events = Vec::new();
        let repository = self.model.repository(index);
        let mut add = |step: u64, event: &str, at: i64, detail: Value| {
            let id = repository.id * 10_000 + issue.number * 10 + step;
            let mut body = object! {
                "id": id,
                "node_id": node_id("IssueEvent", id),
                "url": format!("{}/issues/events/{id}", self.repository_url(index)),
                "actor": self.simple_user(issue.author),
                "event": event,
                "commit_id": (),
                "commit_url": (),
                "created_at": iso(at),
            };
            extend(&mut body, detail);
            extend(&mut body, object! { "performed_via_github_app": () });
            events.push(body);
        };
        let content = self.model.content(index);
        for (step, name) in issue.labels.iter().enumerate() {
            if let Some(label) = content.labels.iter().find(|label| label.name == *name) {
                let detail = object! {
                    "label": object! { "name": label.name.as_str(), "color": label.color.as_str() },
                };
                add(step as u64, "labeled", issue.created_at, detail);
            }
        }
        if let Some(assignee) = issue.assignee {
            let assignee = self.simple_user(assignee);
            let assigner = self.simple_user(issue.author);
            add(
                8,
                "assigned",
                issue.created_at,
                object! { "assignee": assignee, "assigner": assigner },
            );
        }
        if issue.locked {
            add(9, "locked", issue.updated_at, object! { "lock_reason": () });
        }
        events
    }

    pub(crate) fn label_endpoints(&self, index: RepositoryIndex, rest: &[&str]) -> Reply {
        let content = self.model.content(index);
        match rest {
            [] => self.page(&content.labels, |label| self.label(index, label)),
            [name] => {
                let label = content
                    .labels
                    .iter()
                    .find(|label| label.name.eq_ignore_ascii_case(name));
                let label = label.ok_or_else(|| not_found("/issues/labels#get-a-label"))?;
                Ok(
                    json(self.label(index, label))
                        .modified(self.model.repository(index).created_at),
                )
            }
            _ => Err(not_found("/issues/labels")),
        }
    }

    pub(crate) fn milestone_endpoints(&self, index: RepositoryIndex, rest: &[&str]) -> Reply {
        let docs = "/issues/milestones#get-a-milestone";
        let content = self.model.content(index);
        let Some(number) = rest.first() else {
            return self.page(&content.milestones, |milestone| {
                self.milestone(index, milestone)
            });
        };
        let milestone = content
            .milestones
            .iter()
            .find(|milestone| milestone.number.to_string() == *number)
            .ok_or_else(|| not_found(docs))?;
        match rest.get(1..).unwrap_or_default() {
            [] => Ok(json(self.milestone(index, milestone)).modified(milestone.created_at)),
            ["labels"] => self.page(&content.labels, |label| self.label(index, label)),
            _ => Err(not_found(docs)),
        }
    }
}
