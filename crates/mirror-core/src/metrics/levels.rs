//! What the levels of the store gave: the labels, and sums for the status page.

use std::sync::atomic::{AtomicU64, Ordering};

use service_runtime::metrics::Labels;
use service_runtime::metrics::opentelemetry::KeyValue;

/// A level of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Level {
    Memory,
    Redis,
    Disk,
}

impl Level {
    /// How many there are.
    const COUNT: usize = Self::Disk as usize + 1;

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Redis => "redis",
            Self::Disk => "disk",
        }
    }
}

/// What a load of a level gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Load {
    Hit,
    Miss,
    /// It took longer than it may.
    Timeout,
    Error,
}

impl Load {
    /// How many there are.
    const KINDS: usize = Self::Error as usize + 1;

    const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Timeout => "timeout",
            Self::Error => "error",
        }
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct LevelLoad(pub(super) Level, pub(super) Load);

impl Labels for LevelLoad {
    fn attributes(&self) -> Vec<KeyValue> {
        vec![
            KeyValue::new("level", self.0.as_str()),
            KeyValue::new("result", self.1.as_str()),
        ]
    }
}

/// Loads so far, by level and result.
#[derive(Debug, Default)]
pub(super) struct LoadCounts([[AtomicU64; Load::KINDS]; Level::COUNT]);

/// The loads of one level at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Loads {
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    pub(crate) errors: u64,
}

impl LoadCounts {
    pub(super) fn add(&self, level: Level, load: Load) {
        self.0[level as usize][load as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn of(&self, level: Level) -> Loads {
        let [hits, misses, timeouts, errors] = &self.0[level as usize];
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Loads {
            hits: read(hits),
            misses: read(misses),
            errors: read(timeouts) + read(errors),
        }
    }
}
