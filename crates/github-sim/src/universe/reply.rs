//! How answers are put together: successful ones as [`Found`], refusals with GitHub's words.

use super::object::object;
use crate::answer::{Answer, Content, Found, TagRule};
use http::StatusCode;
use serde_json::Value;

/// What an endpoint hands back; `Err` is any answer that ends the request early.
pub(crate) type Reply = Result<Found, Box<Answer>>;

const DOCS: &str = "https://docs.github.com/rest";

pub(crate) fn content(content: Content) -> Found {
    Found {
        status: StatusCode::OK,
        content,
        tag: TagRule::Formula,
        last_modified: None,
        link: Vec::new(),
        poll_interval: None,
        max_age: Some(60),
        resource: "core",
        headers: Vec::new(),
    }
}

pub(crate) fn json(value: Value) -> Found {
    content(Content::Json(value))
}

pub(crate) fn text(content_type: &'static str, text: String) -> Found {
    content(Content::Text { content_type, text })
}

/// 204, e.g. "yes" of the boolean endpoints.
pub(crate) fn no_content() -> Found {
    let mut found = content(Content::Empty);
    found.status = StatusCode::NO_CONTENT;
    found.tag = TagRule::None;
    found.max_age = None;
    found
}

/// 201 with the `Location` of what was made: its `url`.
pub(crate) fn created(value: Value) -> Found {
    let location = value.get("url").and_then(Value::as_str).map(str::to_owned);
    let mut found = json(value);
    found.status = StatusCode::CREATED;
    if let Some(location) = location {
        found.headers.push(("location", location));
    }
    found
}

/// Small adjustments, written behind the call that makes the answer.
pub(crate) trait Adjust: Sized {
    fn modified(self, at: i64) -> Self;
    fn git_object(self, sha: &str) -> Self;
    fn linked(self, link: Vec<(&'static str, String)>) -> Self;
}

impl Adjust for Found {
    fn modified(mut self, at: i64) -> Self {
        self.last_modified = Some(at);
        self
    }

    fn git_object(mut self, sha: &str) -> Self {
        self.tag = TagRule::GitObject(sha.to_owned());
        self
    }

    fn linked(mut self, link: Vec<(&'static str, String)>) -> Self {
        self.link = link;
        self
    }
}

pub(crate) fn problem(
    status: StatusCode,
    message: &str,
    errors: Option<Value>,
    documentation: &str,
) -> Box<Answer> {
    Box::new(Answer::Problem {
        status,
        message: message.to_owned(),
        errors,
        documentation_url: format!("{DOCS}{documentation}"),
        resource: "core",
    })
}

/// Also the answer to everything that exists but may not be seen.
pub(crate) fn not_found(documentation: &str) -> Box<Answer> {
    problem(StatusCode::NOT_FOUND, "Not Found", None, documentation)
}

pub(crate) fn requires_authentication(documentation: &str) -> Box<Answer> {
    problem(
        StatusCode::UNAUTHORIZED,
        "Requires authentication",
        None,
        documentation,
    )
}

/// 403 of a caller who may read but not do this.
pub(crate) fn must_have_rights(documentation: &str) -> Box<Answer> {
    problem(
        StatusCode::FORBIDDEN,
        "Must have admin rights to Repository.",
        None,
        documentation,
    )
}

/// 422 with one entry in `errors`.
pub(crate) fn invalid(resource: &str, field: &str, code: &str, documentation: &str) -> Box<Answer> {
    let error = object! { "resource": resource, "field": field, "code": code };
    problem(
        StatusCode::UNPROCESSABLE_ENTITY,
        "Validation Failed",
        Some(Value::from(vec![error])),
        documentation,
    )
}

/// 422 for a body that lacks a required key.
pub(crate) fn not_supplied(field: &str, documentation: &str) -> Box<Answer> {
    let message = format!("Invalid request.\n\n\"{field}\" wasn't supplied.");
    problem(
        StatusCode::UNPROCESSABLE_ENTITY,
        &message,
        None,
        documentation,
    )
}

pub(crate) fn unprocessable(message: &str, documentation: &str) -> Box<Answer> {
    problem(
        StatusCode::UNPROCESSABLE_ENTITY,
        message,
        None,
        documentation,
    )
}

/// Charges a refusal to another bucket (search).
pub(crate) fn charged(mut answer: Box<Answer>, bucket: &'static str) -> Box<Answer> {
    if let Answer::Problem { resource, .. } = &mut *answer {
        *resource = bucket;
    }
    answer
}
