//! `POST tasks/`: a wish for a task, read from a form or from JSON.

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use http::{HeaderMap, Request, Response, header};
use http_body_util::{BodyExt as _, Limited};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::api::query::{Links, Query};
use crate::api::{Outcome, Served, Shared, answer};
use crate::problem::Problem;
use crate::store::{NewRun, RunTarget, TaskName};

/// The fields of a new task; what is absent is empty.
#[derive(Debug, Default, ToSchema)]
#[expect(dead_code, reason = "describes what a form or a JSON object holds")]
pub(in crate::api) struct NewTask {
    name: String,
    username: Option<String>,
    repo_name: Option<String>,
}

/// A task was made, or the same one waits or runs already.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct TaskMade {
    success: &'static str,
    task_id: String,
    url: String,
}

/// Makes a task. The same target posted again while it waits or runs is the same task.
#[utoipa::path(post, path = "/github/tasks/", tag = "tasks", request_body(
    content((NewTask = "application/json"), (NewTask = "application/x-www-form-urlencoded"))
), responses(
    (status = 200, description = "The task", body = TaskMade),
    (status = 400, description = "A login or name that GitHub cannot have, or a body that cannot be read"),
    (status = 406, description = "A field is missing, or the name is not known"),
    (status = 413, description = "The body is too large", body = crate::api::docs::Detail),
    (status = 415, description = "Neither a form nor JSON", body = crate::api::docs::Detail),
))]
pub(in crate::api) async fn create(
    State(shared): Served,
    Extension(links): Extension<Links>,
    request: Request<Body>,
) -> Response<Body> {
    answer::told("tasks", made(&shared, &links, request).await)
}

async fn made(shared: &Shared, links: &Links, request: Request<Body>) -> Outcome {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, shared.limits.max_body_bytes);
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            return Err(Problem::TooLarge);
        }
        Err(_) => return Err(Problem::BadBody("The body broke off.")),
    };
    let fields = fields(&head.headers, &body)?;
    let target = target(&fields)?;
    let now = shared.now();
    let new = NewRun {
        target,
        depth: 0,
        run_after: now,
    };
    let id = shared.store.queue_run(&new, now).await?.id();
    answer::ok(&TaskMade {
        success: "yes",
        task_id: id.to_string(),
        url: links.task(id),
    })
}

/// The fields of a form or of a JSON object.
fn fields(headers: &HeaderMap, body: &Bytes) -> Result<Query, Problem> {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    match kind.to_ascii_lowercase().as_str() {
        "application/json" => json_fields(body),
        "application/x-www-form-urlencoded" | "" => {
            let text = std::str::from_utf8(body)
                .map_err(|_| Problem::BadBody("The form is not UTF-8."))?;
            Ok(Query::parse(Some(text.trim())))
        }
        _ => Err(Problem::UnsupportedMediaType),
    }
}

fn json_fields(body: &Bytes) -> Result<Query, Problem> {
    let value: Value =
        serde_json::from_slice(body).map_err(|_| Problem::BadBody("JSON parse error."))?;
    let Value::Object(object) = value else {
        return Err(Problem::BadBody("Expected a JSON object."));
    };
    let mut fields = Vec::new();
    for (name, value) in object {
        let value = match value {
            Value::Null => String::new(),
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                return Err(Problem::bad_value(&name, "Not a valid string."));
            }
        };
        fields.push((name, value));
    }
    Ok(Query(fields))
}

fn target(fields: &Query) -> Result<RunTarget, Problem> {
    let value = |name| fields.value(name).map(str::trim).unwrap_or_default();
    let (name, username, repository) = (value("name"), value("username"), value("repo_name"));
    let Some(task) = TaskName::parse(name) else {
        return Err(Problem::TaskRefused(format!(
            "task name {name} not recognized"
        )));
    };
    if task == TaskName::DiscoveryScraper {
        return Ok(RunTarget::Everything);
    }
    let refused = |message: &str| Err(Problem::TaskRefused(message.to_owned()));
    if username.is_empty() {
        return refused("Missing username. Provide a valid github username");
    }
    if task == TaskName::FullProfileSync {
        return match is_login(username) {
            true => Ok(RunTarget::Developer(username.to_owned())),
            false => Err(Problem::bad_value("username", "Enter a valid username.")),
        };
    }
    // `owner/name` where a name was meant.
    let repository = repository.rsplit('/').next().unwrap_or_default();
    if repository.is_empty() {
        return refused("Missing repo_name. Provide a valid repository name");
    }
    if !is_login(username) {
        return Err(Problem::bad_value("username", "Enter a valid username."));
    }
    if !is_repository_name(repository) {
        return Err(Problem::bad_value(
            "repo_name",
            "Enter a valid repository name.",
        ));
    }
    Ok(RunTarget::Repository {
        owner: username.to_owned(),
        name: repository.to_owned(),
    })
}

/// Letters, digits and single hyphens within; accounts of enterprises have an underscore before their short code.
fn is_login(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !text.is_empty() && text.len() <= 100 && text.bytes().all(allowed) && !text.starts_with('-')
}

fn is_repository_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let dots = matches!(text, "." | "..");
    !text.is_empty() && text.len() <= 100 && text.bytes().all(allowed) && !dots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_for_tasks() {
        #[track_caller]
        fn check(form: &str, expected: Result<&str, &str>) {
            let made = target(&Query::parse(Some(form)));
            let made = made
                .map(|target| target.text())
                .map_err(|problem| match problem {
                    Problem::TaskRefused(error) => error,
                    Problem::BadValues(bad) => bad[0].to_string(),
                    other => panic!("{other:?}"),
                });
            assert_eq!(made.as_deref().map_err(String::as_str), expected, "{form}");
        }
        let no_user = "Missing username. Provide a valid github username";
        let no_repository = "Missing repo_name. Provide a valid repository name";
        check("name=full_profile_sync&username=ada", Ok("ada"));
        check("name=full_profile_sync&username=", Err(no_user));
        check("name=full_profile_sync", Err(no_user));
        check(
            "name=full_profile_sync&username=a%2Fb",
            Err("username: Enter a valid username."),
        );
        check(
            "name=full_repository_sync&username=ada&repo_name=r.js",
            Ok("ada/r.js"),
        );
        check(
            "name=full_repository_sync&username=ada&repo_name=ada/r",
            Ok("ada/r"),
        );
        check("name=full_repository_sync&username=ada", Err(no_repository));
        check("name=full_repository_sync&repo_name=r", Err(no_user));
        check(
            "name=full_repository_sync&username=ada&repo_name=..",
            Err("repo_name: Enter a valid repository name."),
        );
        check("name=discovery_scraper", Ok(""));
        check("name=x", Err("task name x not recognized"));
        check("", Err("task name  not recognized"));
    }

    #[test]
    fn bodies_as_forms_and_as_json() {
        let read = |kind: &str, body: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
            fields(&headers, &Bytes::from_static(body.as_bytes()))
                .map(|fields| fields.value("name").map(str::to_owned))
                .map_err(|problem| problem.status().as_u16())
        };
        let name = Ok(Some("x".to_owned()));
        assert_eq!(
            read(
                "application/json; charset=utf-8",
                r#"{"name":"x","repo_name":null}"#
            ),
            name
        );
        assert_eq!(read("application/x-www-form-urlencoded", "name=x"), name);
        assert_eq!(read("application/json", "{"), Err(400));
        assert_eq!(read("application/json", "[]"), Err(400));
        assert_eq!(read("application/json", r#"{"name":[]}"#), Err(400));
        assert_eq!(read("text/plain", "name=x"), Err(415));
    }
}
