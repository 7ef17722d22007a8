//! The in-process store: moka, bounded by bytes.
//!
//! moka decides *what to keep* (what was used last), never *how long*: no time-to-live is set, because freshness is the
//! reader's decision and moka's clock cannot be paused in tests.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

#[cfg(feature = "packed")]
use crate::beside::beside_large;
use crate::key::KeyHasherBuilder;
use crate::{CacheStore, CacheValue, StoreError, StoreKey, Usage, Written};
#[cfg(feature = "packed")]
use crate::{Pack, Packing};

/// Bytes that moka and the map need per entry beside the value itself (key, node, queue entries).
const ENTRY_OVERHEAD_BYTES: usize = 160;

/// Bounds of a [`MemoryStore`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryLimits {
    /// Bytes that all values together may weigh. Default 256 MiB. Beyond it what was used longest ago is evicted.
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
    flow: Arc<Flow>,
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
            // moka's default, TinyLFU, lets a newcomer in when it was asked for more often than all whose room it takes
            // together: a list of 1 MB never, once hundreds of small values are there. docs/decisions/0023-eviction.md
            .eviction_policy(EvictionPolicy::lru())
            .weigher(|_key, value: &V| {
                u32::try_from(value.weight_bytes() + ENTRY_OVERHEAD_BYTES).unwrap_or(u32::MAX)
            })
            .build_with_hasher(KeyHasherBuilder);
        Self {
            cache,
            max_entry_bytes: limits.max_entry_bytes,
            flow: Arc::default(),
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

    /// Values that gave way to others so far, since they did not all fit into [`MemoryLimits::max_bytes`]. While others
    /// write, it may be behind by what they are about; it never becomes less.
    pub fn evicted(&self) -> u64 {
        // Read in this order, and counted as they are, whatever happens meanwhile makes the difference smaller.
        let came = self.flow.came.load(Ordering::Acquire);
        self.settle();
        let there = self.cache.entry_count();
        let taken = self.flow.taken.load(Ordering::Acquire);
        let lost = came.saturating_sub(there).saturating_sub(taken);
        self.flow.lost.fetch_max(lost, Ordering::Relaxed).max(lost)
    }

    fn merge_now(&self, key: &StoreKey, arriving: V) -> Written {
        let mut written = Written::Stored;
        let mut came = 0;
        let (outcome, flow) = (&mut written, &self.flow);
        self.cache.entry(*key).and_compute_with(|stored| {
            let had_value = stored.is_some();
            let merged = match stored {
                Some(entry) => V::merge(entry.value(), arriving),
                None => arriving,
            };
            let merged = self.kept(merged);
            if merged.weight_bytes() <= self.max_entry_bytes {
                came = u64::from(!had_value);
                return Op::Put(merged);
            }
            *outcome = Written::TooLarge;
            if had_value {
                flow.taken.fetch_add(1, Ordering::AcqRel);
                Op::Remove
            } else {
                Op::Nop
            }
        });
        flow.came.fetch_add(came, Ordering::AcqRel);
        written
    }
}

/// What became of values. moka would tell of each one that is evicted, but then it locks every key that is written: 3,000
/// instructions for each write, a fifth of it.
#[derive(Debug, Default)]
struct Flow {
    /// Written where nothing was; counted when they are there.
    came: AtomicU64,
    /// Taken out; counted before they are gone.
    taken: AtomicU64,
    /// Evicted, as far as was told.
    lost: AtomicU64,
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
            flow: Arc::clone(&self.flow),
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
        self.flow.taken.fetch_add(1, Ordering::AcqRel);
        if self.cache.remove(key).is_none() {
            self.flow.taken.fetch_sub(1, Ordering::AcqRel);
        }
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

