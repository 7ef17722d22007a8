//! One file on this machine, for a single process without Redis: restarts keep what was cached.
//!
//! The engine is redb (docs/decisions/0009-disk-store.md): one file, copy-on-write, so whatever moment the process is
//! killed at, the file is a state that was committed.
//!
//! - **Durability.** A merge is visible to readers when it returns and on the disk within
//!   [`commit_interval`](DiskOptions::commit_interval): a crash loses the last second of writes, never more, and never
//!   leaves a half-written value. [`flush`](DiskStore::flush) waits for the disk.
//! - **Bounds.** The file takes up to [`max_bytes`](DiskOptions::max_bytes) of the disk. What was written longest ago
//!   goes first, except that a value that was read since gets a second round (FIFO with reinsertion): a read costs
//!   no write. The bound holds for occupied blocks; the file's nominal length may be larger (it is sparse).
//! - **Damage.** Every value has a checksum; a damaged one is [`StoreError::is_corrupt`], and is thrown away. A file
//!   that cannot be read as a whole is moved aside (`.corrupt-N`, the last two are kept) and a new one begun: damage
//!   never prevents a start, see [`Opened`].
//! - **Threads.** One thread of the store's own does all writing, in batches; reads run on tokio's blocking threads,
//!   at most [`max_concurrent_reads`](DiskOptions::max_concurrent_reads) at a time. Nothing blocks the executor.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::{CacheStore, Dictionaries, Operation, Persist, StoreError, StoreKey, Usage, Written};

mod counters;
mod engine;
mod file;
mod worker;

use counters::Counters;
pub use counters::DiskStats;
use engine::{Failure, Limits, Slot};
use file::Start;
use worker::{Command, Worker};

/// Where a [`DiskStore`] keeps its file, and its bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskOptions {
    /// The file. Missing directories are made; on Unix a new file is readable by its owner alone.
    pub path: PathBuf,
    /// Bytes of disk that the file may occupy. Default 1 GiB; less than 4 MiB counts as 4 MiB.
    /// Beyond it, values are evicted.
    pub max_bytes: u64,
    /// Bytes that one value may have before compression. Default 64 MiB. A larger one is not stored
    /// ([`Written::TooLarge`]). A value alone never takes more than an eighth of `max_bytes`.
    pub max_entry_bytes: usize,
    /// What values are compressed with, see [`Dictionaries`]. Default none.
    pub dictionaries: Dictionaries,
    /// How long a write may wait to be made durable. Default 1 second: what a crash may lose.
    pub commit_interval: Duration,
    /// Writes that may wait for the writing thread. Default 1024. Beyond it, writers wait.
    pub max_queued_writes: usize,
    /// Reads that may be on the disk at once. Default 8. Beyond it, readers wait.
    pub max_concurrent_reads: usize,
    /// Memory for pages of the file. Default 32 MiB; the operating system caches beside it.
    pub page_cache_bytes: usize,
}

impl DiskOptions {
    /// The defaults, with the file at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            max_bytes: 1 << 30,
            max_entry_bytes: 64 << 20,
            dictionaries: Dictionaries::default(),
            commit_interval: Duration::from_secs(1),
            max_queued_writes: 1024,
            max_concurrent_reads: 8,
            page_cache_bytes: 32 << 20,
        }
    }
}

/// What was found where the file was to be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Opened {
    /// Nothing: a new file was begun.
    Created,
    /// The file of an earlier run.
    Existing,
    /// Something that cannot be used. It was moved, and a new file was begun.
    SetAside {
        /// Where it is now.
        moved_to: PathBuf,
        /// Why it cannot be used.
        reason: Unusable,
    },
}

/// Why a file cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unusable {
    /// It is damaged, or no file of this store at all.
    Damaged,
    /// Another version of this program wrote it, in a format unknown here.
    UnknownVersion,
}

impl Unusable {
    /// The words used in messages and metric labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Damaged => "damaged",
            Self::UnknownVersion => "unknown-version",
        }
    }
}

/// Why no file could be opened or begun: something that moving a file aside does not mend.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiskError {
    /// Another process has it, or another store in this one.
    #[error("cache file {} is in use by another process", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("failed to open cache file {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Values in one file. Clones share it.
///
/// Dropping the last clone writes what is not on the disk yet; this blocks for the moment that takes.
pub struct DiskStore<V: Persist>(Arc<Shared<V>>);

