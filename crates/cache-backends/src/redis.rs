//! The store that processes share: Redis or Valkey, alone, with replicas, behind Sentinel or as a cluster.
//!
//! - **Loads** ask Redis once, bounded by [`RedisOptions::read_timeout`], and see what this process has written and
//!   Redis has not got yet.
//! - **Writes go behind**: `merge` and `remove` put the change into a bounded queue and return. Workers carry it out:
//!   read, [merge](crate::CacheValue::merge), and store *if nobody has written in between*, else again. So no two
//!   processes lose each other's work, and no newer value is replaced by an older one.
//! - **What is read lives on**: its expiry is put off when less than half of it is left, behind the reader's back.
//! - **Trouble** is an error at once: nothing waits for a server that is away, and the connection comes back by
//!   itself, after pauses that grow and are never the same everywhere.
//!
//! Why it is so, and what is lost when: `docs/decisions/0008-redis-store.md`.

mod change;
mod connection;
mod entry;
mod failure;
mod keeping;
mod options;
mod queue;
mod random;
mod recent;
mod silence;
mod statistics;
mod url;
mod writer;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use fred::interfaces::{ClientLike, KeysInterface, ServerInterface};
use fred::types::InfoKind;
use fred::types::config::Options;
use parking_lot::Mutex;
use tokio::time::Instant;

use self::change::{Change, Scope};
pub(crate) use self::connection::{AbortOnDrop, Commands, Connection, servers};
use self::entry::{Found, Naming};
pub(crate) use self::failure::Failure;
use self::keeping::{KEEPERS, Keeper};
use self::queue::{Admission, Bounds, WriteQueue};
use self::recent::RecentWrites;
pub(crate) use self::statistics::Counters;
use crate::beside::beside_large;
use crate::{CacheStore, Operation, Persist, StoreError, StoreKey, Usage, Written};

pub use self::options::{
    ClusterNames, Endpoint, RedisDeployment, RedisOptions, RedisOptionsError, RedisTls, Secret,
    Sentinel, TlsIdentity,
};
pub use self::statistics::RedisStats;

/// How often [`CacheStore::usage`] is brought up to date.
const USAGE_INTERVAL: Duration = Duration::from_secs(15);

/// Values in Redis. Clones share connections and queue; when the last one is dropped, what still waits is lost (see
/// [`RedisStore::flush`]).
pub struct RedisStore<V: Persist> {
    shared: Arc<Shared<V>>,
    _tasks: Arc<[AbortOnDrop]>,
}

/// What the workers and the handles have in common.
struct Shared<V> {
    options: RedisOptions,
    naming: Naming,
    primary: Connection,
    reader: Option<Reader>,
    queue: WriteQueue<V>,
    keeper: Keeper,
    counters: Arc<Counters>,
    usage: SampledUsage,
}

struct Reader {
    connection: Connection,
    recent: Mutex<RecentWrites>,
}

#[derive(Debug, Default)]
struct SampledUsage {
    entries: AtomicU64,
    bytes: AtomicU64,
}

impl<V: Persist> RedisStore<V> {
    /// Starts to connect, and returns at once: a server that is away now is no reason not to start.
    ///
    /// # Errors
    /// When the options contradict each other or the certificates cannot be read.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn new(options: RedisOptions) -> Result<Self, RedisOptionsError> {
        options.check()?;
        let counters = Arc::new(Counters::default());
        let (primary, reader) = connection::servers(&options.deployment);
        let primary = Connection::open(primary, &options, Arc::clone(&counters))?;
        let reader = reader
            .map(|reader| Connection::open(reader, &options, Arc::clone(&counters)))
            .transpose()?
            .map(|connection| Reader {
                connection,
                recent: Mutex::new(RecentWrites::new(options.reader_lag)),
            });
        let shared = Arc::new(Shared {
            naming: Naming::new(&options.namespace),
            primary,
            reader,
            queue: WriteQueue::new(Bounds {
                keys: options.write_queue,
                bytes: options.write_queue_bytes,
            }),
            keeper: Keeper::new(options.ttl, Instant::now()),
            counters,
            usage: SampledUsage::default(),
            options,
        });
        let writers = (0..shared.options.writers)
            .map(|_| AbortOnDrop::spawn(writer::work(Arc::clone(&shared))));
        let keepers = (0..KEEPERS).map(|_| AbortOnDrop::spawn(keeping::work(Arc::clone(&shared))));
        let tasks = writers
            .chain(keepers)
            .chain([AbortOnDrop::spawn(sample_usage(Arc::clone(&shared)))])
            .collect();
        Ok(Self {
            shared,
            _tasks: tasks,
        })
    }

    /// Whether the server that takes the writes is connected now; for a readiness page, not for deciding whether to
    /// ask.
    pub fn connection(&self) -> RedisConnection {
        match self.shared.primary.is_up() {
            true => RedisConnection::Up,
            false => RedisConnection::Down,
        }
    }

    /// Waits until every write has reached Redis or was given up, at the end of the process for instance.
    ///
    /// # Cancel safety
    /// The wait may be dropped; the writes go on.
    pub async fn flush(&self) {
        self.shared.queue.idle().await;
    }

    /// The counters.
    pub fn stats(&self) -> RedisStats {
        self.shared.counters.snapshot(self.shared.queue.depth())
    }
}

