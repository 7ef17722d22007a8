//! The file itself: opening it, moving an unusable one aside, keeping it within its bound at the start.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use redb::{Database, DatabaseError, StorageError};

use super::engine::{self, Failure, Limits};
use super::{DiskError, Opened, Unusable};

/// Opens the database, at the start and again after an error.
pub(super) type Open = Box<dyn FnMut(Start) -> Result<(Database, Opened), DiskError> + Send>;

/// What to begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// The file that is there, if it can be used.
    Keep,
    /// Another one: the file that is there has turned out to be damaged.
    Afresh,
}

/// Files that were set aside and are kept for whoever wants to know why.
const KEPT_ASIDE: u64 = 2;

pub(super) fn open(
    start: Start,
    path: &Path,
    page_cache_bytes: usize,
    limits: Limits,
) -> Result<(Database, Opened), DiskError> {
    let refused = |source| DiskError::Io {
        path: path.to_owned(),
        source,
    };
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(refused)?;
    }
    let reason = match start {
        Start::Afresh => Unusable::Damaged,
        Start::Keep => match try_open(path, page_cache_bytes, limits)? {
            Ok(usable) => return Ok(usable),
            Err(reason) => reason,
        },
    };
    let moved_to = set_aside(path).map_err(refused)?;
    match try_open(path, page_cache_bytes, limits)? {
        Ok((database, _)) => Ok((database, Opened::SetAside { moved_to, reason })),
        Err(reason) => Err(refused(io::Error::other(format!(
            "a new file is {}",
            reason.as_str()
        )))),
    }
}

/// The inner error is a file that is to be moved aside.
fn try_open(
    path: &Path,
    page_cache_bytes: usize,
    limits: Limits,
) -> Result<Result<(Database, Opened), Unusable>, DiskError> {
    let refused = |source| DiskError::Io {
        path: path.to_owned(),
        source,
    };
    let file = open_file(path).map_err(refused)?;
    let is_new = file.metadata().map_err(refused)?.len() == 0;
    let opened = if is_new {
        Opened::Created
    } else {
        Opened::Existing
    };
    // Damage that the engine does not expect makes it panic; here that is one more way of being damaged.
    let attempt = catch_unwind(AssertUnwindSafe(|| {
        let mut builder = Database::builder();
        let mut database = builder
            .set_cache_size(page_cache_bytes)
            .create_file(file)
            .map_err(Failure::from)?;
        engine::prepare(&database)?;
        if occupied_bytes(path) > limits.max_bytes {
            // The bound was lowered: from here on the file is reused, but only this makes it smaller.
            engine::shrink(&mut database, limits)?;
        }
        Ok(database)
    }));
    match attempt {
        Ok(Ok(database)) => Ok(Ok((database, opened))),
        Ok(Err(Failure::InUse)) => Err(DiskError::InUse {
            path: path.to_owned(),
        }),
        Ok(Err(Failure::UnknownVersion)) => Ok(Err(Unusable::UnknownVersion)),
        Ok(Err(Failure::Io(source))) => Err(refused(source)),
        Ok(Err(Failure::Damaged(_) | Failure::Closed)) | Err(_) => Ok(Err(Unusable::Damaged)),
    }
}

fn open_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    // It holds private answers: nobody else's to read.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Bytes that the file occupies; it is sparse, so this is less than its length.
pub(super) fn occupied_bytes(path: &Path) -> u64 {
    let Ok(metadata) = fs::metadata(path) else {
        return 0;
    };
    #[cfg(unix)]
    let occupied = std::os::unix::fs::MetadataExt::blocks(&metadata) * 512;
    #[cfg(not(unix))]
    let occupied = metadata.len();
    occupied
}

/// Moves the file to the next free `.corrupt-N` beside it, and drops the oldest of those.
fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let mut numbers = set_aside_before(path)?;
    numbers.sort_unstable();
    let next = numbers.last().map_or(1, |last| last + 1);
    let moved_to = aside(path, next);
    fs::rename(path, &moved_to)?;
    for number in numbers {
        if number + KEPT_ASIDE <= next {
            fs::remove_file(aside(path, number))?;
        }
    }
    Ok(moved_to)
}

fn aside(path: &Path, number: u64) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".corrupt-{number}"));
    PathBuf::from(name)
}

fn set_aside_before(path: &Path) -> io::Result<Vec<u64>> {
    let directory = match path.parent() {
        Some(directory) if directory != Path::new("") => directory,
        _ => Path::new("."),
    };
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return Ok(Vec::new());
    };
    let prefix = format!("{name}.corrupt-");
    let mut numbers = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?.file_name();
        let number = entry.to_str().and_then(|entry| entry.strip_prefix(&prefix));
        numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    Ok(numbers)
}

impl From<DatabaseError> for Failure {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::DatabaseAlreadyOpen => Self::InUse,
            DatabaseError::UpgradeRequired(_) => Self::UnknownVersion,
            DatabaseError::Storage(StorageError::Io(error)) => match error.kind() {
                // Another magic number, or less than what must be there.
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                    Self::Damaged(error.to_string())
                }
                _ => Self::Io(error),
            },
            DatabaseError::Storage(error) => error.into(),
            other => Self::Damaged(other.to_string()),
        }
    }
}
