//! What the poller counts. Labels are enums.

use service_runtime::Metrics;
use service_runtime::metrics::opentelemetry::KeyValue;
use service_runtime::metrics::{CounterFamily, Labels};

use super::PollOutcome;
use crate::gap::GapReason;

#[derive(Clone, PartialEq, Eq, Hash)]
struct Ended(&'static str);

impl Labels for Ended {
    fn attributes(&self) -> Vec<KeyValue> {
        vec![KeyValue::new("outcome", self.0)]
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Missing(&'static str);

impl Labels for Missing {
    fn attributes(&self) -> Vec<KeyValue> {
        vec![KeyValue::new("reason", self.0)]
    }
}

pub(super) struct Instruments {
    polls: CounterFamily<Ended>,
    events: CounterFamily<()>,
    gaps: CounterFamily<Missing>,
}

impl Instruments {
    pub(super) fn new(metrics: &Metrics) -> Self {
        Self {
            polls: metrics.counters("github_events_polls_total", "Polls, by how they ended."),
            events: metrics.counters(
                "github_events_stored_total",
                "Events that polls have brought.",
            ),
            gaps: metrics.counters(
                "github_events_gaps_total",
                "Stretches of time in which events may be missing, by reason.",
            ),
        }
    }

    pub(super) fn polled(&self, outcome: PollOutcome) {
        self.polls.add(&Ended(outcome.as_str()), 1);
    }

    pub(super) fn event(&self) {
        self.events.add(&(), 1);
    }

    pub(super) fn gap(&self, reason: GapReason) {
        self.gaps.add(&Missing(reason.as_str()), 1);
    }
}
