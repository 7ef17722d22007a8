//! The public test suite for HTTP caches under `target/tools/conformance`: unpacked from its npm package beside the one
//! library that its command line needs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{Node, folder, install, node};
use crate::process::{output, run};
use crate::workspace::Workspace;

const PINS: &str = "xtask/clients/conformance";

/// The unpacked suite, and the Node.js that runs it.
pub(crate) struct Suite {
    node: Node,
    folder: PathBuf,
}

impl Suite {
    /// What the suite consists of, and what is published of other caches, as JSON.
    pub(crate) fn facts(&self) -> Result<String, String> {
        output(&mut self.script("../facts.mjs"))
    }

    /// The suite's origin server on a free port, which it prints.
    pub(crate) fn server(&self) -> Command {
        let mut command = self.script("server/server.mjs");
        command
            .env("npm_config_protocol", "http")
            .env("npm_config_port", "0")
            .env("npm_config_pidfile", "../server.pid");
        command
    }

    /// The suite's client against the cache at `base`: all tests, or the one called `id`.
    pub(crate) fn client(&self, base: &str, id: &str) -> Command {
        let mut command = self.script("cli.mjs");
        // What npm would export. It reads the second where the first is empty.
        command
            .env("npm_config_base", base)
            .env("npm_config_id", id)
            .env("npm_package_config_id", id);
        command
    }

    fn script(&self, script: &str) -> Command {
        let mut command = Command::new(&self.node.program);
        command
            .current_dir(self.folder.join("suite"))
            .args(["--no-warnings", script]);
        command
    }
}

/// Installs the suite if it is missing.
pub(crate) fn cache_suite(workspace: &Workspace) -> Result<Suite, String> {
    let node = node(workspace)?;
    let mut stamp = format!("{}\n", node.version);
    let files = ["package.json", "package-lock.json", "facts.mjs"];
    for name in files {
        stamp.push_str(&workspace.read(Path::new(PINS).join(name))?);
    }
    let suite = folder(workspace, "conformance");
    install(&suite, &stamp, |folder| {
        for name in files {
            fs::copy(workspace.root.join(PINS).join(name), folder.join(name))
                .map_err(|error| format!("cannot copy {name}: {error}"))?;
        }
        let quiet = [
            "ci",
            "--silent",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
        ];
        run(node.npm()?.current_dir(folder).args(quiet))?;
        let package = pinned(&workspace.read(Path::new(PINS).join("package.json"))?)?;
        let pack = ["pack", "--silent", &package];
        let printed = output(node.npm()?.current_dir(folder).args(pack))?;
        let archive = printed.lines().last().unwrap_or_default().trim();
        fs::create_dir(folder.join("suite")).map_err(|error| format!("suite: {error}"))?;
        run(Command::new("tar").current_dir(folder).args([
            "--extract",
            "--gzip",
            "--strip-components=1",
            "--directory=suite",
            "--file",
            archive,
        ]))
    })?;
    Ok(Suite {
        node,
        folder: suite,
    })
}

fn pinned(manifest: &str) -> Result<String, String> {
    let manifest: Value =
        serde_json::from_str(manifest).map_err(|error| format!("{PINS}/package.json: {error}"))?;
    manifest["config"]["suite"]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| format!("{PINS}/package.json: no `config.suite`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suite_is_pinned_in_the_manifest() {
        assert_eq!(pinned(r#"{"config":{"suite":"a@1"}}"#).unwrap(), "a@1");
        assert!(pinned("{}").unwrap_err().contains("config.suite"));
    }
}
