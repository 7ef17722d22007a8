//! `cargo xtask package`: the crates that others depend on, packed as a registry would take them, and the Rust version
//! that they ask for.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::process::{self, cargo};
use crate::test::locked;
use crate::workspace::Workspace;

/// Crates that others depend on.
pub(crate) const PUBLISHED: [&str; 3] = ["github-headers", "cache-backends", "github-conditional"];

pub(crate) fn task(workspace: &Workspace) -> Result<(), String> {
    rust_version(workspace)?;
    // All at once: each is built from its archive, against the archives of the others.
    let mut command = cargo(&["package", "--allow-dirty", "--quiet"]);
    for name in PUBLISHED {
        command.args(["--package", name]);
    }
    process::run(command.current_dir(&workspace.root).args(locked()))?;
    println!("package: {} are ready for a registry", PUBLISHED.join(", "));
    Ok(())
}

/// No dependency may ask for a newer Rust than the crates promise.
fn rust_version(workspace: &Workspace) -> Result<(), String> {
    let mut command = cargo(&["metadata", "--format-version", "1", "--all-features"]);
    let text = process::output(command.current_dir(&workspace.root).args(locked()))?;
    let metadata = serde_json::from_str(&text)
        .map_err(|error| format!("cargo metadata printed no JSON: {error}"))?;
    let graph = Graph::parse(&metadata).ok_or("cargo metadata has an unknown shape")?;
    let problems = graph.too_new(&PUBLISHED);
    match problems.is_empty() {
        true => Ok(()),
        false => Err(problems.join("\n")),
    }
}

/// Who uses whom, and which Rust each asks for.
#[derive(Debug, Default)]
struct Graph {
    packages: BTreeMap<String, Asked>,
    /// Without what only tests use.
    uses: BTreeMap<String, Vec<String>>,
}

#[derive(Debug)]
struct Asked {
    name: String,
    rust: Option<Version>,
}

/// Major and minor; the patch level plays no part.
type Version = (u32, u32);

impl Graph {
    fn parse(metadata: &Value) -> Option<Self> {
        let mut graph = Self::default();
        for package in metadata["packages"].as_array()? {
            let asked = Asked {
                name: package["name"].as_str()?.to_owned(),
                rust: package["rust_version"].as_str().and_then(version),
            };
            graph
                .packages
                .insert(package["id"].as_str()?.to_owned(), asked);
        }
        for node in metadata["resolve"]["nodes"].as_array()? {
            let built_with = |used: &&Value| {
                let kinds = used["dep_kinds"].as_array();
                kinds.is_none_or(|kinds| kinds.iter().any(|kind| kind["kind"] != "dev"))
            };
            let uses = node["deps"].as_array()?.iter().filter(built_with);
            let uses = uses.filter_map(|used| used["pkg"].as_str().map(str::to_owned));
            graph
                .uses
                .insert(node["id"].as_str()?.to_owned(), uses.collect());
        }
        Some(graph)
    }

    /// Dependencies of `roots` that ask for a newer Rust than the root does.
    fn too_new(&self, roots: &[&str]) -> Vec<String> {
        let mut problems = BTreeSet::new();
        for (id, root) in &self.packages {
            if !roots.contains(&root.name.as_str()) {
                continue;
            }
            let Some(promised) = root.rust else {
                problems.insert(format!("{} states no rust-version", root.name));
                continue;
            };
            for used in self.reached(id) {
                if let Some(asked) = self.packages.get(used)
                    && let Some((major, minor)) = asked.rust.filter(|rust| *rust > promised)
                {
                    problems.insert(format!(
                        "{} promises Rust {}.{}, but its dependency {} asks for {major}.{minor}",
                        root.name, promised.0, promised.1, asked.name
                    ));
                }
            }
        }
        problems.into_iter().collect()
    }

    fn reached<'a>(&'a self, root: &'a str) -> BTreeSet<&'a str> {
        let mut reached = BTreeSet::new();
        let mut next = vec![root];
        while let Some(id) = next.pop() {
            if reached.insert(id) {
                next.extend(self.uses.get(id).into_iter().flatten().map(String::as_str));
            }
        }
        reached
    }
}

fn version(text: &str) -> Option<Version> {
    let mut parts = text.split('.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next().unwrap_or("0").parse().ok()?;
    Some((major, minor))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn metadata(asked: &str, kind: Option<&str>) -> Value {
        json!({
            "packages": [
                { "id": "ours", "name": "github-headers", "rust_version": "1.90" },
                { "id": "between", "name": "between", "rust_version": null },
                { "id": "deep", "name": "deep", "rust_version": asked },
            ],
            "resolve": { "nodes": [
                { "id": "ours", "deps": [{ "pkg": "between", "dep_kinds": [{ "kind": null }] }] },
                { "id": "between", "deps": [{ "pkg": "deep", "dep_kinds": [{ "kind": kind }] }] },
                { "id": "deep", "deps": [] },
            ] },
        })
    }

    #[track_caller]
    fn check(asked: &str, kind: Option<&str>, expected: &[&str]) {
        let graph = Graph::parse(&metadata(asked, kind)).unwrap();
        assert_eq!(graph.too_new(&["github-headers"]), expected);
    }

    #[test]
    fn a_dependency_may_not_ask_for_a_newer_rust() {
        check("1.90.0", None, &[]);
        check("1.85", None, &[]);
        let problem = "github-headers promises Rust 1.90, but its dependency deep asks for 1.91";
        check("1.91", None, &[problem]);
        check("1.91", Some("build"), &[problem]);
        // Tests may need what they like.
        check("1.91", Some("dev"), &[]);
    }
}
