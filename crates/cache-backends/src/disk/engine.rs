//! What is done inside the file: one transaction at a time, each leaving values, ages and totals in step.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{io, mem};

use parking_lot::RwLock;
use redb::{
    CommitError, CompactionError, Database, Durability, ReadableDatabase, ReadableTable,
    ReadableTableMetadata, SetDurabilityError, StorageError, Table, TableDefinition, TableError,
    TransactionError,
};

use super::DiskOptions;
use super::counters::{Counters, Recency};
use crate::envelope::{self, Opened};
use crate::{Dictionaries, Persist, StoreKey, Usage};

/// Format of the tables below. Another number is another version's file.
const FORMAT: u64 = 1;

/// A value in its envelope, behind the stamp of its last writing.
const VALUES: TableDefinition<'_, &[u8; 32], (u64, &[u8])> = TableDefinition::new("values");
/// Which key has which stamp: the order in which values are dropped.
const AGES: TableDefinition<'_, u64, &[u8; 32]> = TableDefinition::new("ages");
/// `format`, `bytes` and `next stamp`, so that opening counts nothing.
const FACTS: TableDefinition<'_, &str, u64> = TableDefinition::new("facts");

/// Values dropped in one transaction at most, so that no batch of writes waits long.
const MAX_EVICTIONS: usize = 4096;
/// Values given another round in one transaction at most: each is written again.
const MAX_SECOND_ROUNDS: usize = 256;

pub(super) const PAGE_BYTES: usize = 4096;

/// Why the file does not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("the cache file is damaged: {0}")]
    Damaged(String),
    #[error("the cache file cannot be read or written")]
    Io(#[source] io::Error),
    #[error("the cache file is closed after an error")]
    Closed,
    #[error("the cache file is in use")]
    InUse,
    #[error("the cache file has an unknown format")]
    UnknownVersion,
}

impl Failure {
    /// Whether only another file helps.
    pub(super) fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged(_) | Self::UnknownVersion)
    }

    fn engine(error: &impl ToString) -> Self {
        Self::Io(io::Error::other(error.to_string()))
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Corrupted(what) => Self::Damaged(what),
            StorageError::Io(error) => Self::Io(error),
            StorageError::PreviousIo | StorageError::DatabaseClosed => Self::Closed,
            other => Self::engine(&other),
        }
    }
}

impl From<TableError> for Failure {
    fn from(error: TableError) -> Self {
        match error {
            TableError::Storage(error) => error.into(),
            // The tables are made with the file, so other ones are another version's.
            _ => Self::UnknownVersion,
        }
    }
}

impl From<TransactionError> for Failure {
    fn from(error: TransactionError) -> Self {
        match error {
            TransactionError::Storage(error) => error.into(),
            other => Self::engine(&other),
        }
    }
}

impl From<CommitError> for Failure {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Storage(error) => error.into(),
            other => Self::engine(&other),
        }
    }
}

impl From<CompactionError> for Failure {
    fn from(error: CompactionError) -> Self {
        match error {
            CompactionError::Storage(error) => error.into(),
            other => Self::engine(&other),
        }
    }
}

impl From<SetDurabilityError> for Failure {
    fn from(error: SetDurabilityError) -> Self {
        Self::engine(&error)
    }
}

/// Bounds as the transactions need them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) max_bytes: u64,
    max_entry_bytes: usize,
}

impl Limits {
    pub(super) fn of(options: &DiskOptions) -> Self {
        Self {
            max_bytes: options.max_bytes.max(4 << 20),
            max_entry_bytes: options.max_entry_bytes.min(envelope::MAX_VALUE_BYTES),
        }
    }

    /// What values may take together: the rest is for pages that a transaction writes before it frees the old ones.
    fn budget_bytes(self) -> u64 {
        self.max_bytes / 10 * 7
    }

    /// What one transaction may write: it needs that much beside what it replaces.
    pub(super) fn max_batch_bytes(self) -> u64 {
        self.max_bytes / 64
    }

