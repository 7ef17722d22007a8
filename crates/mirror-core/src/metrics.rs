//! What the mirror counts. Labels are bounded: route templates, enums, never paths.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cache_backends::BreakerState;
use github_conditional::{Collapse, Event, Fingerprint, Inspect, Outcome, Report};
use github_upstream::ledger::Window;
use github_upstream::{SharedLedger, UpstreamEvent};
use http::{Method, StatusCode};
use service_runtime::metrics::opentelemetry::KeyValue;
use service_runtime::metrics::{CounterFamily, HistogramFamily, Labels};
use service_runtime::{Clock, Metrics};
use tokio::time::Instant;

use crate::outcome::XCache;
use crate::problem::Problem;
use crate::store::Levels;
use crate::tally::{Called, Tally, saved};

mod pacing;

pub(crate) use pacing::{PacingInstruments, pacing_gauges};

/// Upper ends of the latency buckets, in seconds: the kept ones, and finer ones below.
pub(crate) const LATENCY_BUCKETS: [f64; 19] = [
    0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.2, 0.3, 0.4, 0.5,
    0.75, 1.0, 2.5, 5.0, 10.0,
];

/// Upper ends of the store's latency buckets, in seconds.
const STORE_BUCKETS: &[f64] = &[
    0.000_001, 0.000_01, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1,
    1.0,
];

/// The method label; anything else is one value, because clients invent methods.
pub(crate) fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Request {
    cache: XCache,
    status: u16,
    method: &'static str,
    /// The login, where users are validated: then it is one of the configured ones.
    user: Option<Arc<str>>,
}

impl Labels for Request {
    fn attributes(&self) -> Vec<KeyValue> {
        vec![
            KeyValue::new("cache", self.cache.as_str()),
            KeyValue::new("status", i64::from(self.status)),
            KeyValue::new("method", self.method),
            match &self.user {
                Some(login) => KeyValue::new("user", Arc::clone(login)),
                None => KeyValue::new("user", "None"),
            },
        ]
    }
}

/// A route template and how the answer was made.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Route {
    route: &'static str,
    outcome: &'static str,
    detail: &'static str,
}

impl Labels for Route {
    fn attributes(&self) -> Vec<KeyValue> {
        vec![
            KeyValue::new("route", self.route),
            KeyValue::new("outcome", self.outcome),
            KeyValue::new("detail", self.detail),
        ]
    }
}

/// One word and its label name.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Word(&'static str, &'static str);

impl Labels for Word {
    fn attributes(&self) -> Vec<KeyValue> {
        vec![KeyValue::new(self.0, self.1)]
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct StoreError {
    operation: &'static str,
    reason: &'static str,
}

impl Labels for StoreError {
    fn attributes(&self) -> Vec<KeyValue> {
        vec![
            KeyValue::new("operation", self.operation),
            KeyValue::new("reason", self.reason),
        ]
    }
}

/// A level of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Level {
    Memory,
    Redis,
    Disk,
}

impl Level {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Redis => "redis",
            Self::Disk => "disk",
        }
    }
}

/// What a load of a level gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Load {
    Hit,
    Miss,
    /// It took longer than it may.
    Timeout,
    Error,
}

impl Load {
    /// How many there are.
    const KINDS: usize = Self::Error as usize + 1;

    const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Timeout => "timeout",
            Self::Error => "error",
        }
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct LevelLoad(Level, Load);

impl Labels for LevelLoad {
    fn attributes(&self) -> Vec<KeyValue> {
        vec![
            KeyValue::new("level", self.0.as_str()),
            KeyValue::new("result", self.1.as_str()),
        ]
    }
}

/// The mirror's instruments.
pub(crate) struct Instruments {
    requests: CounterFamily<Request>,
    latency: HistogramFamily<Request>,
    added: HistogramFamily<()>,
    upstream: HistogramFamily<Word>,
    routes: CounterFamily<Route>,
    coalesced: CounterFamily<()>,
    verifications: CounterFamily<Word>,
    probes: CounterFamily<Word>,
    dropped: CounterFamily<Word>,
    store_errors: CounterFamily<StoreError>,
    quota_saved: CounterFamily<Word>,
    failures: CounterFamily<Word>,
    retries: CounterFamily<Word>,
    refused: CounterFamily<Word>,
    loads: CounterFamily<LevelLoad>,
    load_latency: HistogramFamily<Word>,
    user_questions: CounterFamily<Word>,
    standing_changes: CounterFamily<Word>,
    offline_probes: CounterFamily<Word>,
    status_pages: CounterFamily<Word>,
    pub(crate) pacing: PacingInstruments,
    /// What the status page shows.
    pub(crate) tally: Tally,
    level_loads: [LevelLoads; 3],
}

