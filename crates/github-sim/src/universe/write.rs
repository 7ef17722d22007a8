//! Writes by clients, with GitHub's status codes and validation errors.

mod estate;
mod files;
mod issues;

use super::Universe;
use super::access::Caller;
use super::model::{AccountIndex, Permission, RepositoryIndex};
use super::object::object;
use super::reply::{
    Reply, created, invalid, json, must_have_rights, no_content, not_found, not_supplied, problem,
    requires_authentication, unprocessable,
};
use super::route::{Place, Route};
use crate::answer::{Answer, Ask};
use http::{Method, StatusCode};
use serde_json::{Map, Value};

type Body = Map<String, Value>;
type Refusal = Box<Answer>;

fn body(ask: &Ask<'_>) -> Result<Body, Refusal> {
    if ask.body.is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(ask.body) {
        Ok(Value::Object(body)) => Ok(body),
        Ok(_) => Err(problem(
            StatusCode::BAD_REQUEST,
            "Body should be a JSON object",
            None,
            "",
        )),
        Err(_) => Err(problem(
            StatusCode::BAD_REQUEST,
            "Problems parsing JSON",
            None,
            "",
        )),
    }
}

fn text<'b>(body: &'b Body, key: &str) -> Option<&'b str> {
    body.get(key).and_then(Value::as_str)
}

fn required<'b>(body: &'b Body, key: &str, docs: &str) -> Result<&'b str, Refusal> {
    match body.get(key) {
        Some(Value::String(text)) => Ok(text),
        Some(Value::Null) | None => Err(not_supplied(key, docs)),
        Some(other) => Err(unprocessable(
            &format!("Invalid request.\n\nFor '{key}', {other} is not a string."),
            docs,
        )),
    }
}

/// Names of labels; a label may be given as an object too.
fn labels(value: Option<&Value>) -> Vec<String> {
    let list = value
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    list.iter()
        .filter_map(|label| {
            label
                .as_str()
                .or_else(|| label.get("name").and_then(Value::as_str))
        })
        .map(str::to_owned)
        .collect()
}

impl Universe {
    pub(crate) fn write(&mut self, ask: &Ask<'_>, route: &Route) -> Reply {
        let caller = Caller::of(&self.model, ask.viewer);
        if caller == Caller::Anonymous {
            return Err(requires_authentication(""));
        }
        let rest: Vec<&str> = route.rest.iter().map(String::as_str).collect();
        match route.place {
            Place::Repository(index) => {
                let permission = self
                    .model
                    .permission(caller, index)
                    .ok_or_else(|| not_found("/repos/repos"))?;
                self.write_repository(ask, route, index, permission, &rest)
            }
            Place::Moved(index) if self.model.permission(caller, index).is_some() => {
                let location = self.view(ask, &route.identity).with_query(&route.identity);
                Err(Box::new(Answer::Moved { location }))
            }
            Place::Own => self.write_own(ask, route, &rest),
            Place::Organization(index) => match (ask.method, rest.as_slice()) {
                (&Method::POST, ["repos"]) if self.model.is_member(caller, index) => {
                    self.post_repository(ask, route, index)
                }
                _ => Err(not_found("/orgs/orgs")),
            },
            Place::Other => self.write_notification(ask, caller, &rest),
            _ => Err(not_found("")),
        }
    }

    /// The account in whose name something is written; an installation acts as its account.
    pub(crate) fn actor(&self, ask: &Ask<'_>) -> Result<AccountIndex, Refusal> {
        match Caller::of(&self.model, ask.viewer) {
            Caller::User(user) => Ok(user),
            Caller::Installation(id) => {
                let account = self
                    .model
                    .installations
                    .get(&id)
                    .map(|installation| installation.account);
                account.ok_or_else(|| not_found(""))
            }
            Caller::Anonymous | Caller::Stranger => Err(requires_authentication("")),
        }
    }