/// State of the connection to the server that takes the writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedisConnection {
    /// Connected.
    Up,
    /// Not connected; it is being tried.
    Down,
}

impl<V: Persist> Clone for RedisStore<V> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            _tasks: Arc::clone(&self._tasks),
        }
    }
}

impl<V: Persist> fmt::Debug for RedisStore<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("options", &self.shared.options)
            .field("connection", &self.connection())
            .finish_non_exhaustive()
    }
}

impl<V: Persist> CacheStore<V> for RedisStore<V> {
    async fn load(&self, key: &StoreKey) -> Result<Option<V>, StoreError> {
        let shared = &self.shared;
        // Looked at before Redis: a write that lands in between is then merged twice, and never overlooked.
        let pending = shared.queue.overlay(key);
        if let Some(pending) = &pending {
            shared.counters.pending_hits.add_one();
            if pending.scope() == Scope::Covers {
                return Ok(shared
                    .counters
                    .hit_or_miss(pending.clone().applied_to(None)));
            }
        }
        match (shared.fetch(key).await, pending) {
            (Ok(stored), None) => Ok(shared.counters.hit_or_miss(stored)),
            (Ok(stored), Some(pending)) => {
                Ok(shared.counters.hit_or_miss(pending.applied_to(stored)))
            }
            // What this process has written is worth serving, also when nobody can say what else there is.
            (Err(_), Some(pending)) => Ok(shared.counters.hit_or_miss(pending.applied_to(None))),
            (Err(error), None) => Err(error),
        }
    }

    async fn merge(&self, key: &StoreKey, value: V) -> Result<Written, StoreError> {
        if value.weight_bytes() > self.shared.options.max_entry_bytes {
            self.shared.counters.writes_too_large.add_one();
            self.shared.promise(key, Change::Remove, Operation::Merge)?;
            return Ok(Written::TooLarge);
        }
        self.shared
            .promise(key, Change::Merge(value), Operation::Merge)?;
        Ok(Written::Stored)
    }

    async fn remove(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.shared.promise(key, Change::Remove, Operation::Remove)
    }

    /// Puts off the expiry of what is in use, behind the caller's back.
    fn touch(&self, key: &StoreKey) {
        self.shared.keeper.note(key, Instant::now());
    }

    /// Number of keys in the database and memory of the servers, brought up to date every 15 seconds. Redis knows
    /// neither by prefix: in a shared database other applications are counted too.
    fn usage(&self) -> Usage {
        Usage::new(
            self.shared.usage.entries.load(Ordering::Relaxed),
            self.shared.usage.bytes.load(Ordering::Relaxed),
        )
    }
}

impl<V: Persist> Shared<V> {
    async fn fetch(&self, key: &StoreKey) -> Result<Option<V>, StoreError> {
        let start = Instant::now();
        let fetched = self.fetch_untimed(key, start).await;
        self.counters.load_latency.record(start.elapsed());
        if let Err(error) = &fetched {
            match error.is_timeout() {
                true => self.counters.load_timeouts.add_one(),
                false => self.counters.load_errors.add_one(),
            }
        }
        fetched
    }