    /// Until writes are durable, the pages that they replaced cannot be used again; so much may wait for that.
    pub(super) fn max_waiting_bytes(self) -> u64 {
        self.max_bytes / 32
    }
}

/// What a value of so many bytes takes of the file.
///
/// Small values share pages, which are less than two thirds full when their lengths differ; large ones have a power of
/// two of pages.
pub(super) fn footprint(sealed_bytes: usize) -> u64 {
    const AGE_BYTES: usize = 80;
    let pair = sealed_bytes + 64;
    let pages = if pair <= PAGE_BYTES / 2 {
        pair * 8 / 5
    } else {
        pair.div_ceil(PAGE_BYTES).next_power_of_two() * PAGE_BYTES
    };
    (pages + AGE_BYTES) as u64
}

/// The open file, shared by readers and the writing thread; empty while it is closed after an error.
#[derive(Debug)]
pub(super) struct Slot {
    database: RwLock<Option<Arc<Database>>>,
    generation: AtomicU64,
    dictionaries: Dictionaries,
}

/// What was found under a key.
pub(super) enum Found<V> {
    Nothing,
    Value(V),
    Damaged { stamp: u64 },
}

impl Slot {
    pub(super) fn new(database: Database, dictionaries: Dictionaries) -> Self {
        Self {
            database: RwLock::new(Some(Arc::new(database))),
            generation: AtomicU64::new(0),
            dictionaries,
        }
    }

    /// What values are compressed with.
    pub(super) fn dictionaries(&self) -> &Dictionaries {
        &self.dictionaries
    }

    /// How many times the file has been opened again: what was found out about an earlier one is no news.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    pub(super) fn database(&self) -> Option<Arc<Database>> {
        self.database.read().clone()
    }

    pub(super) fn put(&self, database: Database) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        *self.database.write() = Some(Arc::new(database));
    }

    pub(super) fn take(&self) -> Option<Arc<Database>> {
        self.database.write().take()
    }

    pub(super) fn load<V: Persist>(&self, key: &StoreKey) -> Result<Found<V>, Failure> {
        let database = self.database().ok_or(Failure::Closed)?;
        guarded(|| {
            let values = database.begin_read()?.open_table(VALUES)?;
            let Some(stored) = values.get(key.as_bytes())? else {
                return Ok(Found::Nothing);
            };
            let (stamp, sealed) = stored.value();
            Ok(match envelope::open(sealed, &self.dictionaries) {
                Opened::Damaged => Found::Damaged { stamp },
                // It stays until it is written over or evicted: who wrote it may come back.
                Opened::Unknown => Found::Nothing,
                Opened::Value(plain) => decode(&plain).map_or(Found::Nothing, Found::Value),
            })
        })
    }
}

/// Damage that the engine does not expect makes it panic.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let said = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied());
        Err(Failure::Damaged(said.unwrap_or("panic").to_owned()))
    })
}

/// A value type that panics over its own bytes is not the file's fault.
fn decode<V: Persist>(plain: &[u8]) -> Option<V> {
    catch_unwind(AssertUnwindSafe(|| V::decode(plain))).ok()?
}

/// Makes the tables of a new file, or finds out that they are not this version's.
pub(super) fn prepare(database: &Database) -> Result<(), Failure> {
    let transaction = database.begin_write()?;
    let is_new = transaction.list_tables()?.next().is_none();
    {
        let mut facts = transaction.open_table(FACTS)?;
        let format = facts.get("format")?.map(|format| format.value());
        match format {
            Some(FORMAT) => {}
            None if is_new => {
                facts.insert("format", FORMAT)?;
            }
            _ => return Err(Failure::UnknownVersion),
        }
        transaction.open_table(VALUES)?;
        transaction.open_table(AGES)?;
    }
    if is_new {
        transaction.commit()?;
    }
    Ok(())
}

pub(super) fn usage(database: &Database) -> Result<Usage, Failure> {
    let transaction = database.begin_read()?;
    let entries = transaction.open_table(VALUES)?.len()?;
    let bytes = transaction.open_table(FACTS)?.get("bytes")?;
    Ok(Usage::new(entries, bytes.map_or(0, |bytes| bytes.value())))
}

