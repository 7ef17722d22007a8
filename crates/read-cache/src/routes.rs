//! The routes: which handler answers which path.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::{any, get};
use http::{Method, Request, Response};

use crate::problem::Problem;
use crate::proxy;
use crate::service::Shared;

mod admin;
mod answer;
mod dashboard;
mod data;
mod docs;
mod health;
mod view;

/// The cache's name in `Cache-Status`.
pub(crate) const CACHE_NAME: &str = "github-read-cache";

/// A handler's first argument.
type Cache = State<Arc<Shared>>;

/// All routes.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/healthcheck", get(health::health))
        .route("/metrics", get(health::metrics))
        .route("/view/{direction}/{count}/{metric}", get(view::first))
        .route(
            "/orgs/{org}/view/{direction}/{count}/{metric}",
            get(view::of_org),
        )
        .route("/dashboard", get(dashboard::page))
        .route("/api/docs", get(docs::page))
        .route("/api/openapi.json", get(docs::openapi))
        .route("/admin/refresh", any(admin::refresh))
        .route("/admin/cache", any(admin::cache))
        .route("/admin/{*rest}", any(no_such_page))
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(kept_or_proxied)
        .with_state(shared)
}

async fn no_such_page() -> Response<Body> {
    Problem::NoSuchPage.answer("page")
}

async fn method_not_allowed() -> Response<Body> {
    Problem::MethodNotAllowed.answer("page")
}

/// What is kept is served; everything else goes to GitHub.
async fn kept_or_proxied(State(shared): Cache, request: Request<Body>) -> Response<Body> {
    let uri = request.uri();
    if is_below_a_view(uri.path()) {
        return Problem::NoSuchPage.answer("page");
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if reads && uri.query().is_none() {
        let name = uri.path().to_ascii_lowercase();
        if let Some(node) = shared.node(&name) {
            return data::serve(&shared, node, request.method(), request.headers()).await;
        }
    }
    proxy::forward(&shared, request).await
}

/// Whether a path that is no view looks like one: GitHub has nothing there.
fn is_below_a_view(path: &str) -> bool {
    let mut segments = path.split('/').skip(1);
    match segments.next() {
        Some("view") => true,
        Some("orgs") => segments.nth(1) == Some("view"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_view() {
        for path in ["/view", "/view/top/5", "/orgs/o/view", "/orgs/o/view/x"] {
            assert!(is_below_a_view(path), "{path}");
        }
        for path in [
            "/",
            "/views",
            "/orgs/view",
            "/orgs/o/views",
            "/repos/o/view/x",
        ] {
            assert!(!is_below_a_view(path), "{path}");
        }
    }
}
