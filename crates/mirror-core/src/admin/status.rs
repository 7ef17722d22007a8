//! What the mirror knows of itself: one value for the status JSON and for the page.

use std::time::SystemTime;

use cache_backends::BreakerState;
use github_conditional::Prediction;
use serde::Serialize;
use service_runtime::logs::Timestamp;
use tokio::time::Instant;

use crate::mirror::Shared;
use crate::tally::{Counts, Latency, Slot, Snapshot};

mod quota;
mod upstream;

pub(crate) use quota::{Bucket, CountBy, CredentialStatus, Quota};
pub(crate) use upstream::{Health, UpstreamStatus};

/// Lines of the tables of routes and clients.
const TOP: usize = 20;

#[derive(Debug, Serialize)]
pub(crate) struct Status {
    pub(crate) version: &'static str,
    pub(crate) now: String,
    pub(crate) uptime_seconds: u64,
    pub(crate) readiness: &'static str,
    pub(crate) in_flight: usize,
    pub(crate) upstream: UpstreamStatus,
    pub(crate) since_start: Answers,
    pub(crate) last_minutes: LastMinutes,
    pub(crate) quota: Quota,
    pub(crate) store: StoreStatus,
    pub(crate) routes: Vec<RouteStatus>,
    pub(crate) clients: Vec<ClientStatus>,
    /// Where tags are not predicted because the formula failed.
    pub(crate) prediction_off: Vec<PredictionStatus>,
}

/// Answers by how they were made.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Answers {
    pub(crate) requests: u64,
    pub(crate) hits: u64,
    pub(crate) stale: u64,
    pub(crate) fetched: u64,
    pub(crate) passed_through: u64,
    pub(crate) failed: u64,
    pub(crate) quota_saved: u64,
    pub(crate) hit_ratio: Option<f64>,
}

