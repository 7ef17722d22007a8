//! What came of upstream calls of late: counts over a sliding window (pure).

use std::time::{Duration, Instant};

/// What one upstream call says about GitHub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sample {
    /// An answer, whatever it says: a refusal shows that GitHub works.
    Good,
    /// No answer, or one that tells of a failure at GitHub.
    Bad,
}

/// Parts of the window that are forgotten one at a time: the window slides in steps of a tenth.
const SLICES: u64 = 10;

/// Counts of the last so many seconds, in memory that does not grow with traffic.
#[derive(Debug)]
pub(crate) struct Window {
    slice: Duration,
    began: Instant,
    slices: [Slice; SLICES as usize],
}

#[derive(Clone, Copy, Debug, Default)]
struct Slice {
    /// Which slice since the beginning this is, counted from 1; 0 = none yet.
    number: u64,
    counts: Counts,
}

/// How many upstream calls there were of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those that were answered.
    pub good: u64,
    /// Those without an answer, or with one that tells of a failure at GitHub.
    pub bad: u64,
}

impl Counts {
    pub(crate) fn total(self) -> u64 {
        self.good + self.bad
    }

    /// Share of bad calls; 0 where there were none at all.
    pub(crate) fn bad_share(self) -> f64 {
        match self.total() {
            0 => 0.0,
            // Counts of one window are far below 2^53.
            total => self.bad as f64 / total as f64,
        }
    }
}

impl Window {
    pub(crate) fn new(length: Duration, now: Instant) -> Self {
        Self {
            slice: (length / SLICES as u32).max(Duration::from_nanos(1)),
            began: now,
            slices: [Slice::default(); SLICES as usize],
        }
    }

    pub(crate) fn add(&mut self, sample: Sample, now: Instant) {
        let number = self.number(now);
        let slice = &mut self.slices[(number % SLICES) as usize];
        if slice.number < number {
            *slice = Slice {
                number,
                counts: Counts::default(),
            };
        }
        match sample {
            Sample::Good => slice.counts.good += 1,
            Sample::Bad => slice.counts.bad += 1,
        }
    }

    pub(crate) fn counts(&self, now: Instant) -> Counts {
        let number = self.number(now);
        let recent = |slice: &&Slice| slice.number > 0 && slice.number + SLICES > number;
        let mut counts = Counts::default();
        for slice in self.slices.iter().filter(recent) {
            counts.good += slice.counts.good;
            counts.bad += slice.counts.bad;
        }
        counts
    }

    fn number(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.began).as_nanos();
        u64::try_from(since / self.slice.as_nanos()).unwrap_or(u64::MAX / 2) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: Duration = Duration::from_secs(10);

    fn after(window: &Window, seconds: u64) -> Instant {
        window.began + Duration::from_secs(seconds)
    }

    #[test]
    fn old_calls_slide_out() {
        let mut window = Window::new(LENGTH, tokio::time::Instant::now().into_std());
        for second in 0..20 {
            window.add(Sample::Bad, after(&window, second));
        }
        #[track_caller]
        fn check(window: &Window, second: u64, bad: u64) {
            assert_eq!(
                window.counts(after(window, second)),
                Counts { good: 0, bad }
            );
        }
        check(&window, 19, 10);
        check(&window, 20, 9);
        check(&window, 28, 1);
        check(&window, 29, 0);
        check(&window, 10_000, 0);
    }

    #[test]
    fn shares() {
        #[track_caller]
        fn check(good: u64, bad: u64, expected: f64) {
            let share = Counts { good, bad }.bad_share();
            assert!((share - expected).abs() < 1e-9, "{good} {bad}: {share}");
        }
        check(0, 0, 0.0);
        check(3, 1, 0.25);
        check(0, 7, 1.0);
    }

    #[test]
    fn memory_does_not_grow_with_traffic() {
        let mut window = Window::new(LENGTH, tokio::time::Instant::now().into_std());
        for _ in 0..100_000 {
            window.add(Sample::Good, after(&window, 1));
        }
        assert_eq!(window.counts(after(&window, 5)).good, 100_000);
        assert!(std::mem::size_of::<Window>() < 512);
    }
}
