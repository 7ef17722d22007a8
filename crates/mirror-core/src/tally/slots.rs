//! The last ten minutes in slots of ten seconds, with latency percentiles.

use std::time::Duration;

use tokio::time::Instant;

use super::Counts;
use crate::metrics::LATENCY_BUCKETS;

/// How much time one slot covers.
pub(crate) const SLOT: Duration = Duration::from_secs(10);
/// How many slots are kept.
pub(crate) const SLOTS: usize = 60;

/// Durations by bucket; the last bucket is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Latency([u32; LATENCY_BUCKETS.len() + 1]);

impl Latency {
    pub(crate) fn record(&mut self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let bucket = LATENCY_BUCKETS.partition_point(|end| *end < seconds);
        self.0[bucket] = self.0[bucket].saturating_add(1);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (sum, part) in self.0.iter_mut().zip(other.0) {
            *sum = sum.saturating_add(part);
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.iter().map(|count| u64::from(*count)).sum()
    }

    /// The duration in seconds that this part of the recorded ones does not exceed, as Prometheus would estimate it:
    /// linear within a bucket, and at most the last bound. `None` when nothing was recorded.
    pub(crate) fn quantile(&self, part: f64) -> Option<f64> {
        let total = self.count();
        if total == 0 {
            return None;
        }
        // Counts are far below 2^53.
        let rank = part * total as f64;
        let mut below = 0.0;
        for (bucket, count) in self.0.iter().enumerate() {
            let count = f64::from(*count);
            if count > 0.0 && below + count >= rank {
                let start = match bucket {
                    0 => 0.0,
                    _ => LATENCY_BUCKETS[bucket - 1],
                };
                let end = LATENCY_BUCKETS.get(bucket).copied().unwrap_or(start);
                return Some(start + (end - start) * ((rank - below) / count).clamp(0.0, 1.0));
            }
            below += count;
        }
        LATENCY_BUCKETS.last().copied()
    }
}

/// What happened within one slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) counts: Counts,
    pub(crate) latency: Latency,
    /// The mirror's own part.
    pub(crate) added: Latency,
    /// GitHub's part.
    pub(crate) upstream: Latency,
    pub(crate) upstream_failures: u64,
}

impl Slot {
    pub(crate) fn add(&mut self, other: &Self) {
        self.counts.add(&other.counts);
        self.latency.add(&other.latency);
        self.added.add(&other.added);
        self.upstream.add(&other.upstream);
        self.upstream_failures += other.upstream_failures;
    }
}

/// A ring of slots.
#[derive(Debug)]
pub(crate) struct Slots {
    started: Instant,
    ring: Box<[Slot]>,
    /// The number of the newest slot, counted from the start.
    newest: u64,
}

impl Slots {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            started: now,
            ring: vec![Slot::default(); SLOTS].into_boxed_slice(),
            newest: 0,
        }
    }

    /// The slot of this moment. One that is too long ago counts to the newest: answers are recorded as they end.
    pub(crate) fn at(&mut self, now: Instant) -> &mut Slot {
        let number = self.advance(now);
        &mut self.ring[number]
    }

    /// All slots that have begun, oldest first.
    pub(crate) fn until(&mut self, now: Instant) -> Vec<Slot> {
        self.advance(now);
        let oldest = (self.newest + 1).saturating_sub(SLOTS as u64);
        (oldest..=self.newest)
            .map(|number| self.ring[position(number)])
            .collect()
    }

    fn advance(&mut self, now: Instant) -> usize {
        let since = now.saturating_duration_since(self.started);
        let number = since.as_secs() / SLOT.as_secs();
        if number > self.newest {
            let passed = (number - self.newest).min(SLOTS as u64);
            for empty in number + 1 - passed..=number {
                self.ring[position(empty)] = Slot::default();
            }
            self.newest = number;
        }
        position(self.newest)
    }
}

fn position(number: u64) -> usize {
    // Smaller than SLOTS.
    usize::try_from(number % SLOTS as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_buckets() {
        let mut latency = Latency::default();
        assert_eq!(latency.quantile(0.5), None);
        for _ in 0..50 {
            latency.record(Duration::from_millis(1));
        }
        for _ in 0..50 {
            latency.record(Duration::from_millis(90));
        }
        let close = |value: Option<f64>, expected: f64| {
            assert!(
                value.is_some_and(|value| (value - expected).abs() < 1e-9),
                "{value:?}"
            );
        };
        close(latency.quantile(0.5), 0.001);
        close(latency.quantile(0.75), 0.0875);
        close(latency.quantile(1.0), 0.1);
        latency.record(Duration::from_secs(60));
        close(latency.quantile(1.0), 10.0);
        assert_eq!(latency.count(), 101);
    }

    #[test]
    fn old_slots_fall_out_of_the_ring() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut slots = Slots::new(start);
        let sum = |slots: &mut Slots, now| {
            let parts = slots.until(now);
            (
                parts.len(),
                parts.iter().map(|slot| slot.counts.requests).sum::<u64>(),
            )
        };
        slots.at(after(1)).counts.requests += 1;
        slots.at(after(15)).counts.requests += 2;
        assert_eq!(sum(&mut slots, after(19)), (2, 3));
        assert_eq!(sum(&mut slots, after(599)), (60, 3));
        assert_eq!(sum(&mut slots, after(600)), (60, 2));
        assert_eq!(sum(&mut slots, after(615)), (60, 0));
        slots.at(after(100_000)).counts.requests += 4;
        // A late one counts to the newest.
        slots.at(after(5)).counts.requests += 1;
        assert_eq!(sum(&mut slots, after(100_001)), (60, 5));
    }
}
