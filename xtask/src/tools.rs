//! Throw-away copies of what the tests need, under `target/tools`: real API clients and GitHub's OpenAPI description;
//! the machine's Redis and PostgreSQL, a Valkey server, Schemathesis, Prometheus and Chromium, which tests start by
//! themselves.
//!
//! Versions are pinned in `xtask/clients`. Each tool folder carries a stamp with the pins it was made from; while the
//! stamp matches, nothing is done. A tool that cannot be had is an error that says how to get it, never a skip.

mod observing;
mod postgres;
mod rivals;
mod schemathesis;
mod valkey;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::environment;
use crate::process::{output, run};
use crate::workspace::Workspace;

mod suite;

pub(crate) use rivals::install as install_rivals;
pub(crate) use suite::{Suite, cache_suite};

const OLDEST_NODE: u32 = 20;
const STAMP: &str = "xtask-stamp";
const DESCRIPTION: &str = "api.github.com.deref.json";

/// The environment that tests rely on.
#[derive(Debug)]
pub(crate) struct Tools {
    pub(crate) variables: Vec<(&'static str, OsString)>,
}

impl Tools {
    pub(crate) fn apply<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.envs(self.variables.iter().map(|(name, value)| (name, value)))
    }
}

pub(crate) fn task(workspace: &Workspace) -> Result<(), String> {
    for (name, value) in ready(workspace)?.variables {
        println!("{name}={}", value.display());
    }
    Ok(())
}

/// Installs what is missing.
///
/// # Errors
/// Says which tool is missing and how to install it.
pub(crate) fn ready(workspace: &Workspace) -> Result<Tools, String> {
    let python = python(workspace, "python", "xtask/clients/requirements.txt")?;
    let github3 = python_of_github3(workspace)?;
    let node = node(workspace)?;
    let clients = npm_packages(workspace, &node, "node", "xtask/clients")?;
    let examples = npm_packages(workspace, &node, "webhooks", "xtask/clients/webhooks")?;
    let description = openapi_description(workspace)?;
    let redis = redis_programs()?;
    shell_programs()?;
    let mut variables = vec![
        ("OPENAPI_DESCRIPTION", description.into()),
        ("MIRROR_TEST_PYTHON", python.join("bin/python").into()),
        ("MIRROR_TEST_GH", python.join("bin/gh").into()),
        (
            "MIRROR_TEST_GITHUB3_PYTHON",
            github3.join("bin/python").into(),
        ),
        ("MIRROR_TEST_NODE", node.program.into()),
        ("MIRROR_TEST_NODE_DIR", clients.into()),
        ("WEBHOOK_EXAMPLES", examples.into()),
        ("MIRROR_TEST_BIN_DIR", workspace.debug_folder().into()),
    ];
    variables.extend(redis);
    variables.push(("VALKEY_SERVER", valkey::server(workspace)?.into()));
    variables.push(("SCHEMATHESIS", schemathesis::program(workspace)?.into()));
    variables.extend(observing::programs()?);
    variables.push(("POSTGRES_BIN_DIR", postgres::programs()?.into()));
    if let Some(data) = shared_data(&workspace.root) {
        variables.push(("SHARED_DATA_DIR", data.into()));
    }
    Ok(Tools { variables })
}

fn folder(workspace: &Workspace, tool: &str) -> PathBuf {
    workspace.target.join("tools").join(tool)
}

/// Recorded GitHub answers that are too large for this repository, kept in a folder beside the checkout.
fn shared_data(root: &Path) -> Option<PathBuf> {
    let data = root.parent()?.join("shared/data");
    if data.is_dir() {
        return Some(data);
    }
    eprintln!("note: no folder with recorded data beside the checkout; SHARED_DATA_DIR is not set");
    None
}

/// github3.py in an environment of its own, so that neither set of pins has to fit the other.
fn python_of_github3(workspace: &Workspace) -> Result<PathBuf, String> {
    python(
        workspace,
        "github3",
        "xtask/clients/github3/requirements.txt",
    )
}

/// A virtual environment with these packages: with the first file, PyGithub and GitHub's own `gh`.
fn python(workspace: &Workspace, name: &str, requirements: &str) -> Result<PathBuf, String> {
    let environment = folder(workspace, name);
    let pins = workspace.read(requirements)?;
    let program = base_python()?;
    let version = output(Command::new(&program).arg("--version"))?;
    install(&environment, &format!("{version}{pins}"), |environment| {
        run(Command::new(&program).args(["-m", "venv"]).arg(environment))?;
        pip_install(environment, &workspace.root.join(requirements))
    })?;
    Ok(environment)
}

