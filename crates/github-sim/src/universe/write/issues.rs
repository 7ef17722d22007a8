//! Issues and labels written by clients.

use super::{Body, Refusal, body, labels, required, text};
use crate::answer::{Ask, Found};
use crate::universe::Universe;
use crate::universe::actions::{IssueState, NewIssue, add_label};
use crate::universe::model::{AccountIndex, Permission, RepositoryIndex};
use crate::universe::reply::{Reply, created, invalid, json, no_content, not_found, problem};
use crate::universe::route::Route;
use http::{Method, StatusCode};
use serde_json::Value;

impl Universe {
    pub(super) fn post_issue(
        &mut self,
        ask: &Ask<'_>,
        route: &Route,
        index: RepositoryIndex,
        author: AccountIndex,
        permission: Permission,
    ) -> Reply {
        let docs = "/issues/issues#create-an-issue";
        if !self.model.repository(index).has_issues {
            return Err(problem(
                StatusCode::GONE,
                "Issues has been disabled in this repository.",
                None,
                docs,
            ));
        }
        let body = body(ask)?;
        let title = required(&body, "title", docs)?;
        if title.trim().is_empty() {
            return Err(invalid("Issue", "title", "missing_field", docs));
        }
        let mut new = NewIssue {
            title: title.to_owned(),
            body: text(&body, "body").map(str::to_owned),
            ..NewIssue::default()
        };
        // Without push access these are silently dropped.
        if permission >= Permission::Push {
            new.labels = labels(body.get("labels"));
            new.assignee = self.assignee(&body, docs)?.flatten();
            new.milestone = body.get("milestone").and_then(Value::as_u64);
        }
        let number = self.open_issue(index, author, new, ask.now);
        self.show_issue(ask, route, index, number).map(created)
    }

    /// Outer `None` = not mentioned, inner `None` = nobody.
    pub(super) fn assignee(
        &self,
        body: &Body,
        docs: &str,
    ) -> Result<Option<Option<AccountIndex>>, Refusal> {
        let first = body
            .get("assignees")
            .and_then(Value::as_array)
            .map(|list| list.first());
        let Some(given) = first.or_else(|| body.get("assignee").map(Some)) else {
            return Ok(None);
        };
        match given.and_then(Value::as_str) {
            None => Ok(Some(None)),
            Some(login) => match self.model.find_account(login) {
                Some(user) => Ok(Some(Some(user))),
                None => Err(invalid("Issue", "assignees", "invalid", docs)),
            },
        }
    }

    pub(super) fn patch_issue(
        &mut self,
        ask: &Ask<'_>,
        route: &Route,
        index: RepositoryIndex,
        number: u64,
    ) -> Reply {
        let docs = "/issues/issues#update-an-issue";
        let body = body(ask)?;
        let assignee = self.assignee(&body, docs)?;
        let state = match text(&body, "state") {
            Some("open") => Some(IssueState::Open),
            Some("closed") => Some(IssueState::Closed),
            Some(_) => return Err(invalid("Issue", "state", "invalid", docs)),
            None => None,
        };
        let content = self.edit(index);
        if body.contains_key("labels") {
            for name in labels(body.get("labels")) {
                add_label(content, &name, "ededed", None);
            }
        }
        let issue = content.issue_mut(number).ok_or_else(|| not_found(docs))?;
        if let Some(title) = text(&body, "title") {
            issue.title = title.to_owned();
        }
        if let Some(value) = body.get("body") {
            issue.body = value.as_str().map(str::to_owned);
        }
        if body.contains_key("labels") {
            issue.labels = labels(body.get("labels"));
        }
        if let Some(value) = body.get("milestone") {
            issue.milestone = value.as_u64();
        }
        if let Some(assignee) = assignee {
            issue.assignee = assignee;
        }
        issue.updated_at = ask.now;
        if let Some(state) = state {
            self.set_issue_state(index, number, state, ask.now);
        }
        self.show_issue(ask, route, index, number).map(json)
    }

    pub(super) fn label_issue(
        &mut self,
        ask: &Ask<'_>,
        route: &Route,
        index: RepositoryIndex,
        number: u64,
        change: impl FnOnce(&mut Vec<String>),
    ) -> Reply {
        let content = self.edit(index);
        let issue = content
            .issue_mut(number)
            .ok_or_else(|| not_found("/issues/labels"))?;
        change(&mut issue.labels);
        let mut seen = std::collections::HashSet::new();
        issue
            .labels
            .retain(|label| seen.insert(label.to_lowercase()));
        issue.updated_at = ask.now;
        for label in issue.labels.clone() {
            add_label(content, &label, "ededed", None);
        }
        let issue = self
            .model
            .content(index)
            .issue(number)
            .ok_or_else(|| not_found("/issues/labels"))?;
        Ok(json(
            self.view(ask, &route.identity)
                .labels_of(index, issue)
                .into(),
        ))
    }

    pub(super) fn write_label(
        &mut self,
        ask: &Ask<'_>,
        route: &Route,
        index: RepositoryIndex,
        rest: &[&str],
    ) -> Reply {
        let docs = "/issues/labels#create-a-label";
        let body = body(ask)?;
        let color = text(&body, "color").unwrap_or("ededed");
        if color.len() != 6 || !color.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(invalid("Label", "color", "invalid", docs));
        }
        let description = text(&body, "description").map(str::to_owned);
        let (name, status) = match (ask.method, rest) {
            (&Method::POST, ["labels"]) => {
                let name = required(&body, "name", docs)?;
                if !add_label(self.edit(index), name, color, description) {
                    return Err(invalid("Label", "name", "already_exists", docs));
                }
                (name.to_owned(), StatusCode::CREATED)
            }
            (&Method::PATCH, ["labels", old]) => {
                let new = text(&body, "new_name").unwrap_or(old).to_owned();
                let content = self.edit(index);
                let label = content
                    .labels
                    .iter_mut()
                    .find(|label| label.name.eq_ignore_ascii_case(old));
                let label = label.ok_or_else(|| not_found(docs))?;
                let before = std::mem::replace(&mut label.name, new.clone());
                if body.contains_key("color") {
                    label.color = color.to_owned();
                }
                if description.is_some() {
                    label.description = description;
                }
                for issue in &mut content.issues {
                    issue
                        .labels
                        .iter_mut()
                        .filter(|own| **own == before)
                        .for_each(|own| own.clone_from(&new));
                }
                (new, StatusCode::OK)
            }
            (&Method::DELETE, ["labels", name]) => {
                let content = self.edit(index);
                let before = content.labels.len();
                content
                    .labels
                    .retain(|label| !label.name.eq_ignore_ascii_case(name));
                if content.labels.len() == before {
                    return Err(not_found(docs));
                }
                for issue in &mut content.issues {
                    issue.labels.retain(|own| !own.eq_ignore_ascii_case(name));
                }
                return Ok(no_content());
            }
            _ => return Err(not_found(docs)),
        };
        let label = self
            .model
            .content(index)
            .labels
            .iter()
            .find(|label| label.name == name);
        let label = label.ok_or_else(|| not_found(docs))?;
        let mut found = created(self.view(ask, &route.identity).label(index, label));
        if status == StatusCode::OK {
            found = Found {
                status,
                headers: Vec::new(),
                ..found
            };
        }
        Ok(found)
    }
}
