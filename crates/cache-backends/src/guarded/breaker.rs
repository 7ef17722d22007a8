//! The breaker itself: decides who may try, from what has happened and what time it is.
//!
//! Closed: everybody passes; a share of failures within a window opens it.
//! Open: nobody passes until the time of the next probe.
//! Half open: one probe at a time; so many good ones in a row close it, a bad one opens it for longer.

use std::ops::Add;
use std::time::Duration;

/// When a breaker opens, and how it tries again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BreakerLimits {
    /// How long an operation may take. Default 250 ms. Longer is a failure.
    pub timeout: Duration,
    /// An operation that its caller gave up after at least this long counts as failed. Default 25 ms.
    pub abandoned_is_failed_after: Duration,
    /// Failures within the window that open the breaker, if they are also a large enough share. Default 5.
    pub min_failures: u32,
    /// Share of failures among the operations of the window that opens the breaker. Default 0.5.
    pub failure_ratio: f64,
    /// How far back failures count. Default 10 seconds.
    pub window: Duration,
    /// Time from opening to the first probe. Default 500 ms. Doubles with each failed probe.
    pub probe_after: Duration,
    /// Longest time between probes. Default 15 seconds.
    pub max_probe_after: Duration,
    /// Part of the time between probes that is left to chance. Default 0.5: half to all of it.
    pub jitter: f64,
    /// Good probes in a row that close the breaker. Default 3.
    pub probes_to_close: u32,
}

impl Default for BreakerLimits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_millis(250),
            abandoned_is_failed_after: Duration::from_millis(25),
            min_failures: 5,
            failure_ratio: 0.5,
            window: Duration::from_secs(10),
            probe_after: Duration::from_millis(500),
            max_probe_after: Duration::from_secs(15),
            jitter: 0.5,
            probes_to_close: 3,
        }
    }
}

/// Whether operations reach the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BreakerState {
    /// They do.
    Closed,
    /// One at a time does.
    HalfOpen,
    /// They do not.
    Open,
}

impl BreakerState {
    /// The word used in metric labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half-open",
            Self::Open => "open",
        }
    }
}

/// What an operation may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Pass,
    Probe,
    Refuse,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Answered,
    Failed,
    /// Given up by its caller, too soon to say anything.
    Abandoned,
}

/// The breaker over any clock.
#[derive(Debug)]
pub(super) struct Breaker<T> {
    limits: BreakerLimits,
    phase: Phase<T>,
    opened: u64,
}