/// Drops values until the rest fits, and gives the space back to the file system.
pub(super) fn shrink(database: &mut Database, limits: Limits) -> Result<(), Failure> {
    let counters = Counters::default();
    while write(database, Sync::Durable, limits, |batch| {
        batch.evict(&counters)
    })?
    .outcome
        == Room::Wanting
    {}
    // Each round moves pages forward; a few find nearly all of them, and a cache needs no more than that.
    for _ in 0..4 {
        if !database.compact()? {
            break;
        }
    }
    Ok(())
}

/// Whether a transaction is on the disk when it has been committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sync {
    Later,
    Durable,
}

/// What a transaction has come to.
pub(super) struct Committed<T> {
    pub(super) outcome: T,
    pub(super) usage: Usage,
    /// Bytes of the file that were written anew.
    pub(super) written_bytes: u64,
}

/// Runs one transaction; it takes effect as a whole or not at all.
pub(super) fn write<T>(
    database: &Database,
    sync: Sync,
    limits: Limits,
    work: impl FnOnce(&mut Batch<'_>) -> Result<T, Failure>,
) -> Result<Committed<T>, Failure> {
    let mut transaction = database.begin_write()?;
    match sync {
        Sync::Later => transaction.set_durability(Durability::None)?,
        // Opening after a crash then takes milliseconds instead of reading the whole file.
        Sync::Durable => transaction.set_quick_repair(true),
    }
    let mut facts = transaction.open_table(FACTS)?;
    let fact = |facts: &Table<'_, &str, u64>, name| -> Result<u64, Failure> {
        Ok(facts.get(name)?.map_or(0, |fact| fact.value()))
    };
    let mut batch = Batch {
        bytes: fact(&facts, "bytes")?,
        next_stamp: fact(&facts, "next stamp")?,
        values: transaction.open_table(VALUES)?,
        ages: transaction.open_table(AGES)?,
        limits,
        written_bytes: 0,
    };
    let outcome = work(&mut batch)?;
    facts.insert("bytes", batch.bytes)?;
    facts.insert("next stamp", batch.next_stamp)?;
    let usage = Usage::new(batch.values.len()?, batch.bytes);
    let written_bytes = batch.written_bytes;
    drop(batch);
    drop(facts);
    transaction.commit()?;
    Ok(Committed {
        outcome,
        usage,
        written_bytes,
    })
}

/// An open transaction.
pub(super) struct Batch<'transaction> {
    values: Table<'transaction, &'static [u8; 32], (u64, &'static [u8])>,
    ages: Table<'transaction, u64, &'static [u8; 32]>,
    bytes: u64,
    next_stamp: u64,
    limits: Limits,
    written_bytes: u64,
}

/// What became of a merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Merged {
    Stored,
    /// The outcome is what was stored already; nothing was written.
    Unchanged,
    TooLarge,
    /// The value type panicked; nothing was written.
    Refused,
}

/// Whether the values fit into their budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    Enough,
    /// More must be dropped than one transaction should.
    Wanting,
}

enum Prepared {
    Write(Vec<u8>),
    Unchanged,
    TooLarge,
}

