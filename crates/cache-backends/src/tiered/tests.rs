//! Two levels, one of which is slow, full, down, emptied or removed from at the wrong moment.

use super::*;
use crate::conformance::{self, Sample, key};
use crate::{Fault, FaultControl, FaultStore, MemoryLimits, MemoryStore};

type Memory = MemoryStore<Sample>;
type Far = Arc<FaultStore<Memory>>;
type Store = TieredStore<Sample, Memory, Far>;

fn tiered() -> (Store, FaultControl) {
    let (far, control) = FaultStore::new(Memory::default());
    let options = TieredOptions {
        max_writes_behind: 4,
        ..TieredOptions::default()
    };
    let store = TieredStore::new(Memory::default(), Arc::new(far), options);
    (store, control)
}

/// Another process with the same far store.
fn another(store: &Store) -> Store {
    let far = Arc::clone(store.far());
    TieredStore::new(Memory::default(), far, TieredOptions::default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn passes_the_conformance_suite() {
    conformance::run(|| async { tiered().0 }).await;
}

#[tokio::test]
async fn what_one_process_writes_another_finds_once_far_and_then_near() {
    let (store, _) = tiered();
    store.merge(&key(1), Sample::new(1, 10)).await.unwrap();
    store.settle().await;
    let other = another(&store);
    for _ in 0..3 {
        assert_eq!(other.load(&key(1)).await.unwrap().unwrap().newest(), 1);
    }
    assert_eq!(other.load(&key(2)).await.unwrap(), None);
    let stats = other.stats();
    assert_eq!((stats.near.hits, stats.near.misses), (2, 2));
    assert_eq!((stats.far.hits, stats.far.misses), (1, 1));
    assert_eq!(stats.backfills, 1);
    assert_eq!(stats.near.load_latency.count, 4);
    assert_eq!(stats.far.load_latency.count, 2);
}

#[tokio::test]
async fn what_was_written_near_while_the_far_value_came_is_merged_with_it() {
    let (store, _) = tiered();
    store.merge(&key(1), Sample::new(1, 10)).await.unwrap();
    store.settle().await;
    let other = another(&store);
    let key = key(1);
    // A value from far is merged, so it does not matter which comes first.
    let (loaded, written) = tokio::join!(other.load(&key), other.merge(&key, Sample::new(2, 10)));
    written.unwrap();
    assert!(loaded.unwrap().unwrap().newest() >= 1);
    other.settle().await;
    let far = other.far().load(&key).await.unwrap().unwrap();
    assert_eq!(far.marks().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_far_store_that_hangs_costs_a_read_its_timeout_and_a_write_nothing() {
    let (store, control) = tiered();
    control.set(Operation::Load, Some(Fault::Hang));
    control.set(Operation::Merge, Some(Fault::Hang));
    let begun = Instant::now();
    store.merge(&key(1), Sample::new(1, 10)).await.unwrap();
    assert_eq!(store.load(&key(1)).await.unwrap().unwrap().newest(), 1);
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(store.load(&key(2)).await.unwrap(), None);
    assert_eq!(begun.elapsed(), TieredOptions::default().read_timeout);
    store.settle().await;
    assert_eq!(begun.elapsed(), TieredOptions::default().write_timeout);
    let far = store.stats().far;
    assert_eq!((far.load_timeouts, far.write_errors), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn no_more_writes_than_may_are_on_their_way() {
    let (store, control) = tiered();
    control.set(Operation::Merge, Some(Fault::Hang));
    for number in 0..10 {
        store.merge(&key(number), Sample::new(1, 10)).await.unwrap();
    }
    assert_eq!(store.stats().far.writes_dropped, 6);
    store.settle().await;
    control.set(Operation::Merge, None);
    // The next write of a dropped one brings all of it.
    store.merge(&key(9), Sample::new(2, 10)).await.unwrap();
    store.settle().await;
    let far = store.far().load(&key(9)).await.unwrap().unwrap();
    assert_eq!(far.marks().len(), 2, "what the far store had missed");
}

#[tokio::test]
async fn a_far_store_that_fails_or_gives_damaged_bytes_is_a_miss() {
    let (store, control) = tiered();
    for fault in [Fault::Unavailable, Fault::Corrupt] {
        control.set(Operation::Load, Some(fault));
        assert_eq!(store.load(&key(1)).await.unwrap(), None);
    }
    assert_eq!(store.stats().far.load_errors, 2);
    control.set(Operation::Remove, Some(Fault::Unavailable));
    let removed = store.remove(&key(1)).await;
    assert!(removed.is_err(), "nobody knows whether it is gone");
}

#[tokio::test]
async fn what_is_too_large_near_lives_far() {
    let near = Memory::new(MemoryLimits {
        max_bytes: 1 << 20,
        max_entry_bytes: 1000,
    });
    let far = Memory::default();
    let store = TieredStore::new(near, far, TieredOptions::default());
    let written = store.merge(&key(1), Sample::new(1, 5000)).await;
    assert_eq!(written.unwrap(), Written::Stored);
    assert_eq!(store.near().load(&key(1)).await.unwrap(), None);
    for _ in 0..2 {
        assert_eq!(store.load(&key(1)).await.unwrap().unwrap().newest(), 1);
    }
    assert_eq!(store.stats().far.hits, 2);
}

/// A far store whose loads wait to be let go after they have found their value.
struct Slow {
    memory: Memory,
    found: Semaphore,
    go: Semaphore,
}

impl CacheStore<Sample> for Slow {
    async fn load(&self, key: &StoreKey) -> Result<Option<Sample>, StoreError> {
        let found = self.memory.load(key).await;
        self.found.add_permits(1);
        self.go.acquire().await.unwrap().forget();
        found
    }
    async fn merge(&self, key: &StoreKey, value: Sample) -> Result<Written, StoreError> {
        self.memory.merge(key, value).await
    }
    async fn remove(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.memory.remove(key).await
    }
    fn usage(&self) -> Usage {
        self.memory.usage()
    }
}

#[tokio::test(start_paused = true)]
async fn a_removal_is_not_undone_by_a_value_on_its_way() {
    let far = Slow {
        memory: Memory::default(),
        found: Semaphore::new(0),
        go: Semaphore::new(0),
    };
    far.merge(&key(1), Sample::new(1, 10)).await.unwrap();
    let store = TieredStore::new(Memory::default(), far, TieredOptions::default());
    let reader = store.clone();
    let load = tokio::spawn(async move { reader.load(&key(1)).await });
    store.far().found.acquire().await.unwrap().forget();
    store.remove(&key(1)).await.unwrap();
    store.far().go.add_permits(1);
    assert_eq!(load.await.unwrap().unwrap(), None);
    assert_eq!(store.near().load(&key(1)).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_removal_waits_for_writes_from_before() {
    let (store, control) = tiered();
    for round in 0..20 {
        store.merge(&key(1), Sample::new(round, 10)).await.unwrap();
        // The write is on its way, and may not have begun.
        store.remove(&key(1)).await.unwrap();
        store.settle().await;
        assert_eq!(store.load(&key(1)).await.unwrap(), None, "round {round}");
    }
    assert_eq!(control.failures(), 0);
}

#[cfg(feature = "guarded")]
#[tokio::test(start_paused = true)]
async fn in_front_of_a_guarded_store_that_hangs_only_the_first_reads_wait() {
    use crate::{BreakerLimits, BreakerState, Guarded};

    let (far, control) = FaultStore::new(Memory::default());
    let far = Guarded::new(far, BreakerLimits::default());
    let store: TieredStore<Sample, _, _> =
        TieredStore::new(Memory::default(), far, TieredOptions::default());
    control.set(Operation::Load, Some(Fault::Hang));
    let mut waited = Vec::new();
    for number in 0..1000 {
        let begun = Instant::now();
        assert_eq!(store.load(&key(number)).await.unwrap(), None);
        waited.push(begun.elapsed());
    }
    // The read gives up before the guard does; it is the store's failure all the same.
    let limit = TieredOptions::default().read_timeout;
    assert_eq!(waited.iter().filter(|time| **time == limit).count(), 5);
    assert!(waited[5..].iter().all(Duration::is_zero));
    assert_eq!(store.far().stats().state, BreakerState::Open);
    assert_eq!(store.stats().far.load_timeouts, 5);

    control.set(Operation::Load, None);
    tokio::time::advance(Duration::from_secs(1)).await;
    for number in 0..3 {
        store.load(&key(number)).await.unwrap();
    }
    assert_eq!(store.far().stats().state, BreakerState::Closed);
}
