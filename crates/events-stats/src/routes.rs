//! The routes: which handler answers which path, and who is let in.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{MatchedPath, Path, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::routing::{get, post};
use http::Response;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use service_runtime::front::Told;

use crate::auth::Admission;
use crate::problem::{Outcome, Problem};
use crate::service::Shared;

mod answer;
mod dashboard;
mod described;
mod docs;
mod events;
mod operation;
mod paging;
mod poll;
mod query;
mod repositories;
pub(crate) mod shapes;
mod statistics;
mod stream;
mod webhook;

/// A handler's first argument.
type Monitor = State<Arc<Shared>>;

/// `{owner}` and `{repo}` of a path.
type PathName = Path<(String, String)>;

/// All templates, so that a metric's label is one of them.
const ROUTES: [&str; 20] = [
    "/",
    "/dashboard",
    "/page.js",
    "/healthcheck",
    "/metrics",
    "/api/docs",
    "/api/docs/{file}",
    "/api/openapi.json",
    "/api/webhook",
    "/api/stream",
    "/api/stats",
    "/api/repos",
    "/api/repos/active",
    "/api/repos/{owner}/{repo}",
    "/api/repos/{owner}/{repo}/activate",
    "/api/repos/{owner}/{repo}/deactivate",
    "/api/repos/{owner}/{repo}/poll",
    "/api/repos/{owner}/{repo}/events",
    "/api/repos/{owner}/{repo}/events/stats",
    "/api/repos/{owner}/{repo}/events/stats.svg",
];

/// All routes.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    let guarded = Router::new()
        .route("/dashboard", get(dashboard::fragment))
        .route("/metrics", get(operation::metrics))
        .route("/api/stream", get(stream::listen))
        .route("/api/stats", get(statistics::of_active))
        .route(
            "/api/repos",
            get(repositories::list).post(repositories::add),
        )
        .route("/api/repos/active", get(repositories::active))
        .route(
            "/api/repos/{owner}/{repo}",
            get(repositories::one).delete(repositories::remove),
        )
        .route(
            "/api/repos/{owner}/{repo}/activate",
            post(repositories::activate),
        )
        .route(
            "/api/repos/{owner}/{repo}/deactivate",
            post(repositories::deactivate),
        )
        .route("/api/repos/{owner}/{repo}/poll", post(poll::poll))
        .route("/api/repos/{owner}/{repo}/events", get(events::list))
        .route(
            "/api/repos/{owner}/{repo}/events/stats",
            get(statistics::one),
        )
        .route(
            "/api/repos/{owner}/{repo}/events/stats.svg",
            get(statistics::picture),
        )
        .route_layer(from_fn_with_state(Arc::clone(&shared), with_key));
    Router::new()
        .route("/", get(dashboard::page))
        .route("/page.js", get(dashboard::script))
        .route("/healthcheck", get(operation::health))
        .route("/api/docs", get(docs::page))
        .route("/api/docs/{file}", get(docs::file))
        .route("/api/openapi.json", get(docs::openapi))
        .route("/api/webhook", post(webhook::receive))
        .merge(guarded)
        .method_not_allowed_fallback(async || Problem::MethodNotAllowed)
        .route_layer(from_fn(told))
        .fallback(async || Problem::NoSuchPage)
        .with_state(shared)
}

/// Lets those in who bring a key, and everybody where there are none.
async fn with_key(State(shared): Monitor, request: Request, next: Next) -> Response<Body> {
    let admission = match &shared.keys {
        Some(keys) => keys.admit(request.headers()),
        None => Admission::Admitted,
    };
    match admission {
        Admission::Admitted => next.run(request).await,
        Admission::Refused => Problem::Unauthenticated.answer(),
    }
}

/// Says in the answer which route it is of, for the log and the metrics.
async fn told(request: Request, next: Next) -> Response<Body> {
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let mut answer = next.run(request).await;
    let outcome = answer.extensions().get::<Outcome>();
    let told = Told {
        route: matched.map_or("page", |path| template(path.as_str())),
        outcome: outcome.map_or("answered", |outcome| outcome.0),
    };
    answer.extensions_mut().insert(told);
    answer
}

fn template(path: &str) -> &'static str {
    let known = ROUTES.into_iter().find(|route| *route == path);
    known.unwrap_or("page")
}

/// A request's body, if it is not too long.
async fn read_body(body: Body, most: usize) -> Result<Bytes, Problem> {
    match Limited::new(body, most).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Problem::TooLarge),
        Err(_) => Err(Problem::Malformed("the body broke off".to_owned())),
    }
}
