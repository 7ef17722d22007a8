//! Real processes: the holder of the lease is killed or stopped in the middle of a refresh.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;

use github_sim::{FaultKind, FaultRule, SimClock};
use http::Method;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::redis::Redis;
use crate::rig::{Reply, Rig, data, until};

const ORG: &str = "/orgs/Netflix";
const REPOS: &str = "/orgs/Netflix/repos";

fn program() -> PathBuf {
    let folder = match std::env::var_os("MIRROR_TEST_BIN_DIR") {
        Some(folder) => PathBuf::from(folder),
        // target/debug/deps/it-...
        None => {
            let test = std::env::current_exe().unwrap();
            test.ancestors().nth(2).unwrap().to_owned()
        }
    };
    let program = folder.join("github-read-cache");
    assert!(
        program.is_file(),
        "{} is missing: `cargo build -p github-read-cache`",
        program.display()
    );
    program
}

/// The simulator with a clock that runs, as that of the processes does.
async fn rig() -> Rig {
    Rig::with(|sim| {
        sim.scale(github_sim::Scale::Empty)
            .data(data())
            .clock(SimClock::real())
    })
    .await
}

struct Process {
    child: Child,
    url: String,
}

impl Process {
    fn start(rig: &Rig, redis: &Redis) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let child = Command::new(program())
            .arg(port.to_string())
            .args(["--upstream", &rig.sim.url(), "--master", &redis.url()])
            .env("GITHUB_API_TOKEN", &rig.token)
            .env("ADMIN_TOKEN", "secret")
            .env("LOCK_TTL_MS", "1500")
            .env("HARD_TIMEOUT_MS", "120000")
            .env(
                "GITHUB_READ_CACHE_UPSTREAM_HTTP__RESPONSE_TIMEOUT_SECONDS",
                "600",
            )
            .env(
                "GITHUB_READ_CACHE_MASTER__READ_TIMEOUT_MILLISECONDS",
                "10000",
            )
            .env(
                "GITHUB_READ_CACHE_MASTER__WRITE_TIMEOUT_MILLISECONDS",
                "10000",
            )
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
        }
    }

    async fn listens(&self) {
        let address = self.url.strip_prefix("http://").unwrap();
        until("it listens", async || {
            tokio::net::TcpStream::connect(address).await.is_ok()
        })
        .await;
    }

    async fn full(&self, rig: &Rig) {
        self.listens().await;
        until("every key has data", async || {
            self.get(rig, "/healthcheck").await.status == 200
        })
        .await;
    }

    async fn get(&self, rig: &Rig, target: &str) -> Reply {
        rig.send(&self.url, Method::GET, target, &[], "").await
    }

    async fn refresh(&self, rig: &Rig, path: &str) {
        let headers = [("authorization", "Bearer secret")];
        let target = format!("/admin/refresh?path={path}");
        let reply = rig
            .send(&self.url, Method::POST, &target, &headers, "")
            .await;
        assert_eq!(reply.status, 202);
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().unwrap().to_string();
        let sent = std::process::Command::new("kill")
            .args([signal, &pid])
            .status()
            .unwrap();
        assert!(sent.success());
    }
}

