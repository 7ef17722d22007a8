//! A mirror on a disk: restarts keep its entries, and a kill at any moment damages none.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use futures_util::future::join_all;
use mirror_core::Config;
use mirror_core::config::CacheKind;
use serde_json::json;
use tempfile::TempDir;
use test_servers::{free_port, until};
use tokio::sync::RwLock;

use super::path;
use crate::clients::provided;
use crate::rig::Rig;

#[tokio::test]
async fn the_disk_outlives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::unhurried().await;
    let settings = |config: &mut Config| {
        config.cache.kind = CacheKind::Disk;
        config.cache.disk_path = Some(folder.path().join("cache"));
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
}

const KILLS: usize = 50;
/// Resources that never change after the first run.
const SETTLED: std::ops::Range<usize> = 0..20;
/// Resources that change all the time.
const CHANGING: std::ops::Range<usize> = 20..40;
const CLIENTS: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_is_killed_while_it_writes() {
    let Some(programs) = provided("MIRROR_TEST_BIN_DIR") else {
        return;
    };
    let killed = Killed::new(programs.join("github-mirror")).await;

    let mut first = killed.start().await;
    for resource in SETTLED.chain(CHANGING) {
        killed.read(&first, resource).await.unwrap();
    }
    first.terminate();
    for kill in 0..KILLS {
        let mut mirror = killed.start().await;
        let fetched = killed.rig.upstream(200);
        for resource in SETTLED {
            killed.read(&mirror, resource).await.unwrap();
        }
        assert_eq!(
            killed.rig.upstream(200),
            fetched,
            "kill {kill}: all survived"
        );
        killed.under_load(&mut mirror, 10 + kill * 7 % 90).await;
    }
    let reads = killed.reads.load(Ordering::Relaxed) as u64;
    let fetched = killed.rig.upstream(200);
    assert!(
        fetched * 2 < reads,
        "{fetched} of {reads} reads were fetched"
    );
}

/// What the program is killed in the middle of.
struct Killed {
    program: PathBuf,
    folder: TempDir,
    rig: Rig,
    token: String,
    versions: Vec<AtomicU32>,
    /// A resource changes between reads, so that what a read must give is known.
    reading: RwLock<()>,
    reads: AtomicUsize,
}

/// The program at work.
struct Running {
    url: String,
    process: Child,
}

impl Running {
    /// SIGKILL.
    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// SIGTERM.
    fn terminate(&mut self) {
        let pid = self.process.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.unwrap().success());
        assert!(self.process.wait().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Either may fail only because it is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A few pages that do not compress, so that writing them takes a moment.
fn body(resource: usize, version: u32) -> String {
    let mut state = (resource as u64) << 32 | u64::from(version);
    let noise: String = (0..1500)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            format!("{:08x}", state >> 32)
        })
        .collect();
    json!({"id": resource, "v": version, "noise": noise}).to_string()
}

impl Killed {
    async fn new(program: PathBuf) -> Self {
        let rig = Rig::unhurried().await;
        let killed = Self {
            program,
            folder: tempfile::tempdir().unwrap(),
            token: rig.sim.user_token("a"),
            rig,
            versions: (0..CHANGING.end).map(|_| AtomicU32::new(0)).collect(),
            reading: RwLock::new(()),
            reads: AtomicUsize::new(0),
        };
        for resource in SETTLED.chain(CHANGING) {
            killed.change(resource).await;
        }
        killed
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    /// Starts the program, and looks whether it took the file as it was.
    async fn start(&self) -> Running {
        let address = format!("127.0.0.1:{}", free_port());
        let process = Command::new(&self.program)
            .env("GITHUB_MIRROR_LISTEN", &address)
            .env("GITHUB_MIRROR_UPSTREAM", self.rig.sim.url())
            .env("GITHUB_MIRROR_CACHE__TYPE", "disk")
            .env("GITHUB_MIRROR_CACHE__DISK_PATH", self.file())
            // A read that is late is a miss, which is not what is tested here.
            .env("GITHUB_MIRROR_REDIS__READ_TIMEOUT_MILLISECONDS", "10000")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let url = format!("http://{address}");
        let mut running = Running { url, process };
        until("the program to answer", async || {
            let ended = running.process.try_wait().unwrap();
            assert!(ended.is_none(), "it ended: {ended:?}");
            let health = self
                .rig
                .try_get(&running.url, "/healthz", &self.token)
                .await?;
            (health.status == 200).then_some(())
        })
        .await;
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        let files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        assert_eq!(files, [Path::new(&self.file())], "nothing was set aside");
        running
    }

    async fn change(&self, resource: usize) {
        let _nobody_reads = self.reading.write().await;
        let version = self.versions[resource].fetch_add(1, Ordering::Relaxed) + 1;
        self.rig
            .shelf
            .put_bytes(&path(resource), body(resource, version));
    }

    /// Reads a resource, and compares every byte; `None` = the program was killed before it had answered.
    async fn read(&self, mirror: &Running, resource: usize) -> Option<()> {
        let _unchanged = self.reading.read().await;
        let reply = self
            .rig
            .try_get(&mirror.url, &path(resource), &self.token)
            .await?;
        assert_eq!(reply.status, 200, "{reply:?}");
        let version = self.versions[resource].load(Ordering::Relaxed);
        assert!(
            reply.body == body(resource, version),
            "resource {resource}, version {version}"
        );
        self.reads.fetch_add(1, Ordering::Relaxed);
        Some(())
    }

    /// Clients read and resources change until so many answers have been read; then the program is killed, in the midst
    /// of the next ones.
    async fn under_load(&self, mirror: &mut Running, answers: usize) {
        let most = self.reads.load(Ordering::Relaxed) + answers;
        let pid = mirror.process.id().to_string();
        let running = &*mirror;
        let clients = (0..CLIENTS).map(|client| async move {
            for nth in client.. {
                let resource = CHANGING.start + nth % CHANGING.len();
                if nth % 2 == 0 {
                    self.change(resource).await;
                }
                self.read(running, resource).await?;
            }
            None::<()>
        });
        let killer = async {
            until("the clients to be under way", async || {
                (self.reads.load(Ordering::Relaxed) >= most).then_some(())
            })
            .await;
            let sent = Command::new("kill").args(["-KILL", &pid]).status();
            assert!(sent.unwrap().success());
        };
        tokio::join!(join_all(clients), killer);
        mirror.kill();
    }
}