    async fn fetch_untimed(&self, key: &StoreKey, now: Instant) -> Result<Option<V>, StoreError> {
        let connection = self.source(key, now);
        if !connection.is_up() {
            return Err(StoreError::unavailable(Operation::Load));
        }
        let name = self.naming.name(key);
        let stored: Option<Bytes> = connection
            .ask(&name, self.options.read_timeout, |commands| {
                let name = name.as_str();
                async move { commands.get(name).await }
            })
            .await
            .map_err(|error| {
                self.counters.note_error(&error);
                Failure::of(&error).into_store_error(Operation::Load, error)
            })?;
        let Some(stored) = stored else {
            return Ok(None);
        };
        let stored_bytes = stored.len();
        let dictionaries = self.options.dictionaries.clone();
        let read = move || entry::read(&stored, &dictionaries);
        let found: Found<V> = beside_large(stored_bytes, read)
            .await
            .ok_or_else(|| StoreError::unavailable(Operation::Load))?;
        match found.value {
            Some(_) => self.keeper.note(key, now),
            None => self.counters.unreadable.add_one(),
        }
        Ok(found.value)
    }

    /// Who is asked for this key.
    fn source(&self, key: &StoreKey, now: Instant) -> &Connection {
        match &self.reader {
            Some(reader)
                if reader.connection.is_up() && !reader.recent.lock().contains(key, now) =>
            {
                &reader.connection
            }
            _ => &self.primary,
        }
    }

    fn promise(
        &self,
        key: &StoreKey,
        change: Change<V>,
        operation: Operation,
    ) -> Result<(), StoreError> {
        match self.queue.push(*key, change, Instant::now()) {
            Admission::Full => {
                self.counters.writes_refused.add_one();
                return Err(StoreError::unavailable(operation).with_source(QueueFull));
            }
            Admission::Joined => self.counters.writes_joined.add_one(),
            Admission::Queued => {}
        }
        self.counters.writes_queued.add_one();
        Ok(())
    }
}

impl Counters {
    fn hit_or_miss<V>(&self, loaded: Option<V>) -> Option<V> {
        self.loads.add_one();
        if loaded.is_some() {
            self.hits.add_one();
        }
        loaded
    }
}

/// Enough chance to tell one holder of a lease from another.
pub(crate) fn random_token() -> String {
    format!("{:016x}{:016x}", random::word(), random::word())
}

#[derive(Debug, thiserror::Error)]
#[error("too many writes wait for redis")]
struct QueueFull;

async fn sample_usage<V: Persist>(shared: Arc<Shared<V>>) {
    loop {
        if let Some(usage) = usage_of_servers(&shared).await {
            shared.usage.entries.store(usage.entries, Ordering::Relaxed);
            shared.usage.bytes.store(usage.bytes, Ordering::Relaxed);
            tokio::time::sleep(USAGE_INTERVAL).await;
        } else {
            tokio::time::sleep(shared.options.connect_timeout).await;
        }
    }
}

async fn usage_of_servers<V: Persist>(shared: &Shared<V>) -> Option<Usage> {
    if !shared.primary.is_up() {
        return None;
    }
    let client = shared.primary.client();
    let mut usage = Usage::default();
    for server in client.active_connections() {
        let node = client.with_options(&Options {
            timeout: Some(shared.options.write_timeout),
            cluster_node: client.is_clustered().then_some(server),
            fail_fast: true,
            ..Options::default()
        });
        usage.entries += node.dbsize::<u64>().await.ok()?;
        let memory: String = node.info(Some(InfoKind::Memory)).await.ok()?;
        usage.bytes += used_memory(&memory)?;
    }
    Some(usage)
}

/// The number behind `used_memory:` in the answer to `INFO memory`.
fn used_memory(info: &str) -> Option<u64> {
    info.lines()
        .find_map(|line| line.strip_prefix("used_memory:")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_a_server() {
        let info = "# Memory\r\nused_memory:1048576\r\nused_memory_human:1.00M\r\n";
        assert_eq!(used_memory(info), Some(1_048_576));
        assert_eq!(used_memory("# Memory"), None);
    }
}
