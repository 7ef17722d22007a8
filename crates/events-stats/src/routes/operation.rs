//! Health and metrics.

use axum::body::Body;
use axum::extract::{OriginalUri, State};
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use service_runtime::drain::ReadinessState;
use utoipa::ToSchema;

use super::Monitor;
use super::answer::{Answer, json};
use super::described::{NoDatabase, NoKey, WrongParameter};
use super::query::Parameters;
use crate::problem::Problem;

/// Whether the process can answer. It tells nothing of what it watches: everybody may ask.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`, `draining`, or `no-database`.
    status: &'static str,
}

/// Whether the process wants traffic and its database answers.
#[utoipa::path(
    get, path = "/healthcheck", tag = "operation",
    params(("live" = Option<u8>, Query, description = "1: only whether the process is alive", maximum = 1)),
    responses(
        (status = 200, description = "It is well", body = Health),
        WrongParameter,
        (status = 503, description = "It is draining, or the database does not answer", body = Health),
    )
)]
pub(super) async fn health(State(shared): Monitor, OriginalUri(uri): OriginalUri) -> Answer {
    match Parameters::of(&uri)?.one("live")? {
        Some("1") => return json(StatusCode::OK, &Health { status: "ok" }),
        None | Some("0") => {}
        Some(_) => {
            return Err(Problem::Parameter {
                name: "live",
                expected: "0 or 1",
            });
        }
    }
    let draining = shared.readiness.state() == ReadinessState::Draining;
    let status = match (draining, shared.desk.store.ping().await) {
        (true, _) => "draining",
        (false, Err(error)) => {
            tracing::warn!(%error, "the database does not answer");
            "no-database"
        }
        (false, Ok(())) => "ok",
    };
    let code = match status {
        "ok" => StatusCode::OK,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    json(code, &Health { status })
}

/// What is counted, for Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "operation",
    responses(
        (status = 200, description = "Prometheus text", body = String, content_type = "text/plain"),
        NoKey,
        NoDatabase,
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub(super) async fn metrics(State(shared): Monitor) -> Answer {
    shared.refresh_gauges().await?;
    let text = shared.metrics.render().map_err(|error| {
        tracing::error!(%error, "metrics cannot be shown");
        Problem::Broken("metrics cannot be shown")
    })?;
    let mut answer = Response::new(Body::from(text));
    let kind = HeaderValue::from_static(service_runtime::metrics::CONTENT_TYPE);
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(answer)
}