    fn bounded(max_bytes: u64, max_entry_bytes: usize) -> MemoryStore<Sample> {
        MemoryStore::new(MemoryLimits {
            max_bytes,
            max_entry_bytes,
        })
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn passes_the_conformance_suite() {
        conformance::run(|| async { MemoryStore::default() }).await;
    }

    #[tokio::test]
    async fn stays_within_its_bytes() {
        let store = bounded(1 << 20, 64 << 10);
        for number in 0..10_000 {
            store
                .merge(&key(number), Sample::new(1, 5 << 10))
                .await
                .unwrap();
        }
        let usage = store.usage();
        assert!(usage.bytes <= 1 << 20, "{usage:?}");
        assert!(usage.entries > 100, "{usage:?}");
        assert_eq!(store.evicted() + usage.entries, 10_000);
    }

    #[tokio::test]
    async fn only_what_gave_way_counts_as_evicted() {
        let store = bounded(1 << 20, 10 << 10);
        for version in 1..4 {
            let value = Sample::new(version, 5 << 10);
            store.merge(&key(1), value).await.unwrap();
        }
        store.remove(&key(1)).await.unwrap();
        // Replaced, removed, too large: none of them for want of room.
        let value = Sample::new(1, 5 << 10);
        store.merge(&key(2), value).await.unwrap();
        let large = Sample::new(2, 50 << 10);
        assert_eq!(
            store.merge(&key(2), large).await.unwrap(),
            Written::TooLarge
        );
        store.remove(&key(3)).await.unwrap();
        assert_eq!((store.evicted(), store.usage().entries), (0, 0));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn evictions_are_counted_while_others_write_and_never_less() {
        let store = bounded(1 << 20, 64 << 10);
        let write = |from: u64| {
            let store = store.clone();
            tokio::spawn(async move {
                for number in from..from + 1_000 {
                    let value = Sample::new(1, 5 << 10);
                    store.merge(&key(number), value).await.unwrap();
                    if number % 7 == 0 {
                        store.remove(&key(number)).await.unwrap();
                    }
                }
            })
        };
        let writers: Vec<_> = (0..4).map(|writer| write(writer * 1_000)).collect();
        let (mut told, mut removed) = (0, 0);
        for writer in writers {
            while !writer.is_finished() {
                let evicted = store.evicted();
                assert!(evicted >= told, "{evicted} after {told}");
                told = evicted;
                tokio::task::yield_now().await;
            }
            writer.await.unwrap();
            removed += 1_000 / 7;
        }
        let gone = store.evicted() + store.usage().entries;
        // Whoever removes may come too late: it has been evicted.
        assert!((4_000 - removed - 8..=4_000).contains(&gone), "{gone}");
        assert!(told <= store.evicted() && store.evicted() < 4_000);
    }

    /// A policy that weighs how often values were asked for would keep hundreds of small ones instead, and the large one,
    /// often the list that everybody polls, would be paid for each time.
    #[tokio::test]
    async fn a_large_value_finds_room_in_a_full_store() {
        let store = bounded(4 << 20, 1 << 20);
        for round in 1..4 {
            for number in 0..2_000 {
                let small = Sample::new(round, 5 << 10);
                store.merge(&key(number), small).await.unwrap();
                store.load(&key(number)).await.unwrap();
            }
        }
        store.settle();
        let large = Sample::new(1, 1_000_000);
        store.merge(&key(1_000_000), large).await.unwrap();
        store.settle();
        assert!(store.load(&key(1_000_000)).await.unwrap().is_some());
        let usage = store.usage();
        assert!(usage.bytes <= 4 << 20, "{usage:?}");
    }

    #[tokio::test]
    async fn what_was_used_longest_ago_goes_first() {
        let store = bounded(1 << 20, 64 << 10);
        for number in 0..1_000 {
            let value = Sample::new(1, 5 << 10);
            store.merge(&key(number), value).await.unwrap();
            // Asked for again and again, as by a bot that polls.
            assert!(store.load(&key(0)).await.unwrap().is_some(), "{number}");
            store.settle();
        }
        assert!(store.load(&key(500)).await.unwrap().is_none());
        assert!(store.load(&key(999)).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_value_that_grew_too_large_takes_the_old_one_with_it() {
        let store = bounded(1 << 20, 1 << 10);
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
