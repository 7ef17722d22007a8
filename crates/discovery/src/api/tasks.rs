//! `tasks/`, `queue/`, `dead_letters/`: tasks made, told, cancelled and queued again.

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Path, RawQuery, State};
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::page::{Asked, Page, size};
use super::query::{Links, Query, choice};
use super::relations::text;
use super::{Outcome, Served, Shared, answer};
use crate::problem::Problem;
use crate::store::{Finish, NewRun, Run, RunState, RunTarget, TaskName};

/// A task and how far it got.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Task)]
pub(super) struct TaskBody {
    id: String,
    url: String,
    /// `full_profile_sync`, `full_repository_sync` or `discovery_scraper`.
    name: &'static str,
    username: Option<String>,
    repo_name: Option<String>,
    /// `queued`, `waiting_quota`, `running`, `done`, `failed`, `dead` or `cancelled`.
    state: &'static str,
    /// How many attempts have failed.
    attempt: i64,
    run_after: String,
    created_at: String,
    started_at: Option<String>,
    finished_at: Option<String>,
    progress: ProgressBody,
    cost: CostBody,
    error: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Progress)]
pub(super) struct ProgressBody {
    page: i64,
    /// `null` while nobody knows.
    pages: Option<i64>,
    items: i64,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Cost)]
pub(super) struct CostBody {
    requests: i64,
    not_modified: i64,
}

/// What can be asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TaskKind {
    id: u32,
    name: &'static str,
    username: &'static str,
    repo_name: &'static str,
}

/// The fields of a new task; what is absent is empty.
#[derive(Debug, Default, ToSchema)]
#[expect(dead_code, reason = "describes what a form or a JSON object holds")]
pub(super) struct NewTask {
    name: String,
    username: Option<String>,
    repo_name: Option<String>,
}

/// A task was made, or the same one waits or runs already.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TaskMade {
    success: &'static str,
    task_id: String,
    url: String,
}

const KINDS: [TaskKind; 3] = [
    TaskKind {
        id: 1,
        name: TaskName::FullProfileSync.as_str(),
        username: "required",
        repo_name: "n/a",
    },
    TaskKind {
        id: 2,
        name: TaskName::FullRepositorySync.as_str(),
        username: "required",
        repo_name: "required",
    },
    TaskKind {
        id: 3,
        name: TaskName::DiscoveryScraper.as_str(),
        username: "n/a",
        repo_name: "n/a",
    },
];

fn body(links: &Links, run: Run) -> TaskBody {
    let name = run.target.task().as_str();
    let (username, repo_name) = match run.target {
        RunTarget::Developer(login) => (Some(login), None),
        RunTarget::Repository { owner, name } => (Some(owner), Some(name)),
        RunTarget::Everything => (None, None),
    };
    TaskBody {
        id: run.id.to_string(),
        url: links.task(run.id),
        name,
        username,
        repo_name,
        state: run.state.as_str(),
        attempt: run.attempt,
        run_after: run.run_after.to_string(),
        created_at: run.created_at.to_string(),
        started_at: text(run.started_at),
        finished_at: text(run.finished_at),
        progress: ProgressBody {
            page: run.progress.page,
            pages: run.progress.pages,
            items: run.progress.items,
        },
        cost: CostBody {
            requests: run.cost.requests,
            not_modified: run.cost.not_modified,
        },
        error: run.error,
    }
}

/// What can be asked for; with `state`, the tasks in that state, newest first.
#[utoipa::path(get, path = "/github/tasks/", tag = "tasks", params(
    ("state" = Option<String>, Query, description = "`queued`, `waiting_quota`, `running`, `done`, `failed`, `dead` or `cancelled`; several with commas"),
), responses(
    (status = 200, description = "The kinds of tasks as a list; with `state` one page of tasks"),
    (status = 400, description = "No such state"),
    (status = 404, description = "No such page", body = crate::api::docs::Detail),
))]
pub(super) async fn list(
    State(shared): Served,
    Extension(links): Extension<Links>,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    let query = Query::parse(query.as_deref());
    let outcome = match states(&query) {
        Ok(None) => answer::ok(&KINDS),
        Ok(Some(states)) => runs(&shared, &links, "/github/tasks/", &query, &states).await,
        Err(problem) => Err(problem),
    };
    answer::told("tasks", outcome)
}

fn states(query: &Query) -> Result<Option<Vec<RunState>>, Problem> {
    let Some(text) = query.value("state") else {
        return Ok(None);
    };
    let states = text
        .split(',')
        .map(|word| RunState::parse(word).ok_or_else(|| choice("state", word)));
    states.collect::<Result<_, _>>().map(Some)
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
pub(super) async fn create(
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
pub(crate) fn is_login(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !text.is_empty() && text.len() <= 100 && text.bytes().all(allowed) && !text.starts_with('-')
}

pub(crate) fn is_repository_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let dots = matches!(text, "." | "..");
    !text.is_empty() && text.len() <= 100 && text.bytes().all(allowed) && !dots
}

/// One task.
#[utoipa::path(get, path = "/github/tasks/{id}/", tag = "tasks", params(
    ("id" = String, Path, description = "The task's UUID"),
), responses(
    (status = 200, description = "The task", body = TaskBody),
    (status = 404, description = "None has this id", body = crate::api::docs::Detail),
))]
pub(super) async fn one(
    State(shared): Served,
    Extension(links): Extension<Links>,
    Path(id): Path<String>,
) -> Response<Body> {
    answer::told("task", item(&shared, &links, &id).await)
}

