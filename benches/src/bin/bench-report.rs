//! Writes `docs/benchmarks` from the results of the last runs; with `--check` it only says what falls short, and fails
//! when something does.

use std::path::Path;
use std::process::ExitCode;

use benches::Fallible;
use benches::report::{self, Verdict, standings};
use benches::results::shown;
use benches::table::Table;

fn main() -> Fallible<ExitCode> {
    let all = report::load()?;
    if std::env::args().any(|argument| argument == "--check") {
        return Ok(check(&standings(&all)));
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    report::write(&root, &all)?;
    println!("docs/benchmarks/README.md is written");
    Ok(ExitCode::SUCCESS)
}

/// What was not measured is no success either.
fn check(standings: &[report::Standing]) -> ExitCode {
    let mut table = Table::new(["figure", "measured", "bound", ""]);
    for standing in standings {
        table.row([
            standing.figure.to_owned(),
            standing.measured.map_or_else(String::new, shown),
            standing.limit(),
            standing.verdict().as_str().to_owned(),
        ]);
    }
    println!("{table}");
    let reached = standings
        .iter()
        .all(|standing| standing.verdict() == Verdict::Reached);
    match reached {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
