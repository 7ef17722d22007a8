//! Latencies in buckets of less than one per cent, whatever their size; recording costs a few nanoseconds.

use std::time::Duration;

/// Buckets to each power of two.
const STEPS: u64 = 128;
const STEP_BITS: u32 = STEPS.trailing_zeros();

/// How often which time was seen.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    longest: Duration,
}

impl Histogram {
    /// Takes one in.
    pub fn record(&mut self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let bucket = bucket(nanoseconds);
        if bucket >= self.counts.len() {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
        self.total += 1;
        self.longest = self.longest.max(time);
    }

    /// Takes in what somebody else has seen.
    pub fn extend(&mut self, other: &Self) {
        if other.counts.len() > self.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.total += other.total;
        self.longest = self.longest.max(other.longest);
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.total
    }

    /// The longest.
    pub fn longest(&self) -> Duration {
        self.longest
    }

    /// The time that `per_mille` thousandths of all times do not exceed; zero where nothing was seen.
    pub fn per_mille(&self, per_mille: u64) -> Duration {
        let rank = (self.total * per_mille).div_ceil(1000).max(1);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Duration::from_nanos(upper_end(bucket as u64)).min(self.longest);
            }
        }
        Duration::ZERO
    }
}

fn bucket(nanoseconds: u64) -> usize {
    let power = nanoseconds.max(1).ilog2();
    let bucket = match power.checked_sub(STEP_BITS) {
        None => nanoseconds,
        Some(shift) => u64::from(shift) * STEPS + (nanoseconds >> shift),
    };
    usize::try_from(bucket).unwrap_or(usize::MAX)
}

/// The largest time in a bucket.
fn upper_end(bucket: u64) -> u64 {
    if bucket < 2 * STEPS {
        return bucket;
    }
    let shift = bucket / STEPS - 1;
    let step = bucket % STEPS + STEPS;
    ((step + 1) << shift).wrapping_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_within_one_per_cent_of_its_bucket() {
        let mut time = 1_u64;
        while time < 10_u64.pow(12) {
            let end = upper_end(bucket(time) as u64);
            assert!(end >= time && end - time <= time / 100, "{time}: {end}");
            time += time / 3 + 1;
        }
    }

    #[test]
    fn buckets_follow_one_another() {
        let numbers: Vec<usize> = (0..4096).map(bucket).collect();
        assert!(
            numbers
                .windows(2)
                .all(|two| two[1] == two[0] || two[1] == two[0] + 1)
        );
    }

    #[test]
    fn ranks() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.per_mille(990), Duration::ZERO);
        for micros in 1..=100 {
            histogram.record(Duration::from_micros(micros));
        }
        let mut both = histogram.clone();
        both.extend(&histogram);
        assert_eq!(both.count(), 200);
        let p99 = both.per_mille(990).as_secs_f64() * 1e6;
        assert!((98.5..=100.0).contains(&p99), "{p99}");
        assert_eq!(both.per_mille(1000), Duration::from_micros(100));
    }
}
