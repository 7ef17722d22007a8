//! Which programs there are.

use std::path::{Path, PathBuf};

/// Who made the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `REDIS_SERVER`, or `redis-server` of the path.
    Redis,
    /// `VALKEY_SERVER`, or `valkey-server` of the path.
    Valkey,
}

/// The programs of an installation. Client and sentinel speak the same protocol, so that a lone server is enough of
/// Valkey.
#[derive(Clone, Debug)]
pub struct Programs {
    pub(crate) server: PathBuf,
    pub(crate) cli: PathBuf,
}

impl Programs {
    /// Redis; `None` where it is not installed. In CI that is a failure.
    pub fn redis() -> Option<Self> {
        Self::of(Kind::Redis)
    }

    /// Valkey; `None` where it is not installed. In CI that is a failure.
    pub fn valkey() -> Option<Self> {
        Self::of(Kind::Valkey)
    }

    fn of(kind: Kind) -> Option<Self> {
        let (variable, name) = match kind {
            Kind::Redis => ("REDIS_SERVER", "redis-server"),
            Kind::Valkey => ("VALKEY_SERVER", "valkey-server"),
        };
        let cli = || program("REDIS_CLI", "redis-cli").or_else(|| on_path("valkey-cli"));
        let found = program(variable, name).zip(cli());
        if found.is_none() {
            assert!(
                std::env::var_os("CI").is_none(),
                "{name} and redis-cli are needed in CI"
            );
            eprintln!("not run: {name} or redis-cli is missing");
        }
        found.map(|(server, cli)| Self { server, cli })
    }
}

/// A program that the test command provides under this variable; `None` where it does not. In CI that is a failure.
pub fn provided(variable: &str) -> Option<PathBuf> {
    let found = std::env::var_os(variable).map(PathBuf::from);
    if found.is_none() {
        assert!(
            std::env::var_os("CI").is_none(),
            "{variable} is not set: run cargo xtask test"
        );
        println!("not run: {variable} is not set; cargo xtask test sets it");
    }
    found
}

/// The program that the variable names; an empty one names none.
fn program(variable: &str, name: &str) -> Option<PathBuf> {
    let given = std::env::var_os(variable).filter(|given| !given.is_empty());
    given.map(PathBuf::from).or_else(|| on_path(name))
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let candidates = std::env::split_paths(&path).map(|folder| folder.join(name));
    candidates
        .into_iter()
        .find(|candidate: &PathBuf| Path::is_file(candidate))
}
