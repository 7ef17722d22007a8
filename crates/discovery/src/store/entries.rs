//! GitHub's answers as the conditional engine keeps them, in the same database as what was read from them.
//!
//! So they survive a restart, and every worker asks with what any of them has learnt (docs/decisions/0030).
//! Bounded by bytes; what was confirmed longest ago goes first. Losing one costs a request, never a wrong answer.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use cache_backends::{
    CacheStore, Dictionaries, Operation, Persist, StoreError as CacheError, StoreKey, Usage,
    Written, seal, unseal,
};

use super::database::{Dialect, Statement, Transaction, writing};
use super::edges::tick;
use super::{Store, StoreError};

/// Values that go at once when there is no room.
const EVICTED_AT_ONCE: i64 = 64;

/// A store of the conditional engine in the database. Clones share it.
#[derive(Debug)]
pub(crate) struct Entries<V> {
    store: Store,
    max_bytes: i64,
    dictionaries: Dictionaries,
    usage: Arc<LastUsage>,
    value: PhantomData<fn() -> V>,
}

impl<V> Clone for Entries<V> {
    fn clone(&self) -> Self {
        Self {
            store: self.store.clone(),
            max_bytes: self.max_bytes,
            dictionaries: self.dictionaries.clone(),
            usage: Arc::clone(&self.usage),
            value: PhantomData,
        }
    }
}

/// As the last write of this process left it.
#[derive(Debug, Default)]
struct LastUsage {
    entries: AtomicI64,
    bytes: AtomicI64,
}

impl<V> Entries<V> {
    pub(crate) fn new(store: Store, max_bytes: u64, dictionaries: Dictionaries) -> Self {
        Self {
            store,
            max_bytes: i64::try_from(max_bytes).unwrap_or(i64::MAX),
            dictionaries,
            usage: Arc::default(),
            value: PhantomData,
        }
    }
}

impl<V: Persist> Entries<V> {
    fn read(&self, bytes: &[u8]) -> Option<V> {
        V::decode(&unseal(bytes, &self.dictionaries)?)
    }

    async fn load_value(&self, key: &StoreKey) -> Result<Option<V>, StoreError> {
        let select = Statement::new("SELECT value FROM entries WHERE key = $1");
        let row = self.store.database.first(select.bind(name(key))).await?;
        // What cannot be read is a miss; the next write takes its place.
        Ok(match row {
            Some(row) => self.read(&row.bytes("value")?),
            None => None,
        })
    }

    async fn merge_value(&self, key: &StoreKey, value: V) -> Result<Written, StoreError> {
        let written = writing!(self.store.database, |transaction| {
            self.merge_locked(transaction, key, value.clone()).await
        })?;
        if written == Written::Stored {
            self.make_room().await?;
        }
        Ok(written)
    }

    async fn merge_locked(
        &self,
        transaction: &mut Transaction,
        key: &StoreKey,
        value: V,
    ) -> Result<Written, StoreError> {
        lock(transaction, key).await?;
        let select = Statement::new("SELECT value, bytes FROM entries WHERE key = $1");
        let found = transaction.first(select.bind(name(key))).await?;
        let (stored, before) = match &found {
            Some(row) => (self.read(&row.bytes("value")?), row.integer("bytes")?),
            None => (None, 0),
        };
        let merged = match stored {
            Some(stored) => V::merge(&stored, value),
            None => value,
        };
        let mut plain = Vec::new();
        merged.encode(&mut plain);
        let sealed = seal(&plain, &self.dictionaries);
        let bytes = i64::try_from(sealed.len()).unwrap_or(i64::MAX);
        if bytes > self.max_bytes / 8 {
            remove(transaction, key).await?;
            return Ok(Written::TooLarge);
        }
        let stored = tick(transaction).await?;
        let upsert = Statement::new(
            "INSERT INTO entries (key, value, bytes, stored) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (key) DO UPDATE SET value = excluded.value, bytes = excluded.bytes, stored = excluded.stored",
        )
        .bind(name(key))
        .bind(sealed)
        .bind(bytes)
        .bind(stored);
        transaction.execute(upsert).await?;
        let entries = i64::from(found.is_none());
        self.account(transaction, entries, bytes - before).await?;
        Ok(Written::Stored)
    }

    async fn account(
        &self,
        transaction: &mut Transaction,
        entries: i64,
        bytes: i64,
    ) -> Result<(), StoreError> {
        let [entries, bytes] = account(transaction, entries, bytes).await?;
        self.usage.entries.store(entries, Ordering::Relaxed);
        self.usage.bytes.store(bytes, Ordering::Relaxed);
        Ok(())
    }

    async fn make_room(&self) -> Result<(), StoreError> {
        while self.usage.bytes.load(Ordering::Relaxed) > self.max_bytes {
            let skip = match self.store.database.dialect() {
                Dialect::Sqlite => "",
                Dialect::Postgres => " FOR UPDATE SKIP LOCKED",
            };
            let delete = Statement::new(format!(
                "DELETE FROM entries WHERE key IN \
                 (SELECT key FROM entries ORDER BY stored LIMIT {EVICTED_AT_ONCE}{skip}) RETURNING bytes"
            ));
            if writing!(self.store.database, |transaction| {
                let rows = transaction.all(delete.clone()).await?;
                let (mut entries, mut bytes) = (0, 0);
                for row in &rows {
                    entries += 1;
                    bytes += row.integer("bytes")?;
                }
                self.account(transaction, -entries, -bytes).await?;
                Ok(entries)
            })? == 0
            {
                // Others are at it.
                return Ok(());
            }
        }
        Ok(())
    }
}

