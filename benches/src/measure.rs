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