fn pip_install(environment: &Path, requirements: &Path) -> Result<(), String> {
    run(Command::new(environment.join("bin/python"))
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-input",
            "--disable-pip-version-check",
        ])
        .arg("--requirement")
        .arg(requirements))
}

fn base_python() -> Result<PathBuf, String> {
    let can_make_environments = |program: &PathBuf| {
        output(Command::new(program).args(["-c", "import venv, ensurepip"])).is_ok()
    };
    let usable = || environment::find_program("python3").filter(can_make_environments);
    if let Some(found) = usable() {
        return Ok(found);
    }
    apt_install(&["python3", "python3-venv"])?;
    usable().ok_or_else(|| {
        "python3 with `venv` is missing: install Python 3.9 or newer (Debian, Ubuntu: `apt-get install python3-venv`)"
            .to_owned()
    })
}

/// Redis or Valkey of the machine; only the programs: each test and each bench starts servers of its own.
pub(crate) fn redis_programs() -> Result<[(&'static str, OsString); 3], String> {
    let found = || {
        let either = |redis, valkey| {
            environment::find_program(redis)
                .or_else(|| environment::find_program(valkey))
                .map(PathBuf::into_os_string)
        };
        Some([
            ("REDIS_SERVER", either("redis-server", "valkey-server")?),
            ("REDIS_CLI", either("redis-cli", "valkey-cli")?),
            (
                "REDIS_SENTINEL",
                either("redis-sentinel", "valkey-sentinel")?,
            ),
        ])
    };
    if let Some(programs) = found() {
        return Ok(programs);
    }
    apt_install(&["redis-server", "redis-sentinel"])?;
    found().ok_or_else(|| {
        "redis-server, redis-cli and redis-sentinel are missing: install Redis 7 or Valkey \
         (Debian, Ubuntu: `apt-get install redis-server redis-sentinel`)"
            .to_owned()
    })
}

/// What the acceptance script of the read cache calls by name.
fn shell_programs() -> Result<(), String> {
    let missing = || {
        ["bash", "curl", "jq"]
            .into_iter()
            .find(|name| environment::find_program(name).is_none())
    };
    if missing().is_none() {
        return Ok(());
    }
    apt_install(&["bash", "curl", "jq"])?;
    match missing() {
        None => Ok(()),
        Some(name) => Err(format!(
            "{name} is missing (Debian, Ubuntu: `apt-get install {name}`)"
        )),
    }
}

/// Only as root on a Debian-like machine, which is what a container is; elsewhere the caller's message says what to do.
fn apt_install(packages: &[&str]) -> Result<(), String> {
    let is_root = output(Command::new("id").arg("-u")).is_ok_and(|user| user.trim() == "0");
    if !is_root || environment::find_program("apt-get").is_none() {
        return Ok(());
    }
    let apt_get = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        // `invoke-rc.d` starts no service in this runlevel: tests need programs, not servers that stay.
        command.env("RUNLEVEL", "1");
        command
    };
    run(apt_get().args(["update", "--quiet"]))?;
    run(apt_get()
        .args(["install", "--yes", "--quiet", "--no-install-recommends"])
        .args(packages))
}

struct Node {
    program: PathBuf,
    npm: PathBuf,
    version: String,
}

impl Node {
    fn found(program: PathBuf, npm: PathBuf) -> Option<Self> {
        let version = output(Command::new(&program).arg("--version")).ok()?;
        let version = version.trim().to_owned();
        (major(&version)? >= OLDEST_NODE).then_some(Self {
            program,
            npm,
            version,
        })
    }

    /// An npm command that finds this very Node first.
    fn npm(&self) -> Result<Command, String> {
        let mut command = Command::new(&self.npm);
        if let Some(folder) = self.program.parent() {
            command.env("PATH", environment::path_with(&[folder.to_owned()])?);
        }
        Ok(command)
    }
}

/// The major number of `v20.11.1`.
fn major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// Node.js of the machine, or a copy beside the Python packages.
fn node(workspace: &Workspace) -> Result<Node, String> {
    let installed = environment::find_program("node").zip(environment::find_program("npm"));
    if let Some(node) = installed.and_then(|(program, npm)| Node::found(program, npm)) {
        return Ok(node);
    }
    let environment = folder(workspace, "node-runtime");
    let requirements = "xtask/clients/requirements-node.txt";
    let python = base_python()?;
    install(
        &environment,
        &workspace.read(requirements)?,
        |environment| {
            run(Command::new(&python).args(["-m", "venv"]).arg(environment))?;
            pip_install(environment, &workspace.root.join(requirements))
        },
    )?;
    let bin = environment.join("bin");
    Node::found(bin.join("node"), bin.join("npm")).ok_or_else(|| {
        format!("Node.js is missing: install version {OLDEST_NODE} or newer with npm")
    })
}

