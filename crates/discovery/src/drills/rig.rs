//! A simulator, a store and a crawl between them, on one clock that tests move by hand.

use std::sync::Arc;
use std::time::Duration;

use github_sim::{START, Scale, Simulator};
use serde_json::Value;
use service_runtime::{ManualClock, Secret};
use tempfile::TempDir;
use uuid::Uuid;

use crate::config::Config;
use crate::crawl::runner::Ran;
use crate::crawler::Crawler;
use crate::moment::Moment;
use crate::store::{NewRun, Run, RunTarget, Store};

pub(super) struct Rig {
    pub(super) sim: Simulator,
    pub(super) clock: ManualClock,
    pub(super) config: Config,
    pub(super) store: Store,
    pub(super) crawler: Crawler,
    pub(super) folder: TempDir,
}

/// Who crawls.
#[derive(Clone, Copy, Debug)]
pub(super) enum As {
    Somebody(&'static str),
    Nobody,
}

impl Rig {
    pub(super) async fn start(scale: Scale, who: As) -> Self {
        Self::start_with(scale, who, |_| {}).await
    }

    pub(super) async fn start_with(
        scale: Scale,
        who: As,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let sim = Simulator::builder().scale(scale).start().await.unwrap();
        // Two who see what everybody sees, for the crawl and for the truth.
        for login in ["crawler", "eye"] {
            make(
                &sim,
                &[serde_json::json!({"change": "add_user", "login": login})],
            );
        }
        let mut config = Config {
            upstream: sim.url(),
            ..Config::default()
        };
        if let As::Somebody(login) = who {
            config.github.tokens = Secret::from(sim.user_token(login));
        }
        change(&mut config);
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::at_unix_seconds(u64::try_from(START).unwrap());
        let store = Store::open(&path(&folder, "first.db"), 4).await.unwrap();
        let crawler = Crawler::new(&config, &store, Arc::new(clock.clone())).unwrap();
        Self {
            sim,
            clock,
            config,
            store,
            crawler,
            folder,
        }
    }

    /// The same against an empty store.
    pub(super) async fn forget(&mut self) {
        self.store = Store::open(&path(&self.folder, "another.db"), 4)
            .await
            .unwrap();
        self.rebuild();
    }

    /// As after a restart: nothing is left but the database.
    pub(super) fn rebuild(&mut self) {
        let clock = Arc::new(self.clock.clone());
        self.crawler = Crawler::new(&self.config, &self.store, clock).unwrap();
    }

    pub(super) fn now(&self) -> Moment {
        self.crawler.tools.now()
    }

    /// Time passes on both sides.
    pub(super) fn pass(&self, time: Duration) {
        self.clock.advance(time);
        self.sim.clock().advance(time);
    }

    pub(super) fn change(&self, changes: &[Value]) {
        make(&self.sim, changes);
    }

    pub(super) async fn queue(&self, login: &str) -> Uuid {
        self.queue_in(&self.store, login).await
    }

    /// In another store than its own.
    pub(super) async fn queue_in(&self, store: &Store, login: &str) -> Uuid {
        let target = RunTarget::Developer(login.to_owned());
        self.put(store, target).await
    }

    pub(super) async fn queue_target(&self, target: RunTarget) -> Uuid {
        self.put(&self.store, target).await
    }

    async fn put(&self, store: &Store, target: RunTarget) -> Uuid {
        let now = self.now();
        let run = NewRun {
            target,
            depth: 0,
            run_after: now,
        };
        store.queue_run(&run, now).await.unwrap().id()
    }

    /// One attempt at a run.
    pub(super) async fn attempt(&self, id: Uuid) -> Run {
        let never = std::future::pending();
        let ran = self.crawler.tools.run(id, "drill", never).await.unwrap();
        assert!(matches!(ran, Ran::Ended), "{ran:?}");
        self.store.run(id).await.unwrap().unwrap()
    }

    pub(super) async fn sync(&self, login: &str) -> Run {
        let id = self.queue(login).await;
        self.attempt(id).await
    }

    /// Discovers until nobody is due, and tells how many were synced.
    pub(super) async fn grow(&self) -> usize {
        let mut synced = 0;
        loop {
            let found = self.crawler.discover(5).await.unwrap();
            if found.is_empty() {
                return synced;
            }
            for (login, ended) in &found {
                assert!(
                    matches!(ended.state, "done" | "failed"),
                    "{login}: {ended:?}"
                );
            }
            synced += found.len();
            // Quota comes back with time.
            if synced % 40 == 0 {
                self.pass(Duration::from_secs(3_700));
            }
        }
    }

    /// Units of quota that were used in all running windows.
    pub(super) fn used(&self) -> u32 {
        self.sim.counters().quota_used.values().sum()
    }
}

fn make(sim: &Simulator, changes: &[Value]) {
    for change in changes {
        if let Err(error) = sim.change(change.clone()) {
            panic!("{change}: {error}");
        }
    }
}

fn path(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).display().to_string()
}