struct Shared<V: Persist> {
    slot: Arc<Slot>,
    counters: Arc<Counters>,
    reads: Arc<Semaphore>,
    writes: Arc<Semaphore>,
    /// `None` once the store is being dropped: the writing thread then ends.
    commands: Option<mpsc::Sender<Command<V>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl<V: Persist> DiskStore<V> {
    /// Opens the file or begins a new one, and says which; unusable files are moved aside.
    ///
    /// Blocks while it reads the file's outline: the time does not grow with the number of values, except where
    /// `max_bytes` has become smaller, which makes it shrink the file first.
    ///
    /// # Errors
    /// When the file is in use, or the operating system allows no such file.
    pub fn open(options: DiskOptions) -> Result<(Self, Opened), DiskError> {
        let limits = Limits::of(&options);
        let (path, page_cache_bytes) = (options.path.clone(), options.page_cache_bytes);
        let reopen = move |start| file::open(start, &path, page_cache_bytes, limits);
        Self::start(options, limits, Box::new(reopen))
    }

    fn start(
        options: DiskOptions,
        limits: Limits,
        mut open: file::Open,
    ) -> Result<(Self, Opened), DiskError> {
        let (database, opened) = open(Start::Keep)?;
        let counters = Arc::new(Counters::default());
        counters.count_opened(&opened);
        let slot = Arc::new(Slot::new(database, options.dictionaries.clone()));
        let (commands, queue) = mpsc::channel();
        let worker = Worker::new(
            Arc::clone(&slot),
            Arc::clone(&counters),
            queue,
            open,
            limits,
            options.commit_interval,
        );
        let writer = std::thread::Builder::new()
            .name("cache-disk".to_owned())
            .spawn(move || worker.run())
            .map_err(|source| DiskError::Io {
                path: options.path.clone(),
                source,
            })?;
        let shared = Shared {
            slot,
            counters,
            reads: Arc::new(Semaphore::new(options.max_concurrent_reads.max(1))),
            writes: Arc::new(Semaphore::new(options.max_queued_writes.max(1))),
            commands: Some(commands),
            writer: Mutex::new(Some(writer)),
        };
        Ok((Self(Arc::new(shared)), opened))
    }

    /// Waits until everything merged so far is on the disk.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.ask(Operation::Merge, |reply| Command::Flush { reply })
            .await
    }

    /// What has happened since the store was opened.
    pub fn stats(&self) -> DiskStats {
        self.0.counters.stats()
    }

    async fn ask<T>(
        &self,
        operation: Operation,
        command: impl FnOnce(Reply<T>) -> Command<V>,
    ) -> Result<T, StoreError> {
        let gone = |_| StoreError::unavailable(operation);
        let turn = Arc::clone(&self.0.writes);
        let turn = turn.acquire_owned().await.map_err(|_| gone(()))?;
        let (answer, answered) = oneshot::channel();
        let reply = Reply {
            answer,
            operation,
            _turn: turn,
        };
        self.0.send(command(reply));
        answered.await.map_err(|_| gone(()))?
    }
}

/// Where the outcome of a write goes; holds the place in the queue until then.
struct Reply<T> {
    answer: oneshot::Sender<Result<T, StoreError>>,
    operation: Operation,
    _turn: OwnedSemaphorePermit,
}

impl<T> Reply<T> {
    fn done(self, outcome: T) {
        // Nobody waits if the caller has dropped its future; the write has happened all the same.
        let _ = self.answer.send(Ok(outcome));
    }

    fn failed(self, cause: &Arc<Failure>) {
        let error = StoreError::unavailable(self.operation).with_source(Arc::clone(cause));
        let _ = self.answer.send(Err(error));
    }
}

impl<V: Persist> Shared<V> {
    fn send(&self, command: Command<V>) {
        if let Some(commands) = &self.commands {
            // Without a writing thread the reply is dropped with the command, which is an error for who waits for it.
            let _ = commands.send(command);
        }
    }

    /// Reads on a thread that may block.
    fn load_blocking(&self, key: &StoreKey) -> Result<Option<V>, StoreError> {
        let generation = self.slot.generation();
        let found = match self.slot.load::<V>(key) {
            Ok(found) => found,
            Err(failure) => {
                if failure.is_damage() {
                    self.send(Command::Replace { generation });
                }
                return Err(StoreError::unavailable(Operation::Load).with_source(failure));
            }
        };
        match found {
            engine::Found::Nothing => Ok(None),
            engine::Found::Value(value) => {
                self.counters.mark_read(key);
                Ok(Some(value))
            }
            engine::Found::Damaged { stamp } => {
                self.counters.damaged_values.increment();
                self.send(Command::Discard { key: *key, stamp });
                Err(StoreError::corrupt(Operation::Load))
            }
        }
    }
}

impl<V: Persist> CacheStore<V> for DiskStore<V> {
    async fn load(&self, key: &StoreKey) -> Result<Option<V>, StoreError> {
        let failed = || StoreError::unavailable(Operation::Load);
        let turn = Arc::clone(&self.0.reads).acquire_owned().await;
        let turn = turn.map_err(|_| failed())?;
        let (shared, key) = (Arc::clone(&self.0), *key);
        let read = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            shared.load_blocking(&key)
        });
        read.await.map_err(|error| failed().with_source(error))?
    }

    async fn merge(&self, key: &StoreKey, value: V) -> Result<Written, StoreError> {
        let key = *key;
        self.ask(Operation::Merge, |reply| Command::Merge {
            key,
            value,
            reply,
        })
        .await
    }

    async fn remove(&self, key: &StoreKey) -> Result<(), StoreError> {
        let key = *key;
        self.ask(Operation::Remove, |reply| Command::Remove { key, reply })
            .await
    }

    /// What is used goes last when room is needed.
    fn touch(&self, key: &StoreKey) {
        self.0.counters.mark_read(key);
    }

    fn usage(&self) -> Usage {
        self.0.counters.usage()
    }
}

impl<V: Persist> Drop for Shared<V> {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(writer) = self.writer.lock().take() {
            // A read may be the last to hold the store, but the writing thread never is, so it never joins itself.
            let _ = writer.join();
        }
    }
}

impl<V: Persist> Clone for DiskStore<V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<V: Persist> fmt::Debug for DiskStore<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskStore")
            .field("usage", &self.usage())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
