//! One round of load on one program, and what it cost; medians over rounds.

use std::net::SocketAddr;
use std::time::Duration;

use crate::Fallible;
use crate::load::{Extent, Load};
use crate::process::Program;
use crate::results::median;
use crate::upstream;

/// What stands in the columns.
pub const COLUMNS: [&str; 6] = [
    "CPU us/request",
    "requests/s",
    "p50 us",
    "p99 us",
    "upstream/request",
    "upstream/s",
];

/// A column for the cost beside that of nginx, see [`relative_cost`].
pub const TO_NGINX: &str = "CPU / nginx";

/// What one round showed; in the order of [`COLUMNS`].
#[derive(Clone, Copy, Debug)]
pub struct Sample([f64; 6]);

/// Puts `load` on `program`, whose upstream is at `upstream`.
///
/// # Errors
/// When an answer is no 200, or a connection breaks.
pub async fn round(
    program: &Program,
    address: SocketAddr,
    load: &Load,
    time: Duration,
    upstream: SocketAddr,
) -> Fallible<Sample> {
    let asked = upstream::counts(upstream).await?;
    let before = program.processor_time()?;
    let outcome = load.run(address, Extent::Time(time)).await?;
    let used = program.processor_time()? - before;
    let asked = upstream::counts(upstream).await?.since(asked);
    if outcome.others > 0 {
        return Err(format!("{} answers are no 200", outcome.others).into());
    }
    let requests = outcome.latencies.count() as f64;
    let micros = |per_mille| outcome.latencies.per_mille(per_mille).as_secs_f64() * 1e6;
    Ok(Sample([
        used.as_secs_f64() * 1e6 / requests,
        outcome.per_second(),
        micros(500),
        micros(990),
        asked.all() as f64 / requests,
        asked.all() as f64 / outcome.took.as_secs_f64(),
    ]))
}

/// The median of each column.
pub fn medians(samples: &[Sample]) -> [Option<f64>; 6] {
    std::array::from_fn(|column| median(samples.iter().map(|sample| sample.0[column])))
}

/// How many times the processor time of `other` a request took: the median over rounds, each beside the same round of the
/// other one. A shared machine is slow for seconds or minutes; who was measured meanwhile would look slow too.
pub fn relative_cost(samples: &[Sample], other: &[Sample]) -> Option<f64> {
    let pairs = samples.iter().zip(other);
    median(pairs.map(|(one, other)| one.0[0] / other.0[0]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_minute_does_not_change_what_is_relative() {
        let samples = |costs: [f64; 5]| costs.map(|cost| Sample([cost, 0.0, 0.0, 0.0, 0.0, 0.0]));
        let ours = samples([30.0, 31.0, 60.0, 62.0, 58.0]);
        let theirs = samples([20.0, 20.0, 40.0, 21.0, 40.0]);
        assert_eq!(relative_cost(&ours, &theirs), Some(1.5));
        assert_eq!(relative_cost(&ours, &ours), Some(1.0));
        assert_eq!(relative_cost(&[], &[]), None);
    }
}
