//! Throw-away servers: real programs on free ports of the loopback, stopped when the test lets go of them.

use std::ffi::OsString;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cache_backends::Endpoint;
use tempfile::TempDir;
use tokio::time::Instant;

/// Longest wait for something that takes milliseconds on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The programs of a Redis or Valkey installation.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    server: PathBuf,
    cli: PathBuf,
    sentinel: PathBuf,
}

/// `None` where they are not installed; in CI that is a failure.
pub(crate) fn programs() -> Option<Programs> {
    let found = (|| {
        Some(Programs {
            server: program("REDIS_SERVER", "redis-server")?,
            cli: program("REDIS_CLI", "redis-cli")?,
            sentinel: program("REDIS_SENTINEL", "redis-sentinel")?,
        })
    })();
    if found.is_none() {
        assert!(
            std::env::var_os("CI").is_none(),
            "redis-server, redis-cli and redis-sentinel are needed in CI"
        );
        eprintln!("not run: redis-server, redis-cli or redis-sentinel is missing");
    }
    found
}

fn program(variable: &str, name: &str) -> Option<PathBuf> {
    if let Some(given) = std::env::var_os(variable) {
        return Some(given.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// Waits until `is_so` answers with something.
///
/// # Panics
/// When that takes too long.
pub(crate) async fn until<T>(what: &str, mut is_so: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = is_so().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// One server, with what is needed to start it again on the same port with the same data.
#[derive(Debug)]
pub(crate) struct Server {
    programs: Programs,
    program: PathBuf,
    arguments: Vec<OsString>,
    cli_arguments: Vec<String>,
    port: u16,
    folder: TempDir,
    child: Option<Child>,
}

/// A server before it starts.
pub(crate) struct Plan {
    program: PathBuf,
    programs: Programs,
    folder: TempDir,
    port: u16,
    arguments: Vec<OsString>,
    cli_arguments: Vec<String>,
}

impl Plan {
    /// A server without persistence and password.
    pub(crate) fn plain(programs: &Programs) -> Self {
        let plan = Self::bare(programs, programs.server.clone());
        let port = plan.port.to_string();
        let folder = plan.folder.path().as_os_str().to_owned();
        plan.with(&["--port", &port, "--bind", "127.0.0.1", "--save", ""])
            .with(&["--appendonly", "no", "--repl-diskless-sync-delay", "0"])
            .with(&["--dir"])
            .with_path(&folder)
    }

    /// A sentinel that watches the primary at `port`.
    pub(crate) fn sentinel(programs: &Programs, primary: u16, quorum: usize) -> Self {
        let plan = Self::bare(programs, programs.sentinel.clone());
        let configuration = plan.folder.path().join("sentinel.conf");
        let text = format!(
            "port {port}\nbind 127.0.0.1\ndir {folder}\n\
             sentinel monitor mymaster 127.0.0.1 {primary} {quorum}\n\
             sentinel down-after-milliseconds mymaster 500\n\
             sentinel failover-timeout mymaster 3000\n",
            port = plan.port,
            folder = plan.folder.path().display(),
        );
        std::fs::write(&configuration, text).unwrap();
        let configuration = configuration.into_os_string();
        plan.with_path(&configuration)
    }

    fn bare(programs: &Programs, program: PathBuf) -> Self {
        Self {
            program,
            programs: programs.clone(),
            folder: tempfile::tempdir().unwrap(),
            port: free_port(),
            arguments: Vec::new(),
            cli_arguments: Vec::new(),
        }
    }

    /// More arguments of the server.
    pub(crate) fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(OsString::from));
        self
    }

    fn with_path(mut self, path: &OsString) -> Self {
        self.arguments.push(path.clone());
        self
    }

    /// What `redis-cli` needs to get in.
    pub(crate) fn cli(mut self, arguments: &[&str]) -> Self {
        self.cli_arguments
            .extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// Written before the server starts.
    pub(crate) fn file(self, name: &str, text: &str) -> (Self, PathBuf) {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        (self, path)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Starts it, and waits until it answers.
    pub(crate) async fn start(self) -> Server {
        let mut server = Server {
            programs: self.programs,
            program: self.program,
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
    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::new("127.0.0.1", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) async fn start(&mut self) {
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        let child = Command::new(&self.program)
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
    pub(crate) fn ask(&self, command: &[&str]) -> String {
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
    pub(crate) fn info(&self, section: &str, name: &str) -> Option<String> {
        let info = self.ask(&["INFO", section]);
        info.lines().find_map(|line| {
            line.strip_prefix(name)?
                .strip_prefix(':')
                .map(str::to_owned)
        })
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// SIGSTOP: the server hangs with open connections.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    /// SIGCONT.
    pub(crate) fn thaw(&self) {
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

/// Three primaries that share the slots evenly.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Server>,
}

impl Cluster {
    pub(crate) async fn start(programs: &Programs) -> Self {
        let mut nodes = Vec::new();
        for _ in 0..3 {
            // The bus port would be 10000 above the port, which may be no port at all.
            let bus = free_port().to_string();
            let plan = Plan::plain(programs)
                .with(&["--cluster-enabled", "yes", "--cluster-port", &bus])
                .with(&["--cluster-node-timeout", "2000"]);
            nodes.push((plan.start().await, bus));
        }
        let ranges = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];
        for (at, ((node, _), (first, last))) in nodes.iter().zip(ranges).enumerate() {
            let epoch = (at + 1).to_string();
            assert_eq!(node.ask(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch]), "OK");
            assert_eq!(node.ask(&["CLUSTER", "ADDSLOTSRANGE", first, last]), "OK");
        }
        for (other, bus) in &nodes[1..] {
            let port = other.port().to_string();
            let meet = ["CLUSTER", "MEET", "127.0.0.1", &port, bus];
            assert_eq!(nodes[0].0.ask(&meet), "OK");
        }
        let nodes: Vec<Server> = nodes.into_iter().map(|(node, _)| node).collect();
        until("the cluster to be complete", async || {
            nodes
                .iter()
                .all(|node| {
                    let info = node.ask(&["CLUSTER", "INFO"]);
                    info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
                })
                .then_some(())
        })
        .await;
        Self { nodes }
    }

    pub(crate) fn seeds(&self) -> Vec<Endpoint> {
        self.nodes.iter().map(Server::endpoint).collect()
    }

    fn id(&self, node: usize) -> String {
        self.nodes[node].ask(&["CLUSTER", "MYID"])
    }

    /// Begins to move a slot: from now on keys of it that are not at `from` are asked for at `to`.
    pub(crate) fn open_slot(&self, slot: u16, from: usize, to: usize) {
        let slot = slot.to_string();
        let importing = ["CLUSTER", "SETSLOT", &slot, "IMPORTING", &self.id(from)];
        assert_eq!(self.nodes[to].ask(&importing), "OK");
        let migrating = ["CLUSTER", "SETSLOT", &slot, "MIGRATING", &self.id(to)];
        assert_eq!(self.nodes[from].ask(&migrating), "OK");
    }

    /// Moves the keys and the slot itself.
    pub(crate) fn close_slot(&self, slot: u16, from: usize, to: usize) {
        let slot = slot.to_string();
        let port = self.nodes[to].port().to_string();
        loop {
            let keys = self.nodes[from].ask(&["CLUSTER", "GETKEYSINSLOT", &slot, "100"]);
            let Some(key) = keys.lines().find(|line| !line.is_empty()) else {
                break;
            };
            let moved = self.nodes[from].ask(&["MIGRATE", "127.0.0.1", &port, key, "0", "5000"]);
            assert!(moved == "OK" || moved == "NOKEY", "{moved}");
        }
        let owner = self.id(to);
        for node in [to, from] {
            let set = ["CLUSTER", "SETSLOT", &slot, "NODE", &owner];
            assert_eq!(self.nodes[node].ask(&set), "OK");
        }
    }
}
