//! Whether GitHub is there: decided from what came of real calls, and from probes while it is away (pure).
//!
//! ```text
//!              enough of the window's calls failed
//!   Online ------------------------------------------> Offline <--+
//!     ^                                                   |       | enough calls failed again
//!     |  a second in which nobody was held back           | a probe was answered
//!     +------------------------------------- Returning <--+-------+
//! ```
//!
//! Returning is what keeps the herd off: everybody who was served from the cache would ask at once.
//! So many reads pass in the first second, twice as many in each second after it.

use std::time::{Duration, Instant};

use super::window::{Counts, Sample, Window};

/// How long one step of the return lasts.
const STEP: Duration = Duration::from_secs(1);

/// When GitHub counts as gone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Limits {
    /// How far back calls count.
    pub(crate) window: Duration,
    /// Calls within the window below which nothing is concluded.
    pub(crate) min_samples: u64,
    /// Share of failed calls from which GitHub counts as gone.
    pub(crate) error_ratio: f64,
    /// Reads that pass in the first second of the return.
    pub(crate) return_reads: u64,
}

/// What GitHub's status page says. It never decides by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hint {
    /// Nothing that matters, or nothing at all.
    #[default]
    Nothing,
    /// One failed call is enough then, as long as it is not outweighed.
    MajorOutage,
}

impl Hint {
    /// The word used in metrics and administration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::MajorOutage => "major-outage",
        }
    }
}

/// What wants to pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passenger {
    /// It may be answered from the cache, and may come again.
    Read,
    /// It has nowhere else to go, and herds are not made of it.
    Write,
}

/// Whether a call goes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    Pass,
    /// GitHub is away.
    Offline,
    /// GitHub is back, but so many others ask in this second already.
    HeldBack,
}

/// Where the upstream stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// It is there.
    Online,
    /// It is back, and reads are let through by and by.
    Returning,
    /// It is away, and is not asked.
    Offline,
}

impl Standing {
    /// The word used in logs, metrics and administration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Returning => "returning",
            Self::Offline => "offline",
        }
    }
}

/// Judges; see the module.
#[derive(Debug)]
pub(crate) struct Judge {
    limits: Limits,
    phase: Phase,
    /// When the phase began. Calls that were sent before it say nothing about it.
    since: Instant,
    window: Window,
}

#[derive(Debug)]
enum Phase {
    Online,
    Offline,
    Returning(Step),
}

/// One second of the return.
#[derive(Debug)]
struct Step {
    began: Instant,
    allowed: u64,
    passed: u64,
    held_back: u64,
}

impl Judge {
    pub(crate) fn new(limits: Limits, now: Instant) -> Self {
        Self {
            phase: Phase::Online,
            since: now,
            window: Window::new(limits.window, now),
            limits,
        }
    }

    /// Whether a call may go up.
    pub(crate) fn pass(&mut self, passenger: Passenger, now: Instant) -> Passage {
        self.settle(now);
        match (&mut self.phase, passenger) {
            (Phase::Online, _) => Passage::Pass,
            (Phase::Offline, _) => Passage::Offline,
            (Phase::Returning(_), Passenger::Write) => Passage::Pass,
            (Phase::Returning(step), Passenger::Read) if step.passed < step.allowed => {
                step.passed += 1;
                Passage::Pass
            }
            (Phase::Returning(step), Passenger::Read) => {
                step.held_back += 1;
                Passage::HeldBack
            }
        }
    }

    /// Takes note of what came of a call that was sent at `sent`.
    pub(crate) fn note(&mut self, sample: Sample, sent: Instant, hint: Hint, now: Instant) {
        self.settle(now);
        if matches!(self.phase, Phase::Offline) || sent < self.since {
            return;
        }
        self.window.add(sample, now);
        let counts = self.window.counts(now);
        let enough = match hint {
            Hint::Nothing => self.limits.min_samples,
            Hint::MajorOutage => 1,
        };
        // Only a failure can be the last straw: what went well proves that somebody is there.
        if sample == Sample::Bad
            && counts.total() >= enough
            && counts.bad_share() >= self.limits.error_ratio
        {
            self.enter(Phase::Offline, now);
        }
    }

    /// Takes note of what came of a probe.
    pub(crate) fn probed(&mut self, sample: Sample, now: Instant) {
        if let (Phase::Offline, Sample::Good) = (&self.phase, sample) {
            let step = Step {
                began: now,
                allowed: self.limits.return_reads,
                passed: 0,
                held_back: 0,
            };
            self.enter(Phase::Returning(step), now);
        }
    }

    pub(crate) fn standing(&mut self, now: Instant) -> Standing {
        self.settle(now);
        match self.phase {
            Phase::Online => Standing::Online,
            Phase::Offline => Standing::Offline,
            Phase::Returning(_) => Standing::Returning,
        }
    }

    /// When GitHub's standing became what it is.
    pub(crate) fn since(&self) -> Instant {
        self.since
    }

    /// The calls of the window.
    pub(crate) fn counts(&self, now: Instant) -> Counts {
        self.window.counts(now)
    }

    fn enter(&mut self, phase: Phase, now: Instant) {
        self.phase = phase;
        self.since = now;
        self.window = Window::new(self.limits.window, now);
    }

    /// Ends the steps of the return whose time is over.
    fn settle(&mut self, now: Instant) {
        while let Phase::Returning(step) = &mut self.phase {
            let ends = step.began + STEP;
            if now < ends {
                return;
            }
            if step.held_back == 0 {
                // Nothing that was seen since the return is forgotten: it is the same traffic.
                self.phase = Phase::Online;
                return;
            }
            *step = Step {
                began: ends,
                allowed: step.allowed.saturating_mul(2),
                passed: 0,
                held_back: 0,
            };
        }
    }
}

#[cfg(test)]
mod tests;
