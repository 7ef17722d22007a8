//! How the process is, and what is counted.

use axum::body::Body;
use axum::extract::State;
use http::{HeaderValue, Response, StatusCode, header};
use service_runtime::drain::ReadinessState;

use super::{Served, answer};
use crate::problem::Problem;

/// `ok` while the process serves and its database answers.
#[utoipa::path(get, path = "/health/", tag = "operation", security(()), responses(
    (status = 200, description = "`ok`", body = String, content_type = "text/plain"),
    (status = 503, description = "Draining, or the database does not answer"),
))]
pub(super) async fn health(State(shared): Served) -> Response<Body> {
    let (status, word) = match (shared.readiness.state(), shared.store.ping().await) {
        (ReadinessState::Draining, _) => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
        (_, Ok(())) => (StatusCode::OK, "ok"),
        (_, Err(_)) => (StatusCode::SERVICE_UNAVAILABLE, "no database"),
    };
    let mut answer = Response::new(Body::from(word));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer::told("health", Ok(answer))
}

/// What is counted, for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "operation", security(()), responses(
    (status = 200, description = "Prometheus text", body = String, content_type = "text/plain"),
))]
pub(super) async fn metrics(State(shared): Served) -> Response<Body> {
    let outcome = match shared.metrics.render() {
        Ok(text) => {
            let mut answer = Response::new(Body::from(text));
            let kind = HeaderValue::from_static(service_runtime::metrics::CONTENT_TYPE);
            answer.headers_mut().insert(header::CONTENT_TYPE, kind);
            Ok(answer)
        }
        Err(_) => Err(Problem::Broken("metrics cannot be shown")),
    };
    answer::told("metrics", outcome)
}