/// Loads of one level of the store, for the status page.
#[derive(Debug, Default)]
struct LevelLoads([AtomicU64; Load::KINDS]);

/// The same at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Loads {
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    pub(crate) errors: u64,
}

impl Instruments {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            requests: metrics.counters("http_request_total", "Requests answered."),
            latency: metrics.histograms(
                "request_latency_seconds",
                "Time from a request's head to the head of its answer.",
                &LATENCY_BUCKETS,
            ),
            added: metrics.histograms(
                "github_mirror_added_latency_seconds",
                "The mirror's own part of the time to the head of an answer, upstream calls taken off.",
                &LATENCY_BUCKETS,
            ),
            upstream: metrics.histograms(
                "github_mirror_upstream_latency_seconds",
                "Time from an upstream request to the head of its answer, by status class.",
                &LATENCY_BUCKETS,
            ),
            routes: metrics.counters(
                "github_mirror_answers_total",
                "Answers by route template, how they were made, and the finer reason.",
            ),
            coalesced: metrics.counters(
                "github_mirror_coalesced_total",
                "Requests that shared another request's upstream call.",
            ),
            verifications: metrics.counters(
                "github_mirror_tag_verifications_total",
                "Comparisons of GitHub's tags with the computed ones.",
            ),
            probes: metrics.counters(
                "github_mirror_last_page_probes_total",
                "Questions for the page behind a full last page.",
            ),
            dropped: metrics.counters(
                "github_mirror_bodies_not_stored_total",
                "Bodies that were being recorded and are not stored.",
            ),
            store_errors: metrics.counters(
                "github_mirror_store_errors_total",
                "Store operations that failed; each counted as a miss.",
            ),
            quota_saved: metrics.counters(
                "github_mirror_quota_saved_total",
                "Requests that would have cost quota and did not.",
            ),
            failures: metrics.counters(
                "github_mirror_upstream_failures_total",
                "Upstream calls without an answer.",
            ),
            retries: metrics.counters(
                "github_mirror_upstream_retries_total",
                "Reads that were sent again because their connection was gone.",
            ),
            loads: metrics.counters(
                "github_mirror_store_loads_total",
                "Entries asked of a level of the store, by what came of it.",
            ),
            load_latency: metrics.histograms(
                "github_mirror_store_latency_seconds",
                "Time that a level of the store adds to a request.",
                STORE_BUCKETS,
            ),
            pacing: PacingInstruments::new(metrics),
            refused: metrics.counters(
                "github_mirror_refused_total",
                "Requests that the mirror refused by itself.",
            ),
            tally: Tally::new(Instant::now()),
            level_loads: Default::default(),
            user_questions: metrics.counters(
                "github_mirror_user_questions_total",
                "Questions to the upstream whose token it is, by what came of them.",
            ),
            standing_changes: metrics.counters(
                "github_mirror_standing_changes_total",
                "Times that the upstream was found to be away, returning or there again.",
            ),
            offline_probes: metrics.counters(
                "github_mirror_offline_probes_total",
                "Probes of an upstream that was away, by what came of them.",
            ),
            status_pages: metrics.counters(
                "github_mirror_status_page_total",
                "Questions to the status page, by what it said.",
            ),
        }
    }

    /// Counts what a level of the store was asked for.
    pub(crate) fn loaded(&self, level: Level, load: Load, elapsed: Duration) {
        self.loads.add(&LevelLoad(level, load), 1);
        self.level_loads[level as usize].0[load as usize].fetch_add(1, Ordering::Relaxed);
        self.load_latency
            .record(&Word("level", level.as_str()), elapsed.as_secs_f64());
    }

    /// What a level of the store was asked for so far.
    pub(crate) fn loads_of(&self, level: Level) -> Loads {
        let [hits, misses, timeouts, errors] = &self.level_loads[level as usize].0;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Loads {
            hits: read(hits),
            misses: read(misses),
            errors: read(timeouts) + read(errors),
        }
    }

    /// Counts a question whose token it is.
    pub(crate) fn user_asked(&self, result: &'static str) {
        self.user_questions.add(&Word("result", result), 1);
    }

    /// Counts a change of what is thought of the upstream.
    pub(crate) fn standing_changed(&self, to: &'static str) {
        self.standing_changes.add(&Word("to", to), 1);
    }

    /// Counts a probe.
    pub(crate) fn probed(&self, result: &'static str) {
        self.offline_probes.add(&Word("result", result), 1);
    }

    /// Counts a question to the status page.
    pub(crate) fn status_page_asked(&self, result: &'static str) {
        self.status_pages.add(&Word("result", result), 1);
    }

    /// Counts one answer of the engine.
    pub(crate) fn answered(
        &self,
        report: &Report,
        user: Option<&Arc<str>>,
        method: &Method,
        status: StatusCode,
        elapsed: Duration,
        upstream: Duration,
    ) {
        let labels = Request {
            cache: XCache::of(report.outcome),
            status: status.as_u16(),
            method: method_label(method),
            user: user.cloned(),
        };
        self.requests.add(&labels, 1);
        self.latency.record(&labels, elapsed.as_secs_f64());
        if report.collapse == Collapse::Leader {
            self.added
                .record(&(), elapsed.saturating_sub(upstream).as_secs_f64());
        } else {
            self.coalesced.add(&(), 1);
        }
        let route = Route {
            route: report.route.template(),
            outcome: outcome_label(report.outcome),
            detail: report.detail().unwrap_or("none"),
        };
        self.routes.add(&route, 1);
        if let Some(how) = saved(report) {
            self.quota_saved.add(&Word("by", how), 1);
        }
    }

    /// Counts what happens upstream.
    pub(crate) fn called(&self, event: &UpstreamEvent<'_>) {
        let (class, latency) = match event {
            UpstreamEvent::Answered {
                status, latency, ..
            } => {
                let class = match status.as_u16() {
                    304 => "304",
                    200..=299 => "2xx",
                    300..=399 => "3xx",
                    400..=499 => "4xx",
                    _ => "5xx",
                };
                let called = Called::Answered(*status);
                self.tally.called(called, *latency, Instant::now());
                (class, latency)
            }
            UpstreamEvent::Failed {
                reason, latency, ..
            } => {
                self.failures.add(&Word("reason", reason.as_str()), 1);
                let called = Called::Failed(reason.as_str());
                self.tally.called(called, *latency, Instant::now());
                ("none", latency)
            }
            UpstreamEvent::Retried { reason } => {
                self.retries.add(&Word("reason", reason.as_str()), 1);
                return;
            }
            _ => {
                match event {
                    UpstreamEvent::Waited { reason, .. } => self.tally.paced(reason.as_str()),
                    UpstreamEvent::HeldBack { reason, .. } => {
                        self.tally.held_back(reason.as_str());
                    }
                    _ => {}
                }
                return self.pacing.observe(event);
            }
        };
        self.upstream
            .record(&Word("status", class), latency.as_secs_f64());
    }

    /// Counts a request that went nowhere.
    pub(crate) fn refused(&self, problem: &Problem<'_>) {
        self.refused.add(&Word("reason", problem.as_str()), 1);
    }

    /// Counts what happens inside the engine.
    pub(crate) fn observe(&self, event: &Event<'_>) {
        match event {
            Event::StoreFailed(error) => {
                let labels = StoreError {
                    operation: error.operation().as_str(),
                    reason: error.reason(),
                };
                self.store_errors.add(&labels, 1);
            }
            Event::Verified { verification, .. } => {
                self.verifications
                    .add(&Word("result", verification.as_str()), 1);
            }
            Event::Probed(probe) => self.probes.add(&Word("result", probe.as_str()), 1),
            Event::Dropped(dropped) => self.dropped.add(&Word("reason", dropped.as_str()), 1),
            _ => {}
        }
    }
}