    pub(crate) fn write_notification(
        &mut self,
        ask: &Ask<'_>,
        caller: Caller,
        rest: &[&str],
    ) -> Reply {
        let user = caller.user().ok_or_else(|| not_found(""))?;
        let done = |status: StatusCode| {
            let mut found = no_content();
            found.status = status;
            found
        };
        match (ask.method, rest) {
            (&Method::PATCH, ["notifications", "threads", id]) => {
                let id = id
                    .parse()
                    .map_err(|_| not_found("/activity/notifications"))?;
                self.model.read_threads.insert((user, id));
                Ok(done(StatusCode::RESET_CONTENT))
            }
            (&Method::PUT, ["notifications"]) => {
                for repository in self.model.account(user).watching.clone() {
                    self.build(repository);
                    let id = self.model.repository(repository).id;
                    let numbers: Vec<u64> = self
                        .model
                        .content(repository)
                        .issues
                        .iter()
                        .map(|issue| issue.number)
                        .collect();
                    self.model.read_threads.extend(
                        numbers
                            .into_iter()
                            .map(|number| (user, id * 10_000 + number)),
                    );
                }
                Ok(done(StatusCode::RESET_CONTENT))
            }
            _ => Err(not_found("")),
        }
    }

    pub(crate) fn write_repository(
        &mut self,
        ask: &Ask<'_>,
        route: &Route,
        index: RepositoryIndex,
        permission: Permission,
        rest: &[&str],
    ) -> Reply {
        let actor = self.actor(ask)?;
        if self.model.repository(index).archived && !rest.is_empty() {
            return Err(problem(
                StatusCode::FORBIDDEN,
                "Repository was archived so is read-only.",
                None,
                "",
            ));
        }
        let may_write = || {
            if permission >= Permission::Push {
                Ok(())
            } else {
                Err(must_have_rights("/repos/repos"))
            }
        };
        match (ask.method, rest) {
            (&Method::PATCH, []) => {
                may_administer(permission)?;
                self.patch_repository(ask, route, index)
            }
            (&Method::DELETE, []) => {
                may_administer(permission)?;
                self.delete_repository(index);
                Ok(no_content())
            }
            (&Method::POST, ["issues"]) => self.post_issue(ask, route, index, actor, permission),
            (&Method::PATCH, ["issues", number]) => {
                let number = number.parse().map_err(|_| not_found(super::issues::DOCS))?;
                let author = self
                    .model
                    .content(index)
                    .issue(number)
                    .map(|issue| issue.author);
                if author != Some(actor) {
                    may_write()?;
                }
                self.patch_issue(ask, route, index, number)
            }
            (&Method::POST, ["issues", number, "comments"]) => {
                let docs = "/issues/comments#create-an-issue-comment";
                let body = body(ask)?;
                let text = required(&body, "body", docs)?;
                if text.trim().is_empty() {
                    return Err(invalid("IssueComment", "body", "missing_field", docs));
                }
                let number = number.parse().map_err(|_| not_found(docs))?;
                let id = self
                    .add_comment(index, number, actor, text, ask.now)
                    .ok_or_else(|| not_found(docs))?;
                self.show_comment(ask, route, index, id).map(created)
            }
            (&Method::PATCH, ["issues", "comments", id]) => {
                let docs = "/issues/comments#update-an-issue-comment";
                let body = body(ask)?;
                let text = required(&body, "body", docs)?.to_owned();
                let id: u64 = id.parse().map_err(|_| not_found(docs))?;
                let comment = self
                    .edit(index)
                    .comments
                    .iter_mut()
                    .find(|comment| comment.id == id);
                let comment = comment.ok_or_else(|| not_found(docs))?;
                (comment.body, comment.updated_at) = (text, ask.now);
                self.show_comment(ask, route, index, id).map(json)
            }
            (&Method::DELETE, ["issues", "comments", id]) => {
                may_write()?;
                let comments = &mut self.edit(index).comments;
                let before = comments.len();
                comments.retain(|comment| comment.id.to_string() != *id);
                if comments.len() == before {
                    Err(not_found("/issues/comments"))
                } else {
                    Ok(no_content())
                }
            }
            (method @ (&Method::POST | &Method::PUT), ["issues", number, "labels"]) => {
                may_write()?;
                let wanted = match serde_json::from_slice(ask.body) {
                    Ok(list @ Value::Array(_)) => labels(Some(&list)),
                    _ => labels(body(ask)?.get("labels")),
                };
                let number = number.parse().map_err(|_| not_found("/issues/labels"))?;
                let replace = *method == Method::PUT;
                self.label_issue(ask, route, index, number, |own| {
                    if replace {
                        own.clear();
                    }
                    own.extend(wanted);
                })
            }
            (&Method::DELETE, ["issues", number, "labels", name]) => {
                may_write()?;
                let number = number.parse().map_err(|_| not_found("/issues/labels"))?;
                let issue = self.model.content(index).issue(number);
                if !issue.is_some_and(|issue| {
                    issue
                        .labels
                        .iter()
                        .any(|own| own.eq_ignore_ascii_case(name))
                }) {
                    let docs = "/issues/labels#remove-a-label-from-an-issue";
                    return Err(problem(
                        StatusCode::NOT_FOUND,
                        "Label does not exist",
                        None,
                        docs,
                    ));
                }
                self.label_issue(ask, route, index, number, |own| {
                    own.retain(|own| !own.eq_ignore_ascii_case(name))
                })
            }
            (_, ["labels", ..]) => {
                may_write()?;
                self.write_label(ask, route, index, rest)
            }
            (&Method::PUT | &Method::DELETE, ["contents", path @ ..]) if !path.is_empty() => {
                may_write()?;
                self.put_file(ask, route, index, actor, &path.join("/"))
            }
            (&Method::PUT, ["topics"]) => {
                may_administer(permission)?;
                let body = body(ask)?;
                let names = body
                    .get("names")
                    .and_then(Value::as_array)
                    .ok_or_else(|| not_supplied("names", "/repos/repos"))?;
                let topics: Vec<String> = names
                    .iter()
                    .filter_map(Value::as_str)
                    .map(str::to_lowercase)
                    .collect();
                let repository = self.model.repository_mut(index);
                (repository.topics, repository.updated_at) = (topics.clone(), ask.now);
                Ok(json(object! { "names": topics }))
            }
            (&Method::POST, ["forks"]) => {
                let fork = self.fork(index, actor, ask.now);
                let mut found = created(self.view(ask, &route.identity).full_repository(fork));
                found.status = StatusCode::ACCEPTED;
                Ok(found)
            }
            (&Method::PUT, ["collaborators", login]) => {
                may_administer(permission)?;
                let user = self
                    .model
                    .find_account(login)
                    .ok_or_else(|| not_found("/collaborators/collaborators"))?;
                let wanted = body(ask)?;
                let wanted = text(&wanted, "permission")
                    .and_then(Permission::parse)
                    .unwrap_or(Permission::Push);
                self.set_collaborator(index, user, Some(wanted));
                Ok(no_content())
            }
            (&Method::DELETE, ["collaborators", login]) => {
                may_administer(permission)?;
                let user = self
                    .model
                    .find_account(login)
                    .ok_or_else(|| not_found("/collaborators/collaborators"))?;
                self.set_collaborator(index, user, None);
                Ok(no_content())
            }
            _ => Err(not_found("/repos/repos")),
        }
    }

    pub(crate) fn show_comment(
        &self,
        ask: &Ask<'_>,
        route: &Route,
        index: RepositoryIndex,
        id: u64,
    ) -> Result<Value, Refusal> {
        let comment = self
            .model
            .content(index)
            .comments
            .iter()
            .find(|comment| comment.id == id);
        let comment = comment.ok_or_else(|| not_found("/issues/comments"))?;
        Ok(self.view(ask, &route.identity).comment(index, comment))
    }

    pub(crate) fn show_issue(
        &self,
        ask: &Ask<'_>,
        route: &Route,
        index: RepositoryIndex,
        number: u64,
    ) -> Result<Value, Refusal> {
        let issue = self
            .model
            .content(index)
            .issue(number)
            .ok_or_else(|| not_found(super::issues::DOCS))?;
        Ok(self.view(ask, &route.identity).issue(index, issue))
    }
}

fn may_administer(permission: Permission) -> Result<(), Refusal> {
    if permission >= Permission::Admin {
        Ok(())
    } else {
        Err(must_have_rights("/repos/repos"))
    }
}