#[derive(Debug)]
enum Phase<T> {
    Closed(Option<Window<T>>),
    Open {
        probe_at: T,
        failed_probes: u32,
    },
    HalfOpen {
        probe: Probing,
        good: u32,
        failed_probes: u32,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Probing {
    OneIsOut,
    Nobody,
}

/// Counts of the current half of the window and of the one before.
#[derive(Debug)]
struct Window<T> {
    half_ends: T,
    current: Counts,
    before: Counts,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    answered: u32,
    failed: u32,
}

impl<T: Copy + Ord + Add<Duration, Output = T>> Breaker<T> {
    pub(super) fn new(limits: BreakerLimits) -> Self {
        Self {
            limits,
            phase: Phase::Closed(None),
            opened: 0,
        }
    }

    pub(super) fn state(&self) -> BreakerState {
        match self.phase {
            Phase::Closed(_) => BreakerState::Closed,
            Phase::Open { .. } => BreakerState::Open,
            Phase::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// Times it has opened after being closed.
    pub(super) fn opened(&self) -> u64 {
        self.opened
    }

    pub(super) fn admit(&mut self, now: T) -> Admission {
        match &mut self.phase {
            Phase::Closed(_) => Admission::Pass,
            Phase::Open { probe_at, .. } if now < *probe_at => Admission::Refuse,
            Phase::Open { failed_probes, .. } => {
                self.phase = Phase::HalfOpen {
                    probe: Probing::OneIsOut,
                    good: 0,
                    failed_probes: *failed_probes,
                };
                Admission::Probe
            }
            Phase::HalfOpen { probe, .. } => {
                if *probe == Probing::OneIsOut {
                    return Admission::Refuse;
                }
                *probe = Probing::OneIsOut;
                Admission::Probe
            }
        }
    }

    /// Takes note of how an admitted operation ended; `chance` is between 0 and 1.
    pub(super) fn settle(&mut self, now: T, admission: Admission, verdict: Verdict, chance: f64) {
        match (&mut self.phase, admission) {
            (Phase::Closed(window), Admission::Pass) => {
                if verdict == Verdict::Abandoned {
                    return;
                }
                let counts = Window::count(window, now, self.limits.window / 2, verdict);
                if verdict == Verdict::Failed && counts.are_too_bad(&self.limits) {
                    self.opened += 1;
                    self.open(now, 0, chance);
                }
            }
            (
                Phase::HalfOpen {
                    probe,
                    good,
                    failed_probes,
                },
                Admission::Probe,
            ) => match verdict {
                Verdict::Answered => {
                    *probe = Probing::Nobody;
                    *good += 1;
                    if *good >= self.limits.probes_to_close {
                        self.phase = Phase::Closed(None);
                    }
                }
                Verdict::Failed => {
                    let failed = failed_probes.saturating_add(1);
                    self.open(now, failed, chance);
                }
                Verdict::Abandoned => *probe = Probing::Nobody,
            },
            // It was let through before the breaker opened, and says nothing about the store now.
            _ => {}
        }
    }

    fn open(&mut self, now: T, failed_probes: u32, chance: f64) {
        let longest = self.limits.max_probe_after;
        let grown = self
            .limits
            .probe_after
            .saturating_mul(1 << failed_probes.min(20));
        let jitter = self.limits.jitter.clamp(0.0, 1.0);
        let wait = grown
            .min(longest)
            .mul_f64(1.0 - jitter * chance.clamp(0.0, 1.0));
        self.phase = Phase::Open {
            probe_at: now + wait,
            failed_probes,
        };
    }
}

impl<T: Copy + Ord + Add<Duration, Output = T>> Window<T> {
    /// Counts one more, and returns what the window holds then.
    fn count(window: &mut Option<Self>, now: T, half: Duration, verdict: Verdict) -> Counts {
        let fresh = || Self {
            half_ends: now + half,
            current: Counts::default(),
            before: Counts::default(),
        };
        let window = window.get_or_insert_with(fresh);
        if now >= window.half_ends + half {
            *window = fresh();
        } else if now >= window.half_ends {
            window.before = std::mem::take(&mut window.current);
            window.half_ends = window.half_ends + half;
        }
        match verdict {
            Verdict::Answered => window.current.answered += 1,
            Verdict::Failed => window.current.failed += 1,
            Verdict::Abandoned => {}
        }
        Counts {
            answered: window.current.answered + window.before.answered,
            failed: window.current.failed + window.before.failed,
        }
    }
}

impl Counts {
    fn are_too_bad(self, limits: &BreakerLimits) -> bool {
        let all = f64::from(self.answered) + f64::from(self.failed);
        self.failed >= limits.min_failures.max(1)
            && f64::from(self.failed) >= limits.failure_ratio * all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Milliseconds, as a clock that only tests wind.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    struct At(u64);

    impl Add<Duration> for At {
        type Output = Self;
        fn add(self, time: Duration) -> Self {
            Self(self.0 + time.as_millis() as u64)
        }
    }

    use Admission::{Pass, Probe, Refuse};
    use Verdict::{Abandoned, Answered, Failed};

    /// What happens to a breaker, in order.
    enum Step {
        /// Admission at this time.
        Admit(u64, Admission),
        /// An operation ends at this time, with this chance.
        End(u64, Admission, Verdict, f64),
        /// The state is then this one.
        Is(BreakerState),
    }
    use Step::{Admit, End, Is};

    #[track_caller]
    fn check(steps: &[Step]) -> Breaker<At> {
        let limits = BreakerLimits {
            probes_to_close: 2,
            max_probe_after: Duration::from_secs(3),
            ..BreakerLimits::default()
        };
        let mut breaker = Breaker::new(limits);
        for (number, step) in steps.iter().enumerate() {
            match step {
                Admit(at, expected) => {
                    assert_eq!(breaker.admit(At(*at)), *expected, "step {number}");
                }
                End(at, admission, verdict, chance) => {
                    breaker.settle(At(*at), *admission, *verdict, *chance);
                }
                Is(expected) => assert_eq!(breaker.state(), *expected, "step {number}"),
            }
        }
        breaker
    }

    fn ends(at: u64, verdict: Verdict, times: usize) -> Vec<Step> {
        (0..times).map(|_| End(at, Pass, verdict, 0.0)).collect()
    }

    fn opened_at_0() -> Vec<Step> {
        ends(0, Failed, 5)
    }

    #[test]
    fn enough_failures_open_it() {
        let mut steps = ends(0, Failed, 4);
        steps.extend([Admit(1, Pass), Is(BreakerState::Closed)]);
        steps.extend(ends(2, Failed, 1));
        steps.extend([Is(BreakerState::Open), Admit(3, Refuse)]);
        assert_eq!(check(&steps).opened(), 1);
    }

    #[test]
    fn a_small_share_of_failures_does_not() {
        let mut steps = ends(0, Answered, 100);
        steps.extend(ends(1, Failed, 99));
        steps.push(Is(BreakerState::Closed));
        steps.extend(ends(1, Failed, 1));
        steps.push(Is(BreakerState::Open));
        check(&steps);
    }

    #[test]
    fn old_failures_are_forgotten() {
        let mut steps = ends(0, Failed, 4);
        steps.extend(ends(15_000, Failed, 4));
        // The half before still counts, so these are the fifth of the window.
        steps.push(Is(BreakerState::Closed));
        steps.extend(ends(21_000, Failed, 1));
        steps.push(Is(BreakerState::Open));
        check(&steps);
    }

    #[test]
    fn who_gives_up_says_nothing() {
        let mut steps = ends(0, Abandoned, 100);
        steps.push(Is(BreakerState::Closed));
        check(&steps);
    }

    #[test]
    fn one_probe_at_a_time_and_several_good_ones_close_it() {
        let mut steps = opened_at_0();
        steps.extend([
            Admit(499, Refuse),
            Admit(500, Probe),
            Is(BreakerState::HalfOpen),
            Admit(501, Refuse),
            End(502, Probe, Answered, 0.0),
            Is(BreakerState::HalfOpen),
            Admit(503, Probe),
            Admit(503, Refuse),
            End(504, Probe, Answered, 0.0),
            Is(BreakerState::Closed),
            Admit(505, Pass),
        ]);
        // What failed before it opened is forgotten.
        steps.extend(ends(506, Failed, 4));
        steps.push(Is(BreakerState::Closed));
        assert_eq!(check(&steps).opened(), 1);
    }

    #[test]
    fn a_bad_probe_opens_it_for_twice_as_long_up_to_the_bound() {
        let mut steps = opened_at_0();
        let mut now = 500;
        for wait in [1000, 2000, 3000, 3000] {
            steps.extend([
                Admit(now, Probe),
                End(now, Probe, Failed, 0.0),
                Is(BreakerState::Open),
                Admit(now + wait - 1, Refuse),
            ]);
            now += wait;
        }
        steps.push(Admit(now, Probe));
        assert_eq!(check(&steps).opened(), 1, "it has been open all along");
    }

    #[test]
    fn chance_makes_the_wait_shorter_never_longer() {
        let mut steps = ends(0, Failed, 4);
        steps.extend([
            End(0, Pass, Failed, 1.0),
            Admit(249, Refuse),
            Admit(250, Probe),
        ]);
        check(&steps);
        let mut steps = ends(0, Failed, 4);
        steps.extend([
            End(0, Pass, Failed, 0.5),
            Admit(374, Refuse),
            Admit(375, Probe),
        ]);
        check(&steps);
    }

    #[test]
    fn an_abandoned_probe_leaves_its_place_to_the_next() {
        let mut steps = opened_at_0();
        steps.extend([
            Admit(500, Probe),
            End(501, Probe, Abandoned, 0.0),
            Admit(502, Probe),
        ]);
        check(&steps);
    }

    #[test]
    fn late_ends_of_operations_from_before_change_nothing() {
        let mut steps = opened_at_0();
        steps.extend(ends(100, Answered, 100));
        steps.extend([Is(BreakerState::Open), Admit(500, Probe)]);
        steps.extend(ends(501, Failed, 100));
        steps.extend([
            Is(BreakerState::HalfOpen),
            End(502, Probe, Answered, 0.0),
            Admit(503, Probe),
            End(504, Probe, Answered, 0.0),
            Is(BreakerState::Closed),
        ]);
        check(&steps);
    }
}
