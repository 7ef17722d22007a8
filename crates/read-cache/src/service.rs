//! The parts put together: keepers over the master cache, the engine for everything else, one service per connection.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use cache_backends::{MemoryLimits, MemoryStore, SharedChange};
use github_conditional::{
    Conditional, ConditionalLayer, Entry, Fingerprint, FingerprintKey, Options,
};
use github_upstream::{
    BaseUrl, BaseUrlError, CallerId, Upstream, UpstreamEvent, UpstreamOptions, WallClock,
};
use http::{Request, Response};
use hyper::body::Incoming;
use service_runtime::export::{self, Traces};
use service_runtime::front::{Front, PlacedBody};
use service_runtime::{Metrics, Parts, Readiness, Shutdown};
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;
use tower_layer::Layer;
use tower_service::Service;

use crate::config::{Config, ConfigProblem};
use crate::gather::Gatherer;
use crate::keeper::{Keeper, Tools};
use crate::key::keys_of;
use crate::master::{Master, MasterProblem};
use crate::metrics::{Instruments, gauges};
use crate::node::{Called, KeyNode, Patience};
use crate::problem::Problem;
use crate::routes;
use crate::tokens::{TokenProblem, Tokens};
use crate::upstream::{SharedClock, Source};

/// The engine as the proxy uses it.
pub(crate) type Engine = Conditional<Upstream, MemoryStore<Entry>>;

/// Why a read cache cannot be built.
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
    /// The master cache cannot be set up.
    #[error("cannot set up the master cache")]
    Master(#[from] MasterProblem),
    /// A token cannot be used.
    #[error(transparent)]
    Token(#[from] TokenProblem),
    /// The operating system has no randomness to give.
    #[error("no randomness for the fingerprint key")]
    Randomness,
}

impl BuildError {
    /// Whether a setting is to blame, as opposed to the machine.
    pub fn is_config(&self) -> bool {
        !matches!(self, Self::Randomness)
    }
}

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) nodes: Arc<[Arc<KeyNode>]>,
    /// From a path in lower case to its place among the nodes.
    pub(crate) by_name: HashMap<String, usize>,
    /// The first is the one whose views need no name.
    pub(crate) orgs: Vec<String>,
    pub(crate) engine: Engine,
    pub(crate) source: Source,
    pub(crate) master: Master,
    pub(crate) clock: SharedClock,
    pub(crate) patience: Patience,
    pub(crate) metrics: Metrics,
    pub(crate) readiness: Readiness,
    pub(crate) admin_token: service_runtime::Secret,
    /// How long clients and caches between may keep a copy.
    pub(crate) max_age: http::HeaderValue,
    instruments: Arc<Instruments>,
    front: Front,
    gatherer: Gatherer,
    limits: crate::config::CacheConfig,
}

impl Shared {
    pub(crate) fn node(&self, name: &str) -> Option<&Arc<KeyNode>> {
        self.by_name.get(name).map(|at| &self.nodes[*at])
    }
}

/// A read cache. Clones share everything.
#[derive(Clone)]
pub struct ReadCache {
    shared: Arc<Shared>,
    router: Router,
}

impl ReadCache {
    /// Builds a read cache from its settings. To be called inside the runtime.
    ///
    /// # Errors
    /// When a setting is wrong, a file unreadable, or the system gives no randomness.
    pub fn new(config: &Config, parts: Parts) -> Result<Self, BuildError> {
        config.check()?;
        let clock = SharedClock(Arc::clone(&parts.clock));
        let instruments = Arc::new(Instruments::new(&parts.metrics));
        let upstream = upstream(config, &clock, &instruments)?;
        // All nodes must know a token by the same fingerprint; a token cannot be guessed from its hash.
        let password = config.master.password.expose();
        let secret = [
            "github-read-cache fingerprints v1",
            &config.master.namespace,
            password,
        ];
        let fingerprints = FingerprintKey::new(secret.join("\0").as_bytes());
        let tokens = Arc::new(Tokens::parse(config.tokens.expose(), &fingerprints)?);
        let source = Source {
            upstream: upstream.clone(),
            tokens,
            clock: clock.clone(),
            max_page_bytes: config.cache.max_page_bytes,
        };
        let master = Master::open(&config.master, &config.lease, config.cache.max_body_bytes)?;
        let nodes: Arc<[Arc<KeyNode>]> = keys_of(&config.orgs)
            .into_iter()
            .map(|key| Arc::new(KeyNode::new(key)))
            .collect();
        gauges(&parts.metrics, &nodes, &master, upstream.ledger(), &clock);
        let by_name = nodes.iter().enumerate();
        let by_name = by_name.map(|(at, node)| (node.key.name.clone(), at));
        let max_age = format!("public, max-age={}", config.cache.master_ttl().as_secs());
        let front = Front::new(
            &parts.metrics,
            parts.access_log,
            parts.clock,
            config.limits.max_in_flight,
        );
        let shared = Arc::new(Shared {
            by_name: by_name.collect(),
            orgs: config.orgs.clone(),
            engine: engine(config, &clock, &fingerprints)?.layer(upstream),
            gatherer: Gatherer {
                source: source.clone(),
                limits: config.cache.clone(),
            },
            source,
            master,
            clock,
            patience: Patience {
                soft: Duration::from_millis(config.cache.soft_timeout_milliseconds),
                hard: Duration::from_millis(config.cache.hard_timeout_milliseconds),
            },
            metrics: parts.metrics,
            readiness: parts.readiness,
            admin_token: config.admin_token.clone(),
            max_age: http::HeaderValue::try_from(max_age)
                .unwrap_or(http::HeaderValue::from_static("public")),
            instruments,
            front,
            limits: config.cache.clone(),
            nodes,
        });
        Ok(Self {
            router: routes::router(Arc::clone(&shared)),
            shared,
        })
    }

