//! The program, a database in a folder of its own, and GitHub's simulator with the real clock.

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use events_stats::{EventFilter, FullName, Page, Repository, Store, StoreOptions};
use github_sim::{Scale, SimClock, Simulator, Switches};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

const PROGRAM: &str = env!("CARGO_BIN_EXE_github-events");

pub(crate) struct Place {
    pub(crate) sim: Simulator,
    pub(crate) folder: TempDir,
    token: String,
}

impl Place {
    /// With a repository `octo/r`, whose feed may be asked every second.
    pub(crate) async fn new() -> Self {
        let switches = Switches {
            secondary_limits: false,
            ..Switches::default()
        };
        let builder = Simulator::builder().scale(Scale::Empty).switches(switches);
        let builder = builder.clock(SimClock::real()).record_requests(100_000);
        let sim = builder.start().await.unwrap();
        for change in [
            json!({"change": "add_user", "login": "octo"}),
            json!({"change": "add_repository", "repo": "octo/r"}),
            json!({"change": "poll_interval", "seconds": 1}),
        ] {
            sim.change(change).unwrap();
        }
        Self {
            token: sim.user_token("octo"),
            sim,
            folder: TempDir::new().unwrap(),
        }
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("events.db")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .args(arguments)
            .env_clear()
            .env("GITHUB_API_URL", self.sim.url())
            .env("GITHUB_API_TOKEN", &self.token)
            .env("GITHUB_REPOSITORIES", "octo/r")
            .env("DATABASE_URL", self.database())
            .env("POLICY", "fixed")
            .env("POLL_INTERVAL", "1")
            .env("API_PORT", "0")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    pub(crate) fn serve(&self) -> Child {
        let mut command = self.command(&["serve"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().await.unwrap()
    }

    pub(crate) async fn store(&self) -> Store {
        let path = self.database();
        let path = path.to_str().unwrap();
        Store::open(path, StoreOptions::default()).await.unwrap()
    }

    /// Lets events happen now; their ids.
    pub(crate) fn happen(&self, count: u64) -> Vec<String> {
        let change = json!({"change": "append_events", "repo": "octo/r", "count": count, "type": "WatchEvent"});
        let happened = self.sim.change(change).unwrap();
        let ids = happened["ids"].as_array().unwrap().iter();
        ids.map(|id| id.as_str().unwrap().to_owned()).collect()
    }

    /// `If-None-Match` of each question for the feed.
    pub(crate) fn questions(&self) -> Vec<Option<String>> {
        let requests = self.sim.requests();
        let first_pages = requests
            .iter()
            .filter(|request| request.target == "/repos/octo/r/events?per_page=100");
        let tag = |request: &github_sim::SeenRequest| {
            let tag = request.headers.get("if-none-match")?;
            Some(tag.to_str().unwrap().to_owned())
        };
        first_pages.map(tag).collect()
    }
}

pub(crate) async fn repository(store: &Store) -> Option<Repository> {
    let name = FullName::parse("octo/r").unwrap();
    store.repository(&name).await.unwrap()
}

/// Ids of all stored events, in order.
pub(crate) async fn ids(store: &Store, repository: &Repository) -> Vec<String> {
    let everything = Page {
        number: 1,
        size: 100_000,
    };
    let all = EventFilter::default();
    let page = store.events(repository.id, &all, everything).await;
    let events = page.unwrap().events;
    let id_of = |raw: &String| {
        let event: Value = serde_json::from_str(raw).unwrap();
        event["id"].as_str().unwrap().to_owned()
    };
    let mut ids: Vec<String> = events.iter().map(id_of).collect();
    ids.sort();
    ids
}

/// Waits for what another process does.
pub(crate) async fn until<T>(what: &str, mut is_so: impl AsyncFnMut() -> Option<T>) -> T {
    for _attempt in 0..6_000 {
        if let Some(answer) = is_so().await {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited in vain: {what}");
}
