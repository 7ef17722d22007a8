//! What is served: the REST API under `/github/`, the pages, the metrics.
//!
//! | module | what it is responsible for |
//! |---|---|
//! | `query` | a request's parameters, and the hyperlinks of its answer (pure) |
//! | `page` | pages of lists (pure), exact counts without counting |
//! | `collection` | a list and one item of it, of whatever kind |
//! | `developers`, `repositories`, `relations` | what is known, with its relations |
//! | `rate_limit`, `tokens` | the quota |
//! | `tasks` | tasks: made, told, cancelled, queued again |
//! | `graph`, `export` | neighbours, paths, everything |
//! | `stats`, `health` | how much there is, and how the process is |
//! | `docs`, `dashboard` | the pages for people |

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::{get, post};
use http::{Method, Request, Response, Uri, header};
use hyper::body::Incoming;
use service_runtime::Metrics;
use service_runtime::clock::Clock;
use service_runtime::drain::Readiness;
use service_runtime::front::{Front, PlacedBody, Told};
use service_runtime::logs::AccessLog;
use tower_service::Service as _;

use crate::auth::{Gate, UserError};
use crate::config::{ApiConfig, Config};
use crate::moment::Moment;
use crate::problem::Problem;
use crate::store::Store;

mod answer;
mod collection;
mod dashboard;
mod developers;
mod docs;
mod export;
mod graph;
mod health;
mod page;
mod query;
mod rate_limit;
mod relations;
mod repositories;
mod stats;
mod tasks;
mod tokens;

#[cfg(test)]
mod tests;

pub use export::{Exporter, Format};

/// What the API is made of.
pub struct ApiParts {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub metrics: Metrics,
    pub readiness: Readiness,
    pub access_log: Option<AccessLog>,
}

/// What all handlers share.
pub(crate) struct Shared {
    store: Store,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    readiness: Readiness,
    limits: ApiConfig,
    max_depth: Option<i64>,
    gate: Gate,
    counts: page::Counts,
}

impl Shared {
    fn now(&self) -> Moment {
        Moment::from(self.clock.now())
    }
}

/// A handler's first argument.
type Served = State<Arc<Shared>>;
/// A handler's answer; `answer::told` gives it its route.
type Outcome = Result<Response<Body>, Problem>;

/// The API. Clones share everything.
#[derive(Clone)]
pub struct Api {
    shared: Arc<Shared>,
    front: Front,
    router: Router,
}

impl Api {
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn new(config: &Config, parts: ApiParts) -> Result<Self, UserError> {
        let remember = std::time::Duration::from_secs(config.api.password_cache_seconds);
        let gate = Gate::new(
            parts.store.clone(),
            remember,
            config.api.failed_logins_per_minute,
        )?;
        let front = Front::new(
            &parts.metrics,
            parts.access_log,
            Arc::clone(&parts.clock),
            config.limits.max_in_flight,
        );
        let shared = Arc::new(Shared {
            store: parts.store,
            clock: parts.clock,
            metrics: parts.metrics,
            readiness: parts.readiness,
            limits: config.api.clone(),
            max_depth: config.discovery.max_depth.map(i64::from),
            gate,
            counts: page::Counts::default(),
        });
        Ok(Self {
            router: router(Arc::clone(&shared)),
            shared,
            front,
        })
    }

    /// The service for one connection.
    pub fn service(&self) -> ApiService {
        ApiService(self.clone())
    }

    /// Answers one request: credentials first, then the route. A slash at the end makes no difference.
    pub async fn answer(&self, request: Request<Body>) -> Response<Body> {
        if needs_credentials(request.uri().path())
            && let Err(problem) = self.shared.gate.admit(request.headers()).await
        {
            return problem.answer("gate");
        }
        let (mut head, body) = request.into_parts();
        let links = query::Links::of(&head, &self.shared.limits);
        head.extensions.insert(links);
        if let Some(uri) = without_final_slash(&head.uri) {
            head.uri = uri;
        }
        let is_head = head.method == Method::HEAD;
        if is_head {
            head.method = Method::GET;
        }
        let mut router = self.router.clone();
        let answer = match router.call(Request::from_parts(head, body)).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        };
        if is_head { bodiless(answer) } else { answer }
    }
}

