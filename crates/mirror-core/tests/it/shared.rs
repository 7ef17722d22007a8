//! Mirrors that share a store: one upstream 200 per version for all of them, restarts keep it, and a sick Redis hurts
//! nobody.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use mirror_core::Config;
use mirror_core::config::CacheKind;
use serde_json::json;

use crate::rig::{Instance, Rig};

/// A throw-away redis-server.
struct Redis {
    program: PathBuf,
    port: u16,
    process: Child,
}

impl Redis {
    /// `None` where it is not installed; in CI that is a failure.
    async fn start() -> Option<Self> {
        let given = std::env::var_os("REDIS_SERVER").map(PathBuf::from);
        let found = given.or_else(|| {
            let path = std::env::var_os("PATH")?;
            std::env::split_paths(&path)
                .map(|folder| folder.join("redis-server"))
                .find(|candidate| candidate.is_file())
        });
        let Some(program) = found else {
            assert!(
                std::env::var_os("CI").is_none(),
                "redis-server is needed in CI"
            );
            println!("not run: redis-server is missing");
            return None;
        };
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let process = Self::launch(&program, port);
        let redis = Self {
            program,
            port,
            process,
        };
        redis.listens().await;
        Some(redis)
    }

    fn launch(program: &PathBuf, port: u16) -> Child {
        Command::new(program)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    async fn listens(&self) {
        until("redis-server listens", async || {
            tokio::net::TcpStream::connect(("127.0.0.1", self.port))
                .await
                .is_ok()
        })
        .await;
    }

    fn signal(&self, signal: &str) {
        let pid = self.process.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    async fn start_again(&mut self) {
        self.process = Self::launch(&self.program, self.port);
        self.listens().await;
    }

    fn settings(&self) -> impl Fn(&mut Config) + use<> {
        let port = self.port;
        move |config| {
            config.cache.kind = CacheKind::Redis;
            config.redis.primary = format!("127.0.0.1:{port}");
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Waits for something that another process does.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..3_000 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited in vain: {what}");
}

fn path(resource: usize) -> String {
    format!("/repos/octo/r{resource}")
}

const TOKENS: usize = 20;
const RESOURCES: usize = 200;

/// Reads every resource with several tokens, each through another instance.
async fn read_all(
    rig: &Rig,
    mirrors: &[Instance],
    tokens: &[String],
    version: impl Fn(usize) -> u32,
) {
    for resource in 0..RESOURCES {
        for reader in 0..4 {
            let mirror = &mirrors[(resource * 7 + reader * 3) % mirrors.len()];
            let token = &tokens[(resource + reader * 5) % tokens.len()];
            let reply = rig.get_at(mirror, &path(resource), token).await;
            assert_eq!(reply.json()["v"], version(resource), "{reply:?}");
            mirror.mirror.flush_store().await;
        }
    }
}

async fn one_200_per_version(instances: usize) {
    let Some(redis) = Redis::start().await else {
        return;
    };
    let rig = Rig::unhurried().await;
    let tokens: Vec<_> = (0..TOKENS)
        .map(|number| rig.sim.user_token(&format!("u{number}")))
        .collect();
    for resource in 0..RESOURCES {
        rig.shelf
            .put(&path(resource), &json!({"id": resource, "v": 1}));
    }
    let start = || {
        let settings = redis.settings();
        (0..instances)
            .map(|_| {
                rig.another(|config| {
                    settings(config);
                    // What is tested here is not how a slow machine is borne.
                    config.redis.read_timeout_milliseconds = 5_000;
                })
            })
            .collect::<Vec<_>>()
    };
    let mirrors = start();
    read_all(&rig, &mirrors, &tokens, |_| 1).await;
    assert_eq!(rig.upstream(200), RESOURCES as u64, "{instances} instances");
    // All of them are restarted, and every second resource has changed.
    for mirror in mirrors {
        mirror.stop().await;
    }
    // Versions are ordered by the time at which they were asked for, and simulated time stands still.
    rig.sim.clock().advance(Duration::from_secs(1));
    for resource in (0..RESOURCES).step_by(2) {
        rig.shelf
            .put(&path(resource), &json!({"id": resource, "v": 2}));
    }
    let mirrors = start();
    read_all(&rig, &mirrors, &tokens, |resource| {
        if resource % 2 == 0 { 2 } else { 1 }
    })
    .await;
    let versions = RESOURCES + RESOURCES / 2;
    assert_eq!(rig.upstream(200), versions as u64, "{instances} instances");
    assert_eq!(rig.quota_used() as usize, versions, "{instances} instances");
}

#[tokio::test]
async fn one_instance() {
    one_200_per_version(1).await;
}

#[tokio::test]
async fn three_instances() {
    one_200_per_version(3).await;
}

#[tokio::test]
async fn a_hundred_instances() {
    one_200_per_version(100).await;
}

/// Clients read all the time while `harm` is done to Redis; none of them may see an error or a wrong body.
async fn under_load(harm: impl AsyncFnOnce(&mut Redis, &Progress, &Instance)) {
    let Some(mut redis) = Redis::start().await else {
        return;
    };
    let rig = Rig::unhurried().await;
    let mirror = rig.another(redis.settings());
    let token = rig.sim.user_token("a");
    for resource in 0..20 {
        rig.shelf.put(&path(resource), &json!({"id": resource}));
        rig.get_at(&mirror, &path(resource), &token).await;
    }
    mirror.mirror.flush_store().await;
    let stop = tokio::sync::watch::channel(());
    let progress = Progress::default();
    let clients = (0..8).map(|client: usize| {
        let (rig, mirror, token, stop) = (&rig, &mirror, &token, stop.1.clone());
        let progress = &progress;
        async move {
            let mut reads = 0;
            while !stop.has_changed().unwrap_or(true) {
                let resource = (client + reads) % 20;
                let reply = rig.get_at(mirror, &path(resource), token).await;
                assert_eq!(reply.status, 200, "{reply:?}");
                assert_eq!(reply.json()["id"], resource);
                reads += 1;
                progress.0.fetch_add(1, Ordering::Relaxed);
            }
            reads
        }
    });
    let harmed = async {
        harm(&mut redis, &progress, &mirror).await;
        stop.0.send(()).unwrap();
    };
    let (reads, ()) = tokio::join!(join_all(clients), harmed);
    assert!(reads.iter().all(|reads| *reads > 0), "{reads:?}");
    // It is used again, without a restart.
    let before = hits(&mirror);
    until("redis serves again", async || {
        rig.get_at(&mirror, &path(1), &token).await;
        hits(&mirror) > before
    })
    .await;
}

/// The value of a metric's line that begins so.
fn metric(mirror: &Instance, line: &str) -> Option<f64> {
    let metrics = mirror.mirror.metrics().render().unwrap();
    let found = metrics.lines().find(|found| found.starts_with(line))?;
    found.rsplit(' ').next()?.parse().ok()
}

/// Entries that Redis has given to this mirror.
fn hits(mirror: &Instance) -> f64 {
    let line = "github_mirror_store_loads_total{level=\"redis\",result=\"hit\"}";
    metric(mirror, line).unwrap_or(0.0)
}

/// Waits until the metrics show that Redis is left alone.
async fn left_alone(mirror: &Instance) {
    until("the breaker opens", async || {
        metric(mirror, "github_mirror_store_breaker{level=\"redis\"}") == Some(1.0)
    })
    .await;
}

/// How much the clients have read.
#[derive(Default)]
struct Progress(AtomicUsize);

impl Progress {
    /// Waits until the clients have read a good deal more.
    async fn goes_on(&self) {
        let before = self.0.load(Ordering::Relaxed);
        until("clients go on reading", async || {
            self.0.load(Ordering::Relaxed) >= before + 200
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_is_killed_and_comes_back_empty() {
    under_load(async |redis, clients, mirror| {
        clients.goes_on().await;
        redis.kill();
        left_alone(mirror).await;
        clients.goes_on().await;
        redis.start_again().await;
        clients.goes_on().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_hangs() {
    under_load(async |redis, clients, mirror| {
        redis.signal("-STOP");
        left_alone(mirror).await;
        clients.goes_on().await;
        redis.signal("-CONT");
        clients.goes_on().await;
    })
    .await;
}

#[tokio::test]
async fn redis_that_is_away_from_the_start_is_no_reason_not_to_start() {
    let rig = Rig::unhurried().await;
    let gone = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mirror = rig.another(|config| {
        config.cache.kind = CacheKind::Redis;
        config.redis.primary = gone.to_string();
    });
    rig.shelf.put(&path(1), &json!({"id": 1}));
    let token = rig.sim.user_token("a");
    rig.get_at(&mirror, &path(1), &token).await;
    let hit = rig.get_at(&mirror, &path(1), &token).await;
    hit.check(
        200,
        "ONLINE_HIT",
        "fwd=stale; fwd-status=304; detail=own-tag",
    );
}

#[tokio::test]
async fn the_disk_outlives_a_restart() {
    let folder = std::env::temp_dir().join(format!("mirror-disk-{}", std::process::id()));
    let rig = Rig::unhurried().await;
    let settings = |config: &mut Config| {
        config.cache.kind = CacheKind::Disk;
        config.cache.disk_path = Some(folder.join("cache"));
    };
    let (known, other) = (rig.sim.user_token("a"), rig.sim.user_token("b"));
    rig.shelf.put(&path(1), &json!({"id": 1}));
    let first = rig.another(settings);
    rig.get_at(&first, &path(1), &known).await;
    first.mirror.flush_store().await;
    first.stop().await;
    let second = rig.another(settings);
    let hit = rig.get_at(&second, &path(1), &known).await;
    hit.check(
        200,
        "ONLINE_HIT",
        "fwd=stale; fwd-status=304; detail=own-tag",
    );
    let predicted = rig.get_at(&second, &path(1), &other).await;
    predicted.check(
        200,
        "ONLINE_HIT",
        "fwd=stale; fwd-status=304; detail=predicted",
    );
    assert_eq!(rig.upstream(200), 1);
    second.stop().await;
    std::fs::remove_dir_all(folder).unwrap();
}
