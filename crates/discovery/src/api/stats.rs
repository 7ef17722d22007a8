//! `stats/`: how much there is, and how much is left to do.

use axum::body::Body;
use axum::extract::State;
use http::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Served, Shared, answer};
use crate::problem::Problem;
use crate::store::RunState;

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Stats {
    pub(super) developers: i64,
    pub(super) repositories: i64,
    pub(super) follows: i64,
    pub(super) stars: i64,
    /// Developers that may be synced now.
    pub(super) due: i64,
    pub(super) tasks: Tasks,
}

/// How many tasks are in each state.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct Tasks {
    pub(super) queued: i64,
    pub(super) waiting_quota: i64,
    pub(super) running: i64,
    pub(super) done: i64,
    pub(super) failed: i64,
    pub(super) dead: i64,
    pub(super) cancelled: i64,
}

/// Totals.
#[utoipa::path(get, path = "/github/stats/", tag = "data", responses(
    (status = 200, description = "Totals", body = Stats),
))]
pub(super) async fn stats(State(shared): Served) -> Response<Body> {
    let outcome = match read(&shared).await {
        Ok(stats) => answer::ok(&stats),
        Err(problem) => Err(problem),
    };
    answer::told("stats", outcome)
}

pub(super) async fn read(shared: &Shared) -> Result<Stats, Problem> {
    let store = &shared.store;
    let totals = store.totals().await?;
    let mut tasks = Tasks::default();
    for (state, count) in store.run_counts().await? {
        *match state {
            RunState::Queued => &mut tasks.queued,
            RunState::WaitingQuota => &mut tasks.waiting_quota,
            RunState::Running => &mut tasks.running,
            RunState::Done => &mut tasks.done,
            RunState::Failed => &mut tasks.failed,
            RunState::Dead => &mut tasks.dead,
            RunState::Cancelled => &mut tasks.cancelled,
        } = count;
    }
    Ok(Stats {
        developers: totals.developers,
        repositories: totals.repositories,
        follows: totals.follows,
        stars: totals.stars,
        due: store
            .candidate_count(shared.max_depth, shared.now())
            .await?,
        tasks,
    })
}
