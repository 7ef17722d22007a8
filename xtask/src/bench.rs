//! `cargo xtask bench`: builds the benches in release and runs them one after the other.

use crate::process::{self, cargo};
use crate::test::locked;
use crate::tools;
use crate::workspace::Workspace;

const PACKAGE: &str = "benches";

/// Runs the named benches, or all; what follows `--` is for them.
pub(crate) fn task(workspace: &Workspace, arguments: &[&str]) -> Result<(), String> {
    let (names, passed_on) = split(arguments);
    let known = known(workspace);
    let chosen = chosen(&known, names)?;
    let redis = tools::redis_programs()?;
    for name in chosen {
        println!("\n==> {name}");
        let mut command = cargo(&["bench", "--quiet", "--package", PACKAGE, "--bench", name]);
        command
            .current_dir(&workspace.root)
            .args(locked())
            .envs(redis.iter().map(|(name, value)| (name, value)))
            .arg("--")
            .args(passed_on);
        process::run(&mut command)?;
    }
    Ok(())
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
