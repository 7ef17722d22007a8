//! Medians and percentiles of what was measured one by one.

use std::time::Duration;

/// Times of single requests.
#[derive(Clone, Debug, Default)]
pub struct Latencies {
    times: Vec<Duration>,
}

impl Latencies {
    /// Takes one in.
    pub fn record(&mut self, time: Duration) {
        self.times.push(time);
    }

    /// Takes in what somebody else has measured.
    pub fn extend(&mut self, others: Self) {
        self.times.extend(others.times);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.times.len()
    }

    /// The smallest time that `per_mille` thousandths of all times do not exceed; zero where nothing was measured.
    pub fn per_mille(&self, per_mille: usize) -> Duration {
        let mut times = self.times.clone();
        times.sort_unstable();
        let rank = (times.len() * per_mille).div_ceil(1000).max(1);
        times.get(rank - 1).copied().unwrap_or_default()
    }

    /// The middle one.
    pub fn median(&self) -> Duration {
        self.per_mille(500)
    }

    /// What one request of a hundred exceeds.
    pub fn p99(&self) -> Duration {
        self.per_mille(990)
    }

    /// The longest.
    pub fn longest(&self) -> Duration {
        self.per_mille(1000)
    }
}

/// A time as the tables have it.
pub fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.p99(), Duration::ZERO);
        for micros in (1..=200).rev() {
            latencies.record(Duration::from_micros(micros));
        }
        assert_eq!(latencies.median(), Duration::from_micros(100));
        assert_eq!(latencies.p99(), Duration::from_micros(198));
        assert_eq!(latencies.longest(), Duration::from_micros(200));
    }
}
