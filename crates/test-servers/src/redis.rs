//! One server on a free port of the loopback, stopped when the test lets go of it.

use std::ffi::OsString;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::{Programs, until};

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// One server, with what is needed to start it again on the same port with the same data.
#[derive(Debug)]
pub struct Server {
    programs: Programs,
    arguments: Vec<OsString>,
    cli_arguments: Vec<String>,
    port: u16,
    folder: TempDir,
    child: Option<Child>,
}

/// A server before it starts.
#[derive(Debug)]
pub struct Plan {
    programs: Programs,
    pub(crate) folder: TempDir,
    pub(crate) port: u16,
    arguments: Vec<OsString>,
    cli_arguments: Vec<String>,
}

impl Plan {
    /// A server without persistence and password.
    pub fn plain(programs: &Programs) -> Self {
        let plan = Self::bare(programs);
        let port = plan.port.to_string();
        let folder = plan.folder.path().as_os_str().to_owned();
        plan.with(&["--port", &port, "--bind", "127.0.0.1", "--save", ""])
            .with(&["--appendonly", "no", "--repl-diskless-sync-delay", "0"])
            .with(&["--dir"])
            .with_path(&folder)
    }

    pub(crate) fn bare(programs: &Programs) -> Self {
        Self {
            programs: programs.clone(),
            folder: tempfile::tempdir().unwrap(),
            port: free_port(),
            arguments: Vec::new(),
            cli_arguments: Vec::new(),
        }
    }

    /// More arguments of the server.
    pub fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(OsString::from));
        self
    }

    pub(crate) fn with_path(mut self, path: &OsString) -> Self {
        self.arguments.push(path.clone());
        self
    }

    /// A server that follows `primary`.
    pub fn replica_of(programs: &Programs, primary: &Server) -> Self {
        let port = primary.port().to_string();
        Self::plain(programs).with(&["--replicaof", "127.0.0.1", &port])
    }

    /// What `redis-cli` needs to get in.
    pub fn cli(mut self, arguments: &[&str]) -> Self {
        self.cli_arguments
            .extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// Written before the server starts.
    pub fn file(self, name: &str, text: &str) -> (Self, PathBuf) {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        (self, path)
    }

    /// The port that it will have.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts it, and waits until it answers.
    pub async fn start(self) -> Server {
        let mut server = Server {
            programs: self.programs,
            arguments: self.arguments,
            cli_arguments: self.cli_arguments,
            port: self.port,
            folder: self.folder,
            child: None,
        };
        server.start().await;
        server
    }
}

impl Server {
    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Starts it on its port with the data of its folder, and waits until it answers.
    pub async fn start(&mut self) {
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        let child = Command::new(&self.programs.server)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        let log = self.folder.path().join("log");
        until("a server to answer", async || {
            if let Some(child) = &mut self.child
                && let Ok(Some(status)) = child.try_wait()
            {
                panic!("a server ended, {status}: {}", tail(&log));
            }
            (self.ask(&["PING"]) == "PONG").then_some(())
        })
        .await;
    }

    /// Sends one command, and returns the answer as `redis-cli` prints it.
    pub fn ask(&self, command: &[&str]) -> String {
        let output = Command::new(&self.programs.cli)
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(&self.cli_arguments)
            .arg("--no-auth-warning")
            .args(command)
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// The number behind `name:` in `INFO`.
    pub fn info(&self, section: &str, name: &str) -> Option<String> {
        let info = self.ask(&["INFO", section]);
        info.lines().find_map(|line| {
            line.strip_prefix(name)?
                .strip_prefix(':')
                .map(str::to_owned)
        })
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// SIGSTOP: the server hangs with open connections.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// SIGCONT.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.as_ref().expect("it runs").id().to_string();
        let status = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(status.success(), "kill {signal} {pid}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Either may fail only because it is gone already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().rev().take(10).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