    /// From now on each request is a span. The first receiver stays.
    pub fn trace_to(&self, traces: Traces) {
        self.shared.front.trace_to(traces);
    }

    /// Sends what traces and metrics are waiting, where they are sent at all.
    pub(crate) async fn flush_telemetry(&self, limit: Duration) {
        let traces = self.shared.front.traces().cloned();
        export::flush(self.shared.metrics.clone(), traces, limit).await;
    }

    /// Keeps the data up to date until `shutdown`.
    pub async fn keep(self, shutdown: Shutdown) {
        let tools = Tools {
            master: self.shared.master.clone(),
            gatherer: self.shared.gatherer.clone(),
            clock: self.shared.clock.clone(),
            limits: self.shared.limits.clone(),
            instruments: Arc::clone(&self.shared.instruments),
        };
        tokio::select! {
            () = shutdown.requested() => return,
            () = self.shared.master.connected() => {}
        }
        let mut keepers = JoinSet::new();
        for node in self.shared.nodes.iter() {
            keepers.spawn(Keeper::new(Arc::clone(node), tools.clone()).run());
        }
        keepers.spawn(hear(Arc::clone(&self.shared)));
        shutdown.requested().await;
        // Dropping them gives leases back.
        keepers.shutdown().await;
    }

    /// Makes the keepers look at the clock again, for clocks that are moved by hand.
    pub fn nudge(&self) {
        for node in self.shared.nodes.iter() {
            node.nudge();
        }
    }

    /// The service for one connection.
    pub fn service(&self) -> ReadCacheService {
        ReadCacheService(self.clone())
    }

    /// The text of `/metrics`.
    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }
}

/// Passes on what the other nodes tell.
async fn hear(shared: Arc<Shared>) {
    let Some(mut changes) = shared.master.changes() else {
        return std::future::pending().await;
    };
    let all = || {
        for node in shared.nodes.iter() {
            node.call(|calls| calls.read = Some(Called));
        }
    };
    loop {
        match changes.recv().await {
            Ok(SharedChange::Changed { name }) => {
                if let Some(node) = shared.node(&name) {
                    node.call(|calls| calls.read = Some(Called));
                }
            }
            // Something was missed.
            Ok(_) | Err(RecvError::Lagged(_)) => all(),
            Err(RecvError::Closed) => return,
        }
    }
}

fn upstream(
    config: &Config,
    clock: &SharedClock,
    instruments: &Arc<Instruments>,
) -> Result<Upstream, BuildError> {
    let http = &config.upstream_http;
    let mut options = UpstreamOptions::default();
    options.base_url = config
        .upstream
        .parse::<BaseUrl>()
        .map_err(BuildError::BaseUrl)?;
    options.connect_timeout = Duration::from_secs(http.connect_timeout_seconds);
    options.response_timeout = Duration::from_secs(http.response_timeout_seconds);
    options.body_idle_timeout = Duration::from_secs(http.body_idle_timeout_seconds);
    options.extra_root_certificates = http.ca_file.as_ref().map(PathBuf::from);
    let (clock, instruments) = (clock.clone(), Arc::clone(instruments));
    Upstream::builder(options)
        .clock(WallClock::new(move || clock.now()))
        // The engine tells who asks; so does the refresher, in its own words.
        .caller_from(|extensions| {
            let named = extensions.get::<CallerId>().copied();
            let found = extensions.get::<Fingerprint>();
            named.or_else(|| found.map(|found| CallerId(*found.as_bytes())))
        })
        .observer(move |event: &UpstreamEvent<'_>| instruments.called(event))
        .build()
        .map_err(BuildError::Upstream)
}

fn engine(
    config: &Config,
    clock: &SharedClock,
    fingerprints: &FingerprintKey,
) -> Result<ConditionalLayer<MemoryStore<Entry>>, BuildError> {
    let mut options = Options::default();
    options.origin = config.upstream.trim_end_matches('/').to_owned();
    options.body_idle_timeout = Duration::from_secs(config.upstream_http.body_idle_timeout_seconds);
    options.plain_user_agent = concat!("github-read-cache/", env!("CARGO_PKG_VERSION")).to_owned();
    let store = MemoryStore::new(MemoryLimits {
        max_bytes: config.cache.proxy_max_bytes,
        ..MemoryLimits::default()
    });
    let clock = clock.clone();
    ConditionalLayer::builder()
        .options(options)
        .store(store)
        .clock(move || clock.now())
        .fingerprint_key(fingerprints.clone())
        .build()
        .map_err(|_| BuildError::Randomness)
}

impl fmt::Debug for ReadCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadCache")
            .field("nodes", &self.shared.nodes)
            .finish_non_exhaustive()
    }
}

/// The read cache on one connection.
#[derive(Clone, Debug)]
pub struct ReadCacheService(ReadCache);

type Answer = Result<Response<PlacedBody<Body>>, Infallible>;

impl hyper::service::Service<Request<Incoming>> for ReadCacheService {
    type Response = Response<PlacedBody<Body>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let ReadCache { shared, mut router } = self.0.clone();
        Box::pin(async move {
            let routes = async move |request: Request<Incoming>| match router
                .call(request.map(Body::new))
                .await
            {
                Ok(answer) => answer,
                Err(never) => match never {},
            };
            let refused = || Problem::Overloaded.answer("any");
            Ok(shared.front.answer(request, routes, refused).await)
        })
    }
}
