//! The parts put together: store, GitHub, poller, stream and routes; one service per connection.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use github_upstream::BaseUrlError;
use github_upstream::pool::CredentialError;
use http::uri::PathAndQuery;
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use service_runtime::export::{self, Traces};
use service_runtime::front::{Front, PlacedBody};
use service_runtime::logs::AccessLog;
use service_runtime::{Clock, Failure, Metrics, Readiness, Secret, Shutdown};
use tokio::sync::{Notify, Semaphore};
use tower_service::Service;

use crate::Timestamp;
use crate::auth::ApiKeys;
use crate::config::{Config, ConfigProblem};
use crate::desk::Desk;
use crate::herald::{self, Herald};
use crate::metrics::Instruments;
use crate::name::FullName;
use crate::poller::{self, Poller, PollerError};
use crate::problem::Problem;
use crate::routes;
use crate::store::{Adding, NewRepository, Repository, Standing, Store, StoreError};
use crate::window::Extent;
use crate::windowed::Windowed;
use crate::windows::Windows;

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        match error.is_config() {
            true => Self::usage("configuration").because(error),
            false => Self::start("cannot start").because(error),
        }
    }
}

/// What a monitor is given by whoever runs it.
pub struct Parts {
    /// Metrics to register with.
    pub metrics: Metrics,
    /// Where the line per request goes; `None` = nowhere.
    pub access_log: Option<AccessLog>,
    /// Ends streams and polls.
    pub shutdown: Shutdown,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
}