impl Answers {
    fn of(counts: &Counts) -> Self {
        Self {
            requests: counts.requests,
            hits: counts.hits,
            stale: counts.stale,
            fetched: counts.fetched,
            passed_through: counts.passed,
            failed: counts.failed,
            quota_saved: counts.saved,
            hit_ratio: counts.hit_ratio(),
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct LastMinutes {
    pub(crate) seconds: u64,
    #[serde(flatten)]
    pub(crate) answers: Answers,
    pub(crate) upstream_failures: u64,
    pub(crate) latency: Quantiles,
    /// The mirror's own part.
    pub(crate) added_latency: Quantiles,
    pub(crate) upstream_latency: Quantiles,
    pub(crate) slot_seconds: u64,
    /// Oldest first.
    pub(crate) slots: Vec<SlotStatus>,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct SlotStatus {
    pub(crate) requests: u64,
    pub(crate) hits: u64,
    pub(crate) p50_seconds: Option<f64>,
}

/// Estimated from histogram buckets.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Quantiles {
    pub(crate) count: u64,
    pub(crate) p50_seconds: Option<f64>,
    pub(crate) p90_seconds: Option<f64>,
    pub(crate) p99_seconds: Option<f64>,
}

impl Quantiles {
    fn of(latency: &Latency) -> Self {
        Self {
            count: latency.count(),
            p50_seconds: latency.quantile(0.5),
            p90_seconds: latency.quantile(0.9),
            p99_seconds: latency.quantile(0.99),
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct StoreStatus {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    pub(crate) recording_bytes: usize,
    pub(crate) levels: Vec<LevelStatus>,
    pub(crate) redis_writes_waiting: Option<u64>,
}

#[derive(Debug, Serialize)]
pub(crate) struct LevelStatus {
    pub(crate) level: &'static str,
    /// `closed` = in use; `open` = left alone because it is sick; `none` = cannot fail.
    pub(crate) breaker: &'static str,
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    pub(crate) errors: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct RouteStatus {
    pub(crate) route: &'static str,
    #[serde(flatten)]
    pub(crate) answers: Answers,
}

#[derive(Debug, Serialize)]
pub(crate) struct ClientStatus {
    pub(crate) fingerprint: String,
    #[serde(flatten)]
    pub(crate) answers: Answers,
}

#[derive(Debug, Serialize)]
pub(crate) struct PredictionStatus {
    pub(crate) route: &'static str,
    pub(crate) media: &'static str,
    pub(crate) matched: u64,
    pub(crate) mismatched: u64,
}

impl Status {
    pub(crate) fn of(shared: &Shared) -> Self {
        let now = shared.clock.now();
        let snapshot = shared.instruments.tally.snapshot(Instant::now());
        let usage = shared.inspect.usage();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            now: rfc3339(now),
            uptime_seconds: snapshot.uptime.as_secs(),
            readiness: shared.readiness.state().as_str(),
            in_flight: shared.in_flight.load(std::sync::atomic::Ordering::Relaxed),
            upstream: upstream::upstream(shared, &snapshot, now),
            since_start: Answers::of(&snapshot.since_start),
            last_minutes: last_minutes(&snapshot),
            quota: quota::quota(shared, &snapshot, now),
            store: StoreStatus {
                kind: shared.store.kind(),
                entries: usage.entries,
                bytes: usage.bytes,
                recording_bytes: shared.inspect.recording_bytes(),
                levels: levels(shared),
                redis_writes_waiting: shared.store.redis_stats().map(|stats| stats.queue_keys),
            },
            routes: snapshot
                .routes
                .iter()
                .take(TOP)
                .map(|(route, counts)| RouteStatus {
                    route,
                    answers: Answers::of(counts),
                })
                .collect(),
            clients: snapshot
                .clients
                .iter()
                .take(TOP)
                .map(|(fingerprint, counts)| ClientStatus {
                    fingerprint: fingerprint.to_string(),
                    answers: Answers::of(counts),
                })
                .collect(),
            prediction_off: prediction_off(shared),
        }
    }
}

fn last_minutes(snapshot: &Snapshot) -> LastMinutes {
    let mut sum = Slot::default();
    for slot in &snapshot.slots {
        sum.add(slot);
    }
    let slot_seconds = crate::tally::SLOT.as_secs();
    LastMinutes {
        seconds: slot_seconds * snapshot.slots.len() as u64,
        answers: Answers::of(&sum.counts),
        upstream_failures: sum.upstream_failures,
        latency: Quantiles::of(&sum.latency),
        added_latency: Quantiles::of(&sum.added),
        upstream_latency: Quantiles::of(&sum.upstream),
        slot_seconds,
        slots: snapshot
            .slots
            .iter()
            .map(|slot| SlotStatus {
                requests: slot.counts.requests,
                hits: slot.counts.hits,
                p50_seconds: slot.latency.quantile(0.5),
            })
            .collect(),
    }
}

fn levels(shared: &Shared) -> Vec<LevelStatus> {
    let guard = shared.store.guard();
    let levels = shared.store.levels().iter();
    levels
        .map(|level| {
            let guarded = guard.as_ref().filter(|(guarded, _)| guarded == level);
            let loads = shared.instruments.loads_of(*level);
            LevelStatus {
                level: level.as_str(),
                breaker: match guarded.map(|(_, stats)| stats.state) {
                    None => "none",
                    Some(BreakerState::Closed) => "closed",
                    Some(BreakerState::HalfOpen) => "half-open",
                    Some(BreakerState::Open) => "open",
                },
                hits: loads.hits,
                misses: loads.misses,
                errors: loads.errors,
            }
        })
        .collect()
}

fn prediction_off(shared: &Shared) -> Vec<PredictionStatus> {
    let mut off: Vec<_> = shared
        .inspect
        .confidence()
        .into_iter()
        .filter(|(_, learned)| learned.prediction == Prediction::Off)
        .map(|((route, media), learned)| PredictionStatus {
            route,
            media: media.as_str(),
            matched: learned.matched,
            mismatched: learned.mismatched,
        })
        .collect();
    off.sort_by_key(|status| (status.route, status.media));
    off
}

pub(crate) fn rfc3339(time: SystemTime) -> String {
    Timestamp::of(time).rfc3339().to_string()
}
