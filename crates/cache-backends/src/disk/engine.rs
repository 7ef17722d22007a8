//! What is done inside the file: one transaction at a time, each leaving values, ages and totals in step.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;
use redb::{
    Database, Durability, ReadableDatabase, ReadableTable, ReadableTableMetadata, Table,
    TableDefinition,
};

mod batch;
mod failure;

pub(super) use batch::{Batch, Merged, Room};
pub(super) use failure::Failure;

use super::DiskOptions;
use super::counters::Counters;
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

pub(super) const PAGE_BYTES: usize = 4096;

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

#[cfg(test)]
mod tests;
