//! What the store counts, and a copy of it for metrics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

/// Upper bounds of the latency buckets, in microseconds; one more bucket takes what is above.
const BOUNDS_MICROSECONDS: [u64; LATENCY_BUCKETS - 1] = [
    100, 200, 300, 500, 1_000, 2_000, 5_000, 10_000, 25_000, 50_000, 100_000, 1_000_000,
];

/// Number of latency buckets, with the one that has no upper bound.
const LATENCY_BUCKETS: usize = 13;

/// A copy of the counters of a [`RedisStore`](crate::RedisStore); all but the gauges only grow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisStats {
    /// Loads that were answered by Redis or by a write that has not reached it yet.
    pub loads: u64,
    /// Loads that found a value.
    pub hits: u64,
    /// Loads that were answered, wholly or in part, by a write that has not reached Redis yet.
    pub pending_hits: u64,
    /// Loads that took too long.
    pub load_timeouts: u64,
    /// Loads that failed otherwise.
    pub load_errors: u64,
    /// Bytes that were found and could not be understood: damage, or another version. They count as misses.
    pub unreadable: u64,
    /// Writes and removals that were taken.
    pub writes_queued: u64,
    /// Of these, those that joined an earlier one of the same key.
    pub writes_joined: u64,
    /// Writes and removals that were refused because the queue was full.
    pub writes_refused: u64,
    /// Changes that reached Redis; one change may be several writes that joined.
    pub writes_done: u64,
    /// Changes that were given up: Redis refused them, or was away for too long.
    pub writes_dropped: u64,
    /// Changes that were too large for the store, so that the key was removed.
    pub writes_too_large: u64,
    /// Writes that found that somebody else had written in between, and merged again.
    pub write_conflicts: u64,
    /// Changes that failed and were tried again later.
    pub write_retries: u64,
    /// Commands of writes that took too long.
    pub write_timeouts: u64,
    /// Commands of writes that failed otherwise.
    pub write_errors: u64,
    /// Connections made, the first ones included.
    pub connects: u64,
    /// Connections lost, and attempts to connect that failed.
    pub connection_errors: u64,
    /// Gauge: keys that wait to be written.
    pub queue_keys: u64,
    /// Gauge: bytes that wait to be written.
    pub queue_bytes: u64,
    /// Time of the loads that asked Redis, whatever became of them.
    pub load_latency: LatencyCounts,
    /// Time from the moment a change was taken until it was in Redis.
    pub write_latency: LatencyCounts,
    /// The last trouble in words, for a status page.
    pub last_error: Option<String>,
}

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
pub(super) struct Latency {
    microseconds: AtomicU64,
    buckets: [AtomicU64; LATENCY_BUCKETS],
}

impl Latency {
    pub(super) fn record(&self, took: Duration) {
        let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_MICROSECONDS.partition_point(|bound| *bound < microseconds);
        self.microseconds.fetch_add(microseconds, Ordering::Relaxed);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
    }

    fn counts(&self) -> LatencyCounts {
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

/// The live counters.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) loads: Counter,
    pub(super) hits: Counter,
    pub(super) pending_hits: Counter,
    pub(super) load_timeouts: Counter,
    pub(super) load_errors: Counter,
    pub(super) unreadable: Counter,
    pub(super) writes_queued: Counter,
    pub(super) writes_joined: Counter,
    pub(super) writes_refused: Counter,
    pub(super) writes_done: Counter,
    pub(super) writes_dropped: Counter,
    pub(super) writes_too_large: Counter,
    pub(super) write_conflicts: Counter,
    pub(super) write_retries: Counter,
    pub(super) write_timeouts: Counter,
    pub(super) write_errors: Counter,
    pub(super) connects: Counter,
    pub(super) connection_errors: Counter,
    pub(super) load_latency: Latency,
    pub(super) write_latency: Latency,
    last_error: Mutex<Option<String>>,
}

#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    pub(super) fn note_error(&self, error: &dyn std::fmt::Display) {
        *self.last_error.lock() = Some(error.to_string());
    }

    pub(super) fn snapshot(&self, (queue_keys, queue_bytes): (usize, usize)) -> RedisStats {
        RedisStats {
            loads: self.loads.count(),
            hits: self.hits.count(),
            pending_hits: self.pending_hits.count(),
            load_timeouts: self.load_timeouts.count(),
            load_errors: self.load_errors.count(),
            unreadable: self.unreadable.count(),
            writes_queued: self.writes_queued.count(),
            writes_joined: self.writes_joined.count(),
            writes_refused: self.writes_refused.count(),
            writes_done: self.writes_done.count(),
            writes_dropped: self.writes_dropped.count(),
            writes_too_large: self.writes_too_large.count(),
            write_conflicts: self.write_conflicts.count(),
            write_retries: self.write_retries.count(),
            write_timeouts: self.write_timeouts.count(),
            write_errors: self.write_errors.count(),
            connects: self.connects.count(),
            connection_errors: self.connection_errors.count(),
            queue_keys: queue_keys as u64,
            queue_bytes: queue_bytes as u64,
            load_latency: self.load_latency.counts(),
            write_latency: self.write_latency.counts(),
            last_error: self.last_error.lock().clone(),
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
