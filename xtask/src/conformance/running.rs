//! The suite's origin server and the mirror before it, each on a free port of the loopback.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::process::shown;
use crate::tools::Suite;
use crate::workspace::Workspace;

/// How long a program may take until it tells its port.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Both programs; they end with this.
pub(super) struct Running {
    _origin: Started,
    mirror: Started,
}

impl Running {
    pub(super) fn start(workspace: &Workspace, suite: &Suite) -> Result<Self, String> {
        let origin = Started::new(&mut suite.server(), "Listening on http://")?;
        let config = workspace.target.join("tools/conformance.toml");
        fs::write(&config, settings(origin.port))
            .map_err(|error| format!("cannot write {}: {error}", config.display()))?;
        let mirror = Started::new(&mut mirror(workspace, &config), "listening address=")?;
        Ok(Self {
            _origin: origin,
            mirror,
        })
    }

    /// The url that the suite is pointed at.
    pub(super) fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.mirror.port)
    }
}

/// A plain reverse-proxy cache that is also a surrogate, because the suite has tests for surrogates.
fn settings(origin: u16) -> String {
    format!(
        "listen = \"127.0.0.1:0\"\nupstream = \"http://127.0.0.1:{origin}\"\ndefault_policy = \"rfc9111\"\n\
         [rfc9111]\nsurrogate_name = \"github-mirror\"\n"
    )
}

fn mirror(workspace: &Workspace, config: &PathBuf) -> Command {
    let mut command = Command::new(workspace.debug_folder().join("github-mirror"));
    command.arg("--config").arg(config);
    command
}

/// A program that has told its port.
struct Started {
    child: Child,
    port: u16,
}

impl Started {
    /// Starts a program and waits for the line that names its address.
    fn new(command: &mut Command, before_address: &'static str) -> Result<Self, String> {
        let name = shown(command);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("`{name}` cannot be started: {error}"))?;
        let (sender, ports) = mpsc::channel();
        if let Some(out) = child.stdout.take() {
            listen(out, before_address, sender.clone());
        }
        if let Some(err) = child.stderr.take() {
            listen(err, before_address, sender);
        }
        let mut started = Self { child, port: 0 };
        started.port = ports
            .recv_timeout(START_LIMIT)
            .map_err(|_| format!("`{name}` did not tell its port"))?;
        Ok(started)
    }
}

/// Reads to the end, because a program that nobody listens to would stop, and tells the port if it is named.
fn listen(
    output: impl Read + Send + 'static,
    before_address: &'static str,
    ports: mpsc::Sender<u16>,
) {
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if let Some(port) = port_in(&line, before_address) {
                // The receiver has left if it was told before.
                let _ = ports.send(port);
            }
        }
    });
}

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The port of the address that follows `before` in a line.
fn port_in(line: &str, before: &str) -> Option<u16> {
    let (_, address) = line.split_once(before)?;
    let end = address
        .find(|character: char| character == '/' || character.is_whitespace())
        .unwrap_or(address.len());
    let (_, port) = address[..end].rsplit_once(':')?;
    port.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_found_in_what_programs_print() {
        let node = "Listening on http://[::]:18431/";
        assert_eq!(port_in(node, "Listening on http://"), Some(18431));
        let mirror = "2026-11-26 INFO github_mirror: listening address=127.0.0.1:18432 upstream=\"http://x:1\"";
        assert_eq!(port_in(mirror, "listening address="), Some(18432));
        assert_eq!(port_in("nothing", "listening address="), None);
    }

    #[test]
    fn a_program_that_tells_no_port_is_an_error() {
        let problem = Started::new(&mut Command::new("true"), "port ").err();
        assert!(problem.is_some_and(|problem| problem.contains("did not tell its port")));
    }
}
