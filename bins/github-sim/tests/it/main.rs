//! The program from outside: its one line, its exit codes, its end.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_github-sim"))
}

#[track_caller]
fn refused(arguments: &[&str], code: i32, expected: &str) {
    let Output { status, stderr, .. } = program().args(arguments).output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(code), "{stderr}");
    assert!(stderr.contains(expected), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

/// A running program, killed if the test fails before it ends by itself.
struct Running {
    child: Child,
    line: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.child.kill();
    }
}

fn start(arguments: &[&str]) -> Running {
    let mut child = program()
        .args(["--listen", "127.0.0.1:0"])
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    Running { child, line }
}

impl Running {
    fn address(&self) -> &str {
        self.line
            .split(' ')
            .find_map(|word| word.strip_prefix("http://"))
            .unwrap()
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: x\r\nUser-Agent: t\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

#[test]
fn wrong_arguments_are_one_line_and_64() {
    refused(
        &["--listen", "here"],
        64,
        "invalid value 'here' for '--listen <LISTEN>'",
    );
    refused(&["--tea"], 64, "unexpected argument '--tea'");
    refused(&["--token", "x"], 64, "expected TOKEN=LOGIN");
    refused(&["--switches", "{\"tea\": 1}"], 64, "unknown field `tea`");
    refused(&["--scale", "vast"], 64, "unknown scale `vast`");
    refused(
        &["--listen", "127.0.0.1:0", "--data", "no/such/folder"],
        64,
        "cannot load the data",
    );
    let nobody = ["--listen", "127.0.0.1:0", "--token", "ghp_x=no-such-login"];
    refused(&nobody, 64, "no login `no-such-login`");
}

#[test]
fn a_port_in_use_is_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    refused(
        &["--listen", &address],
        1,
        &format!("cannot listen on {address}"),
    );
}

#[test]
fn it_prints_its_url_and_serves_and_ends_at_sigterm() {
    let mut running = start(&["--own-urls", "--unlimited", "--token", "ghp_mine=octocat"]);
    let base = format!("http://{}", running.address());
    assert!(
        running.line.starts_with(&format!("github-sim {base} ")),
        "{}",
        running.line
    );
    assert!(running.get("/").contains(&format!("{base}/events")));
    assert!(
        running
            .get("/repos/octocat/Hello-World")
            .starts_with("HTTP/1.1 200 OK")
    );
    assert!(running.get("/_sim/").contains("POST   /_sim/change"));
    let process = running.child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &process])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(running.child.wait().unwrap().code(), Some(0));
}
