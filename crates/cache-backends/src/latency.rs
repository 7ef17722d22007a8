//! How long operations took, as a histogram that is counted without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the latency buckets, in microseconds; one more bucket takes what is above.
const BOUNDS_MICROSECONDS: [u64; LATENCY_BUCKETS - 1] = [
    100, 200, 300, 500, 1_000, 2_000, 5_000, 10_000, 25_000, 50_000, 100_000, 1_000_000,
];

/// Number of latency buckets, with the one that has no upper bound.
const LATENCY_BUCKETS: usize = 13;

/// How long something took, as a histogram.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LatencyCounts {
    /// How many there were.
    pub count: u64,
    /// How long all took together.
    pub total: Duration,
    /// How many took at most so long (each counted once, in the first bucket that it fits); the last has no bound.
    pub buckets: Vec<(Option<Duration>, u64)>,
}

#[derive(Debug, Default)]
pub(crate) struct Latency {
    microseconds: AtomicU64,
    buckets: [AtomicU64; LATENCY_BUCKETS],
}

impl Latency {
    pub(crate) fn record(&self, took: Duration) {
        let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_MICROSECONDS.partition_point(|bound| *bound < microseconds);
        self.microseconds.fetch_add(microseconds, Ordering::Relaxed);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn counts(&self) -> LatencyCounts {
        let bounds = BOUNDS_MICROSECONDS
            .iter()
            .map(|bound| Some(Duration::from_micros(*bound)))
            .chain([None]);
        let buckets: Vec<_> = bounds
            .zip(&self.buckets)
            .map(|(bound, count)| (bound, count.load(Ordering::Relaxed)))
            .collect();
        LatencyCounts {
            count: buckets.iter().map(|(_, count)| count).sum(),
            total: Duration::from_micros(self.microseconds.load(Ordering::Relaxed)),
            buckets,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_falls_into_the_first_bucket_that_it_fits() {
        let latency = Latency::default();
        for microseconds in [100, 101, 50_000, 2_000_000] {
            latency.record(Duration::from_micros(microseconds));
        }
        let counts = latency.counts();
        assert_eq!(counts.count, 4);
        assert_eq!(counts.total, Duration::from_micros(2_050_201));
        let filled: Vec<_> = counts
            .buckets
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .collect();
        assert_eq!(
            filled,
            [
                (Some(Duration::from_micros(100)), 1),
                (Some(Duration::from_micros(200)), 1),
                (Some(Duration::from_millis(50)), 1),
                (None, 1),
            ]
        );
    }
}
