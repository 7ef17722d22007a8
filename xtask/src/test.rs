//! `cargo xtask test`: the one test command, on a fresh machine and on yours.

use std::io::IsTerminal;
use std::process::ExitCode;

use crate::environment::{self, Place};
use crate::process::{self, cargo};
use crate::tally::{Runner, Tally};
use crate::tools::{self, Tools};
use crate::workspace::Workspace;

/// What a test run came to; the counts are kept when it failed.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) tally: Tally,
    pub(crate) problem: Option<String>,
}

impl Report {
    fn failed(problem: String) -> Self {
        Self {
            tally: Tally::default().of_failed_run(),
            problem: Some(problem),
        }
    }
}

/// The totals are the last line on either way.
pub(crate) fn task(workspace: &Workspace, filters: &[&str]) -> ExitCode {
    let report = run(workspace, filters);
    if let Some(problem) = &report.problem {
        println!("FAILED: {problem}");
    }
    println!("{}", report.tally);
    report
        .problem
        .map_or(ExitCode::SUCCESS, |_| ExitCode::FAILURE)
}

pub(crate) fn run(workspace: &Workspace, filters: &[&str]) -> Report {
    let tools = match tools::ready(workspace).and_then(|tools| build(workspace).map(|()| tools)) {
        Ok(tools) => tools,
        Err(problem) => return Report::failed(problem),
    };
    let runs = [
        unit_and_integration(&tools, filters),
        doctests(&tools, filters),
    ];
    let tally = runs
        .iter()
        .fold(Tally::default(), |sum, run| sum.plus(run.tally));
    let problems: Vec<String> = runs.into_iter().filter_map(|run| run.problem).collect();
    if !problems.is_empty() {
        return Report {
            tally: tally.of_failed_run(),
            problem: Some(problems.join("; ")),
        };
    }
    if tally == Tally::default() {
        return Report::failed(format!("no test matches `{}`", filters.join(" ")));
    }
    Report {
        tally,
        problem: None,
    }
}

/// Builds every program, test and example with one set of features.
///
/// One command for all: cargo unifies features per invocation, so building programs on their own would compile the
/// dependencies a second time. Tests, docs and examples then run these programs.
pub(crate) fn build(workspace: &Workspace) -> Result<(), String> {
    let mut command = cargo(&[
        "build",
        "--workspace",
        "--all-features",
        "--bins",
        "--tests",
        "--examples",
    ]);
    process::run(command.current_dir(&workspace.root).args(locked()))
}

/// A lock file that is out of date is an error in CI, not something to repair silently.
pub(crate) fn locked() -> &'static [&'static str] {
    match environment::place() {
        Place::Ci => &["--locked"],
        Place::Desk => &[],
    }
}

fn unit_and_integration(tools: &Tools, filters: &[&str]) -> Report {
    if environment::find_program("cargo-nextest").is_some() {
        let mut command = cargo(&[
            "nextest",
            "run",
            "--workspace",
            "--all-features",
            "--no-fail-fast",
        ]);
        // Whether anything matched is judged over all runs together.
        command.arg("--no-tests=pass").args(locked()).args(filters);
        return counted(tools, Runner::Nextest, command);
    }
    let mut command = cargo(&["test", "--workspace", "--all-features", "--no-fail-fast"]);
    command
        .args(["--lib", "--bins", "--tests"])
        .args(locked())
        .arg("--")
        .args(filters);
    counted(tools, Runner::Libtest, command)
}

fn doctests(tools: &Tools, filters: &[&str]) -> Report {
    let mut command = cargo(&[
        "test",
        "--doc",
        "--workspace",
        "--all-features",
        "--no-fail-fast",
    ]);
    command.args(locked()).arg("--").args(filters);
    counted(tools, Runner::Libtest, command)
}

fn counted(tools: &Tools, runner: Runner, mut command: std::process::Command) -> Report {
    let mut tally = Tally::default();
    if std::io::stderr().is_terminal() {
        // The runners see a pipe and would turn colours off.
        command.env("CARGO_TERM_COLOR", "always");
    }
    let status = process::stream(tools.apply(&mut command), |line| tally.read(runner, line));
    match status {
        Ok(status) if status.success() && tally.failed == 0 => Report {
            tally,
            problem: None,
        },
        Ok(status) => Report {
            tally: tally.of_failed_run(),
            problem: Some(format!("`{}` failed: {status}", process::shown(&command))),
        },
        Err(problem) => Report::failed(problem),
    }
}