/// Why a monitor cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A setting is wrong.
    #[error(transparent)]
    Config(#[from] ConfigProblem),
    /// The upstream url is not one.
    #[error("upstream: not usable")]
    BaseUrl(#[source] BaseUrlError),
    /// The upstream client cannot be made, for instance because a certificate file is unreadable.
    #[error("cannot set up the upstream client")]
    Upstream(#[source] github_upstream::BuildError),
    /// A token cannot be used.
    #[error("token: not usable")]
    Token(#[source] CredentialError),
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing can be polled.
    #[error(transparent)]
    Poller(#[from] PollerError),
}

impl BuildError {
    /// Whether a setting is to blame, as opposed to the machine.
    pub fn is_config(&self) -> bool {
        match self {
            Self::Config(_) | Self::BaseUrl(_) | Self::Upstream(_) | Self::Token(_) => true,
            Self::Store(error) => matches!(error, StoreError::Address(_)),
            Self::Poller(_) => false,
        }
    }
}

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) desk: Desk,
    pub(crate) windows: Windows,
    pub(crate) herald: Arc<Herald>,
    pub(crate) listeners: Arc<Semaphore>,
    pub(crate) heartbeat: Duration,
    pub(crate) keys: Option<ApiKeys>,
    pub(crate) webhook_secret: Secret,
    pub(crate) max_body_bytes: usize,
    pub(crate) extent: Extent,
    pub(crate) metrics: Metrics,
    pub(crate) readiness: Readiness,
    pub(crate) shutdown: Shutdown,
    pub(crate) clock: Arc<dyn Clock>,
    instruments: Arc<Instruments>,
    bell: Arc<Notify>,
    front: Front,
}

impl Shared {
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::of(self.clock.now())
    }

    /// Something may be due earlier than it was.
    pub(crate) fn wake(&self) {
        self.bell.notify_one();
    }

    /// The watched repository that a path names.
    pub(crate) async fn find(
        &self,
        (owner, name): &(String, String),
    ) -> Result<Repository, Problem> {
        let name = FullName::of(owner, name).map_err(|_| Problem::NoSuchRepository)?;
        let found = self.desk.store.repository(&name).await?;
        found.ok_or(Problem::NoSuchRepository)
    }

    /// A repository's window: from memory where it is there, else from the store.
    pub(crate) async fn window(
        &self,
        repository: &Repository,
        extent: Extent,
    ) -> Result<Windowed, Problem> {
        let store = &self.desk.store;
        let windowed = self
            .windows
            .windowed(store, repository, extent, self.now())
            .await?;
        Ok(windowed)
    }

    /// Takes a look at what the gauges show.
    pub(crate) async fn refresh_gauges(&self) -> Result<(), Problem> {
        let active = self.desk.store.active().await?;
        self.instruments.look(active, self.now());
        Ok(())
    }

    /// What GitHub has said last about the quota, for the page.
    pub(crate) fn quota(&self) -> Vec<(u64, u64)> {
        let lines = self
            .desk
            .source
            .upstream()
            .ledger()
            .snapshot(self.clock.now());
        let core = lines
            .into_iter()
            .filter(|line| line.resource == Some(github_headers::Resource::Core));
        core.filter_map(|line| line.window)
            .map(|window| (window.remaining, window.limit))
            .collect()
    }
}

/// An events monitor. Clones share everything.
#[derive(Clone)]
pub struct Monitor {
    shared: Arc<Shared>,
    router: Router,
    poller: Arc<parking_lot::Mutex<Option<Poller>>>,
}

impl Monitor {
    /// Builds a monitor from its settings, and adds the repositories that these name.
    ///
    /// # Errors
    /// When a setting is wrong, the database cannot be used, or another process polls from the same file.
    pub async fn new(config: &Config, parts: Parts) -> Result<Self, BuildError> {
        let desk = Desk::open(config, &parts).await?;
        let windows = Windows::new(config.window.extent());
        let bell = Arc::new(Notify::new());
        let instruments = Arc::new(Instruments::new(&parts.metrics));
        let front = Front::new(
            &parts.metrics,
            parts.access_log,
            Arc::clone(&parts.clock),
            config.limits.max_in_flight,
        );
        let herald = Herald::new(herald::Parts {
            store: desk.store.clone(),
            windows: windows.clone(),
            clock: Arc::clone(&parts.clock),
            replay_messages: config.stream.replay_messages,
        });
        let herald = herald.await?;
        let shared = Arc::new(Shared {
            desk,
            windows,
            herald: Arc::new(herald),
            listeners: Arc::new(Semaphore::new(
                config.stream.max_clients.min(Semaphore::MAX_PERMITS),
            )),
            heartbeat: Duration::from_secs(config.stream.heartbeat_seconds),
            keys: ApiKeys::parse(config.api_keys.expose()),
            webhook_secret: config.webhook_secret.clone(),
            max_body_bytes: config.max_request_body_bytes,
            extent: config.window.extent(),
            metrics: parts.metrics,
            readiness: parts.shutdown.readiness(),
            shutdown: parts.shutdown,
            clock: parts.clock,
            instruments,
            bell,
            front,
        });
        let poller = Poller::new(poller_parts(config, &shared))?;
        seed(config, &shared).await?;
        Ok(Self {
            router: routes::router(Arc::clone(&shared)),
            shared,
            poller: Arc::new(parking_lot::Mutex::new(Some(poller))),
        })
    }

    /// Polls and tells what is new, until the shutdown. Only the first call does.
    pub async fn watch(&self) {
        let Some(poller) = self.poller.lock().take() else {
            return;
        };
        let shutdown = self.shared.shutdown.clone();
        tokio::select! {
            () = poller.run(shutdown) => {}
            () = self.shared.herald.run() => {}
        }
    }

    /// Makes the poller look at the clock again, for clocks that are moved by hand.
    pub fn wake(&self) {
        self.shared.wake();
    }

    /// Sends a span for every request.
    pub fn trace_to(&self, traces: Traces) {
        self.shared.front.trace_to(traces);
    }

    /// Sends what traces and metrics are waiting, where they are sent at all.
    pub(crate) async fn flush_telemetry(&self, limit: Duration) {
        let traces = self.shared.front.traces().cloned();
        export::flush(self.shared.metrics.clone(), traces, limit).await;
    }

    /// The service for one connection.
    pub fn service(&self) -> MonitorService {
        MonitorService(self.clone())
    }

    /// Where everything is kept.
    pub fn store(&self) -> &Store {
        &self.shared.desk.store
    }
}

fn poller_parts(config: &Config, shared: &Shared) -> poller::Parts {
    let instruments = Arc::clone(&shared.instruments);
    let herald = Arc::clone(&shared.herald);
    let tell = move |topic| {
        instruments.told(topic);
        herald.ring();
    };
    poller::Parts {
        windows: shared.windows.clone(),
        tell: Arc::new(tell),
        bell: Arc::clone(&shared.bell),
        ..shared.desk.poller_parts(config, &shared.metrics)
    }
}

/// Adds the repositories of the settings that are not known; beyond the limit as inactive ones.
async fn seed(config: &Config, shared: &Shared) -> Result<(), BuildError> {
    for text in &config.repositories {
        let Ok(full_name) = FullName::parse(text) else {
            continue;
        };
        if shared.desk.store.repository(&full_name).await?.is_some() {
            continue;
        }
        let new = |standing| NewRepository {
            full_name: full_name.clone(),
            github_id: None,
            standing,
        };
        let now = shared.now();
        let most = shared.desk.max_active;
        let added = shared
            .desk
            .store
            .add(&[new(Standing::Active)], most, now)
            .await?;
        if let Adding::LimitReached(_) = added {
            tracing::warn!(
                repository = %full_name,
                max_active = most,
                "as many repositories as may be are active: this one is added inactive"
            );
            shared
                .desk
                .store
                .add(&[new(Standing::Inactive)], most, now)
                .await?;
        }
    }
    Ok(())
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor")
            .field("herald", &self.shared.herald)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

/// The monitor on one connection.
#[derive(Clone, Debug)]
pub struct MonitorService(Monitor);

type Answer = Result<Response<PlacedBody<Body>>, Infallible>;

impl hyper::service::Service<Request<Incoming>> for MonitorService {
    type Response = Response<PlacedBody<Body>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let Monitor {
            shared, mut router, ..
        } = self.0.clone();
        if let Some(uri) = without_slash(request.uri()) {
            *request.uri_mut() = uri;
        }
        Box::pin(async move {
            let routes = async move |request: Request<Incoming>| match router
                .call(request.map(Body::new))
                .await
            {
                Ok(answer) => answer,
                Err(never) => match never {},
            };
            let refused = || Problem::Overloaded.answer();
            Ok(shared.front.answer(request, routes, refused).await)
        })
    }
}

/// The same address without the slash at the end of its path, which changes nothing.
fn without_slash(uri: &Uri) -> Option<Uri> {
    let path = uri
        .path()
        .strip_suffix('/')
        .filter(|path| !path.is_empty())?;
    let target = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(target).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_at_the_end_changes_nothing() {
        for (uri, expected) in [
            ("/api/repos/", Some("/api/repos")),
            ("/api/repos/?page=2", Some("/api/repos?page=2")),
            ("http://h/api/stats/", Some("http://h/api/stats")),
            ("/api/repos", None),
            ("/", None),
        ] {
            let found = without_slash(&uri.parse().unwrap()).map(|uri| uri.to_string());
            assert_eq!(found.as_deref(), expected, "{uri}");
        }
    }
}
