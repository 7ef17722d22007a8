//! The in-process store: moka, bounded by bytes.
//!
//! moka decides *what to keep* (TinyLFU), never *how long*: no time-to-live is set, because freshness is the reader's
//! decision and moka's clock cannot be paused in tests.

use std::fmt;
use std::future::Future;
#[cfg(feature = "packed")]
use std::sync::Arc;

use moka::ops::compute::Op;
use moka::sync::Cache;

#[cfg(feature = "packed")]
use crate::beside::beside_large;
use crate::key::KeyHasherBuilder;
use crate::{CacheStore, CacheValue, StoreError, StoreKey, Usage, Written};
#[cfg(feature = "packed")]
use crate::{Pack, Packing};

/// Bytes that moka and the map need per entry beside the value itself (key, node, queue entries, frequency sketch).
const ENTRY_OVERHEAD_BYTES: usize = 160;

/// Bounds of a [`MemoryStore`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryLimits {
    /// Bytes that all values together may weigh. Default 256 MiB. Beyond it the least valuable entries are evicted.
    pub max_bytes: u64,
    /// Bytes that one value may weigh. Default 64 MiB. A larger one is not stored ([`Written::TooLarge`]).
    pub max_entry_bytes: usize,
}

impl Default for MemoryLimits {
    fn default() -> Self {
        Self {
            max_bytes: 256 << 20,
            max_entry_bytes: 64 << 20,
        }
    }
}

/// Values in this process's memory. Clones share the same memory.
pub struct MemoryStore<V: CacheValue> {
    cache: Cache<StoreKey, V, KeyHasherBuilder>,
    max_entry_bytes: usize,
    #[cfg(feature = "packed")]
    packing: Option<Packer<V>>,
}

/// Only a store that packs asks more of its values than others.
#[cfg(feature = "packed")]
type Packer<V> = Arc<dyn Fn(V) -> V + Send + Sync>;

impl<V: CacheValue> MemoryStore<V> {
    /// An empty store with the given bounds.
    pub fn new(limits: MemoryLimits) -> Self {
        let cache = Cache::builder()
            .max_capacity(limits.max_bytes)
            .weigher(|_key, value: &V| {
                u32::try_from(value.weight_bytes() + ENTRY_OVERHEAD_BYTES).unwrap_or(u32::MAX)
            })
            .build_with_hasher(KeyHasherBuilder);
        Self {
            cache,
            max_entry_bytes: limits.max_entry_bytes,
            #[cfg(feature = "packed")]
            packing: None,
        }
    }

    /// The same store, which from now on keeps values compressed: more of them in the same memory, for some
    /// microseconds of processor time for each KiB whenever one is written, and one whenever it is needed as a whole.
    /// Values of 256 KiB and more are packed on a blocking thread of the runtime.
    #[cfg(feature = "packed")]
    #[must_use]
    pub fn packing(mut self, packing: Packing) -> Self
    where
        V: Pack,
    {
        self.packing = Some(Arc::new(move |value: V| value.packed(&packing)));
        self
    }

    /// A value as it is to be kept.
    fn kept(&self, value: V) -> V {
        #[cfg(feature = "packed")]
        if let Some(pack) = &self.packing {
            return pack(value);
        }
        value
    }

    /// The same before the value is joined with what is there, so that a large one holds up neither the thread nor the
    /// other writers of its key.
    #[cfg(feature = "packed")]
    async fn kept_ahead(&self, value: V) -> V {
        let Some(pack) = &self.packing else {
            return value;
        };
        let (pack, arrived) = (Arc::clone(pack), value.clone());
        let packed = beside_large(value.weight_bytes(), move || pack(arrived)).await;
        packed.unwrap_or(value)
    }

    /// Applies pending evictions now, so that what is over the bounds is gone.
    pub fn settle(&self) {
        self.cache.run_pending_tasks();
    }

    fn merge_now(&self, key: &StoreKey, arriving: V) -> Written {
        let mut written = Written::Stored;
        let outcome = &mut written;
        self.cache.entry(*key).and_compute_with(|stored| {
            let had_value = stored.is_some();
            let merged = match stored {
                Some(entry) => V::merge(entry.value(), arriving),
                None => arriving,
            };
            let merged = self.kept(merged);
            if merged.weight_bytes() <= self.max_entry_bytes {
                return Op::Put(merged);
            }
            *outcome = Written::TooLarge;
            if had_value { Op::Remove } else { Op::Nop }
        });
        written
    }
}

impl<V: CacheValue> Default for MemoryStore<V> {
    fn default() -> Self {
        Self::new(MemoryLimits::default())
    }
}

impl<V: CacheValue> Clone for MemoryStore<V> {
    fn clone(&self) -> Self {
        Self {
            cache: self.cache.clone(),
            max_entry_bytes: self.max_entry_bytes,
            #[cfg(feature = "packed")]
            packing: self.packing.clone(),
        }
    }
}

impl<V: CacheValue> fmt::Debug for MemoryStore<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("usage", &self.usage())
            .finish_non_exhaustive()
    }
}

impl<V: CacheValue> CacheStore<V> for MemoryStore<V> {
    fn load(&self, key: &StoreKey) -> impl Future<Output = Result<Option<V>, StoreError>> + Send {
        std::future::ready(Ok(self.cache.get(key)))
    }

    async fn merge(&self, key: &StoreKey, value: V) -> Result<Written, StoreError> {
        #[cfg(feature = "packed")]
        let value = self.kept_ahead(value).await;
        Ok(self.merge_now(key, value))
    }

    fn remove(&self, key: &StoreKey) -> impl Future<Output = Result<(), StoreError>> + Send {
        self.cache.invalidate(key);
        std::future::ready(Ok(()))
    }

    fn usage(&self) -> Usage {
        // moka counts when it tidies up; gauges are read rarely enough to ask for it.
        self.settle();
        Usage::new(self.cache.entry_count(), self.cache.weighted_size())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, Sample, key};

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn passes_the_conformance_suite() {
        conformance::run(|| async { MemoryStore::default() }).await;
    }

    #[tokio::test]
    async fn stays_within_its_bytes() {
        let store = MemoryStore::new(MemoryLimits {
            max_bytes: 1 << 20,
            max_entry_bytes: 64 << 10,
        });
        for number in 0..10_000 {
            store
                .merge(&key(number), Sample::new(1, 5 << 10))
                .await
                .unwrap();
        }
        let usage = store.usage();
        assert!(usage.bytes <= 1 << 20, "{usage:?}");
        assert!(usage.entries > 100, "{usage:?}");
    }

    #[tokio::test]
    async fn a_value_that_grew_too_large_takes_the_old_one_with_it() {
        let store = MemoryStore::new(MemoryLimits {
            max_bytes: 1 << 20,
            max_entry_bytes: 1 << 10,
        });
        assert_eq!(
            store.merge(&key(1), Sample::new(1, 100)).await.unwrap(),
            Written::Stored
        );
        assert_eq!(
            store.merge(&key(1), Sample::new(2, 5000)).await.unwrap(),
            Written::TooLarge
        );
        assert_eq!(store.load(&key(1)).await.unwrap(), None);
    }
}
