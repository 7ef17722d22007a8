//! What is counted about holding back: waits, refusals, and the state of each credential.

use std::sync::Arc;

use github_conditional::Fingerprint;
use github_upstream::{CallerState, Pace, Upstream, UpstreamEvent};
use service_runtime::metrics::opentelemetry::KeyValue;
use service_runtime::metrics::{CounterFamily, HistogramFamily};
use service_runtime::{Clock, Metrics};

use super::Word;
use crate::pool::Usage;

/// Upper ends of the buckets of waits, in seconds: from a turn that was nearly free to the longest that is allowed.
const WAIT_BUCKETS: &[f64] = &[
    0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0,
];

/// Instruments of pacing and of the credentials pool.
pub(crate) struct PacingInstruments {
    waits: HistogramFamily<Word>,
    held_back: CounterFamily<Word>,
    pool: CounterFamily<Word>,
}

impl PacingInstruments {
    pub(super) fn new(metrics: &Metrics) -> Self {
        Self {
            waits: metrics.histograms(
                "github_mirror_paced_wait_seconds",
                "Time that requests waited for their turn, by what stood against them.",
                WAIT_BUCKETS,
            ),
            held_back: metrics.counters(
                "github_mirror_held_back_total",
                "Requests that were not sent because of a rate limit, by which.",
            ),
            pool: metrics.counters(
                "github_mirror_pool_requests_total",
                "Requests by whether they were sent with a credential of the operator's, and why not.",
            ),
        }
    }

    /// Counts what happens before a request is sent.
    pub(crate) fn observe(&self, event: &UpstreamEvent<'_>) {
        match event {
            UpstreamEvent::Waited { reason, waited, .. } => self
                .waits
                .record(&Word("reason", reason.as_str()), waited.as_secs_f64()),
            UpstreamEvent::HeldBack { reason, .. } => {
                self.held_back.add(&Word("reason", reason.as_str()), 1);
            }
            _ => {}
        }
    }

    /// Counts whose credential a request is sent with.
    pub(crate) fn pool(&self, usage: Usage) {
        self.pool.add(&Word("usage", usage.as_str()), 1);
    }
}

/// Gauges of each credential's state. The stack bounds the number of credentials.
pub(crate) fn pacing_gauges(metrics: &Metrics, upstream: &Upstream, clock: &Arc<dyn Clock>) {
    let gauge = |name, description, read: fn(&CallerState) -> f64| {
        let upstream = upstream.clone();
        metrics.gauges(name, description, move |report| {
            for state in upstream.callers() {
                report(read(&state), &[fingerprint(&state)]);
            }
        });
    };
    gauge(
        "github_mirror_requests_waiting",
        "Requests of a credential that wait for their turn.",
        |state| state.waiting as f64,
    );
    gauge(
        "github_mirror_requests_under_way",
        "Requests of a credential that are under way to GitHub, bodies included.",
        |state| f64::from(state.in_flight),
    );
    gauge(
        "github_mirror_pace",
        "How a credential is treated: 0 = requests go as they come, 0.5 = paced, 1 = limited by GitHub.",
        |state| match state.pace {
            Pace::Free => 0.0,
            Pace::Paced => 0.5,
            Pace::Limited => 1.0,
        },
    );
    let (upstream, clock) = (upstream.clone(), Arc::clone(clock));
    metrics.gauges(
        "github_mirror_cooldown_seconds",
        "How long a credential is still left alone after a secondary limit, by how that was recognised.",
        move |report| {
            let now = clock.now();
            for state in upstream.callers() {
                if let Some(cooldown) = state.cooldown {
                    let left = cooldown.until.duration_since(now).unwrap_or_default();
                    let cause = KeyValue::new("cause", cooldown.cause.as_str());
                    report(left.as_secs_f64(), &[fingerprint(&state), cause]);
                }
            }
        },
    );
}

fn fingerprint(state: &CallerState) -> KeyValue {
    let fingerprint = Fingerprint::from_bytes(state.caller.0).to_string();
    KeyValue::new("fingerprint", fingerprint)
}
