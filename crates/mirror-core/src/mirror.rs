//! The parts put together: engine over upstream, metrics, and one service per connection.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use github_conditional::{Fingerprint, Inspect};
use github_upstream::{
    BaseUrl, BaseUrlError, CallerId, CallerState, Compression, Document, DocumentBuildError,
    PoolLine, SharedLedger, Upstream, UpstreamEvent, UpstreamOptions, WallClock,
};
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use parking_lot::{Mutex, RwLock};
use service_runtime::drain::Hangups;
use service_runtime::export::{self, Traces};
use service_runtime::listener::Certificate;
use service_runtime::logs::AccessLog;
use service_runtime::{Clock, Metrics, Parts, Readiness};
use tokio::task::JoinSet;

use crate::admin::access::AdminToken;
use crate::admin::{self, Administration};
use crate::availability::{Availability, UpstreamAccount, watch};
use crate::body::MirrorBody;
use crate::config::{Config, ConfigProblem, DefaultPolicy, Priorities};
use crate::engine::{self, Engine};
use crate::exchange::Exchange;
use crate::metrics::{Instruments, gauges};
use crate::pool::{self, CredentialProblem, Pool, PreparedPool};
use crate::reload::{self, Settings};
use crate::rewrite::Origins;
use crate::routing::{Routing, Rules};
use crate::store::{Levels, StoreProblem};
use crate::users::Users;
use crate::webhook::Receiver;

/// Why a mirror cannot be built.
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
    /// The status page cannot be asked.
    #[error("status.url")]
    StatusPage(#[source] DocumentBuildError),
    /// A credential of the operator's cannot be used.
    #[error("cannot use the credentials")]
    Credentials(#[from] CredentialProblem),
    /// The store cannot be opened.
    #[error("cannot open the store")]
    Store(#[from] StoreProblem),
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
    pub(crate) engine: Engine,
    pub(crate) upstream_client: Upstream,
    pub(crate) pool: Pool,
    pub(crate) priorities: RwLock<Priorities>,
    pub(crate) inspect: Arc<dyn Inspect>,
    pub(crate) store: Arc<dyn Levels>,
    pub(crate) users: Users,
    pub(crate) availability: Arc<Availability>,
    pub(crate) instruments: Arc<Instruments>,
    pub(crate) metrics: Metrics,
    pub(crate) access_log: Option<AccessLog>,
    pub(crate) readiness: Readiness,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) origins: Origins,
    /// The upstream as messages and logs name it.
    pub(crate) upstream: Box<str>,
    pub(crate) live: Live,
    pub(crate) default_policy: DefaultPolicy,
    pub(crate) routing: Routing,
    pub(crate) webhook: Receiver,
    pub(crate) in_flight: Arc<AtomicUsize>,
    pub(crate) ledger: SharedLedger,
    pub(crate) admin_token: RwLock<Option<Arc<AdminToken>>>,
    /// Whether the administration has a listener of its own.
    pub(crate) admin_place: AdminPlace,
    pub(crate) administration: OnceLock<Administration>,
    pub(crate) certificate: OnceLock<Certificate>,
    pub(crate) traces: OnceLock<Traces>,
    pub(crate) settings: Mutex<Settings>,
    /// What runs by itself; it ends with the mirror.
    _watch: JoinSet<Infallible>,
}

/// Where the administration is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AdminPlace {
    /// Below `/_mirror/` on every listener.
    Everywhere,
    /// On its own listener only.
    OwnListener,
}

/// Settings that are looked at for each request and may change while the mirror runs.
#[derive(Debug)]
pub(crate) struct Live {
    rewrite_bodies: AtomicBool,
    max_in_flight: AtomicUsize,
}

impl Live {
    fn new(config: &Config) -> Self {
        Self {
            rewrite_bodies: AtomicBool::new(config.rewrite_bodies),
            max_in_flight: AtomicUsize::new(config.limits.max_in_flight),
        }
    }

    pub(crate) fn set(&self, config: &Config) {
        self.rewrite_bodies
            .store(config.rewrite_bodies, Ordering::Relaxed);
        self.max_in_flight
            .store(config.limits.max_in_flight, Ordering::Relaxed);
    }

    pub(crate) fn rewrite_bodies(&self) -> bool {
        self.rewrite_bodies.load(Ordering::Relaxed)
    }

    pub(crate) fn max_in_flight(&self) -> usize {
        self.max_in_flight.load(Ordering::Relaxed)
    }
}

/// Quota, pacing and the pool at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct QuotaAccount {
    /// Each credential that was seen: what GitHub said by bucket, its cool-down, what is under way, what waits.
    pub callers: Vec<CallerState>,
    /// The operator's own credentials, in the order of the settings; `caller` leads to their state above.
    pub pool: Vec<PoolLine>,
}

impl Shared {
    pub(crate) fn use_credentials(
        &self,
        config: &Config,
        pool: PreparedPool,
        priorities: Priorities,
    ) {
        self.pool.install(pool);
        *self.priorities.write() = priorities;
        self.upstream_client.set_pacing(config.pacing.options());
    }
}

