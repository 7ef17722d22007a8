//! Stores behind stores: what a service puts together.

use std::path::Path;
use std::time::Duration;

use cache_backends::conformance::{self, Sample, key};
use cache_backends::{
    BreakerLimits, BreakerState, CacheStore, DiskOptions, DiskStore, Fault, FaultControl,
    FaultStore, Guarded, MemoryLimits, MemoryStore, Operation, TieredOptions, TieredStore,
};

type Disk = DiskStore<Sample>;
type Far = Guarded<FaultStore<Disk>>;
type Store = TieredStore<Sample, MemoryStore<Sample>, Far>;

fn disk(directory: &Path) -> Disk {
    let options = DiskOptions::new(directory.join("cache.redb"));
    DiskStore::open(options).unwrap().0
}

/// Memory in front of a disk that can be made to fail, behind a breaker.
fn store(directory: &Path) -> (Store, FaultControl) {
    let (far, control) = FaultStore::new(disk(directory));
    let limits = BreakerLimits {
        probe_after: Duration::from_millis(1),
        // Under a busy machine: no test of this file is about slowness.
        timeout: Duration::from_secs(10),
        ..BreakerLimits::default()
    };
    let options = TieredOptions {
        read_timeout: Duration::from_secs(10),
        write_timeout: Duration::from_secs(10),
        ..TieredOptions::default()
    };
    let far = Guarded::new(far, limits);
    let store = TieredStore::new(MemoryStore::default(), far, options);
    (store, control)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory_in_front_of_a_guarded_disk_passes_the_conformance_suite() {
    let directory = tempfile::tempdir().unwrap();
    let mut number = 0;
    conformance::run(|| {
        number += 1;
        let (store, _) = store(&directory.path().join(number.to_string()));
        async { store }
    })
    .await;
}

/// So small that the far store does all the work.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nearly_no_memory_in_front_of_a_disk_passes_the_conformance_suite() {
    let directory = tempfile::tempdir().unwrap();
    let mut number = 0;
    conformance::run(|| {
        number += 1;
        let limits = MemoryLimits {
            max_bytes: 1 << 10,
            max_entry_bytes: 1,
        };
        let far = disk(&directory.path().join(number.to_string()));
        let options = TieredOptions {
            read_timeout: Duration::from_secs(10),
            ..TieredOptions::default()
        };
        let store = TieredStore::new(MemoryStore::new(limits), far, options);
        async { store }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_guard_around_two_levels_passes_the_conformance_suite() {
    let directory = tempfile::tempdir().unwrap();
    let mut number = 0;
    conformance::run(|| {
        number += 1;
        let (store, _) = store(&directory.path().join(number.to_string()));
        async { Guarded::new(store, BreakerLimits::default()) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_begins_with_what_the_disk_has() {
    let directory = tempfile::tempdir().unwrap();
    let (before, _) = store(directory.path());
    for number in 0..100 {
        let value = Sample::new(number, 100);
        before.merge(&key(number), value).await.unwrap();
    }
    before.settle().await;
    drop(before);

    let (after, _) = store(directory.path());
    assert_eq!(after.usage().entries, 0, "nothing near");
    for _ in 0..2 {
        for number in 0..100 {
            let found = after.load(&key(number)).await.unwrap();
            assert_eq!(found.unwrap().newest(), number);
        }
    }
    let stats = after.stats();
    assert_eq!((stats.backfills, stats.near.hits), (100, 100));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_far_store_that_comes_back_gets_to_know_what_it_missed() {
    let directory = tempfile::tempdir().unwrap();
    let (store, control) = store(directory.path());
    store.merge(&key(1), Sample::new(1, 10)).await.unwrap();
    store.settle().await;
    control.set(Operation::Merge, Some(Fault::Unavailable));
    control.set(Operation::Load, Some(Fault::Unavailable));
    for version in 2..40 {
        let value = Sample::new(version, 10);
        store.merge(&key(1), value).await.unwrap();
        assert_eq!(store.load(&key(2)).await.unwrap(), None);
        let near = store.load(&key(1)).await.unwrap();
        assert_eq!(near.unwrap().newest(), version, "clients notice nothing");
    }
    store.settle().await;
    assert!(store.far().stats().opened > 0);
    assert_ne!(store.far().stats().state, BreakerState::Closed);

    control.set(Operation::Merge, None);
    control.set(Operation::Load, None);
    while store.far().stats().state != BreakerState::Closed {
        assert_eq!(store.load(&key(2)).await.unwrap(), None);
        tokio::task::yield_now().await;
    }
    store.merge(&key(1), Sample::new(40, 10)).await.unwrap();
    store.settle().await;
    let far = store.far().get_ref().load(&key(1)).await.unwrap().unwrap();
    assert_eq!(far.marks().len(), 40, "all of it, not just the last");
}
