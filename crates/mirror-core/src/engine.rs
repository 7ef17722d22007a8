//! The engine that the settings ask for: GitHub's, or a plain HTTP cache (RFC 9111).

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use github_conditional::rfc9111::{self, CacheLayer, Resource, SurrogateName};
use github_conditional::{
    Conditional, ConditionalBody, ConditionalLayer, Error, Event, Freshness, Inspect, Marker,
    Options, ResponseFuture,
};
use github_upstream::{RequestBody, ResponseBody, Upstream};
use http::{Request, Response};
use service_runtime::Clock;
use tower_layer::Layer;
use tower_service::Service;

use crate::availability::Availability;
use crate::availability::gate::Gate;
use crate::config::{AnonymousPolicy, Config, DefaultPolicy};
use crate::metrics::Instruments;
use crate::mirror::{AGENT, BuildError};
use crate::store::{Levels, Store, fingerprint_key};
use crate::timed::Timed;

/// An engine over the upstream. Clones share everything.
#[derive(Clone)]
pub(crate) enum Engine {
    /// Every read is a conditional request to GitHub.
    Github(Conditional<Timed<Gate<Upstream>>, Store>),
    /// A plain reverse-proxy cache.
    Rfc9111(rfc9111::Cache<Timed<Upstream>, Store<Resource>>),
}

/// An engine, and the views of it.
pub(crate) struct Built {
    pub(crate) engine: Engine,
    pub(crate) inspect: Arc<dyn Inspect>,
    pub(crate) store: Arc<dyn Levels>,
    /// Takes marks; only GitHub's engine knows what an event of GitHub's touches.
    pub(crate) marker: Option<Arc<dyn Marker>>,
}

/// Builds the engine and opens its store.
pub(crate) fn build(
    config: &Config,
    upstream: Upstream,
    availability: &Arc<Availability>,
    clock: &Arc<dyn Clock>,
    instruments: &Arc<Instruments>,
) -> Result<Built, BuildError> {
    match config.default_policy {
        DefaultPolicy::Github => {
            let store = Store::open(&config.cache, &config.redis, instruments)?;
            let layer = github(config, clock, instruments, store.clone())?;
            Ok(Built {
                inspect: layer.inspect(),
                marker: Some(layer.marker()),
                engine: Engine::Github(
                    layer.layer(Timed(Gate::new(upstream, Arc::clone(availability)))),
                ),
                store: Arc::new(store),
            })
        }
        DefaultPolicy::Rfc9111 => {
            let store = Store::open(&config.cache, &config.redis, instruments)?;
            let layer = plain(config, clock, instruments, store.clone())?;
            Ok(Built {
                inspect: layer.inspect(),
                marker: None,
                engine: Engine::Rfc9111(layer.layer(Timed(upstream))),
                store: Arc::new(store),
            })
        }
    }
}

fn github(
    config: &Config,
    clock: &Arc<dyn Clock>,
    instruments: &Arc<Instruments>,
    store: Store,
) -> Result<ConditionalLayer<Store>, BuildError> {
    let mut options = Options::default();
    options.origin = config.upstream.trim_end_matches('/').to_owned();
    options.max_cacheable_body_bytes = config.cache.max_cacheable_body_bytes;
    options.max_recording_bytes = config.cache.max_recording_bytes;
    options.body_idle_timeout = Duration::from_secs(config.upstream_http.body_idle_timeout_seconds);
    options.anonymous = match config.anonymous_policy {
        AnonymousPolicy::Rfc9111 => Freshness::Rfc9111,
        AnonymousPolicy::Revalidate => Freshness::Revalidate,
    };
    options.plain_user_agent = AGENT.to_owned();
    let (clock, instruments) = (Arc::clone(clock), Arc::clone(instruments));
    let mut builder = ConditionalLayer::builder()
        .options(options)
        .store(store)
        .clock(move || clock.now())
        .observer(move |event: &Event<'_>| instruments.observe(event));
    if let Some(key) = fingerprint_key(&config.cache, &config.redis) {
        builder = builder.fingerprint_key(key);
    }
    builder.build().map_err(|_| BuildError::Randomness)
}

fn plain(
    config: &Config,
    clock: &Arc<dyn Clock>,
    instruments: &Arc<Instruments>,
    store: Store<Resource>,
) -> Result<CacheLayer<Store<Resource>>, BuildError> {
    let settings = &config.rfc9111;
    let mut options = rfc9111::Options::default();
    options.origin = config.upstream.trim_end_matches('/').to_owned();
    options.max_cacheable_body_bytes = config.cache.max_cacheable_body_bytes;
    options.max_recording_bytes = config.cache.max_recording_bytes;
    options.body_idle_timeout = Duration::from_secs(config.upstream_http.body_idle_timeout_seconds);
    options.max_variants = settings.max_variants;
    options.heuristic_percent = settings.heuristic_percent;
    options.max_heuristic = Duration::from_secs(settings.max_heuristic_seconds);
    options.stale_if_unreachable = Duration::from_secs(settings.stale_if_unreachable_seconds);
    options.stale_if_error = Duration::from_secs(settings.stale_if_error_seconds);
    options.surrogate = settings
        .surrogate_name
        .as_deref()
        .and_then(SurrogateName::new);
    let (clock, instruments) = (Arc::clone(clock), Arc::clone(instruments));
    let mut builder = CacheLayer::builder()
        .options(options)
        .store(store)
        .clock(move || clock.now())
        .observer(move |event: &Event<'_>| instruments.observe(event));
    if let Some(key) = fingerprint_key(&config.cache, &config.redis) {
        builder = builder.fingerprint_key(key);
    }
    builder.build().map_err(|_| BuildError::Randomness)
}

impl Service<Request<RequestBody>> for Engine {
    type Response = Response<ConditionalBody<ResponseBody>>;
    type Error = Error;
    type Future = ResponseFuture<ResponseBody>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match self {
            Self::Github(engine) => engine.poll_ready(context),
            Self::Rfc9111(engine) => engine.poll_ready(context),
        }
    }

    fn call(&mut self, request: Request<RequestBody>) -> ResponseFuture<ResponseBody> {
        match self {
            Self::Github(engine) => engine.call(request),
            Self::Rfc9111(engine) => engine.call(request),
        }
    }
}