impl std::fmt::Debug for ApiParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiParts").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").finish_non_exhaustive()
    }
}

/// The API on one connection.
#[derive(Clone, Debug)]
pub struct ApiService(Api);

type Placed = Result<Response<PlacedBody<Body>>, Infallible>;

impl hyper::service::Service<Request<Incoming>> for ApiService {
    type Response = Response<PlacedBody<Body>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Placed> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let api = self.0.clone();
        Box::pin(async move {
            let routes =
                async |request: Request<Incoming>| api.answer(request.map(Body::new)).await;
            let refused = || Problem::Overloaded.answer("any");
            Ok(api.front.answer(request, routes, refused).await)
        })
    }
}

fn bodiless(answer: Response<Body>) -> Response<Body> {
    let (mut head, body) = answer.into_parts();
    if let Some(length) = http_body::Body::size_hint(&body).exact() {
        head.headers.insert(header::CONTENT_LENGTH, length.into());
    }
    Response::from_parts(head, Body::empty())
}

/// The pages, the specifications and what a probe asks are open; everything else is not, whether it exists or not.
fn needs_credentials(path: &str) -> bool {
    let path = path.strip_suffix('/').unwrap_or(path);
    let open = matches!(
        path,
        "" | "/health"
            | "/metrics"
            | "/github"
            | "/github/swagger"
            | "/github/redoc"
            | "/github/swagger.json"
            | "/github/openapi.json"
            | "/dashboard"
            | "/dashboard/script.js"
    );
    !open && !path.starts_with("/github/swagger/")
}

fn without_final_slash(uri: &Uri) -> Option<Uri> {
    let path = uri
        .path()
        .strip_suffix('/')
        .filter(|path| !path.is_empty())?;
    let path = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path.try_into().ok()?);
    Uri::from_parts(parts).ok()
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/", get(docs::to_root))
        .route("/health", get(health::health))
        .route("/metrics", get(health::metrics))
        .route("/dashboard", get(dashboard::shell))
        .route("/dashboard/script.js", get(dashboard::script))
        .route("/dashboard/data", get(dashboard::data))
        .route("/github", get(docs::root))
        .route("/github/developers", get(developers::list))
        .route("/github/developers/{id}", get(developers::one))
        .route("/github/repositories", get(repositories::list))
        .route("/github/repositories/{id}", get(repositories::one))
        .route("/github/rate_limit", get(rate_limit::list))
        .route("/github/rate_limit/{id}", get(rate_limit::one))
        .route(
            "/github/tasks",
            get(tasks::list).post(tasks::wishes::create),
        )
        .route("/github/tasks/{id}", get(tasks::one).delete(tasks::cancel))
        .route("/github/queue", get(tasks::queue))
        .route("/github/dead_letters", get(tasks::letters::dead_letters))
        .route(
            "/github/dead_letters/requeue",
            post(tasks::letters::requeue_all),
        )
        .route(
            "/github/dead_letters/{id}/requeue",
            post(tasks::letters::requeue),
        )
        .route("/github/tokens", get(tokens::list))
        .route("/github/graph/neighbors/{login}", get(graph::neighbors))
        .route("/github/graph/path", get(graph::path))
        .route("/github/export", get(export::export))
        .route("/github/stats", get(stats::stats))
        .route("/github/swagger.json", get(docs::openapi))
        .route("/github/openapi.json", get(docs::openapi))
        .route("/github/redoc", get(docs::reference))
        .route("/github/swagger", get(docs::swagger))
        .route("/github/swagger/{file}", get(docs::swagger_file))
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(nothing_here)
        .with_state(shared)
}

async fn nothing_here() -> Response<Body> {
    Problem::NotFound.answer("page")
}

async fn method_not_allowed() -> Response<Body> {
    Problem::MethodNotAllowed.answer("page")
}