/// A mirror. Clones share everything.
#[derive(Clone)]
pub struct Mirror(Arc<Shared>);

impl Mirror {
    /// Builds a mirror from its settings. To be called inside the runtime.
    ///
    /// # Errors
    /// When a setting is wrong, a file unreadable, or the system gives no randomness.
    pub fn new(config: &Config, parts: Parts) -> Result<Self, BuildError> {
        config.check()?;
        let Parts {
            metrics,
            access_log,
            readiness,
            clock,
        } = parts;
        let instruments = Arc::new(Instruments::new(&metrics));
        let availability = Arc::new(Availability::new(&config.offline, &instruments));
        let upstream = upstream(config, &clock, &instruments, &availability)?;
        crate::metrics::quota_gauges(&metrics, upstream.ledger(), &clock);
        crate::availability::gauges(&metrics, &availability);
        let watch = watch(config, &availability, &instruments, &upstream)?;
        let users = Users::new(&config.users, agent(), &instruments);
        crate::metrics::pacing_gauges(&metrics, &upstream, &clock);
        let ledger = upstream.ledger().clone();
        let upstream_client = upstream.clone();
        let prepared = pool::Prepared::read(config)?;
        let built = engine::build(config, upstream, &availability, &clock, &instruments)?;
        gauges(&metrics, &built.inspect);
        crate::metrics::store_gauges(&metrics, &built.store);
        let pool = Pool::new(prepared, &upstream_client, &built.inspect, agent())?;
        let webhook = Receiver::new(&config.webhook, built.marker, &metrics);
        let scheme = if config.tls.cert_file.is_some() {
            "https"
        } else {
            "http"
        };
        let origin = config.upstream.trim_end_matches('/');
        let admin_place = match config.admin.listen {
            Some(_) => AdminPlace::OwnListener,
            None => AdminPlace::Everywhere,
        };
        Ok(Self(Arc::new(Shared {
            inspect: built.inspect,
            store: built.store,
            engine: built.engine,
            ledger,
            pool,
            priorities: RwLock::new(Priorities::read(&config.priorities)?),
            upstream_client,
            users,
            availability,
            instruments,
            metrics,
            access_log,
            readiness,
            clock,
            origins: Origins::new(origin, config.public_url.as_deref(), scheme),
            upstream: origin.into(),
            live: Live::new(config),
            default_policy: config.default_policy,
            routing: Routing::new(Rules::of(config)?),
            webhook,
            in_flight: Arc::default(),
            admin_token: RwLock::new(reload::admin_token(config)),
            admin_place,
            administration: OnceLock::new(),
            certificate: OnceLock::new(),
            traces: OnceLock::new(),
            settings: Mutex::new(Settings::new(config)),
            _watch: watch,
        })))
    }

    /// The service for one connection.
    pub fn service(&self) -> MirrorService {
        MirrorService(Arc::clone(&self.0))
    }

    /// The service for one connection of the administration's own listener.
    pub fn admin_service(&self) -> AdminService {
        AdminService(Arc::clone(&self.0))
    }

    /// Lets the operator change the log level and have the settings read again. The first one stays.
    pub fn administer(&self, administration: Administration) {
        let _ = self.0.administration.set(administration);
    }

    /// From now on each request is a span. The first receiver stays.
    pub fn trace_to(&self, traces: Traces) {
        let _ = self.0.traces.set(traces);
    }

    /// Sends what traces and metrics are waiting, where they are sent at all.
    pub(crate) async fn flush_telemetry(&self, limit: Duration) {
        let traces = self.0.traces.get().cloned();
        export::flush(self.0.metrics.clone(), traces, limit).await;
    }

    /// From now on SIGHUP has the settings read again.
    ///
    /// # Errors
    /// When the signal handler cannot be installed.
    pub fn follow_hangups(&self) -> std::io::Result<()> {
        let mut hangups = Hangups::follow()?;
        let shared = Arc::clone(&self.0);
        tokio::spawn(async move {
            loop {
                hangups.next().await;
                if let Err(problem) = shared.read_settings_again() {
                    let problem = problem.message();
                    tracing::error!(problem, "the settings stay as they were");
                }
            }
        });
        Ok(())
    }

    pub(crate) fn serve_certificate(&self, certificate: Certificate) {
        let _ = self.0.certificate.set(certificate);
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0
    }

    /// A view of the engine, for administration and tests.
    pub fn inspect(&self) -> Arc<dyn Inspect> {
        Arc::clone(&self.0.inspect)
    }

    /// What is thought of the upstream now: whether it is there, and why that is thought.
    pub fn upstream_account(&self) -> UpstreamAccount {
        self.0.availability.account()
    }

    /// What is known of quota, pacing and the pool now: for administration. A copy; reading it holds nothing up.
    ///
    /// Credentials appear as fingerprints and, those of the operator's own, under their names; never themselves.
    pub fn quota(&self) -> QuotaAccount {
        QuotaAccount {
            callers: self.0.upstream_client.callers(),
            pool: self.0.pool.lines(),
        }
    }

