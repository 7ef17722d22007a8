//! What is read from the parts of the mirror when metrics are asked for.

use std::sync::Arc;

use cache_backends::BreakerState;
use github_conditional::{Fingerprint, Inspect};
use github_upstream::SharedLedger;
use github_upstream::ledger::Window;
use service_runtime::metrics::opentelemetry::KeyValue;
use service_runtime::{Clock, Metrics};

use crate::store::Levels;

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

/// Gauges and counters of the levels of the store: how full they are, and how those that can fail are.
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
    let bounded = Arc::clone(store);
    metrics
        .meter()
        .u64_observable_counter("github_mirror_store_evictions_total")
        .with_description("Entries that gave way to others, since a level of the store is full.")
        .with_callback(move |observer| {
            for (level, count) in bounded.evicted() {
                observer.observe(count, &[KeyValue::new("level", level.as_str())]);
            }
        })
        .build();
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
