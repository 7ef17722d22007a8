//! Policies compared on events of the past.

use std::collections::HashMap;
use std::path::Path;

use super::FileError;
use super::lines::each_event;
use crate::event::Event;
use crate::policy::{Allowance, Policy};
use crate::simulation::{History, Simulated, simulate};

/// What each policy would have done, in the order in which they were asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison(pub Vec<(Policy, Simulated)>);

impl std::fmt::Display for Comparison {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "{:<8} {:>9} {:>9} {:>9} {:>12} {:>12} {:>6} {:>10} {:>5}",
            "policy",
            "requests",
            "304",
            "seen",
            "mean delay",
            "p95 delay",
            "lost",
            "unreported",
            "gaps"
        )?;
        for (policy, one) in &self.0 {
            let mean = one
                .mean_delay_seconds
                .map(|seconds| format!("{seconds:.1} s"));
            let p95 = one.p95_delay_seconds.map(|seconds| format!("{seconds} s"));
            writeln!(
                f,
                "{:<8} {:>9} {:>9} {:>9} {:>12} {:>12} {:>6} {:>10} {:>5}",
                policy.as_str(),
                one.requests,
                one.not_modified,
                one.seen,
                mean.unwrap_or_else(|| "-".to_owned()),
                p95.unwrap_or_else(|| "-".to_owned()),
                one.lost,
                one.lost_unreported,
                one.gaps
            )?;
        }
        Ok(())
    }
}

/// The events of a file by repository: of those with the most events, so many.
///
/// # Errors
/// When the file is damaged, naming the line.
pub(crate) fn histories(path: &Path, most: usize) -> Result<Vec<History>, FileError> {
    let mut events: HashMap<u64, Vec<Event>> = HashMap::new();
    each_event(path, |mut event| {
        // Only when it happened matters.
        event.raw = "".into();
        events.entry(event.repository_id).or_default().push(event);
    })?;
    let mut histories: Vec<History> = events
        .into_values()
        .filter_map(|events| {
            let name = events.first()?.repository.clone();
            Some(History::new(&name, events))
        })
        .collect();
    histories.sort_by(|one, other| {
        let busiest = other.len().cmp(&one.len());
        busiest.then_with(|| one.name().cmp(other.name()))
    });
    histories.truncate(most);
    Ok(histories)
}

/// Compares policies on the events of a file.
///
/// # Errors
/// When the file is damaged, naming the line.
pub fn simulate_file(
    path: &Path,
    policies: &[Policy],
    allowance: Allowance,
    most: usize,
) -> Result<Comparison, FileError> {
    let histories = histories(path, most)?;
    let compared = policies
        .iter()
        .map(|policy| (*policy, simulate(&histories, *policy, allowance)));
    Ok(Comparison(compared.collect()))
}
