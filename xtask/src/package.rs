//! `cargo xtask package`: the crates that others depend on, packed as a registry would take them, and the Rust version
//! that they ask for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::environment;
use crate::process::{self, cargo};
use crate::test::locked;
use crate::workspace::Workspace;

/// Crates that others depend on.
pub(crate) const PUBLISHED: [&str; 3] = ["github-headers", "cache-backends", "github-conditional"];

pub(crate) fn task(workspace: &Workspace) -> Result<(), String> {
    rust_version(workspace)?;
    let sources = environment::cargo_home().map(|home| home.join("registry/src"));
    forget(&workspace.debug_folder(), sources.as_deref())?;
    // All at once: each is built from its archive, against the archives of the others.
    let mut command = cargo(&["package", "--allow-dirty", "--quiet"]);
    for name in PUBLISHED {
        command.args(["--package", name]);
    }
    process::run(command.current_dir(&workspace.root).args(locked()))?;
    println!("package: {} are ready for a registry", PUBLISHED.join(", "));
    Ok(())
}

/// Makes cargo look at the archives of this run. It takes what came from a registry as the same for ever, and the
/// archives of an earlier run, with the same version, are such.
fn forget(built: &Path, sources: Option<&Path>) -> Result<(), String> {
    for name in PUBLISHED {
        // A registry in a folder has no host, so what was unpacked from it is under a name that begins with a dash.
        for registry in entries(sources, "-")? {
            for unpacked in entries(Some(&registry), &format!("{name}-"))? {
                remove(&unpacked)?;
            }
        }
        let compiled = format!("{}-", name.replace('-', "_"));
        for uses in entries(Some(&built.join("deps")), &compiled)? {
            if uses.extension().is_some_and(|extension| extension == "d")
                && let Some(hash) = uses.file_stem().and_then(|stem| stem.to_str())
                && let Some(hash) = hash.strip_prefix(&compiled)
                && fs::read_to_string(&uses).is_ok_and(|text| text.contains("/registry/src/-"))
            {
                remove(&built.join(".fingerprint").join(format!("{name}-{hash}")))?;
            }
        }
    }
    Ok(())
}

/// What is in a folder under a name that begins like this; nothing if there is no such folder.
fn entries(folder: Option<&Path>, begins: &str) -> Result<Vec<PathBuf>, String> {
    let Some(folder) = folder.filter(|folder| folder.is_dir()) else {
        return Ok(Vec::new());
    };
    let read = || {
        let found = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
        found.collect::<Result<Vec<_>, _>>()
    };
    let mut found = read().map_err(|error| format!("{}: {error}", folder.display()))?;
    found.retain(|path| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with(begins))
    });
    Ok(found)
}

fn remove(folder: &Path) -> Result<(), String> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(format!("{}: {error}", folder.display()))
        }
        _ => Ok(()),
    }
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
    fn what_an_earlier_run_has_unpacked_and_compiled_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let (built, sources) = (folder.path().join("debug"), folder.path().join("src"));
        let file = |path: PathBuf, text: &str| {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            path
        };
        let compiled = |hash: &str, source: &str| {
            let uses = format!("deps/github_headers-{hash}.d");
            file(built.join(uses), &format!("x.rmeta: {source}/src/lib.rs"));
            let print = format!(".fingerprint/github-headers-{hash}/lib");
            file(built.join(print), "")
        };
        let ours = compiled("aa", "crates/github-headers");
        let archived = compiled("bb", "/h/registry/src/-12/github-headers-0.1.0");
        let unpacked = file(sources.join("-12/github-headers-0.1.0/src/lib.rs"), "");
        let other = file(sources.join("-12/http-1.5.0/src/lib.rs"), "");
        let public = file(sources.join("index-12/github-headers-0.1.0/src/lib.rs"), "");
        forget(&built, Some(&sources)).unwrap();
        let left = [&ours, &archived, &unpacked, &other, &public].map(|path| path.exists());
        assert_eq!(left, [true, false, false, true, true]);
        forget(&folder.path().join("none"), None).unwrap();
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
