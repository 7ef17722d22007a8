//! What the monitor counts besides requests. Labels are bounded: enums, and the repositories that may be active.

use std::sync::Arc;

use parking_lot::Mutex;
use service_runtime::Metrics;
use service_runtime::metrics::opentelemetry::KeyValue;
use service_runtime::metrics::{CounterFamily, Labels};

use crate::Timestamp;
use crate::herald::Topic;
use crate::store::Repository;

/// A label name and its word.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Word(&'static str, &'static str);

impl Labels for Word {
    fn attributes(&self) -> Vec<KeyValue> {
        vec![KeyValue::new(self.0, self.1)]
    }
}

/// The instruments of a monitor, beside those of its poller.
pub(crate) struct Instruments {
    messages: CounterFamily<Word>,
    active: Arc<Mutex<Watched>>,
}

/// What the gauges show: the active repositories, as of the last look.
#[derive(Default)]
struct Watched {
    repositories: Vec<Repository>,
    now: Option<Timestamp>,
}

impl Instruments {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let active = Arc::<Mutex<Watched>>::default();
        gauges(metrics, &active);
        Self {
            messages: metrics.counters(
                "github_events_stream_messages_total",
                "Messages for those who listen to the stream, of what this process has polled, by what they tell.",
            ),
            active,
        }
    }

    pub(crate) fn told(&self, topic: Topic) {
        self.messages.add(&Word("topic", topic.as_str()), 1);
    }

    /// Takes a look at the repositories, for the gauges.
    pub(crate) fn look(&self, repositories: Vec<Repository>, now: Timestamp) {
        *self.active.lock() = Watched {
            repositories,
            now: Some(now),
        };
    }
}

impl std::fmt::Debug for Instruments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Instruments")
    }
}

/// One gauge: its name, what it means, and its value for a repository.
type Gauge = (
    &'static str,
    &'static str,
    fn(&Repository, Timestamp) -> Option<f64>,
);

#[expect(
    clippy::cast_precision_loss,
    reason = "counts and times far below 2^53"
)]
const GAUGES: [Gauge; 5] = [
    (
        "github_events_repository_events",
        "Events that are stored of an active repository.",
        |one, _| Some(one.events_stored as f64),
    ),
    (
        "github_events_repository_interval_seconds",
        "Time between polls of an active repository, as chosen last.",
        |one, _| one.interval_seconds,
    ),
    (
        "github_events_repository_poll_age_seconds",
        "Time since GitHub answered a poll of an active repository.",
        |one, now| Some(now.seconds_since(one.last_poll_at?) as f64),
    ),
    (
        "github_events_repository_newest_age_seconds",
        "Time since the newest event of an active repository.",
        |one, now| Some(now.seconds_since(one.newest_event_at?) as f64),
    ),
    (
        "github_events_repository_failing",
        "1 while the last poll of an active repository went wrong.",
        |one, _| Some(f64::from(u8::from(one.last_error.is_some()))),
    ),
];

fn gauges(metrics: &Metrics, active: &Arc<Mutex<Watched>>) {
    for (name, description, read) in GAUGES {
        let active = Arc::clone(active);
        metrics.gauges(name, description, move |report| {
            let watched = active.lock();
            let Some(now) = watched.now else { return };
            for repository in &watched.repositories {
                if let Some(value) = read(repository, now) {
                    // As many as the settings allow to be active.
                    let name = repository.full_name.to_string();
                    report(value, &[KeyValue::new("repository", name)]);
                }
            }
        });
    }
    let active = Arc::clone(active);
    metrics.gauges(
        "github_events_active_repositories",
        "Repositories that are polled.",
        move |report| {
            let watched = active.lock();
            if watched.now.is_some() {
                report(watched.repositories.len() as f64, &[]);
            }
        },
    );
}