impl Batch<'_> {
    pub(super) fn merge<V: Persist>(
        &mut self,
        key: &StoreKey,
        arriving: V,
        dictionaries: &Dictionaries,
    ) -> Result<Merged, Failure> {
        let limits = self.limits;
        let stored = self.values.get(key.as_bytes())?;
        let prepared = {
            let sealed = stored.as_ref().map(|stored| stored.value().1);
            catch_unwind(AssertUnwindSafe(|| {
                prepare_value(sealed, arriving, limits, dictionaries)
            }))
        };
        drop(stored);
        Ok(match prepared {
            Err(_) => Merged::Refused,
            Ok(Prepared::Unchanged) => Merged::Unchanged,
            Ok(Prepared::TooLarge) => {
                self.remove(key)?;
                Merged::TooLarge
            }
            Ok(Prepared::Write(sealed)) => {
                self.put(key.as_bytes(), &sealed)?;
                Merged::Stored
            }
        })
    }

    pub(super) fn remove(&mut self, key: &StoreKey) -> Result<(), Failure> {
        let gone = self.values.remove(key.as_bytes())?.map(|gone| {
            let (stamp, sealed) = gone.value();
            (stamp, footprint(sealed.len()))
        });
        if let Some((stamp, bytes)) = gone {
            self.ages.remove(stamp)?;
            self.bytes = self.bytes.saturating_sub(bytes);
            self.written_bytes += PAGE_BYTES as u64;
        }
        Ok(())
    }

    /// Removes the value if it is still the one that was written with this stamp.
    pub(super) fn discard(&mut self, key: &StoreKey, stamp: u64) -> Result<(), Failure> {
        let stored = self.values.get(key.as_bytes())?;
        let is_same = stored.is_some_and(|stored| stored.value().0 == stamp);
        if is_same { self.remove(key) } else { Ok(()) }
    }

    /// Drops what was written longest ago until the rest fits.
    pub(super) fn evict(&mut self, counters: &Counters) -> Result<Room, Failure> {
        let mut second_rounds = 0;
        for _ in 0..MAX_EVICTIONS {
            if self.bytes <= self.limits.budget_bytes() {
                return Ok(Room::Enough);
            }
            let Some(key) = self.ages.pop_first()?.map(|(_, key)| *key.value()) else {
                // Nothing is left: whatever was counted is not there.
                self.bytes = 0;
                return Ok(Room::Enough);
            };
            let was_read = counters.take_read(&StoreKey::new(key)) == Recency::ReadSince;
            if was_read && second_rounds < MAX_SECOND_ROUNDS {
                second_rounds += 1;
                counters.second_rounds.increment();
                let kept = self.values.get(&key)?.map(|kept| kept.value().1.to_vec());
                if let Some(kept) = kept {
                    self.put(&key, &kept)?;
                }
            } else {
                counters.evicted.increment();
                self.remove(&StoreKey::new(key))?;
            }
        }
        Ok(Room::Wanting)
    }

    fn put(&mut self, key: &[u8; 32], sealed: &[u8]) -> Result<(), Failure> {
        let stamp = self.next_stamp;
        self.next_stamp += 1;
        let replaced = self.values.insert(key, (stamp, sealed))?.map(|replaced| {
            let (stamp, sealed) = replaced.value();
            (stamp, footprint(sealed.len()))
        });
        if let Some((stamp, bytes)) = replaced {
            self.ages.remove(stamp)?;
            self.bytes = self.bytes.saturating_sub(bytes);
        }
        self.ages.insert(stamp, key)?;
        let bytes = footprint(sealed.len());
        self.bytes += bytes;
        // However small the value, its page is written anew.
        self.written_bytes += bytes.max(PAGE_BYTES as u64);
        Ok(())
    }
}

fn prepare_value<V: Persist>(
    sealed: Option<&[u8]>,
    arriving: V,
    limits: Limits,
    dictionaries: &Dictionaries,
) -> Prepared {
    let stored = sealed.and_then(|sealed| envelope::open(sealed, dictionaries).value());
    let merged = match stored.as_deref().and_then(V::decode) {
        Some(stored) => V::merge(&stored, arriving),
        None => arriving,
    };
    let mut plain = Vec::with_capacity(merged.weight_bytes().min(limits.max_entry_bytes));
    merged.encode(&mut plain);
    drop(merged);
    if stored.as_deref() == Some(plain.as_slice()) {
        return Prepared::Unchanged;
    }
    if plain.len() > limits.max_entry_bytes {
        return Prepared::TooLarge;
    }
    let sealed = envelope::seal(&mem::take(&mut plain), dictionaries);
    if footprint(sealed.len()) > limits.max_bytes / 8 {
        return Prepared::TooLarge;
    }
    Prepared::Write(sealed)
}

#[cfg(test)]
mod tests;
