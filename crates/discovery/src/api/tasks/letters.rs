//! `dead_letters/`: tasks of which every attempt failed, told and queued again.

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use http::{Response, StatusCode};
use serde_json::json;

use super::{TaskBody, item, parse_id, runs};
use crate::api::query::{Links, Query};
use crate::api::{Outcome, Served, Shared, answer};
use crate::problem::Problem;
use crate::store::{Finish, RunState};

/// Tasks of which every attempt failed.
#[utoipa::path(get, path = "/github/dead_letters/", tag = "tasks", responses(
    (status = 200, description = "One page", body = crate::api::docs::TaskPage),
))]
pub(in crate::api) async fn dead_letters(
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
pub(in crate::api) async fn requeue(
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
pub(in crate::api) async fn requeue_all(State(shared): Served) -> Response<Body> {
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
