//! A poller between a database and the simulator, whose clock is moved by hand.

use std::sync::Arc;
use std::time::Duration;

use crate::herald::Topic;
use crate::policy::Policy;
use crate::poller::{LeaseClockKind, Parts, Poller, PollerOptions};
use crate::source::{Source, SourceOptions};
use crate::store::{EventFilter, Repository, Store};
use crate::window::Extent;
use crate::windows::Windows;
use crate::{Timestamp, gap::Gap};
use github_upstream::{Upstream, UpstreamOptions, WallClock};
use parking_lot::Mutex;
use serde_json::Value;
use service_runtime::{Clock, Metrics};
use tempfile::TempDir;
use tokio::sync::Notify;

use super::{EVERYTHING, Github, SimTime, added, named, opened};

/// What was told.
pub(crate) type Told = Arc<Mutex<Vec<Topic>>>;

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

    pub(crate) fn told(&self) -> Vec<Topic> {
        std::mem::take(&mut *self.told.lock())
    }
}

pub(crate) async fn ids(store: &Store, id: crate::store::RepositoryId) -> Vec<String> {
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
        tell: Arc::new(move |topic| heard.lock().push(topic)),
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