/// Gauges that are read from the engine when metrics are asked for.
pub(crate) fn gauges(metrics: &Metrics, engine: &Arc<dyn Inspect>) {
    let read = |read: fn(&dyn Inspect) -> u64| {
        let engine = Arc::clone(engine);
        move || read(&*engine)
    };
    metrics.gauge(
        "github_mirror_cache_size",
        "Bytes that the stored entries take.",
        read(|engine| engine.usage().bytes),
    );
    metrics.gauge(
        "github_mirror_cached_objects",
        "Entries stored.",
        read(|engine| engine.usage().entries),
    );
    metrics.gauge(
        "github_mirror_recording_bytes",
        "Bytes of bodies that are being recorded.",
        read(|engine| engine.recording_bytes() as u64),
    );
    metrics.gauge(
        "github_mirror_calls_in_flight",
        "Upstream calls under way for reads.",
        read(|engine| engine.calls_in_flight() as u64),
    );
    let engine = Arc::clone(engine);
    metrics.gauges(
        "github_mirror_prediction",
        "Whether tags are predicted (1) or not (0), per route template and media type that was verified.",
        move |report| {
            for ((route, media), learned) in engine.confidence() {
                let on = learned.prediction == github_conditional::Prediction::On;
                let labels = [KeyValue::new("route", route), KeyValue::new("media", media.as_str())];
                report(if on { 1.0 } else { 0.0 }, &labels);
            }
        },
    );
}