/// A folder whose `node_modules` holds what is pinned in the folder `manifests`: Octokit, GitHub's example webhooks.
fn npm_packages(
    workspace: &Workspace,
    node: &Node,
    tool: &str,
    manifests: &str,
) -> Result<PathBuf, String> {
    let pins = ["package.json", "package-lock.json"];
    let mut stamp = format!("{}\n", node.version);
    for name in pins {
        stamp.push_str(&workspace.read(Path::new(manifests).join(name))?);
    }
    let packages = folder(workspace, tool);
    install(&packages, &stamp, |packages| {
        for name in pins {
            let from = workspace.root.join(manifests).join(name);
            fs::copy(&from, packages.join(name))
                .map_err(|error| format!("cannot copy {name}: {error}"))?;
        }
        run(node.npm()?.current_dir(packages).args([
            "ci",
            "--silent",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
        ]))
    })?;
    Ok(packages)
}

/// One file of a package that unpacks to 390 MB.
pub(crate) fn openapi_description(workspace: &Workspace) -> Result<PathBuf, String> {
    let package = openapi_package(&workspace.read("xtask/clients/package.json")?)?;
    let description = folder(workspace, "openapi");
    install(&description, &package, |description| {
        let node = node(workspace)?;
        // npm prints the name of the archive as its last line.
        let printed = output(
            node.npm()?
                .current_dir(description)
                .args(["pack", "--silent", &package]),
        )?;
        let archive = printed.lines().last().unwrap_or_default().trim().to_owned();
        run(Command::new("tar").current_dir(description).args([
            "--extract",
            "--gzip",
            "--strip-components=2",
            "--file",
            &archive,
            &format!("package/generated/{DESCRIPTION}"),
        ]))?;
        fs::remove_file(description.join(&archive))
            .map_err(|error| format!("cannot remove {archive}: {error}"))
    })?;
    Ok(description.join(DESCRIPTION))
}

fn openapi_package(manifest: &str) -> Result<String, String> {
    let manifest: Value = serde_json::from_str(manifest)
        .map_err(|error| format!("xtask/clients/package.json: {error}"))?;
    manifest["config"]["openapi"]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| "xtask/clients/package.json: no `config.openapi`".to_owned())
}

/// Makes `folder` by `fill` unless its stamp says that it was made from the same `pins`.
///
/// The stamp is written last: an interrupted installation starts afresh.
fn install(
    folder: &Path,
    pins: &str,
    fill: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<(), String> {
    let stamp = folder.join(STAMP);
    if fs::read_to_string(&stamp).is_ok_and(|found| found == pins) {
        return Ok(());
    }
    let failed = |error: std::io::Error| format!("cannot prepare {}: {error}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(failed)?;
    }
    fs::create_dir_all(folder).map_err(failed)?;
    eprintln!("installing {}", folder.display());
    fill(folder)?;
    fs::write(&stamp, pins).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_of_node() {
        assert_eq!(major("v20.11.1"), Some(20));
        assert_eq!(major("20.11.1"), None);
        assert_eq!(major("vNext"), None);
    }

    #[test]
    fn the_description_is_pinned_in_the_manifest() {
        assert_eq!(
            openapi_package(r#"{"config":{"openapi":"a@1"}}"#).unwrap(),
            "a@1"
        );
        assert!(
            openapi_package("{}")
                .unwrap_err()
                .contains("config.openapi")
        );
    }

    #[test]
    fn a_folder_is_made_once_per_pins_and_again_after_a_failure() {
        let folder = std::env::temp_dir().join(format!("xtask-install-{}", std::process::id()));
        let fail = |_: &Path| Err("no network".to_owned());
        assert_eq!(install(&folder, "1", fail), Err("no network".to_owned()));
        install(&folder, "1", |folder| {
            fs::write(folder.join("old"), "").map_err(|e| e.to_string())
        })
        .unwrap();
        install(&folder, "1", |_| panic!("the stamp matches")).unwrap();
        install(&folder, "2", |_| Ok(())).unwrap();
        assert!(
            !folder.join("old").exists(),
            "new pins start from an empty folder"
        );
        fs::remove_dir_all(&folder).unwrap();
    }
}
