//! What the read cache counts. Labels are bounded: route templates and enums, never paths.

use std::sync::Arc;
use std::time::Duration;

use cache_backends::{BreakerState, RedisConnection, StoreError};
use github_upstream::{SharedLedger, UpstreamEvent};
use service_runtime::Metrics;
use service_runtime::metrics::opentelemetry::KeyValue;
use service_runtime::metrics::{CounterFamily, HistogramFamily, Labels, Word, status_class};

use crate::failure::Cause;
use crate::key::Kind;
use crate::master::Master;
use crate::node::KeyNode;
use crate::refresh::Freshness;
use crate::upstream::SharedClock;

/// Upper ends of the buckets for whole refreshes, in seconds.
const REFRESH_BUCKETS: &[f64] = &[
    0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0,
];

/// How a refresh ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum RefreshEnd {
    Published,
    /// Redis could not be reached: this node serves it, the others do not have it.
    KeptHere,
    /// Something newer was there.
    Outdated,
    LeaseLost,
    /// Another node was at it.
    Held,
    Failed(Cause),
}

impl RefreshEnd {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::KeptHere => "kept-here",
            Self::Outdated => "outdated",
            Self::LeaseLost => "lease-lost",
            Self::Held => "held",
            Self::Failed(cause) => cause.as_str(),
        }
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Route(&'static str);

impl Labels for Route {
    fn attributes(&self) -> Vec<KeyValue> {
        vec![KeyValue::new("route", self.0)]
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Refresh(Kind, RefreshEnd);

impl Labels for Refresh {
    fn attributes(&self) -> Vec<KeyValue> {
        vec![
            KeyValue::new("route", self.0.template()),
            KeyValue::new("end", self.1.as_str()),
        ]
    }
}

/// The instruments of a read cache.
pub(crate) struct Instruments {
    refreshes: CounterFamily<Refresh>,
    gathering: HistogramFamily<Route>,
    upstream: CounterFamily<Word>,
    master_errors: CounterFamily<Word>,
}

impl Instruments {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            refreshes: metrics.counters(
                "github_read_cache_refreshes_total",
                "Attempts to refresh a key, by how they ended.",
            ),
            gathering: metrics.histograms(
                "github_read_cache_refresh_seconds",
                "Time that gathering a key's data took.",
                REFRESH_BUCKETS,
            ),
            upstream: metrics.counters(
                "github_read_cache_upstream_requests_total",
                "Requests to GitHub, by the class of the answer.",
            ),
            master_errors: metrics.counters(
                "github_read_cache_master_errors_total",
                "Operations of the master cache that failed.",
            ),
        }
    }

    pub(crate) fn refreshed(&self, kind: Kind, end: RefreshEnd) {
        self.refreshes.add(&Refresh(kind, end), 1);
    }

    pub(crate) fn gathered(&self, kind: Kind, took: Duration) {
        self.gathering
            .record(&Route(kind.template()), took.as_secs_f64());
    }

    pub(crate) fn master_failed(&self, error: &StoreError) {
        self.master_errors.add(&Word("reason", error.reason()), 1);
    }

    pub(crate) fn called(&self, event: &UpstreamEvent<'_>) {
        let class = match event {
            UpstreamEvent::Answered { status, .. } => status_class(*status),
            UpstreamEvent::Failed { .. } => "none",
            _ => return,
        };
        self.upstream.add(&Word("status", class), 1);
    }
}

impl std::fmt::Debug for Instruments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Instruments")
    }
}

/// Gauges that are read when metrics are asked for.
pub(crate) fn gauges(
    metrics: &Metrics,
    nodes: &Arc<[Arc<KeyNode>]>,
    master: &Master,
    ledger: &SharedLedger,
    clock: &SharedClock,
) {
    let per_key = |name, description, read: fn(&KeyNode, &SharedClock) -> Option<f64>| {
        let (nodes, clock) = (Arc::clone(nodes), clock.clone());
        metrics.gauges(name, description, move |report| {
            for node in nodes.iter() {
                if let Some(value) = read(node, &clock) {
                    // The keys are those of the settings, so that their number is bounded.
                    report(value, &[KeyValue::new("key", node.key.path.clone())]);
                }
            }
        });
    };
    per_key(
        "github_read_cache_age_seconds",
        "Time since GitHub confirmed a key's data.",
        |node, clock| {
            let copy = node.state().copy?;
            Some(copy.snapshot.times.age(clock.now()).as_secs_f64())
        },
    );
    per_key(
        "github_read_cache_items",
        "Elements of a key's data.",
        |node, _| Some(node.state().copy?.snapshot.items() as f64),
    );
    per_key(
        "github_read_cache_bytes",
        "Memory that a key's data takes on this node, in all codings and with its views.",
        |node, _| Some(node.state().copy?.snapshot.content.weight_bytes() as f64),
    );
    let (states, at) = (Arc::clone(nodes), clock.clone());
    metrics.gauges(
        "github_read_cache_state",
        "1 for the state that a key is in.",
        move |report| {
            for node in states.iter() {
                let now = node.state().freshness(at.now());
                for freshness in Freshness::ALL {
                    let labels = [
                        KeyValue::new("key", node.key.path.clone()),
                        KeyValue::new("state", freshness.as_str()),
                    ];
                    report(f64::from(u8::from(now == freshness)), &labels);
                }
            }
        },
    );
    let watched = master.clone();
    metrics.gauges(
        "github_read_cache_master_up",
        "Whether the master cache is connected and its breaker closed.",
        move |report| {
            if let Some((guard, connection)) = watched.health() {
                let up = guard.state == BreakerState::Closed && connection == RedisConnection::Up;
                report(f64::from(u8::from(up)), &[]);
            }
        },
    );
    let (ledger, at) = (ledger.clone(), clock.clone());
    metrics.gauges(
        "github_read_cache_quota_remaining",
        "Requests left in the window, as GitHub stated last.",
        move |report| {
            for line in ledger.snapshot(at.now()) {
                let (Some(caller), Some(resource), Some(window)) =
                    (line.caller, line.resource, line.window)
                else {
                    continue;
                };
                let labels = [
                    KeyValue::new("fingerprint", caller.to_string()),
                    KeyValue::new("resource", resource.as_str().to_owned()),
                ];
                // Quotas are far below 2^53.
                report(window.remaining as f64, &labels);
            }
        },
    );
}