    /// Takes over `credentials`, `credentials_for`, `pacing` and `priorities` of new settings. Credentials that stay keep their tokens,
    /// and requests under way are not disturbed.
    ///
    /// # Errors
    /// When a setting is wrong or a file unreadable; then nothing has changed.
    pub fn reload_credentials(&self, config: &Config) -> Result<(), CredentialProblem> {
        config.check()?;
        let priorities = Priorities::read(&config.priorities)?;
        let pool = self.0.pool.prepare(config)?;
        self.0.use_credentials(config, pool, priorities);
        Ok(())
    }

    /// Waits until what was written to the store is where a restart or another mirror finds it.
    pub async fn flush_store(&self) {
        self.0.store.flush().await;
    }

    /// The text of `/metrics`.
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }
}

/// How the mirror names itself in requests of its own.
pub(crate) const AGENT: &str = concat!("github-mirror/", env!("CARGO_PKG_VERSION"));

fn agent() -> HeaderValue {
    HeaderValue::from_static(AGENT)
}

fn upstream_options(config: &Config) -> UpstreamOptions {
    let http = &config.upstream_http;
    let mut options = UpstreamOptions::default();
    options.connect_timeout = Duration::from_secs(http.connect_timeout_seconds);
    options.response_timeout = Duration::from_secs(http.response_timeout_seconds);
    options.body_idle_timeout = Duration::from_secs(http.body_idle_timeout_seconds);
    options.extra_root_certificates = http.ca_file.as_ref().map(PathBuf::from);
    options.pacing = config.pacing.options();
    options
}

/// Starts what runs by itself.
fn watch(
    config: &Config,
    availability: &Arc<Availability>,
    instruments: &Arc<Instruments>,
    upstream: &Upstream,
) -> Result<JoinSet<Infallible>, BuildError> {
    let mut running = JoinSet::new();
    if config.default_policy == DefaultPolicy::Rfc9111 {
        // A plain cache has its own rules for an upstream that is away, and the status page is GitHub's.
        return Ok(running);
    }
    let pause = Duration::from_secs(config.offline.probe_seconds);
    running.spawn(watch::probe(
        Arc::clone(availability),
        upstream.clone(),
        pause,
        agent(),
    ));
    if let Some(url) = config.status.page_for(&config.upstream) {
        let timeout = Duration::from_secs(config.status.timeout_seconds);
        let page = Document::new(url, agent(), timeout, upstream_options(config))
            .map_err(BuildError::StatusPage)?;
        let interval = Duration::from_secs(config.status.interval_seconds);
        running.spawn(watch::read_status_page(
            Arc::clone(availability),
            Arc::clone(instruments),
            page,
            interval,
        ));
    }
    Ok(running)
}

fn upstream(
    config: &Config,
    clock: &Arc<dyn Clock>,
    instruments: &Arc<Instruments>,
    availability: &Arc<Availability>,
) -> Result<Upstream, BuildError> {
    let mut options = upstream_options(config);
    options.base_url = config
        .upstream
        .parse::<BaseUrl>()
        .map_err(BuildError::BaseUrl)?;
    if config.default_policy == DefaultPolicy::Rfc9111 {
        // The client's codings are the upstream's business: what comes is stored and passed on as it is.
        options.compression = Compression::Identity;
        // Many servers close a connection that was idle for 5 s, and a write that meets one that is being closed fails.
        options.pool_idle_timeout = Duration::from_secs(4);
    }
    let (clock, instruments) = (Arc::clone(clock), Arc::clone(instruments));
    let availability = Arc::clone(availability);
    Upstream::builder(options)
        .clock(WallClock::new(move || clock.now()))
        // The engine tells its inner service who asks.
        .caller_from(|extensions| {
            let fingerprint = extensions.get::<Fingerprint>()?;
            Some(CallerId(*fingerprint.as_bytes()))
        })
        .observer(move |event: &UpstreamEvent<'_>| {
            instruments.called(event);
            availability.observe(event);
        })
        .build()
        .map_err(BuildError::Upstream)
}

impl fmt::Debug for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mirror")
            .field("upstream", &self.0.upstream)
            .finish_non_exhaustive()
    }
}

/// The mirror on one connection.
#[derive(Clone)]
pub struct MirrorService(Arc<Shared>);

impl fmt::Debug for MirrorService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MirrorService")
    }
}

/// The administration alone, on one connection.
#[derive(Clone)]
pub struct AdminService(Arc<Shared>);

impl fmt::Debug for AdminService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminService")
    }
}

impl hyper::service::Service<Request<Incoming>> for AdminService {
    type Response = Response<MirrorBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let shared = Arc::clone(&self.0);
        Box::pin(async move { Ok(admin::answer(&shared, request).await) })
    }
}

type Answer = Result<Response<MirrorBody>, Infallible>;

impl hyper::service::Service<Request<Incoming>> for MirrorService {
    type Response = Response<MirrorBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let shared = Arc::clone(&self.0);
        Box::pin(async move { Ok(Exchange::new(shared).answer(request).await) })
    }
}
