//! PostgreSQL of the machine; only its programs: each test starts a server of its own.

use std::path::{Path, PathBuf};

use super::apt_install;
use crate::environment;

/// Where Debian keeps the programs of each version; only the client is on the path there.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The folder that holds all that a test needs.
///
/// # Errors
/// Says how to install it.
pub(super) fn programs() -> Result<PathBuf, String> {
    if let Some(folder) = found() {
        return Ok(folder);
    }
    apt_install(&["postgresql"])?;
    found().ok_or_else(|| {
        "initdb, postgres and psql are missing: install PostgreSQL 13 or newer \
         (Debian, Ubuntu: `apt-get install postgresql`)"
            .to_owned()
    })
}

fn found() -> Option<PathBuf> {
    let versions = std::fs::read_dir(DEBIAN).into_iter().flatten();
    let debian = versions
        .filter_map(Result::ok)
        .map(|version| version.path().join("bin"))
        .filter(|folder| is_whole(folder))
        .max();
    debian.or_else(|| {
        let initdb = environment::find_program("initdb")?;
        initdb
            .parent()
            .filter(|folder| is_whole(folder))
            .map(Path::to_owned)
    })
}

fn is_whole(folder: &Path) -> bool {
    ["initdb", "postgres", "psql"]
        .iter()
        .all(|name| folder.join(name).is_file())
}
