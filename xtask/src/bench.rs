//! `cargo xtask bench`: builds the mirror as it is shipped and the benches, and runs them one after the other; then the
//! report is written.
//!
//! `--report` only writes `docs/benchmarks` anew from the results of the last runs; `--check` only compares these results
//! with what is to be reached, and fails when something falls short.

use crate::process::{self, cargo};
use crate::test::locked;
use crate::tools;
use crate::workspace::Workspace;

const PACKAGE: &str = "benches";
const REPORT: &str = "bench-report";
/// Programs that benches start, each with the variable that says where it is.
const PROGRAMS: [(&str, &str); 2] = [
    ("github-mirror", "BENCH_GITHUB_MIRROR"),
    ("bare-loop", "BENCH_BARE_LOOP"),
];

/// Runs the named benches, or all; what follows `--` is for them.
pub(crate) fn task(workspace: &Workspace, arguments: &[&str]) -> Result<(), String> {
    match arguments {
        ["--report"] => return report(workspace, &[]),
        ["--check"] => return report(workspace, &["--check"]),
        _ => {}
    }
    let (names, passed_on) = split(arguments);
    let known = known(workspace);
    let chosen = chosen(&known, names)?;
    let redis = tools::redis_programs()?;
    tools::install_rivals();
    let mut build = cargo(&["build", "--quiet", "--profile", "dist"]);
    build.args(PROGRAMS.iter().flat_map(|(name, _)| ["--package", name]));
    process::run(build.current_dir(&workspace.root).args(locked()))?;
    let built = workspace.target.join("dist");
    for name in chosen {
        println!("\n==> {name}");
        let mut command = cargo(&["bench", "--quiet", "--package", PACKAGE, "--bench", name]);
        command
            .current_dir(&workspace.root)
            .args(locked())
            .envs(redis.iter().map(|(name, value)| (name, value)))
            .envs(PROGRAMS.map(|(name, variable)| (variable, built.join(name))))
            .arg("--")
            .args(passed_on);
        process::run(&mut command)?;
    }
    report(workspace, &[])
}

/// Writes the page from the results, or judges them.
fn report(workspace: &Workspace, arguments: &[&str]) -> Result<(), String> {
    let mut command = cargo(&["run", "--quiet", "--profile", "bench", "--package", PACKAGE]);
    command
        .current_dir(&workspace.root)
        .args(locked())
        .args(["--bin", REPORT, "--"])
        .args(arguments);
    process::run(&mut command)
}

/// The names of benches, and the arguments behind `--`.
fn split<'a, 'b>(arguments: &'a [&'b str]) -> (&'a [&'b str], &'a [&'b str]) {
    match arguments.iter().position(|argument| *argument == "--") {
        Some(at) => (&arguments[..at], &arguments[at + 1..]),
        None => (arguments, &[]),
    }
}

fn known(workspace: &Workspace) -> Vec<&str> {
    let packages = workspace.packages.iter();
    packages
        .filter(|package| package.name == PACKAGE)
        .flat_map(|package| package.benches.iter().map(String::as_str))
        .collect()
}

fn chosen<'a>(known: &[&'a str], names: &[&str]) -> Result<Vec<&'a str>, String> {
    if names.is_empty() {
        return Ok(known.to_vec());
    }
    let find = |name: &&str| {
        let found = known.iter().find(|known| *known == name).copied();
        found.ok_or_else(|| format!("no bench `{name}`; there are: {}", known.join(", ")))
    };
    names.iter().map(find).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_behind_the_dashes_are_the_benches() {
        assert_eq!(
            split(&["a", "--", "--quick"]),
            (&["a"][..], &["--quick"][..])
        );
        assert_eq!(split(&["a", "b"]), (&["a", "b"][..], &[][..]));
        assert_eq!(split(&["--", "--quick"]), (&[][..], &["--quick"][..]));
    }

    #[test]
    fn all_or_the_named_ones() {
        let known = ["level", "peers"];
        assert_eq!(chosen(&known, &[]).unwrap(), known);
        assert_eq!(chosen(&known, &["peers"]).unwrap(), ["peers"]);
        let refused = chosen(&known, &["peer"]).unwrap_err();
        assert_eq!(refused, "no bench `peer`; there are: level, peers");
    }
}
