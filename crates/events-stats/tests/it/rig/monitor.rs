//! A poller between a database and the simulator, whose clock is moved by hand.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use events_stats::policy::Policy;
use events_stats::poller::{LeaseClockKind, Notice, Parts, Poller, PollerOptions};
use events_stats::source::{Source, SourceOptions};
use events_stats::store::{EventFilter, Repository, Store};
use events_stats::window::Extent;
use events_stats::windows::Windows;
use events_stats::{Timestamp, gap::Gap};
use github_sim::{Scale, SimClock, Simulator, Switches};
use github_upstream::{Upstream, UpstreamOptions, WallClock};
use parking_lot::Mutex;
use serde_json::{Value, json};
use service_runtime::{Clock, Metrics};
use tempfile::TempDir;
use tokio::sync::Notify;

use super::{EVERYTHING, added, named, opened};

/// The simulator's clock as the monitor's.
#[derive(Clone)]
pub(crate) struct SimTime(pub(crate) SimClock);

impl Clock for SimTime {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.0.now().unsigned_abs())
    }
}

/// What was told, in words.
pub(crate) type Told = Arc<Mutex<Vec<String>>>;

/// GitHub with a user `octo` and a token of hers.
pub(crate) struct Github {
    pub(crate) sim: Simulator,
    pub(crate) token: String,
}

impl Github {
    pub(crate) async fn start() -> Self {
        let switches = Switches {
            // Drills hurry through days.
            secondary_limits: false,
            ..Switches::default()
        };
        let builder = Simulator::builder().scale(Scale::Empty).switches(switches);
        let sim = builder.record_requests(10_000).start().await.unwrap();
        sim.change(json!({"change": "add_user", "login": "octo"}))
            .unwrap();
        Self {
            token: sim.user_token("octo"),
            sim,
        }
    }

    pub(crate) fn change(&self, change: Value) -> Value {
        self.sim.change(change).unwrap()
    }

    pub(crate) fn repository(&self, name: &str) {
        self.change(json!({"change": "add_repository", "repo": format!("octo/{name}")}));
    }

    /// Lets events happen, the last one now; their ids.
    pub(crate) fn happen(&self, name: &str, count: u32, spacing: u32) -> Vec<String> {
        let happened = self.change(json!({
            "change": "append_events", "repo": format!("octo/{name}"), "count": count, "spacing": spacing,
            "type": "WatchEvent",
        }));
        let ids = happened["ids"].as_array().unwrap().iter();
        ids.map(|id| id.as_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_seconds(self.sim.clock().now())
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.sim.clock().advance(Duration::from_secs(seconds));
    }

    /// Requests for feeds, and how many of them were answered 304.
    pub(crate) fn polls(&self) -> (u64, u64) {
        let counters = self.sim.counters();
        let is_feed = |path: &str| path.ends_with("/events");
        (
            counters.count(|one| is_feed(&one.path)),
            counters.count(|one| is_feed(&one.path) && one.status == 304),
        )
    }
}

/// A poller's own parts.
pub(crate) struct Monitor {
    pub(crate) poller: Poller,
    pub(crate) store: Store,
    pub(crate) windows: Windows,
    pub(crate) told: Told,
}

impl Monitor {
    pub(crate) fn over(github: &Github, store: Store, options: PollerOptions) -> Self {
        let parts = parts(github, store.clone(), options);
        let (windows, told) = (parts.0.windows.clone(), parts.1);
        Self {
            poller: Poller::new(parts.0).unwrap(),
            store,
            windows,
            told,
        }
    }

    pub(crate) async fn round(&self) -> Timestamp {
        self.poller.round().await.unwrap()
    }

    pub(crate) async fn repository(&self, name: &str) -> Repository {
        let found = self.store.repository(&named(&format!("octo/{name}"))).await;
        found.unwrap().unwrap()
    }

    pub(crate) async fn gaps(&self, name: &str) -> Vec<Gap> {
        let id = self.repository(name).await.id;
        self.store.gaps(id).await.unwrap()
    }

    /// Ids of all stored events, oldest first.
    pub(crate) async fn ids(&self, name: &str) -> Vec<String> {
        let id = self.repository(name).await.id;
        ids(&self.store, id).await
    }

    pub(crate) fn told(&self) -> Vec<String> {
        std::mem::take(&mut *self.told.lock())
    }
}

pub(crate) async fn ids(store: &Store, id: events_stats::store::RepositoryId) -> Vec<String> {
    let page = store.events(id, &EventFilter::default(), EVERYTHING).await;
    let events = page.unwrap().events;
    let id_of = |raw: &String| {
        let event: Value = serde_json::from_str(raw).unwrap();
        event["id"].as_str().unwrap().to_owned()
    };
    let mut ids: Vec<String> = events.iter().map(id_of).collect();
    // Ids grow in the order in which things happen; all are of one length.
    ids.sort();
    ids
}

/// What a poller is made of, and where it will tell what is new.
pub(crate) fn parts(github: &Github, store: Store, options: PollerOptions) -> (Parts, Told) {
    let clock = SimTime(github.sim.clock().clone());
    let mut upstream = UpstreamOptions::default();
    upstream.base_url = github.sim.url().parse().unwrap();
    // A limited token is not waited for.
    upstream.pacing.max_wait = Duration::ZERO;
    let wall = clock.clone();
    let upstream = Upstream::builder(upstream)
        .clock(WallClock::new(move || wall.now()))
        .build()
        .unwrap();
    let source = SourceOptions {
        address: github.sim.url(),
        tokens: vec![github.token.clone()],
        max_page_bytes: 16 << 20,
    };
    let clock: Arc<dyn Clock> = Arc::new(clock);
    let told = Told::default();
    let heard = Arc::clone(&told);
    let parts = Parts {
        store,
        source: Source::new(upstream, source, Arc::clone(&clock)).unwrap(),
        clock,
        windows: Windows::new(Extent::default()),
        tell: Arc::new(move |notice| {
            let word = match notice {
                Notice::Event(event) => format!("event {}", event.id.0),
                Notice::Gap { gap, .. } => format!("gap {}", gap.reason.as_str()),
                Notice::Statistics { .. } => "stats".to_owned(),
                _ => "?".to_owned(),
            };
            heard.lock().push(word);
        }),
        bell: Arc::new(Notify::new()),
        metrics: Metrics::new("test").unwrap(),
        options,
    };
    (parts, told)
}

/// Polled every five minutes, whatever happens.
pub(crate) fn every_five_minutes() -> PollerOptions {
    PollerOptions {
        policy: Policy::Fixed,
        lease_clock: LeaseClockKind::Own,
        ..PollerOptions::default()
    }
}

/// A poller of `octo/r` over a file, and the folder that holds it.
pub(crate) async fn of_one(github: &Github) -> (Monitor, TempDir) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("events.db");
    let store = opened(path.to_str().unwrap()).await;
    github.repository("r");
    added(&store, "octo/r").await;
    let monitor = Monitor::over(github, store, every_five_minutes());
    (monitor, folder)
}
