//! Health and metrics.

use axum::body::Body;
use axum::extract::{RawQuery, State};
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use service_runtime::drain::ReadinessState;
use utoipa::ToSchema;

use super::Cache;
use super::answer::JSON;
use crate::problem::Problem;
use crate::refresh::Freshness;
use crate::service::Shared;
use service_runtime::front::Told;

/// Whether the process has something to serve.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`, `incomplete` or `draining`.
    status: &'static str,
    keys: Vec<KeyHealth>,
}

/// One kept path.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KeyHealth {
    path: String,
    /// `fresh`, `stale` or `missing`.
    state: &'static str,
    /// Time since GitHub confirmed it.
    age_seconds: Option<f64>,
    items: Option<usize>,
    pages: Option<usize>,
    /// Why the last attempt failed, if it did.
    failure: Option<&'static str>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Alive {
    status: &'static str,
}

fn health_of(shared: &Shared) -> (StatusCode, Health) {
    let now = shared.clock.now();
    let keys: Vec<KeyHealth> = shared
        .nodes
        .iter()
        .map(|node| {
            let state = node.state();
            let freshness = state.freshness(now);
            let copy = state.copy.filter(|_| freshness != Freshness::Missing);
            let snapshot = copy.as_ref().map(|copy| &copy.snapshot);
            KeyHealth {
                path: node.key.path.clone(),
                state: freshness.as_str(),
                age_seconds: snapshot.map(|snapshot| snapshot.times.age(now).as_secs_f64()),
                items: snapshot.map(|snapshot| snapshot.items()),
                pages: snapshot.map(|snapshot| snapshot.pages.len()),
                failure: state.failure.map(|failure| failure.cause.as_str()),
            }
        })
        .collect();
    let missing = keys
        .iter()
        .any(|key| key.state == Freshness::Missing.as_str());
    let (code, status) = match (shared.readiness.state(), missing) {
        (ReadinessState::Draining, _) => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
        (_, true) => (StatusCode::SERVICE_UNAVAILABLE, "incomplete"),
        (_, false) => (StatusCode::OK, "ok"),
    };
    (code, Health { status, keys })
}

/// Whether every kept path has data that may be served.
#[utoipa::path(
    get,
    path = "/healthcheck",
    tag = "operation",
    params(("live" = Option<u8>, Query, description = "1: only whether the process is alive")),
    responses(
        (status = 200, description = "Every kept path has data that may be served", body = Health),
        (status = 503, description = "Some has not, or the process is draining", body = Health),
    )
)]
pub(super) async fn health(State(shared): Cache, RawQuery(query): RawQuery) -> Response<Body> {
    let live = query
        .as_deref()
        .is_some_and(|query| query.split('&').any(|pair| pair == "live=1"));
    if live {
        return json(StatusCode::OK, &Alive { status: "alive" });
    }
    let (status, health) = health_of(&shared);
    json(status, &health)
}

/// What is counted, for Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operation",
    responses((status = 200, description = "Prometheus text", body = String))
)]
pub(super) async fn metrics(State(shared): Cache) -> Response<Body> {
    match shared.metrics.render() {
        Ok(text) => {
            let mut answer = Response::new(Body::from(text));
            let kind = HeaderValue::from_static(service_runtime::metrics::CONTENT_TYPE);
            answer.headers_mut().insert(header::CONTENT_TYPE, kind);
            answer
        }
        Err(error) => {
            tracing::error!(%error, "metrics cannot be shown");
            Problem::Broken.answer("page")
        }
    }
}

pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    // Plain structs: there is nothing that could fail.
    let text = serde_json::to_vec(value).unwrap_or_default();
    let mut answer = Response::new(Body::from(text));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, JSON);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer.extensions_mut().insert(Told {
        route: "page",
        outcome: "made-here",
    });
    answer
}