impl<V: Persist> CacheStore<V> for Entries<V> {
    async fn load(&self, key: &StoreKey) -> Result<Option<V>, CacheError> {
        let loaded = self.load_value(key).await;
        loaded.map_err(|error| CacheError::unavailable(Operation::Load).with_source(error))
    }

    async fn merge(&self, key: &StoreKey, value: V) -> Result<Written, CacheError> {
        let merged = self.merge_value(key, value).await;
        merged.map_err(|error| CacheError::unavailable(Operation::Merge).with_source(error))
    }

    async fn remove(&self, key: &StoreKey) -> Result<(), CacheError> {
        let removed = writing!(self.store.database, |transaction| {
            lock(transaction, key).await?;
            let [entries, bytes] = remove(transaction, key).await?;
            self.usage.entries.store(entries, Ordering::Relaxed);
            self.usage.bytes.store(bytes, Ordering::Relaxed);
            Ok(())
        });
        removed.map_err(|error| CacheError::unavailable(Operation::Remove).with_source(error))
    }

    fn usage(&self) -> Usage {
        let whole = |count: &AtomicI64| u64::try_from(count.load(Ordering::Relaxed)).unwrap_or(0);
        Usage::new(whole(&self.usage.entries), whole(&self.usage.bytes))
    }
}

fn name(key: &StoreKey) -> String {
    hex::encode(key.as_bytes())
}

/// Makes writers of one key wait for each other: two that insert the same new key would lose one of their values.
async fn lock(transaction: &mut Transaction, key: &StoreKey) -> Result<(), StoreError> {
    if transaction.dialect() == Dialect::Postgres {
        let mut head = [0; 8];
        head.copy_from_slice(&key.as_bytes()[..8]);
        let lock = Statement::new("SELECT pg_advisory_xact_lock($1)");
        transaction
            .execute(lock.bind(i64::from_le_bytes(head)))
            .await?;
    }
    Ok(())
}

async fn remove(transaction: &mut Transaction, key: &StoreKey) -> Result<[i64; 2], StoreError> {
    let delete = Statement::new("DELETE FROM entries WHERE key = $1 RETURNING bytes");
    let (mut entries, mut bytes) = (0, 0);
    for row in transaction.all(delete.bind(name(key))).await? {
        entries += 1;
        bytes += row.integer("bytes")?;
    }
    account(transaction, -entries, -bytes).await
}

/// Adds to the totals, last of all, and tells them.
async fn account(
    transaction: &mut Transaction,
    entries: i64,
    bytes: i64,
) -> Result<[i64; 2], StoreError> {
    let mut totals = [0; 2];
    for (total, (name, change)) in totals
        .iter_mut()
        .zip([("entries", entries), ("entry_bytes", bytes)])
    {
        let add = Statement::new(
            "UPDATE counters SET value = value + $2 WHERE name = $1 RETURNING value",
        );
        if let Some(row) = transaction.first(add.bind(name).bind(change)).await? {
            *total = row.integer("value")?;
        }
    }
    Ok(totals)
}

#[cfg(test)]
mod tests {
    use cache_backends::conformance;

    use super::*;

    /// The suite that every store of the engine passes.
    #[tokio::test]
    async fn it_is_a_cache_store() {
        let folder = tempfile::tempdir().unwrap();
        let mut number = 0;
        conformance::run(|| {
            number += 1;
            let path = folder.path().join(format!("{number}.db"));
            async move {
                let store = Store::open(&path.display().to_string(), 4).await;
                Entries::new(store.unwrap(), 64 << 20, Dictionaries::default())
            }
        })
        .await;
    }

    #[tokio::test]
    async fn it_is_a_cache_store_on_postgresql() {
        let server = test_servers::Postgres::start().await;
        let mut number = 0;
        conformance::run(|| {
            number += 1;
            let url = server.database(&format!("entries_{number}"));
            async move {
                let store = Store::open(&url, 4).await;
                Entries::new(store.unwrap(), 64 << 20, Dictionaries::default())
            }
        })
        .await;
    }

    #[tokio::test]
    async fn it_takes_no_more_than_it_may() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("small.db").display().to_string();
        let store = Store::open(&path, 4).await.unwrap();
        let entries = Entries::new(store, 4_096, Dictionaries::default());
        for number in 0..300 {
            let value = conformance::Sample::new(number, 0);
            let written = entries.merge(&conformance::key(number), value).await;
            assert_eq!(written.unwrap(), Written::Stored);
            assert!(CacheStore::<conformance::Sample>::usage(&entries).bytes <= 4_096);
        }
        let newest: Option<conformance::Sample> =
            entries.load(&conformance::key(299)).await.unwrap();
        let oldest: Option<conformance::Sample> = entries.load(&conformance::key(0)).await.unwrap();
        assert!(
            newest.is_some() && oldest.is_none(),
            "the oldest goes first"
        );
    }
}
