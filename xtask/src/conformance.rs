//! `cargo xtask conformance`: the public test suite for HTTP caches (npm `http-cache-tests`) against the mirror with
//! `default_policy = "rfc9111"`; its results in the suite's own format, and the page that shows them.
//!
//! The suite's origin server stands on one loopback port, the mirror on another, the suite's client asks the mirror.

mod reasons;
mod report;
mod running;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::generated::Generated;
use crate::process;
use crate::test;
use crate::tools::{self, Suite};
use crate::workspace::Workspace;
use report::Facts;
use running::Running;

/// In the suite's format, so that it can be put beside its own `results/`.
const RESULTS: &str = "docs/conformance/github-mirror.json";
const PAGE: &str = "docs/conformance.md";

/// What the suite says about each test: `true`, or why not.
type Results = BTreeMap<String, Value>;

pub(crate) fn task(workspace: &Workspace, mode: Generated) -> Result<(), String> {
    // With the features of all other steps: on its own the program would compile its dependencies a second time.
    test::build(workspace)?;
    let suite = tools::cache_suite(workspace)?;
    let facts = Facts::parse(&suite.facts()?)?;
    let mut results = run(workspace, &suite)?;
    match mode {
        Generated::Write => {
            let failed = report::unexplained(&facts, &results);
            again(workspace, &suite, &mut results, failed)?;
            let text = serde_json::to_string_pretty(&results).map_err(|error| error.to_string())?;
            write(workspace, RESULTS, &format!("{text}\n"))?;
            write(workspace, PAGE, &report::page(&facts, &results)?)
        }
        Generated::Compare => {
            let committed: Results = serde_json::from_str(&workspace.read(RESULTS)?)
                .map_err(|error| format!("{RESULTS}: {error}"))?;
            let failed = worse(&committed, &results);
            let worse = again(workspace, &suite, &mut results, failed)?;
            println!("{}", report::summary(&facts, &results));
            if worse.is_empty() {
                return current_page(workspace, &facts, &committed);
            }
            let told: Vec<String> = worse
                .iter()
                .map(|id| format!("{id}: {}", results.get(id).unwrap_or(&Value::Null)))
                .collect();
            Err(format!("these tests passed before:\n{}", told.join("\n")))
        }
    }
}

/// Runs the whole suite: about half a minute, because a hundred tests wait at the same time.
fn run(workspace: &Workspace, suite: &Suite) -> Result<Results, String> {
    let running = Running::start(workspace, suite)?;
    let printed = process::output(&mut suite.client(&running.base(), ""))?;
    // What single tests have to say stands before the results.
    let start = printed.find("\n{\n").map_or(0, |at| at + 1);
    serde_json::from_str(&printed[start..])
        .map_err(|error| format!("the suite printed no results: {error}"))
}

/// Tests that passed before and do not now.
fn worse(committed: &Results, results: &Results) -> Vec<String> {
    committed
        .iter()
        .filter(|(id, result)| **result == true && results.get(*id) != Some(&Value::Bool(true)))
        .map(|(id, _)| id.clone())
        .collect()
}

/// Tests wait for seconds and count them; one that failed among a hundred on a busy machine is run by itself.
fn again(
    workspace: &Workspace,
    suite: &Suite,
    results: &mut Results,
    failed: Vec<String>,
) -> Result<Vec<String>, String> {
    let mut worse = Vec::new();
    for id in failed {
        let running = Running::start(workspace, suite)?;
        let printed = process::output(&mut suite.client(&running.base(), &id))?;
        let result = printed.lines().last().unwrap_or_default();
        if result.starts_with('✅') || result.starts_with('Y') {
            results.insert(id, Value::Bool(true));
        } else {
            worse.push(id);
        }
    }
    Ok(worse)
}

fn current_page(workspace: &Workspace, facts: &Facts, committed: &Results) -> Result<(), String> {
    if workspace.read(PAGE)? == report::page(facts, committed)? {
        return Ok(());
    }
    Err(format!(
        "{PAGE} does not show {RESULTS}; run `cargo xtask conformance`"
    ))
}

fn write(workspace: &Workspace, file: &str, text: &str) -> Result<(), String> {
    let path = workspace.root.join(file);
    let failed = |error: std::io::Error| format!("cannot write {file}: {error}");
    if let Some(folder) = path.parent().filter(|folder| *folder != Path::new("")) {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(&path, text).map_err(failed)?;
    println!("{file}: written");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_passed_before_can_have_become_worse() {
        let results = |text| serde_json::from_str::<Results>(text).unwrap();
        let committed = results(r#"{"a": true, "b": true, "c": ["Assertion", "x"], "d": true}"#);
        let now = results(r#"{"a": true, "b": ["Assertion", "y"], "c": ["Setup", "z"]}"#);
        assert_eq!(worse(&committed, &now), ["b", "d"]);
        assert!(worse(&now, &committed).is_empty());
    }
}