pub(crate) fn outcome_label(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Revalidated(_) => "revalidated",
        Outcome::Fresh(_) => "fresh",
        Outcome::Stale(_) => "stale",
        Outcome::Fetched(_) => "fetched",
        Outcome::Changed(_) => "changed",
        Outcome::ClientConfirmed => "client-confirmed",
        Outcome::Bypassed(_) => "bypassed",
        Outcome::Refused(_) => "refused",
        Outcome::NotCached => "not-cached",
        _ => "failed",
    }
}

/// Gauges of what GitHub said about quota, by caller and resource. The ledger bounds the number of callers.
pub(crate) fn quota_gauges(metrics: &Metrics, ledger: &SharedLedger, clock: &Arc<dyn Clock>) {
    let gauge = |name, description, read: fn(&Window) -> u64| {
        let (ledger, clock) = (ledger.clone(), Arc::clone(clock));
        metrics.gauges(name, description, move |report| {
            for line in ledger.snapshot(clock.now()) {
                let (Some(caller), Some(resource), Some(window)) =
                    (line.caller, line.resource, line.window)
                else {
                    continue;
                };
                let fingerprint = Fingerprint::from_bytes(caller.0).to_string();
                let labels = [
                    KeyValue::new("fingerprint", fingerprint),
                    KeyValue::new("resource", resource.as_str().to_owned()),
                ];
                // Quotas are far below 2^53.
                report(read(&window) as f64, &labels);
            }
        });
    };
    gauge(
        "github_mirror_quota_limit",
        "Requests per window, as GitHub stated last.",
        |window| window.limit,
    );
    gauge(
        "github_mirror_quota_remaining",
        "Requests left in the window, as GitHub stated last.",
        |window| window.remaining,
    );
    gauge(
        "github_mirror_quota_used",
        "Requests used in the window, as GitHub stated last.",
        |window| window.used,
    );
}

/// Gauges and counters of the levels of the store that can fail.
pub(crate) fn store_gauges(metrics: &Metrics, store: &Arc<dyn Levels>) {
    let guarded = Arc::clone(store);
    metrics.gauges(
        "github_mirror_store_breaker",
        "Whether a level of the store is left alone: 0 = in use, 0.5 = being tried, 1 = left alone.",
        move |report| {
            if let Some((level, guard)) = guarded.guard() {
                let value = match guard.state {
                    BreakerState::Closed => 0.0,
                    BreakerState::HalfOpen => 0.5,
                    BreakerState::Open => 1.0,
                };
                report(value, &[KeyValue::new("level", level.as_str())]);
            }
        },
    );
    let redis = Arc::clone(store);
    metrics.gauges(
        "github_mirror_redis_writes_waiting",
        "Entries that wait to be written to Redis.",
        move |report| {
            if let Some(stats) = redis.redis_stats() {
                report(stats.queue_keys as f64, &[]);
            }
        },
    );
    let redis = Arc::clone(store);
    let counter = metrics
        .meter()
        .u64_observable_counter("github_mirror_redis_writes_total")
        .with_description("Writes to Redis, by what became of them.");
    counter
        .with_callback(move |observer| {
            let Some(stats) = redis.redis_stats() else {
                return;
            };
            for (result, count) in [
                ("done", stats.writes_done),
                ("refused", stats.writes_refused),
                ("dropped", stats.writes_dropped),
                ("too-large", stats.writes_too_large),
                ("conflict", stats.write_conflicts),
                ("retried", stats.write_retries),
                ("expiry-renewed", stats.expiries_renewed),
            ] {
                observer.observe(count, &[KeyValue::new("result", result)]);
            }
        })
        .build();
}
