//! The program as its service manager sees it: signals, sockets handed over, notices, and what it prints.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

const PROGRAM: &str = env!("CARGO_BIN_EXE_github-mirror");
const FIRST: &str = "the-first-admin-token";
const SECOND: &str = "the-second-admin-token";

/// A program that ends with the test.
struct Running(Child);

impl Running {
    fn signal(&self, name: &str) {
        let process = self.0.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &process]).status();
        assert!(sent.unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Asks until the answer is as wanted. What is waited for is another process's doing.
fn until<T>(what: &str, mut is_so: impl FnMut() -> Option<T>) -> T {
    let (_open, never) = mpsc::channel::<()>();
    for _attempt in 0..3_000 {
        if let Some(answer) = is_so() {
            return answer;
        }
        let _ = never.recv_timeout(Duration::from_millis(20));
    }
    panic!("waited in vain: {what}");
}

/// The whole answer to a request, `None` while nobody listens.
fn say(address: SocketAddr, request: &str, token: &str, body: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    let length = body.len();
    let message = format!(
        "{request} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    stream.write_all(message.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// The status of a GET, `None` while nobody listens.
fn ask(address: SocketAddr, target: &str, token: &str) -> Option<u16> {
    let answer = say(address, &format!("GET {target}"), token, "")?;
    answer.split(' ').nth(1)?.parse().ok()
}

/// Where the program says that it listens: its diagnostics go to this file.
fn address(log: &PathBuf) -> SocketAddr {
    until("an address in the log", || {
        let text = fs::read_to_string(log).ok()?;
        let rest = text.split("address=").nth(1)?;
        rest.split_whitespace().next()?.parse().ok()
    })
}

#[test]
fn a_hangup_has_the_settings_read_again_and_a_mistake_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mirror.toml");
    let log = folder.path().join("log");
    let settings = |token: &str| {
        let text = format!(
            "listen = \"127.0.0.1:0\"\nupstream = \"http://127.0.0.1:1\"\n[admin]\ntoken = \"{token}\"\n"
        );
        fs::write(&file, text).unwrap();
    };
    settings(FIRST);
    let child = Command::new(PROGRAM)
        .arg("--config")
        .arg(&file)
        .env_remove("ADMIN_TOKEN")
        .stdout(Stdio::null())
        .stderr(fs::File::create(&log).unwrap())
        .spawn();
    let running = Running(child.unwrap());
    let address = address(&log);
    let status = |token| ask(address, "/_mirror/status", token);
    assert_eq!((status(FIRST), status(SECOND)), (Some(200), Some(401)));

    fs::write(&file, "[admin]\ntokn = \"x\"\n").unwrap();
    running.signal("HUP");
    until("the mistake is told", || {
        let text = fs::read_to_string(&log).unwrap();
        text.contains("admin.tokn").then_some(())
    });
    assert_eq!(status(FIRST), Some(200));

    settings(SECOND);
    running.signal("HUP");
    until("the new token opens", || {
        (status(SECOND) == Some(200)).then_some(())
    });
    assert_eq!(status(FIRST), Some(401));
    let text = fs::read_to_string(&log).unwrap();
    assert!(text.contains("applied=\"admin.token\""), "{text}");
    assert!(
        !text.contains(FIRST) && !text.contains(SECOND),
        "a secret in the log: {text}"
    );
}

#[test]
fn an_operator_changes_the_log_level_and_is_told_what_a_reload_did() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mirror.toml");
    let log = folder.path().join("log");
    let settings = |rest: &str| {
        let text = format!(
            "listen = \"127.0.0.1:0\"\nupstream = \"http://127.0.0.1:1\"\n{rest}\n[admin]\ntoken = \"{FIRST}\"\n"
        );
        fs::write(&file, text).unwrap();
    };
    settings("");
    let child = Command::new(PROGRAM)
        .arg("--config")
        .arg(&file)
        .env_remove("ADMIN_TOKEN")
        .stdout(Stdio::null())
        .stderr(fs::File::create(&log).unwrap())
        .spawn();
    let _running = Running(child.unwrap());
    let address = address(&log);
    let told = |request: &str, body: &str| say(address, request, FIRST, body).unwrap();

    assert!(told("GET /_mirror/log-level", "").contains("\"level\": \"info\""));
    for body in ["debug", "{\"level\": \"debug\"}"] {
        let set = told("PUT /_mirror/log-level", body);
        assert!(set.starts_with("HTTP/1.1 200"), "{set}");
        assert!(told("GET /_mirror/log-level", "").contains("\"level\": \"debug\""));
        told("PUT /_mirror/log-level?level=warn", "");
    }
    let wrong = told("PUT /_mirror/log-level", "loud");
    assert!(wrong.starts_with("HTTP/1.1 400"), "{wrong}");
    assert!(told("GET /_mirror/log-level", "").contains("\"level\": \"warn\""));

    settings("drain_seconds = 7\nrewrite_bodies = false");
    // Read twice: what waits for a restart goes on waiting, and is told each time.
    for applied in ["\"rewrite_bodies\"", "[]"] {
        let reloaded = told("POST /_mirror/reload", "");
        let (now, later) = reloaded.split_once("needs_restart").unwrap();
        assert!(now.contains(applied), "{reloaded}");
        assert!(later.contains("\"drain_seconds\""), "{reloaded}");
    }
    settings("drain_seconds = \"soon\"");
    let refused = told("POST /_mirror/reload", "");
    assert!(refused.starts_with("HTTP/1.1 422"), "{refused}");
    assert!(refused.contains("drain_seconds"), "{refused}");
}

#[test]
fn the_level_decides_about_the_line_of_each_request() {
    let folder = tempfile::tempdir().unwrap();
    let [file, log, lines] = ["mirror.toml", "log", "lines"].map(|name| folder.path().join(name));
    let text = format!(
        "listen = \"127.0.0.1:0\"\nupstream = \"http://127.0.0.1:1\"\n[admin]\ntoken = \"{FIRST}\"\n"
    );
    fs::write(&file, text).unwrap();
    let child = Command::new(PROGRAM)
        .arg("--config")
        .arg(&file)
        .env_remove("ADMIN_TOKEN")
        .stdout(fs::File::create(&lines).unwrap())
        .stderr(fs::File::create(&log).unwrap())
        .spawn();
    let _running = Running(child.unwrap());
    let address = address(&log);
    let told = |level: &str, path: &str| {
        let set = say(address, "PUT /_mirror/log-level", FIRST, level).unwrap();
        assert!(set.starts_with("HTTP/1.1 200"), "{set}");
        say(address, &format!("GET {path}"), "a-client", "").unwrap();
    };
    told("info", "/users/first");
    told("warn", "/users/quiet");
    told("info,access=off", "/users/quiet");
    told("warn,access=info", "/users/last");
    // Lines keep their order: what was not written before the last one never is.
    let text = until("the last request's line", || {
        let text = fs::read_to_string(&lines).unwrap();
        text.contains("/users/last").then_some(text)
    });
    assert!(text.contains("/users/first"), "{text}");
    assert!(!text.contains("/users/quiet"), "{text}");
}

/// Binds a socket, puts it where `LISTEN_FDS` says, and becomes the program.
const MANAGER: &str = "
import os, socket, sys
s = socket.socket()
s.bind(('127.0.0.1', 0))
s.listen()
print(s.getsockname()[1], flush=True)
if s.fileno() != 3:
    os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[1], sys.argv[1:])
