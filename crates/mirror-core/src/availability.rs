//! Offline mode: whether GitHub is there, and what that means for calls.
//!
//! | module | what it is responsible for |
//! |---|---|
//! | `window` | what came of calls of late (pure) |
//! | `judge` | online, offline, returning (pure) |
//! | `status_page` | what GitHub's status page says (pure) |
//! | `gate` | calls fail at once while GitHub is away |
//! | `watch` | probes, and questions to the status page |
//!
//! Every real call's outcome comes from the upstream client itself, so that what is refused above it (at the gate, by
//! pacing) never counts as a failure of GitHub.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use github_upstream::{Reason, UpstreamEvent};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::config::OfflineConfig;
use crate::metrics::Instruments;

pub(crate) mod gate;
mod judge;
mod status_page;
pub(crate) mod watch;
mod window;

pub use judge::{Hint, Standing};
use judge::{Judge, Limits, Passage, Passenger};
use status_page::Said;
pub use window::Counts;
use window::Sample;

/// What is known of GitHub's availability; shared by the gate, the upstream's observer and the watch.
pub(crate) struct Availability {
    state: Mutex<State>,
    went_offline: Notify,
    instruments: Arc<Instruments>,
}

struct State {
    judge: Judge,
    said: Said,
    /// The standing that was last told of.
    told: Standing,
    probes: u64,
}

/// What is thought of the upstream at one moment, for metrics, administration and tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UpstreamAccount {
    /// Where it stands.
    pub standing: Standing,
    /// Since when: the outage's or the return's beginning, else the mirror's.
    pub lasts: Duration,
    /// What came of the calls of the window.
    pub counts: Counts,
    /// What the status page says, if it is asked and can be read.
    pub hint: Hint,
    /// Probes that have been answered or have failed, in all outages together.
    pub probes: u64,
}

impl Availability {
    pub(crate) fn new(config: &OfflineConfig, instruments: &Arc<Instruments>) -> Self {
        let limits = Limits {
            window: Duration::from_secs(config.window_seconds),
            min_samples: config.min_samples,
            error_ratio: config.error_ratio,
            return_reads: config.return_reads_per_second,
        };
        Self {
            state: Mutex::new(State {
                judge: Judge::new(limits, now()),
                said: Said::default(),
                told: Standing::Online,
                probes: 0,
            }),
            went_offline: Notify::new(),
            instruments: Arc::clone(instruments),
        }
    }

    fn pass(&self, passenger: Passenger) -> Passage {
        let now = now();
        self.with(now, |state| state.judge.pass(passenger, now))
    }

    /// Takes note of what the upstream client saw.
    pub(crate) fn observe(&self, event: &UpstreamEvent<'_>) {
        let Some((sample, latency)) = sample(event) else {
            return;
        };
        let now = now();
        let sent = now.checked_sub(latency).unwrap_or(now);
        self.with(now, |state| {
            let hint = state.said.hint(now);
            state.judge.note(sample, sent, hint, now);
        });
    }

    fn probed(&self, sample: Sample) {
        let now = now();
        self.instruments.probed(match sample {
            Sample::Good => "answered",
            Sample::Bad => "failed",
        });
        self.with(now, |state| {
            state.probes += 1;
            state.judge.probed(sample, now);
        });
    }

    fn said(&self, hint: Hint, interval: Duration) {
        let now = now();
        self.with(now, |state| state.said = Said::new(hint, interval, now));
    }

    pub(crate) fn account(&self) -> UpstreamAccount {
        let now = now();
        self.with(now, |state| UpstreamAccount {
            standing: state.judge.standing(now),
            lasts: now.saturating_duration_since(state.judge.since()),
            counts: state.judge.counts(now),
            hint: state.said.hint(now),
            probes: state.probes,
        })
    }

    /// Waits until GitHub is away.
    async fn offline(&self) {
        loop {
            // Registered before the standing is read, so that no change falls between.
            let changed = self.went_offline.notified();
            if self.account().standing == Standing::Offline {
                return;
            }
            changed.await;
        }
    }

    /// Does something with the state, and tells of a change of standing.
    fn with<T>(&self, now: Instant, work: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock();
        let result = work(&mut state);
        let standing = state.judge.standing(now);
        let changed = standing != std::mem::replace(&mut state.told, standing);
        drop(state);
        if changed {
            self.tell(standing);
        }
        result
    }

    fn tell(&self, standing: Standing) {
        self.instruments.standing_changed(standing.as_str());
        match standing {
            Standing::Offline => {
                tracing::warn!("the upstream is away: what was confirmed before is served");
                self.went_offline.notify_waiters();
            }
            Standing::Returning => {
                tracing::info!("the upstream is back: reads are let through by and by");
            }
            Standing::Online => tracing::info!("the upstream is there"),
        }
    }
}

impl fmt::Debug for Availability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Availability").finish_non_exhaustive()
    }
}

/// Tokio's clock, which tests can pause.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// What an event says about GitHub, and how long ago its call began. What is the caller's own fault says nothing.
fn sample(event: &UpstreamEvent<'_>) -> Option<(Sample, Duration)> {
    match event {
        UpstreamEvent::Answered {
            status, latency, ..
        } if status.is_server_error() => Some((Sample::Bad, *latency)),
        UpstreamEvent::Answered { latency, .. } => Some((Sample::Good, *latency)),
        UpstreamEvent::Failed {
            reason: Reason::Target | Reason::RequestBody | Reason::RequestBodyTimeout,
            ..
        } => None,
        UpstreamEvent::Failed { latency, .. } => Some((Sample::Bad, *latency)),
        _ => None,
    }
}

/// Gauges of GitHub's availability.
pub(crate) fn gauges(metrics: &service_runtime::Metrics, availability: &Arc<Availability>) {
    let availability = Arc::clone(availability);
    metrics.gauges(
        "github_mirror_offline",
        "Whether the upstream is away: 0 = there, 0.5 = returning, 1 = away.",
        move |report| {
            report(
                match availability.account().standing {
                    Standing::Online => 0.0,
                    Standing::Returning => 0.5,
                    Standing::Offline => 1.0,
                },
                &[],
            );
        },
    );
}
