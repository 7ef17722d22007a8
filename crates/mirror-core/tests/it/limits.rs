//! Bad input and the running binary: one clear line, the right exit code, never a panic.

use std::process::{Output, Stdio};

use github_sim::{FaultKind, FaultRule};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio::process::Command;

use crate::rig::Rig;
use crate::still::Still;

async fn raw(rig: &Rig, request: &str) -> String {
    let mut socket = TcpStream::connect(rig.url.trim_start_matches("http://"))
        .await
        .unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn malformed_requests() {
    let rig = Rig::new().await;
    let long = "x".repeat(70_000);
    for (request, expected) in [
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), "400"),
        ("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\nconnection: close\r\n\r\n".to_owned(), "400"),
        ("GET / HTTP/1.1\r\nhost: a b\r\nconnection: close\r\n\r\n".to_owned(), "400"),
        ("nonsense\r\n\r\n".to_owned(), "400"),
        ("GET /\u{1} HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(), "400"),
        (format!("GET / HTTP/1.1\r\nhost: a\r\nx: {long}\r\n\r\n"), "431"),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(), "400"),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc".to_owned(), "400"),
    ] {
        let request = match request.contains("connection") || expected == "431" {
            true => request,
            false => request.replacen("\r\n", "\r\nconnection: close\r\n", 1),
        };
        let answer = raw(&rig, &request).await;
        let shown = &request[..request.len().min(60)];
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected}")), "{shown:?}: {answer:?}");
    }
    assert_eq!(rig.sim.counters().total, 0, "none of them reached GitHub");
}

#[tokio::test]
async fn too_many_requests_in_flight_are_told_to_come_back() {
    let rig = Rig::configured(|config| config.limits.max_in_flight = 1).await;
    rig.shelf.put("/users/a", &json!({}));
    let token = rig.sim.user_token("a");
    rig.sim
        .fault(FaultRule::new(FaultKind::Delay { milliseconds: 500 }));
    let first = rig.get("/users/a", &token);
    let second = async {
        while rig.mirror.inspect().calls_in_flight() == 0 {
            tokio::task::yield_now().await;
        }
        let reply = rig.get("/users/b", &token).await;
        assert_eq!(
            rig.anonymous("/healthz").await.status,
            200,
            "health is answered all the same"
        );
        reply
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!(first.status, 200);
    assert_eq!(
        (second.status.as_u16(), second.header("retry-after")),
        (503, "1")
    );
    assert_eq!(
        rig.get("/users/a", &token).await.status,
        200,
        "the place is free again"
    );
}

/// The binary, where the test command has built it; `cargo test -p` alone does not.
fn binary() -> Option<std::path::PathBuf> {
    let mut folder = std::env::current_exe().unwrap();
    folder.pop();
    folder.pop();
    let binary = folder.join("github-mirror");
    if !binary.exists() {
        assert!(
            std::env::var_os("CI").is_none(),
            "{} is missing",
            binary.display()
        );
        println!("not run: {} is not built", binary.display());
        return None;
    }
    Some(binary)
}

async fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Option<Output> {
    let mut command = Command::new(binary()?);
    command
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .stdin(Stdio::null());
    Some(command.output().await.unwrap())
}

#[tokio::test]
async fn wrong_settings_are_one_line_and_64() {
    let folder = std::env::temp_dir().join(format!("mirror-limits-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("mirror.toml");
    std::fs::write(&file, "[cache]\nmax_byte = 1\n").unwrap();
    let file = file.to_str().unwrap();
    let none: &'static [(&str, &str)] = &[];
    type Environment = &'static [(&'static str, &'static str)];
    let cases: &[(&[&str], Environment, &str)] = &[
        (&["--config", file], none, "max_byte"),
        (
            &["--config", "/none/mirror.toml"],
            none,
            "/none/mirror.toml",
        ),
        (&["--upstream", "nonsense"], none, "upstream"),
        (
            &["--upstream", "ftp://x"],
            none,
            "upstream: must begin with http:// or https://",
        ),
        (&["--listen", "nowhere"], none, "--listen"),
        (&["--no-such-flag"], none, "--no-such-flag"),
        (&["--tls-cert", "/none.pem"], none, "tls.key_file"),
        (
            &[
                "--tls-cert",
                "/none.pem",
                "--tls-key",
                "/none.key",
                "--listen",
                "127.0.0.1:0",
            ],
            none,
            "/none.pem",
        ),
        (
            &[],
            &[("GITHUB_MIRROR_CACHE__MAX_BYTES", "many")],
            "GITHUB_MIRROR_CACHE__MAX_BYTES",
        ),
        (&[], &[("GITHUB_MIRROR_NONE", "1")], "GITHUB_MIRROR_NONE"),
        (&[], &[("CACHE_TYPE", "floppy")], "CACHE_TYPE"),
        (&[], &[("GITHUB_USERS", ",")], "users.allowed"),
        (
            &[],
            &[("GITHUB_STATUS_TIMEOUT", "soon")],
            "GITHUB_STATUS_TIMEOUT",
        ),
    ];
    for (arguments, environment, named) in cases {
        let Some(output) = run(arguments, environment).await else {
            return;
        };
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            output.status.code(),
            Some(64),
            "{arguments:?} {environment:?}: {error}"
        );
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(
            error.contains(named),
            "{arguments:?} {environment:?}: {error}"
        );
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_taken_port_is_one_line_and_1() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let Some(output) = run(&["--listen", &address], &[]).await else {
        return;
    };
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        (output.status.code(), error.lines().count()),
        (Some(1), 1),
        "{error}"
    );
    assert!(error.contains(&address), "{error}");
}

#[tokio::test]
async fn settings_are_shown_with_where_they_come_from() {
    let environment = [
        ("GITHUB_MIRROR_URL", "http://m"),
        ("GITHUB_MIRROR_CACHE__MAX_BYTES", "1000"),
    ];
    let Some(output) = run(&["--print-config", "--log-format", "json"], &environment).await else {
        return;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    for line in [
        "public_url = \"http://m\"  # from env GITHUB_MIRROR_URL",
        "cache.max_bytes = 1000  # from env GITHUB_MIRROR_CACHE__MAX_BYTES",
        "log.format = \"json\"  # from flag --log-format",
        "rewrite_bodies = true  # from default",
    ] {
        assert!(text.contains(line), "no {line} in\n{text}");
    }
}

#[tokio::test]
async fn the_binary_serves_and_ends_on_sigterm() {
    let Some(binary) = binary() else { return };
    let rig = Rig::new().await;
    rig.shelf.put("/users/octo", &json!({"login": "octo"}));
    let socket = std::env::temp_dir().join(format!("mirror-{}.sock", std::process::id()));
    let mut child = Command::new(binary)
        .args(["--listen", "127.0.0.1:0", "--upstream", &rig.sim.url()])
        .args(["--unix", socket.to_str().unwrap()])
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = errors.next_line().await.unwrap().unwrap();
    let address = line
        .split("address=")
        .nth(1)
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap()
        .to_owned();
    let token = rig.sim.user_token("a");
    let request = format!(
        "GET /users/octo HTTP/1.1\r\nhost: m\r\nuser-agent: r\r\nauthorization: token {token}\r\nconnection: close\r\n\r\n"
    );
    let mut answers = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answers.push(answer);
    }
    assert!(
        answers[0].contains("x-cache: ONLINE_MISS") && answers[1].contains("x-cache: ONLINE_HIT"),
        "{answers:?}"
    );
    let mut stream = tokio::net::UnixStream::connect(&socket).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("x-cache: ONLINE_HIT"), "{answer}");

    let pid = child.id().unwrap().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .await
            .unwrap()
            .success()
    );
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
    assert!(!socket.exists(), "the socket file is removed");
    let mut log = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut log)
        .await
        .unwrap();
    assert_eq!(log.lines().count(), 3, "{log}");
    assert!(
        log.lines().nth(1).unwrap().ends_with("/users/octo") && log.contains("CACHE_HIT"),
        "{log}"
    );
}