";

#[test]
fn a_socket_is_taken_over_and_the_manager_is_told() {
    let python = std::env::var_os("MIRROR_TEST_PYTHON");
    let Some(python) = python else {
        assert!(
            std::env::var_os("CI").is_none(),
            "MIRROR_TEST_PYTHON is not set"
        );
        println!("not run: MIRROR_TEST_PYTHON is not set; cargo xtask test sets it");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let notices = UnixDatagram::bind(folder.path().join("notify")).unwrap();
    notices
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let notice = || {
        let mut buffer = [0; 64];
        let length = notices.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    };
    let mut child = Command::new(python)
        .args(["-c", MANAGER, PROGRAM, "--upstream", "http://127.0.0.1:1"])
        // It would fail if it bound this address itself.
        .args(["--listen", "192.0.2.1:80"])
        .env("NOTIFY_SOCKET", folder.path().join("notify"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut running = Running(child);
    let mut port = String::new();
    let mut byte = [0];
    while stdout.read(&mut byte).unwrap() == 1 && byte != *b"\n" {
        port.push(char::from(byte[0]));
    }
    let address = SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap()));
    assert_eq!(notice(), "READY=1");
    assert_eq!(ask(address, "/readyz", ""), Some(200));
    running.signal("TERM");
    assert_eq!(notice(), "STOPPING=1");
    let ended = running.0.wait().unwrap();
    assert_eq!(ended.code(), Some(0));
}

#[test]
fn secrets_are_not_shown_and_every_value_has_a_source() {
    let output = Command::new(PROGRAM)
        .arg("--print-config")
        .args(["--admin-listen", "127.0.0.1:9090"])
        .env("ADMIN_TOKEN", FIRST)
        .env("REDIS_PASSWORD", SECOND)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    for line in [
        "admin.token = \"***\"  # from env ADMIN_TOKEN",
        "redis.password = \"***\"  # from env REDIS_PASSWORD",
        "admin.listen = \"127.0.0.1:9090\"  # from flag --admin-listen",
        "telemetry.trace_ratio = 1.0  # from default",
    ] {
        assert!(text.lines().any(|have| have == line), "no {line} in {text}");
    }
    assert!(!text.contains(FIRST) && !text.contains(SECOND), "{text}");
    assert!(
        text.lines().all(|line| line.contains("  # from ")),
        "{text}"
    );
}

#[test]
fn a_weak_admin_token_is_refused_at_the_start() {
    let output = Command::new(PROGRAM)
        .arg("--check-config")
        .env("ADMIN_TOKEN", "admin")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(
        text.contains("admin.token: must have at least 16 characters"),
        "{text}"
    );
}
