//! A simulator on real time, a database, and the program.

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use github_sim::{Scale, SimClock, Simulator};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::Instant;

pub(crate) struct Rig {
    pub(crate) sim: Simulator,
    pub(crate) token: String,
    pub(crate) folder: TempDir,
}

impl Rig {
    pub(crate) async fn start() -> Self {
        let sim = Simulator::builder()
            .scale(Scale::Empty)
            .clock(SimClock::real())
            .start()
            .await
            .unwrap();
        for change in world() {
            sim.change(change).unwrap();
        }
        let token = sim.user_token("crawler");
        let folder = tempfile::tempdir().unwrap();
        Self { sim, token, folder }
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    pub(crate) fn program(&self, database: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("DATABASE_URL", database)
            .env("GITHUB_API_URL", self.sim.url())
            .env("GITHUB_TOKENS", &self.token)
            .env("DISCOVERY_INTERVAL", "0")
            .env("HEARTBEAT_INTERVAL", "1")
            .env("RETRY_MAX_ATTEMPTS", "50")
            .env("GITHUB_DISCOVERY_WORKER__LEASE_SECONDS", "3")
            .env("GITHUB_DISCOVERY_WORKER__POLL_MILLISECONDS", "100")
            .env("GITHUB_DISCOVERY_DATABASE__MAX_CONNECTIONS", "4")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Runs a command to its end.
    pub(crate) async fn output(&self, database: &str, arguments: &[&str]) -> Output {
        self.program(database, arguments).output().await.unwrap()
    }

    /// What a command that succeeds says.
    pub(crate) async fn said(&self, database: &str, arguments: &[&str]) -> String {
        let output = self.output(database, arguments).await;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn worker(&self, database: &str) -> Child {
        self.program(database, &["worker"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// A number in the text of `status`.
    pub(crate) async fn status(&self, database: &str, name: &str) -> i64 {
        count(&self.said(database, &["status"]).await, name)
    }

    /// Every edge in order, and whether it is closed, but not since when it is there.
    pub(crate) async fn edges(&self, database: &str) -> Vec<String> {
        let text = self.said(database, &["export", "--format", "csv"]).await;
        let mut lines: Vec<String> = text
            .lines()
            .map(|line| {
                let mut fields: Vec<&str> = line.split(',').collect();
                fields.remove(5);
                fields.join(",")
            })
            .collect();
        lines.sort();
        lines
    }
}

/// Who is there, besides one who crawls and sees what everybody sees.
pub(crate) const PEOPLE: [&str; 10] = [
    "octocat", "hubot", "monalisa", "ada", "grace", "linus", "dennis", "ken", "barbara", "edsger",
];

fn world() -> Vec<Value> {
    let mut changes = vec![json!({"change": "add_user", "login": "crawler"})];
    for login in PEOPLE {
        changes.push(json!({"change": "add_user", "login": login}));
        changes.push(json!({"change": "add_repository", "repo": format!("{login}/one")}));
    }
    for (at, login) in PEOPLE.iter().enumerate() {
        for step in 1..5 {
            let other = PEOPLE[(at + step) % PEOPLE.len()];
            changes.push(json!({"change": "follow", "login": login, "target": other}));
            let repo = format!("{other}/one");
            changes.push(json!({"change": "star", "login": login, "repo": repo}));
        }
    }
    changes
}

pub(crate) fn count(status: &str, name: &str) -> i64 {
    let line = status.lines().find(|line| line.starts_with(name));
    let line = line.unwrap_or_else(|| panic!("no {name} in {status}"));
    line[name.len()..].trim().parse().unwrap()
}

fn program() -> PathBuf {
    let folder = match std::env::var_os("MIRROR_TEST_BIN_DIR") {
        Some(folder) => PathBuf::from(folder),
        // target/debug/deps/it-...
        None => {
            let test = std::env::current_exe().unwrap();
            test.ancestors().nth(2).unwrap().to_owned()
        }
    };
    let program = folder.join("github-discovery");
    assert!(
        program.is_file(),
        "{} is missing: `cargo build -p github-discovery`",
        program.display()
    );
    program
}

/// Longest wait for what takes seconds on an idle machine: dozens of syncs by processes that are killed meanwhile.
const PATIENCE: Duration = Duration::from_secs(900);
/// Between two looks at other processes.
const LOOK: Duration = Duration::from_millis(100);

/// Waits until `is_so`.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(LOOK).await;
    }
}
