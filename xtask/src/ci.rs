//! `cargo xtask ci`: everything that must hold before a merge, timed, to the end even after a failure; `cargo xtask ci
//! STEP` is one step of what follows the tests.

use std::process::{Command, ExitCode};
use std::time::Duration;

use crate::environment::Stopwatch;
use crate::generated::Generated;
use crate::process::{self, cargo};
use crate::tally::Tally;
use crate::test::locked;
use crate::workspace::Workspace;
use crate::{conformance, docs, generated, package, test, walls};

const EXAMPLE_LIMIT: Duration = Duration::from_secs(120);

type Step = fn(&Workspace) -> Result<(), String>;

/// One after the other: compiling beside the tests, even at the lowest priority, made the whole no shorter (1125 s
/// instead of 1115 on two cores) and single tests twice as long.
const AFTER_TESTS: &[(&str, Step)] = &[
    ("format", format),
    ("clippy", clippy),
    ("rustdoc", rustdoc),
    ("walls", walls::task),
    ("features", features),
    ("fuzz", fuzz),
    ("package", package::task),
    ("examples", examples),
    ("routes", |workspace| {
        generated::route_table(workspace, Generated::Compare)
    }),
    ("conformance", |workspace| {
        conformance::task(workspace, Generated::Compare)
    }),
    ("docs", |workspace| {
        docs::task(workspace, Generated::Compare)
    }),
];

struct Outcome {
    name: &'static str,
    took: Duration,
    problem: Option<String>,
}

/// One step.
pub(crate) fn only(workspace: &Workspace, name: &str) -> Result<(), String> {
    step_named(name)?(workspace)
}

fn step_named(name: &str) -> Result<Step, String> {
    let found = AFTER_TESTS.iter().find(|(known, _)| *known == name);
    found.map(|(_, step)| *step).ok_or_else(|| {
        let known: Vec<&str> = AFTER_TESTS.iter().map(|(known, _)| *known).collect();
        format!("no step `{name}`; there are: {}", known.join(", "))
    })
}

pub(crate) fn task(workspace: &Workspace) -> ExitCode {
    let mut tally = Tally::default();
    let mut outcomes = vec![timed("test", || {
        let report = test::run(workspace, &[]);
        tally = report.tally;
        report.problem
    })];
    for (name, step) in AFTER_TESTS {
        outcomes.push(timed(name, || step(workspace).err()));
    }
    println!("\n{}", table(&outcomes));
    let first = outcomes
        .iter()
        .find_map(|outcome| Some((outcome.name, outcome.problem.as_ref()?)));
    if let Some((name, problem)) = first {
        println!("first failure: {name}: {problem}");
    }
    // The last line on either way: machines read it.
    println!("{tally}");
    first.map_or(ExitCode::SUCCESS, |_| ExitCode::FAILURE)
}

fn timed(name: &'static str, run: impl FnOnce() -> Option<String>) -> Outcome {
    println!("\n==> {name}");
    let watch = Stopwatch::start();
    let problem = run();
    let took = watch.elapsed();
    match &problem {
        None => println!("<== {name}: ok in {} s", took.as_secs()),
        Some(problem) => println!("<== {name}: FAILED in {} s: {problem}", took.as_secs()),
    }
    Outcome {
        name,
        took,
        problem,
    }
}

fn table(outcomes: &[Outcome]) -> String {
    let mut table = format!("{:<12} {:>7}  result\n", "step", "seconds");
    for outcome in outcomes {
        let result = if outcome.problem.is_none() {
            "ok"
        } else {
            "FAILED"
        };
        table.push_str(&format!(
            "{:<12} {:>7}  {result}\n",
            outcome.name,
            outcome.took.as_secs()
        ));
    }
    table
}

fn format(workspace: &Workspace) -> Result<(), String> {
    process::run(cargo(&["fmt", "--all", "--check"]).current_dir(&workspace.root))
}

fn clippy(workspace: &Workspace) -> Result<(), String> {
    let mut command = cargo(&["clippy", "--workspace", "--all-targets", "--all-features"]);
    process::run(
        command
            .current_dir(&workspace.root)
            .args(locked())
            .args(["--", "-D", "warnings"]),
    )
}

fn rustdoc(workspace: &Workspace) -> Result<(), String> {
    let mut command = cargo(&["doc", "--workspace", "--all-features", "--no-deps"]);
    process::run(
        command
            .current_dir(&workspace.root)
            .args(locked())
            .env("RUSTDOCFLAGS", "-D warnings"),
    )
}

/// The fuzz targets are a workspace of their own, which nothing else here reads; building them needs cargo-fuzz.
fn fuzz(workspace: &Workspace) -> Result<(), String> {
    let manifest = "fuzz/Cargo.toml";
    let mut command = cargo(&[
        "metadata",
        "--format-version=1",
        "--manifest-path",
        manifest,
    ]);
    process::output(command.current_dir(&workspace.root)).map(|_| ())
}

/// Each published crate builds without its features and with each feature alone.
fn features(workspace: &Workspace) -> Result<(), String> {
    for package in workspace
        .packages
        .iter()
        .filter(|package| package::PUBLISHED.contains(&package.name.as_str()))
    {
        let none = std::iter::once(None);
        let each = package
            .features
            .iter()
            .filter(|name| *name != "default")
            .map(Some);
        for feature in none.chain(each) {
            let mut command =
                cargo(&["check", "--package", &package.name, "--no-default-features"]);
            if let Some(feature) = feature {
                command.args(["--features", feature]);
            }
            process::run(command.current_dir(&workspace.root).args(locked()))?;
        }
    }
    Ok(())
}

/// Runs every program under `examples/` and every example of a crate; each must end by itself and need no network.
fn examples(workspace: &Workspace) -> Result<(), String> {
    test::build(workspace)?;
    let folder = workspace.debug_folder();
    let mut programs = Vec::new();
    for package in &workspace.packages {
        if package.folder.starts_with("examples/") {
            programs.extend(package.binaries.iter().map(|name| folder.join(name)));
        }
        programs.extend(
            package
                .examples
                .iter()
                .map(|name| folder.join("examples").join(name)),
        );
    }
    let mut problems = Vec::new();
    for program in programs {
        let name = program.file_name().unwrap_or_default().display();
        println!("--- {name}");
        let mut command = Command::new(&program);
        if let Err(problem) =
            process::run_group(command.current_dir(&workspace.root), EXAMPLE_LIMIT)
        {
            problems.push(format!("{name}: {problem}"));
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_found_by_its_name() {
        assert!(step_named("clippy").is_ok());
        let refused = step_named("clipy").unwrap_err();
        assert!(
            refused.starts_with("no step `clipy`; there are: format, clippy,"),
            "{refused}"
        );
    }

    #[test]
    fn the_table_shows_what_failed() {
        let outcome = |name, problem: Option<&str>| Outcome {
            name,
            took: Duration::from_secs(75),
            problem: problem.map(str::to_owned),
        };
        let shown = table(&[
            outcome("test", None),
            outcome("walls", Some("moka in mirror-core")),
        ]);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(
            lines[1].split_whitespace().collect::<Vec<_>>(),
            ["test", "75", "ok"]
        );
        assert_eq!(
            lines[2].split_whitespace().collect::<Vec<_>>(),
            ["walls", "75", "FAILED"]
        );
    }
}
