//! What a disk store counts, and which values were read since they were written.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Opened;
use crate::{StoreKey, Usage};

/// What has happened in a [`DiskStore`](super::DiskStore) since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DiskStats {
    /// Values dropped to stay within the bounds.
    pub evicted: u64,
    /// Values that were to be dropped, but had been read since and were kept for another round.
    pub second_rounds: u64,
    /// Values whose bytes were damaged; each was a miss, and was thrown away.
    pub damaged_values: u64,
    /// Files moved aside because they could not be used.
    pub files_set_aside: u64,
    /// Times the file was closed after an error and opened again.
    pub reopened: u64,
    /// Batches of writes that failed.
    pub failed_batches: u64,
    /// Times that writes were made durable.
    pub commits: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn increment(&self) {
        self.add(1);
    }

    pub(super) fn add(&self, number: u64) {
        self.0.fetch_add(number, Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One bit for each of this many groups of keys: 1 MiB, a false "read since" for one value in nine at a million.
const READ_WORDS: usize = 1 << 17;

#[derive(Debug)]
pub(super) struct Counters {
    pub(super) evicted: Counter,
    pub(super) second_rounds: Counter,
    pub(super) damaged_values: Counter,
    pub(super) files_set_aside: Counter,
    pub(super) reopened: Counter,
    pub(super) failed_batches: Counter,
    pub(super) commits: Counter,
    entries: AtomicU64,
    bytes: AtomicU64,
    read_since: Box<[AtomicU64]>,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            evicted: Counter::default(),
            second_rounds: Counter::default(),
            damaged_values: Counter::default(),
            files_set_aside: Counter::default(),
            reopened: Counter::default(),
            failed_batches: Counter::default(),
            commits: Counter::default(),
            entries: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            read_since: (0..READ_WORDS).map(|_| AtomicU64::new(0)).collect(),
        }
    }
}

impl Counters {
    pub(super) fn stats(&self) -> DiskStats {
        DiskStats {
            evicted: self.evicted.now(),
            second_rounds: self.second_rounds.now(),
            damaged_values: self.damaged_values.now(),
            files_set_aside: self.files_set_aside.now(),
            reopened: self.reopened.now(),
            failed_batches: self.failed_batches.now(),
            commits: self.commits.now(),
        }
    }

    pub(super) fn count_opened(&self, opened: &Opened) {
        if matches!(opened, Opened::SetAside { .. }) {
            self.files_set_aside.increment();
        }
    }

    pub(super) fn usage(&self) -> Usage {
        Usage::new(
            self.entries.load(Ordering::Relaxed),
            self.bytes.load(Ordering::Relaxed),
        )
    }

    pub(super) fn set_usage(&self, usage: Usage) {
        self.entries.store(usage.entries, Ordering::Relaxed);
        self.bytes.store(usage.bytes, Ordering::Relaxed);
    }

    /// The value under this key is worth keeping.
    pub(super) fn mark_read(&self, key: &StoreKey) {
        let (word, bit) = self.place(key);
        // Looking first keeps the line shared between cores when it is set already, as it mostly is.
        if word.load(Ordering::Relaxed) & bit == 0 {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// Whether the value was read since it was last looked at here.
    pub(super) fn take_read(&self, key: &StoreKey) -> Recency {
        let (word, bit) = self.place(key);
        if word.fetch_and(!bit, Ordering::Relaxed) & bit == 0 {
            Recency::Unread
        } else {
            Recency::ReadSince
        }
    }

    fn place(&self, key: &StoreKey) -> (&AtomicU64, u64) {
        let bytes = key.as_bytes();
        let word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let word = word as usize % READ_WORDS;
        (&self.read_since[word], 1 << (bytes[4] % 64))
    }
}

/// Whether a value was read since it was written or last spared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recency {
    ReadSince,
    Unread,
}
