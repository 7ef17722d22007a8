//! No token and no query string in logs, metrics, errors or headers.

use std::io::Write;
use std::sync::{Arc, Mutex};

use github_conditional::Entry;
use github_sim::answer::Answer;
use github_sim::{FaultKind, FaultRule, Switches};
use http::Method;
use memchr::memmem;
use mirror_core::config::CacheKind;
use mirror_core::{Config, Mirror, Parts, Server};
use serde_json::json;
use service_runtime::logs::{AccessLog, Format, LineWriter};
use service_runtime::{Metrics, Shutdown, SystemClock};
use test_servers::{Plan, Programs, Server as RedisServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rig::{Instance, Rig};

const REPO: &str = "/repos/octo/hello";

/// What is written to the access log.
#[derive(Clone, Default)]
struct Pages(Arc<Mutex<Vec<u8>>>);

impl Write for Pages {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn tokens_and_queries_stay_secret() {
    for format in [Format::Text, Format::Json] {
        let mut rig = Rig::new().await;
        let pages = Pages::default();
        let lines = LineWriter::new(pages.clone(), 1 << 20);
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            upstream: rig.sim.url(),
            ..Config::default()
        };
        let shutdown = Shutdown::new();
        let parts = Parts {
            metrics: Metrics::new("test").unwrap(),
            access_log: Some(AccessLog::new(format, lines.clone())),
            readiness: shutdown.readiness(),
            clock: Arc::new(SystemClock),
        };
        let mirror = Mirror::new(&config, parts).unwrap();
        let server = Server::bind(&config, mirror.clone()).unwrap();
        rig.url = format!("http://{}", server.addresses()[0]);
        tokio::spawn(server.run(shutdown));

        let token = rig.sim.user_token("a");
        let target = "/repos/octo/hello?access=SECRET-QUERY";
        rig.shelf.put(target, &json!({"id": 1}));
        let mut said = String::new();
        for _ in 0..2 {
            said.push_str(&format!("{:?}", rig.get(target, &token).await.headers));
        }
        rig.get("/nothing?x=SECRET-QUERY", &token).await;
        rig.sim.fault(FaultRule::new(FaultKind::Outage));
        let failed = rig.get("/other?x=SECRET-QUERY", &token).await;
        said.push_str(&format!("{failed:?}"));
        said.push_str(&mirror.metrics().render().unwrap());
        lines.flush();
        let log = String::from_utf8(pages.0.lock().unwrap().clone()).unwrap();
        assert_eq!(log.lines().count(), 4, "{log}");
        let path = format!("{}/repos/octo/hello", rig.sim.url());
        assert!(log.contains(&path), "{log}");
        if format == Format::Text {
            let ours = log.lines().nth(1).unwrap();
            assert!(
                ours.ends_with(&format!(" [GET] CACHE_HIT {path}")),
                "{ours}"
            );
        }
        said.push_str(&log);
        assert!(!said.contains("SECRET-QUERY"), "{said}");
        assert!(!said.contains(&token), "{said}");
    }
}

/// A query that is as secret as a token.
const QUERY: &str = "SECRET-QUERY";

/// Who asks in the drill.
struct Callers {
    listed: String,
    stranger: String,
    installation: String,
    /// As sent: `Basic ...`.
    basic: String,
}

impl Callers {
    fn new(rig: &Rig) -> Self {
        let listed = rig.user("octocat");
        Self {
            basic: crate::users::basic("octocat", &listed),
            listed,
            stranger: rig.user("mallory"),
            installation: rig.sim.installation_token(7),
        }
    }

    /// Everything that may be found nowhere.
    fn secrets(&self) -> [&str; 6] {
        let encoded = self.basic.trim_start_matches("Basic ");
        [
            &self.listed,
            &self.stranger,
            &self.installation,
            encoded,
            UNKNOWN,
            QUERY,
        ]
    }
}

/// A token that GitHub does not know.
const UNKNOWN: &str = "ghp_UNKNOWNunknownUNKNOWNunknownUNKNOWN0";

/// A target with a token and a secret in its query.
fn secret(path: &str) -> String {
    format!("{path}?access_token={UNKNOWN}&q={QUERY}")
}

/// Sends every kind of request, and gives back all that the mirror said to its clients.
async fn every_kind_of_request(rig: &Rig, mirror: &Instance, callers: &Callers) -> String {
    let listed = format!("token {}", callers.listed);
    let bearer = format!("Bearer {}", callers.listed);
    let stranger = format!("token {}", callers.stranger);
    let installation = format!("Bearer {}", callers.installation);
    let unknown = format!("token {UNKNOWN}");
    let mut said = String::new();
    let mut send = async |method: Method, target: &str, headers: &[(&str, &str)]| {
        let target = secret(target);
        let body = format!("{{\"query\": \"{QUERY}\"}}");
        let body = if method.is_safe() {
            String::new()
        } else {
            body
        };
        let reply = rig
            .send_to(&mirror.url, method, &target, headers, body)
            .await;
        said.push_str(&format!(
            "{} {:?} {:?}\n",
            reply.status, reply.headers, reply.body
        ));
        reply.status.as_u16()
    };
    // Whom GitHub has limited once the mirror does not let through again, so each caller meets one of the limits, and the
    // first one none: it is needed afterwards.
    let none = FaultKind::Garbage;
    let primary = FaultKind::PrimaryLimit;
    let secondary = FaultKind::SecondaryLimit { retry_after: None };
    for (authorization, limit) in [
        (&listed, &none),
        (&bearer, &secondary),
        (&callers.basic, &secondary),
        (&stranger, &primary),
        (&installation, &primary),
        (&unknown, &secondary),
    ] {
        let credential = ("authorization", authorization.as_str());
        // What is wrong with a request's credential is charged to the address.
        rig.sim.set_quota("ip:127.0.0.1/core", 60);
        for method in [
            Method::GET,
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PATCH,
            Method::DELETE,
        ] {
            send(method, REPO, &[credential]).await;
        }
        send(Method::HEAD, "/users/cold", &[credential]).await;
        send(Method::POST, "/graphql", &[credential]).await;
        send(Method::GET, "/user", &[credential]).await;
        send(Method::GET, "/moved", &[credential]).await;
        send(Method::GET, "/archive", &[credential]).await;
        send(Method::GET, "/nothing", &[credential]).await;
        send(Method::GET, REPO, &[credential, ("range", "bytes=0-1")]).await;
        send(
            Method::GET,
            REPO,
            &[credential, ("cookie", callers.listed.as_str())],
        )
        .await;
        send(Method::GET, REPO, &[credential, ("x-github-otp", QUERY)]).await;
        send(Method::GET, REPO, &[credential, ("if-none-match", "\"x\"")]).await;
        send(Method::GET, "/_mirror/status", &[credential]).await;
        send(Method::GET, "/metrics", &[credential]).await;
        send(Method::GET, "/a/../b", &[credential]).await;
        for kind in [FaultKind::Reset, FaultKind::Garbage, limit.clone()] {
            rig.sim.fault(FaultRule::new(kind).times(1));
            send(Method::GET, REPO, &[credential]).await;
            rig.sim.clear_faults();
        }
    }
    send(Method::GET, REPO, &[]).await;
    send(
        Method::GET,
        REPO,
        &[("authorization", &listed), ("authorization", &stranger)],
    )
    .await;
    let away = [("authorization", listed.as_str())];
    rig.sim.fault(FaultRule::new(FaultKind::Outage));
    // As many failures as there were answers, and it is known to be away.
    let mut tries = 0..5_000;
    loop {
        let status = send(Method::GET, "/users/away", &away).await;
        if status == 504 {
            break;
        }
        assert!(tries.next().is_some(), "offline in the end, not {status}");
    }
    send(Method::GET, REPO, &[("authorization", &listed)]).await;
    send(Method::POST, REPO, &[("authorization", &listed)]).await;
    rig.sim.clear_faults();
    said
}

/// All keys and values of a Redis.
async fn everything_in(redis: &RedisServer) -> Vec<u8> {
    let mut connection = TcpStream::connect(redis.address()).await.unwrap();
    let script = "local all = {} for _, key in ipairs(redis.call('KEYS', '*')) do \
                  all[#all + 1] = key all[#all + 1] = redis.call('DUMP', key) end return all";
    let commands = format!(
        "*3\r\n$4\r\nEVAL\r\n${}\r\n{script}\r\n$1\r\n0\r\nQUIT\r\n",
        script.len()
    );
    connection.write_all(commands.as_bytes()).await.unwrap();
    let mut dumped = Vec::new();
    connection.read_to_end(&mut dumped).await.unwrap();
    assert!(
        dumped.starts_with(b"*"),
        "{}",
        String::from_utf8_lossy(&dumped)
    );
    dumped
}

/// Where a secret is found in `bytes`, or in what is compressed in them.
fn found_in(bytes: &[u8], secret: &str) -> Option<String> {
    const FRAME: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    let shows = |bytes: &[u8]| {
        let at = memmem::find(bytes, secret.as_bytes())?;
        let around = &bytes[at.saturating_sub(200)..(at + secret.len() + 50).min(bytes.len())];
        Some(String::from_utf8_lossy(around).into_owned())
    };
    shows(bytes).or_else(|| {
        memmem::find_iter(bytes, &FRAME).find_map(|at| {
            let none: &[u8] = &[];
            let dictionaries = Entry::DICTIONARIES.iter().map(|(_, bytes)| *bytes);
            dictionaries.chain([none]).find_map(|dictionary| {
                let mut unpacked = Vec::new();
                let frame = &bytes[at..];
                let decoder =
                    zstd::stream::read::Decoder::with_dictionary(frame, dictionary).ok()?;
                // What is no frame after all ends in an error; what came before it counts.
                let _ = std::io::copy(&mut decoder.single_frame(), &mut unpacked);
                shows(&unpacked)
            })
        })
    })
}

#[test]
fn secrets_are_found_also_where_they_are_compressed() {
    let text = format!("{} {UNKNOWN} {}", "a".repeat(5_000), "b".repeat(5_000));
    let packed = zstd::bulk::compress(text.as_bytes(), 3).unwrap();
    assert!(packed.len() < 200);
    let bytes = [b"\x28\xb5before", packed.as_slice(), b"after"].concat();
    assert!(found_in(&bytes, UNKNOWN).is_some());
    assert!(found_in(&bytes, QUERY).is_none());
}

/// The whole drill: a unique token in every kind of request is in no log, metric, answer, key, value or file.
#[tokio::test]
async fn a_token_used_in_every_kind_of_request_is_found_nowhere() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    // As it is in memory: without the compression of snapshots.
    let plan = Plan::plain(&programs).with(&["--rdbcompression", "no"]);
    let redis = plan.start().await;
    let disk = tempfile::tempdir().unwrap();
    let trace = Pages::default();
    let writer = trace.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _tracing = tracing::subscriber::set_default(subscriber);
    let rig = Rig::configured_unhurried(|_| {}).await;
    let redirect = |location: &str| Answer::Redirect {
        location: format!("{}{location}", rig.sim.url()),
    };
    let long = "x".repeat(3_000);
    rig.shelf
        .put(&secret(REPO), &json!({"id": 1, "text": long}));
    rig.shelf
        .answer(&secret("/archive"), redirect("/elsewhere"));
    // The simulator's clock stands still, so it would go on refusing everybody after so many wrong tokens.
    rig.sim.set_switches(Switches {
        failed_logins_per_minute: None,
        ..rig.sim.switches()
    });
    let callers = Callers::new(&rig);
    let access = Pages::default();
    let lines = LineWriter::new(access.clone(), 1 << 20);
    let open = |config: &mut Config| config.users.allowed = None;
    let listed = |config: &mut Config| config.users.allowed = Some(vec!["octocat".to_owned()]);
    let address = redis.address();
    let mut said = Vec::new();
    for (number, users) in [open, listed].into_iter().enumerate() {
        for store in [CacheKind::InMemory, CacheKind::Redis, CacheKind::Disk] {
            let log = AccessLog::new(Format::Json, lines.clone());
            let change = |config: &mut Config| {
                users(config);
                if store == CacheKind::Redis {
                    config.redis.primary = address.clone();
                }
                config.cache.kind = store;
                config.cache.disk_path = Some(disk.path().join(format!("cache-{number}")));
            };
            let mirror = Instance::logging(&rig.sim, change, Some(log));
            said.extend(
                every_kind_of_request(&rig, &mirror, &callers)
                    .await
                    .into_bytes(),
            );
            said.extend(mirror.mirror.metrics().render().unwrap().into_bytes());
            mirror.mirror.flush_store().await;
            mirror.stop().await;
        }
    }
    lines.flush();
    let mut stored = everything_in(&redis).await;
    for file in std::fs::read_dir(disk.path()).unwrap() {
        stored.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    let access = access.0.lock().unwrap().clone();
    let trace = trace.0.lock().unwrap().clone();
    // Each place holds what it should, or the search would prove nothing.
    assert!(found_in(&stored, &long).is_some());
    assert!(found_in(&access, REPO).is_some());
    assert!(found_in(&trace, "the upstream is away").is_some());
    assert!(found_in(&trace, "TRACE").is_some());
    for secret in callers.secrets() {
        for (place, bytes) in [
            ("answers and metrics", &said),
            ("log", &access),
            ("diagnostics", &trace),
            ("stores", &stored),
        ] {
            if let Some(around) = found_in(bytes, secret) {
                panic!("{secret} in {place}: {around}");
            }
        }
    }
}
