//! Clients that read all the time while something is done to the store.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use mirror_core::Config;
use serde_json::json;
use test_servers::until;
use tokio::sync::{RwLock, watch};

use super::{attempts, loads, metric, path};
use crate::rig::{Instance, Rig};

const CLIENTS: usize = 8;
pub(super) const RESOURCES: usize = 20;

/// Mirrors under load, as the one sees them who does harm to their store.
pub(super) struct Load {
    pub(super) rig: Rig,
    pub(super) mirrors: Vec<Instance>,
    token: String,
    /// The version of each resource.
    versions: Vec<AtomicU32>,
    /// A resource changes between reads, so that what a read must give is known.
    reading: RwLock<()>,
    reads: AtomicUsize,
}

/// Clients read through so many mirrors while `harm` is done to their Redis. None of them may see an error or anything
/// but the present version; afterwards Redis is used again without a restart, and each mirror has fetched each version
/// once at most.
pub(super) async fn under_load(
    mirrors: usize,
    settings: impl Fn(&mut Config),
    harm: impl AsyncFnOnce(&Load),
) {
    let load = Load::start(mirrors, settings).await;
    let stop = watch::channel(());
    let clients = (0..CLIENTS).map(|client| load.read_until(client, stop.1.clone()));
    let harmed = async {
        load.go_on().await;
        harm(&load).await;
        load.healed().await;
        stop.0.send(()).unwrap();
    };
    tokio::join!(join_all(clients), harmed);

    let versions: u32 = load
        .versions
        .iter()
        .map(|at| at.load(Ordering::Relaxed))
        .sum();
    let (fetched, most) = (load.rig.upstream(200), versions as usize * mirrors);
    assert!(fetched <= most as u64, "{fetched} of {versions} versions");
    let (asked, reads) = (load.rig.sim.counters().total, load.reads());
    // Each read asks GitHub once at most, also when all of them come back at once.
    assert!(asked <= reads as u64, "{asked} calls for {reads} reads");
}

impl Load {
    async fn start(mirrors: usize, settings: impl Fn(&mut Config)) -> Self {
        let rig = Rig::unhurried().await;
        let start = || {
            rig.another(|config| {
                settings(config);
                // More than a busy test machine adds, less than any harm.
                config.redis.read_timeout_milliseconds = 250;
            })
        };
        let mirrors = (0..mirrors).map(|_| start()).collect();
        let load = Self {
            token: rig.sim.user_token("a"),
            rig,
            mirrors,
            versions: (0..RESOURCES).map(|_| AtomicU32::new(0)).collect(),
            reading: RwLock::new(()),
            reads: AtomicUsize::new(0),
        };
        for resource in 0..RESOURCES {
            load.change(resource).await;
        }
        for mirror in &load.mirrors {
            for resource in 0..RESOURCES {
                load.read(mirror, resource).await;
            }
            mirror.mirror.flush_store().await;
        }
        load
    }

    /// A new version of a resource.
    pub(super) async fn change(&self, resource: usize) {
        let _nobody_reads = self.reading.write().await;
        // Versions are ordered by the time at which they were asked for, and simulated time stands still.
        self.rig.sim.clock().advance(Duration::from_secs(1));
        let version = self.versions[resource].fetch_add(1, Ordering::Relaxed) + 1;
        let body = json!({"id": resource, "v": version});
        self.rig.shelf.put(&path(resource), &body);
    }

    async fn read(&self, mirror: &Instance, resource: usize) {
        let _unchanged = self.reading.read().await;
        let reply = self.rig.get_at(mirror, &path(resource), &self.token).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let body = reply.json();
        let version = self.versions[resource].load(Ordering::Relaxed);
        assert_eq!(
            (&body["id"], &body["v"]),
            (&json!(resource), &json!(version))
        );
        self.reads.fetch_add(1, Ordering::Relaxed);
    }

    async fn read_until(&self, client: usize, stop: watch::Receiver<()>) {
        let mut nth = client;
        while !stop.has_changed().unwrap_or(true) {
            let mirror = &self.mirrors[nth % self.mirrors.len()];
            self.read(mirror, nth % RESOURCES).await;
            nth += 1;
        }
    }

    /// Answers that clients have got.
    pub(super) fn reads(&self) -> usize {
        self.reads.load(Ordering::Relaxed)
    }

    /// Waits until the clients have read a good deal more.
    pub(super) async fn go_on(&self) {
        let before = self.reads();
        until("clients go on reading", async || {
            (self.reads() >= before + 200).then_some(())
        })
        .await;
    }

    /// Waits until the metrics of every mirror show that Redis is left alone, and then that it stays so: no client waits
    /// for it any more, and only a probe now and then reaches it.
    pub(super) async fn left_alone(&self) {
        for mirror in &self.mirrors {
            until("the breaker opens", async || {
                let breaker = "github_mirror_store_breaker{level=\"redis\"}";
                (metric(mirror, breaker) == 1.0).then_some(())
            })
            .await;
        }
        let (touched, reads) = (self.attempts(), self.reads());
        self.go_on().await;
        let (touched, reads) = (self.attempts() - touched, self.reads() - reads);
        assert!(
            touched * 4.0 <= reads as f64,
            "{touched} attempts in {reads} reads"
        );
    }

    /// What came of loads from Redis, over all mirrors.
    pub(super) fn loads(&self, result: &str) -> f64 {
        self.mirrors
            .iter()
            .map(|mirror| loads(mirror, result))
            .sum()
    }

    fn attempts(&self) -> f64 {
        self.mirrors.iter().map(attempts).sum()
    }

    /// Writes to Redis by what became of them, over all mirrors.
    pub(super) fn writes(&self, result: &str) -> f64 {
        let line = format!("github_mirror_redis_writes_total{{result=\"{result}\"}}");
        self.mirrors
            .iter()
            .map(|mirror| metric(mirror, &line))
            .sum()
    }

    /// Waits until every mirror reads from Redis again.
    async fn healed(&self) {
        for mirror in &self.mirrors {
            let before = loads(mirror, "hit");
            until("redis serves again", async || {
                (loads(mirror, "hit") > before + 3.0).then_some(())
            })
            .await;
        }
    }
}
