//! Files with one event a line, as GH Archive has them: plain or compressed.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::event::{Event, PageError, parse_event};

/// A longer line is no event.
const MOST_LINE_BYTES: u64 = 16 << 20;

const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Open {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It breaks off, or is damaged.
    #[error("{}, line {line}: cannot be read", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
        /// Why.
        source: io::Error,
    },
    /// A line is no event.
    #[error("{}, line {line}: not an event", path.display())]
    NoEvent {
        /// Which.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
        /// Why.
        source: PageError,
    },
    /// A line is too long.
    #[error("{}, line {line}: longer than {MOST_LINE_BYTES} bytes", path.display())]
    TooLong {
        /// Which.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
    },
}

/// Hands over each event of a file, in its order. Empty lines are none.
pub(super) fn each_event(path: &Path, mut take: impl FnMut(Event)) -> Result<(), FileError> {
    let opened = |source| FileError::Open {
        path: path.to_owned(),
        source,
    };
    let mut file = BufReader::new(File::open(path).map_err(opened)?);
    let compressed = file.fill_buf().map_err(opened)?.starts_with(&GZIP);
    let mut reader: Box<dyn BufRead> = match compressed {
        true => Box::new(BufReader::new(MultiGzDecoder::new(file))),
        false => Box::new(file),
    };
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        let failed = |source| FileError::Read {
            path: path.to_owned(),
            line,
            source,
        };
        let limited = &mut reader.by_ref().take(MOST_LINE_BYTES);
        if limited.read_until(b'\n', &mut bytes).map_err(failed)? == 0 {
            break;
        }
        if bytes.len() as u64 == MOST_LINE_BYTES {
            return Err(FileError::TooLong {
                path: path.to_owned(),
                line,
            });
        }
        let text = std::str::from_utf8(&bytes)
            .map_err(|error| failed(io::Error::new(io::ErrorKind::InvalidData, error)))?;
        if text.trim().is_empty() {
            continue;
        }
        take(parse_event(text).map_err(|source| FileError::NoEvent {
            path: path.to_owned(),
            line,
            source,
        })?);
    }
    Ok(())
}