/// Orders that the next request for this path is answered late, and returns when it has been sent.
async fn caught(rig: &Rig, path: &str, milliseconds: u64, begin: impl AsyncFnOnce()) {
    let delay = FaultKind::Delay { milliseconds };
    rig.sim.fault(FaultRule::new(delay).path(path).times(1));
    begin().await;
    until("the refresh has begun", async || {
        let url = rig.sim.url();
        let faults = rig.send(&url, Method::GET, "/_sim/faults", &[], "").await;
        faults.json() == json!([])
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_holder_is_killed_in_the_middle_of_a_refresh() {
    let (redis, rig) = (Redis::start().await, rig().await);
    let mut holder = None;
    caught(&rig, REPOS, 900_000, async || {
        let started = Process::start(&rig, &redis);
        started.listens().await;
        holder = Some(started);
    })
    .await;
    let mut holder = holder.unwrap();
    let other = Process::start(&rig, &redis);
    other.listens().await;
    // A client of the other node waits while the holder is at it, and does not notice its death.
    let waiting = other.get(&rig, REPOS);
    let killing = async {
        let lease = "*:lease:{/orgs/netflix/repos}";
        assert_eq!(redis.ask(&["KEYS", lease]).lines().count(), 1);
        holder.child.kill().await.unwrap();
    };
    let (waited, ()) = tokio::join!(waiting, killing);
    assert_eq!(waited.status, 200, "{}", waited.text());
    assert_eq!(waited.ids().len(), 220);
    other.full(&rig).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_holder_is_stopped_beyond_its_lease_and_continued() {
    let (redis, rig) = (Redis::start().await, rig().await);
    let (holder, other) = (Process::start(&rig, &redis), Process::start(&rig, &redis));
    holder.full(&rig).await;
    other.full(&rig).await;
    let change = |name: &str| {
        let mut org = crate::rig::file("org.json");
        org["name"] = json!(name);
        rig.sim
            .change(json!({"change": "set_json", "path": ORG, "body": org, "status": 200}))
            .unwrap();
    };
    change("old");
    // The answer, which is the old one, comes while the holder is stopped, or soon after.
    caught(&rig, ORG, 5_000, async || holder.refresh(&rig, ORG).await).await;
    holder.signal("-STOP");
    change("new");
    // The other takes over when the lease has passed.
    until("the other has the new version", async || {
        other.refresh(&rig, ORG).await;
        other.get(&rig, ORG).await.json()["name"] == "new"
    })
    .await;
    holder.signal("-CONT");
    until("the holder has the new version", async || {
        holder.get(&rig, ORG).await.json()["name"] == "new"
    })
    .await;
    // And it stays: nothing older comes afterwards, neither here nor there nor for a node that starts now.
    let third = Process::start(&rig, &redis);
    third.full(&rig).await;
    for process in [&holder, &other, &third] {
        assert_eq!(process.get(&rig, ORG).await.json()["name"], "new");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_and_its_exit_codes() {
    let ask = async |arguments: &[&str], environment: &[(&str, &str)]| {
        let output = Command::new(program())
            .args(arguments)
            .envs(environment.iter().copied())
            .output()
            .await
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    let environment = [
        ("PORT", "7000"),
        ("GITHUB_API_TOKEN", "ghp_secret"),
        ("MASTER_CACHE_TTL", "0.5"),
        ("MASTER_CACHE_HOST", "cache"),
        ("CACHE_PASSWORD", "hunter2"),
    ];
    let (code, text, _) = ask(&["--print-config", "7001"], &environment).await;
    assert_eq!(code, Some(0));
    for line in [
        "port = 7001  # from flag PORT",
        "cache.master_ttl_seconds = 0.5  # from env MASTER_CACHE_TTL",
        "tokens = \"***\"  # from env GITHUB_API_TOKEN",
        "master.host = \"cache\"  # from env MASTER_CACHE_HOST",
        "orgs = [\"Netflix\"]  # from default",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(
        !text.contains("secret") && !text.contains("hunter2"),
        "{text}"
    );
    let (_, text, _) = ask(&["--print-config", "--port", "1", "2"], &environment).await;
    assert!(text.contains("port = 1  # from flag --port"), "{text}");
    let orgs = ["--print-config", "--org", "a", "--org", "b"];
    let (_, text, _) = ask(&orgs, &[]).await;
    assert!(text.contains("orgs = [\"a\", \"b\"]"), "{text}");
    for (arguments, environment, names) in [
        (&["x"][..], &[][..], "port"),
        (&["--org", "a/b"], &[], "orgs"),
        (&["--master", "http://x"], &[], "master.url"),
        (&["--upstream", "x"], &[], "upstream"),
        (&[], &[("MAX_STALE", "-1")], "cache.max_stale_seconds"),
        (&[], &[("GITHUB_READ_CACHE_PROT", "1")], "prot"),
        (&["--wrong"], &[], "--wrong"),
    ] {
        let (code, _, error) = ask(arguments, environment).await;
        assert_eq!(code, Some(64), "{arguments:?} {environment:?}: {error}");
        assert!(error.to_lowercase().contains(names), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_starts_without_redis_and_ends_at_sigterm() {
    let rig = rig().await;
    let mut child = Command::new(program())
        .args(["--port", "0", "--upstream", &rig.sim.url()])
        .env("GITHUB_API_TOKEN", &rig.token)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let url = loop {
        let line = lines.next_line().await.unwrap().expect("it listens");
        if let Some((_, rest)) = line.split_once("listening address=") {
            break format!("http://{}", rest.split_whitespace().next().unwrap());
        }
    };
    let process = Process { child, url };
    process.full(&rig).await;
    let view = process.get(&rig, "/view/top/1/forks").await;
    assert_eq!(view.text(), r#"[["Netflix/Hystrix", 5000]]"#);
    process.signal("-TERM");
    let mut child = process.child;
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
}
