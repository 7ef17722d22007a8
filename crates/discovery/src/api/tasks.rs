//! `tasks/`, `queue/`: tasks told and cancelled; in `wishes` they are made, in `letters` queued again.

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use http::Response;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::page::{Asked, Page, size};
use super::query::{Links, Query, choice};
use super::relations::text;
use super::{Outcome, Served, Shared, answer};
use crate::problem::Problem;
use crate::store::{Finish, Run, RunState, RunTarget, TaskName};

pub(super) mod letters;
pub(super) mod wishes;

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
