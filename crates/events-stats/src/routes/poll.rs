//! A poll at the earliest moment that GitHub allows.

use axum::extract::{Path, State};
use http::StatusCode;

use super::answer::{Answer, json};
use super::described::{NoDatabase, NoKey, NotWatched, RepositoryPath};
use super::shapes::{EarlyErrorObject, ErrorObject, PollObject};
use super::{Monitor, PathName};
use crate::problem::Problem;
use crate::store::Requested;

/// Polls a repository now.
#[utoipa::path(
    post, path = "/api/repos/{owner}/{repo}/poll", tag = "repositories",
    params(RepositoryPath),
    responses(
        (status = 202, description = "It will be polled at once", body = PollObject),
        NoKey,
        NotWatched,
        (status = 409, description = "It is not active", body = ErrorObject),
        (status = 429, description = "GitHub allows none yet: its poll interval or a rate limit. See `Retry-After`; it is polled then", body = EarlyErrorObject),
        NoDatabase,
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub(super) async fn poll(State(shared): Monitor, Path(name): PathName) -> Answer {
    let id = shared.find(&name).await?.id;
    let now = shared.now();
    let requested = shared.desk.store.request_poll(id, now).await?;
    shared.wake();
    match requested {
        Requested::At(next_poll_at) => json(StatusCode::ACCEPTED, &PollObject { next_poll_at }),
        Requested::NotBefore(next_poll_at) => Err(Problem::TooEarly {
            next_poll_at,
            wait_seconds: next_poll_at.seconds_since(now).max(1).cast_unsigned(),
        }),
        Requested::Inactive => Err(Problem::Inactive),
    }
}
