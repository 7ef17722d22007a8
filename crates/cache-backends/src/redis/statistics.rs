//! What the store counts, and a copy of it for metrics.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::latency::{Latency, LatencyCounts};

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
    /// Entries in use whose expiry was looked at.
    pub expiries_checked: u64,
    /// Of these, those of which less than half was left: it was put off.
    pub expiries_renewed: u64,
    /// Failures to look at an expiry or to put it off.
    pub expiry_errors: u64,
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

/// The live counters.
#[derive(Debug, Default)]
pub(crate) struct Counters {
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
    pub(super) expiries_checked: Counter,
    pub(super) expiries_renewed: Counter,
    pub(super) expiry_errors: Counter,
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
            expiries_checked: self.expiries_checked.count(),
            expiries_renewed: self.expiries_renewed.count(),
            expiry_errors: self.expiry_errors.count(),
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
