//! One PostgreSQL server on a free port of the loopback, stopped when the test lets go of it.
//!
//! It keeps nothing on disk for long, so it never waits for one: a test starts a server of its own and makes as many
//! databases as it likes.

use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::redis::free_port;
use crate::until;

/// The owner of every database.
const USER: &str = "postgres";

/// A server without a password.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    port: u16,
    folder: TempDir,
    child: Option<Child>,
}

impl Postgres {
    /// Makes a data directory, starts a server on it, and waits until it answers.
    ///
    /// # Panics
    /// Where PostgreSQL is not installed: `POSTGRES_BIN_DIR`, Debian's folders, the path.
    pub async fn start() -> Self {
        let mut server = Self {
            programs: programs().expect("PostgreSQL is needed: initdb, postgres, psql"),
            port: free_port(),
            folder: tempfile::tempdir().unwrap(),
            child: None,
        };
        server.prepare();
        server.start_again().await;
        server
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn prepare(&self) {
        if let Some((user, group)) = unprivileged() {
            chown(self.folder.path(), Some(user), Some(group)).unwrap();
        }
        let output = self
            .command("initdb")
            .args(["--username", USER, "--auth", "trust", "--no-sync"])
            .args(["--encoding", "UTF8", "--no-locale", "--no-instructions"])
            .arg("--pgdata")
            .arg(self.data())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "initdb: {said}");
    }

    /// A program that refuses to run as root, as somebody else where this is root.
    fn command(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let mut command = match unprivileged() {
            None => Command::new(program),
            Some((user, group)) => {
                let mut command = Command::new("setpriv");
                command
                    .arg(format!("--reuid={user}"))
                    .arg(format!("--regid={group}"))
                    .arg("--clear-groups")
                    .arg(program);
                command
            }
        };
        command.current_dir(self.folder.path());
        command
    }

    /// Starts it on its port with the data that it has.
    ///
    /// # Panics
    /// When it ends instead.
    pub async fn start_again(&mut self) {
        let log = self.folder.path().join("log");
        let file = std::fs::File::create(&log).unwrap();
        let child = self
            .command("postgres")
            .arg("-D")
            .arg(self.data())
            .args(["-p", &self.port.to_string()])
            .args(["-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "unix_socket_directories="])
            .args(["-c", "fsync=off", "-c", "full_page_writes=off"])
            .args(["-c", "synchronous_commit=off"])
            .args(["-c", "shared_buffers=32MB"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .unwrap();
        self.child = Some(child);
        until("PostgreSQL to answer", async || {
            if let Some(child) = &mut self.child
                && let Ok(Some(status)) = child.try_wait()
            {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                panic!("PostgreSQL ended, {status}: {said}");
            }
            self.psql("postgres", "SELECT 1").ok()
        })
        .await;
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where this database is.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes an empty database; its address.
    ///
    /// # Panics
    /// When there is one of that name.
    pub fn database(&self, name: &str) -> String {
        self.psql("postgres", &format!("CREATE DATABASE {name}"))
            .unwrap();
        self.url(name)
    }

    /// Lets `psql` do one command; what it prints, without headings.
    ///
    /// # Errors
    /// What it complains of.
    pub fn psql(&self, database: &str, command: &str) -> Result<String, String> {
        let output = Command::new(self.programs.join("psql"))
            .args(["--no-psqlrc", "--tuples-only", "--no-align", "--quiet"])
            .args(["--dbname", &self.url(database), "--command", command])
            .output()
            .map_err(|error| error.to_string())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        match output.status.success() {
            true => Ok(text(&output.stdout)),
            false => Err(text(&output.stderr)),
        }
    }

    /// Ends it at once, connections and all; the data stays.
    pub fn kill(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        // The server's own processes end with it on SIGQUIT; after SIGKILL some would live on for a while.
        let signalled = Command::new("kill")
            .args(["-QUIT", &child.id().to_string()])
            .status();
        if !signalled.is_ok_and(|status| status.success()) {
            // It may fail only because it is gone already.
            let _ = child.kill();
        }
        let _ = child.wait();
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Where this process is root: the user and group that run the server instead.
fn unprivileged() -> Option<(u32, u32)> {
    if std::fs::metadata("/proc/self").ok()?.uid() != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    [USER, "nobody"].into_iter().find_map(|name| {
        let line = users
            .lines()
            .find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    })
}

/// The folder with `initdb`, `postgres` and `psql`.
fn programs() -> Option<PathBuf> {
    let is_whole = |folder: &PathBuf| {
        ["initdb", "postgres", "psql"]
            .iter()
            .all(|name| Path::is_file(&folder.join(name)))
    };
    let named = std::env::var_os("POSTGRES_BIN_DIR")
        .filter(|given| !given.is_empty())
        .map(PathBuf::from);
    if named.is_some() {
        return named.filter(is_whole);
    }
    let debian = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let debian = debian
        .filter_map(Result::ok)
        .map(|version| version.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    debian
        .chain(std::env::split_paths(&path))
        .find(|folder| is_whole(folder))
}