/// A client that asks for much and takes nothing of it would keep a place, and what it was going to be sent, for ever.
#[tokio::test(start_paused = true)]
async fn who_reads_nothing_of_its_answer_loses_its_place() {
    const BYTES: usize = 16 << 20;
    let still = Still::with(|config| {
        config.limits.max_in_flight = 1;
        config.limits.body_idle_timeout_seconds = 10;
        // So that it is not the other side's limit that ends it.
        config.upstream_http.body_idle_timeout_seconds = 100_000;
    })
    .await;
    let rig = &still.rig;
    rig.shelf.put_bytes("/repos/octo/big", vec![b'1'; BYTES]);
    rig.shelf.put("/users/a", &json!({}));
    let token = rig.sim.user_token("a");
    let request = format!(
        "GET /repos/octo/big HTTP/1.1\r\nhost: m\r\nuser-agent: r\r\nauthorization: token {token}\r\n\r\n"
    );
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let address = rig.url.trim_start_matches("http://").parse().unwrap();
    let mut socket = socket.connect(address).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    // The answer has begun to arrive.
    let mut first = [0; 12];
    socket.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");

    let place = async || rig.get("/users/a", &token).await.status.as_u16();
    still.pass(8).await;
    assert_eq!(
        place().await,
        503,
        "it has its place as long as it may pause"
    );
    let mut seconds = 8;
    // The time runs from the last byte that the sockets' buffers took.
    while place().await == 503 {
        assert!(seconds < 60, "it keeps its place");
        still.pass(1).await;
        seconds += 1;
    }
    assert_eq!(place().await, 200);
    let mut rest = Vec::new();
    let _ = socket.read_to_end(&mut rest).await;
    assert!(rest.len() < BYTES, "all of it was sent after all");
}