async fn item(shared: &Shared, links: &Links, id: &str) -> Outcome {
    let run = shared.store.run(parse_id(id)?).await?;
    answer::ok(&body(links, run.ok_or(Problem::NotFound)?))
}

fn parse_id(id: &str) -> Result<Uuid, Problem> {
    Uuid::parse_str(id).map_err(|_| Problem::NotFound)
}

/// Cancels a task that has not ended.
#[utoipa::path(delete, path = "/github/tasks/{id}/", tag = "tasks", params(
    ("id" = String, Path, description = "The task's UUID"),
), responses(
    (status = 200, description = "The cancelled task", body = TaskBody),
    (status = 404, description = "None has this id", body = crate::api::docs::Detail),
    (status = 409, description = "It has ended", body = crate::api::docs::Detail),
))]
pub(super) async fn cancel(
    State(shared): Served,
    Extension(links): Extension<Links>,
    Path(id): Path<String>,
) -> Response<Body> {
    answer::told("task", cancelled(&shared, &links, &id).await)
}

async fn cancelled(shared: &Shared, links: &Links, id: &str) -> Outcome {
    let run = parse_id(id)?;
    match shared.store.cancel_run(run, shared.now()).await? {
        Finish::Written => item(shared, links, id).await,
        Finish::NotYours => Err(Problem::Conflict("The task has ended.")),
        Finish::NotFound => Err(Problem::NotFound),
    }
}

/// Tasks that wait or run.
#[utoipa::path(get, path = "/github/queue/", tag = "tasks", responses(
    (status = 200, description = "One page", body = crate::api::docs::TaskPage),
))]
pub(super) async fn queue(
    State(shared): Served,
    Extension(links): Extension<Links>,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    let query = Query::parse(query.as_deref());
    let live = [RunState::Queued, RunState::WaitingQuota, RunState::Running];
    let outcome = runs(&shared, &links, "/github/queue/", &query, &live).await;
    answer::told("queue", outcome)
}

/// Tasks of which every attempt failed.
#[utoipa::path(get, path = "/github/dead_letters/", tag = "tasks", responses(
    (status = 200, description = "One page", body = crate::api::docs::TaskPage),
))]
pub(super) async fn dead_letters(
    State(shared): Served,
    Extension(links): Extension<Links>,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    let query = Query::parse(query.as_deref());
    let path = "/github/dead_letters/";
    let outcome = runs(&shared, &links, path, &query, &[RunState::Dead]).await;
    answer::told("dead-letters", outcome)
}

/// Queues a dead letter again.
#[utoipa::path(post, path = "/github/dead_letters/{id}/requeue/", tag = "tasks", params(
    ("id" = String, Path, description = "The task's UUID"),
), responses(
    (status = 200, description = "The queued task", body = TaskBody),
    (status = 404, description = "None has this id", body = crate::api::docs::Detail),
    (status = 409, description = "It is no dead letter, or its target waits or runs already", body = crate::api::docs::Detail),
))]
pub(super) async fn requeue(
    State(shared): Served,
    Extension(links): Extension<Links>,
    Path(id): Path<String>,
) -> Response<Body> {
    answer::told("requeue", requeued(&shared, &links, &id).await)
}

async fn requeued(shared: &Shared, links: &Links, id: &str) -> Outcome {
    let run = parse_id(id)?;
    match shared.store.requeue_run(run, shared.now()).await? {
        Finish::Written => item(shared, links, id).await,
        Finish::NotYours => Err(Problem::Conflict(
            "The task is no dead letter, or its target waits or runs already.",
        )),
        Finish::NotFound => Err(Problem::NotFound),
    }
}

/// Queues dead letters again, the newest hundred.
#[utoipa::path(post, path = "/github/dead_letters/requeue/", tag = "tasks", responses(
    (status = 200, description = "How many were queued: `{\"requeued\": 3}`"),
))]
pub(super) async fn requeue_all(State(shared): Served) -> Response<Body> {
    answer::told("requeue", all_requeued(&shared).await)
}

/// So many dead letters are queued again at once.
const REQUEUED: i64 = 100;

async fn all_requeued(shared: &Shared) -> Outcome {
    let (_, dead) = shared.store.runs_in(&[RunState::Dead], 0, REQUEUED).await?;
    let mut requeued = 0;
    for run in dead {
        if shared.store.requeue_run(run.id, shared.now()).await? == Finish::Written {
            requeued += 1;
        }
    }
    answer::json(StatusCode::OK, &json!({ "requeued": requeued }))
}

async fn runs(
    shared: &Shared,
    links: &Links,
    path: &str,
    query: &Query,
    states: &[RunState],
) -> Outcome {
    let size = size(query, &shared.limits);
    let (count, _) = shared.store.runs_in(states, 0, 0).await?;
    let page = Page::of(Asked::parse(query), size, count)?;
    let (_, runs) = shared
        .store
        .runs_in(states, page.offset(), page.size)
        .await?;
    let results: Vec<TaskBody> = runs.into_iter().map(|run| body(links, run)).collect();
    answer::ok(&page.show(links, path, query, results))
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
