//! Logs: diagnostics on standard error, one line per request on standard output.
//!
//! The two are apart because they have different readers and different costs: diagnostics are
//! rare and written at once, access lines are part of every request and must never make one wait.

mod access;
mod time;
mod writer;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use crate::clock::{Clock, SystemClock};

pub use access::{Access, AccessLog, Field};
pub use time::Timestamp;
pub use writer::LineWriter;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    #[default]
    Text,
    Json,
}

impl FromStr for Format {
    type Err = LogError;

    fn from_str(text: &str) -> Result<Self, LogError> {
        match text {
            "text" => Ok(Format::Text),
            "json" => Ok(Format::Json),
            _ => Err(LogError::Format),
        }
    }
}

/// Why logging cannot be set up or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    #[error("expected text or json")]
    Format,
    #[error("expected off, error, warn, info, debug, trace or a list such as info,hyper=debug")]
    Level,
    #[error("logging was already started in this process")]
    AlreadyStarted,
}

/// Bytes of access lines that may wait for standard output. Above it lines are dropped.
const ACCESS_BUFFER_BYTES: usize = 1024 * 1024;

/// The name under which a level may be given for access lines alone: `warn,access=info`.
const ACCESS_TARGET: &str = "access";

/// What is logged, and the means to change it. Clones share it.
///
/// Access lines are of level `info`.
#[derive(Clone)]
pub struct LogLevel {
    filter: reload::Handle<EnvFilter, Registry>,
    access_lines: Arc<AtomicBool>,
    /// As it was given last.
    current: Arc<Mutex<String>>,
}

impl LogLevel {
    /// The level as it was set last.
    pub fn current(&self) -> String {
        self.current.lock().clone()
    }

    /// Changes what is logged from now on.
    ///
    /// # Errors
    /// When the level is not one; then nothing changes.
    pub fn set(&self, level: &str) -> Result<(), LogError> {
        let filter = parse_level(level)?;
        let mut current = self.current.lock();
        self.filter.reload(filter).map_err(|_| LogError::Level)?;
        self.access_lines
            .store(logs_access(level), Ordering::Relaxed);
        level.clone_into(&mut current);
        Ok(())
    }
}

impl fmt::Debug for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LogLevel").field(&self.current()).finish()
    }
}

/// The logging of this process. Dropping it waits for the access lines that are still on the way.
pub struct Logs {
    level: LogLevel,
    format: Format,
    output: LineWriter,
}

/// Starts logging for the whole process.
///
/// # Errors
/// When the level is not one, or logging was started before.
pub fn start(format: Format, level: &str) -> Result<Logs, LogError> {
    let (filter, handle) = reload::Layer::new(parse_level(level)?);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        Format::Text => lines.with_timer(TextTime).with_ansi(false).boxed(),
        Format::Json => lines
            .json()
            .flatten_event(true)
            .with_timer(JsonTime)
            .boxed(),
    };
    tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .try_init()
        .map_err(|_| LogError::AlreadyStarted)?;
    let output = LineWriter::new(std::io::stdout(), ACCESS_BUFFER_BYTES);
    Ok(Logs {
        level: LogLevel {
            filter: handle,
            access_lines: Arc::new(AtomicBool::new(logs_access(level))),
            current: Arc::new(Mutex::new(level.to_owned())),
        },
        format,
        output,
    })
}

impl Logs {
    /// What is logged, to be changed while the process runs.
    pub fn level(&self) -> LogLevel {
        self.level.clone()
    }

    /// Where access lines go, as long as the level lets them.
    pub fn access_log(&self) -> AccessLog {
        AccessLog::new(self.format, self.output.clone()).while_set(&self.level.access_lines)
    }

    /// Access lines that were given up so far because standard output was too slow or closed.
    pub fn dropped_lines(&self) -> u64 {
        self.output.dropped()
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        self.output.flush();
    }
}

impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logs")
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

/// Any word is a legal target for `EnvFilter`, so "inof" would silence everything.
fn parse_level(level: &str) -> Result<EnvFilter, LogError> {
    let level = level.replace(' ', "");
    for directive in level.split(',') {
        let word = directive.rsplit('=').next().unwrap_or_default();
        // The parser takes an empty word for "error".
        if word.is_empty() || word.parse::<LevelFilter>().is_err() {
            return Err(LogError::Level);
        }
    }
    EnvFilter::try_new(level).map_err(|_| LogError::Level)
}

/// Whether access lines are wanted at a level that was parsed.
fn logs_access(level: &str) -> bool {
    let level = level.replace(' ', "");
    let of = |target: Option<&str>| {
        let directives = level.split(',').map(|directive| {
            let named = directive.rsplit_once('=');
            named.map_or((None, directive), |(target, word)| (Some(target), word))
        });
        let mut words = directives.filter(|(name, _)| *name == target);
        words
            .next_back()
            .and_then(|(_, word)| word.parse::<LevelFilter>().ok())
    };
    let level = of(Some(ACCESS_TARGET)).or_else(|| of(None));
    // As for everything else that a list does not name.
    level.unwrap_or(LevelFilter::ERROR) >= LevelFilter::INFO
}

struct TextTime;

impl FormatTime for TextTime {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        write!(writer, "{}", Timestamp::of(SystemClock.now()).text())
    }
}

struct JsonTime;

impl FormatTime for JsonTime {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        write!(writer, "{}", Timestamp::of(SystemClock.now()).rfc3339())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_lines_are_of_level_info_or_have_one_of_their_own() {
        for level in ["info", "DEBUG", "info,hyper=off", "warn, access=info"] {
            assert!(logs_access(level), "{level}");
        }
        for level in [
            "warn",
            "off",
            "info,access=off",
            "hyper=debug",
            "warn,hyper=info",
        ] {
            assert!(!logs_access(level), "{level}");
        }
    }

    #[test]
    fn levels_are_words_that_mean_one() {
        for level in ["info", "INFO", "off", "info,hyper=debug", "warn, h2=off"] {
            assert!(parse_level(level).is_ok(), "{level}");
        }
        for level in ["inof", "", "info,hyper", "hyper=loud"] {
            assert_eq!(parse_level(level).err(), Some(LogError::Level), "{level}");
        }
    }
}
