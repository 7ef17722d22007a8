//! A breaker around stores that fail, hang and come back, under a paused clock.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::conformance::{self, Sample, key};
use crate::{Fault, FaultControl, FaultStore, MemoryStore};

type Store = Guarded<FaultStore<MemoryStore<Sample>>>;

async fn guarded() -> (Arc<Store>, FaultControl) {
    let (faulty, control) = FaultStore::new(MemoryStore::default());
    let store = Guarded::new(faulty, BreakerLimits::default());
    store.merge(&key(1), Sample::new(1, 10)).await.unwrap();
    (Arc::new(store), control)
}

async fn fail(store: &Store, control: &FaultControl, fault: Fault, times: usize) {
    control.set(Operation::Load, Some(fault));
    for _ in 0..times {
        assert!(store.load(&key(1)).await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn passes_the_conformance_suite() {
    conformance::run(|| async { guarded_and_empty() }).await;
}

fn guarded_and_empty() -> Store {
    Guarded::new(
        FaultStore::new(MemoryStore::default()).0,
        BreakerLimits::default(),
    )
}

#[tokio::test(start_paused = true)]
async fn a_failing_store_is_left_alone_and_found_well_again() {
    let (store, control) = guarded().await;
    // One success so far, so five failures are enough.
    fail(&store, &control, Fault::Unavailable, 5).await;
    assert_eq!(store.stats().state, BreakerState::Open);

    let touched = control.failures();
    assert_eq!(store.load(&key(1)).await.unwrap(), None, "a miss at once");
    let write = store.merge(&key(1), Sample::new(2, 10)).await;
    assert!(write.unwrap_err().is_unavailable());
    assert!(store.remove(&key(1)).await.unwrap_err().is_unavailable());
    assert_eq!(control.failures(), touched, "without touching the store");

    control.set(Operation::Load, None);
    tokio::time::advance(Duration::from_secs(1)).await;
    for _ in 0..3 {
        let found = store.load(&key(1)).await.unwrap();
        assert_eq!(found.unwrap().newest(), 1, "a probe is an answer too");
    }
    let stats = store.stats();
    assert_eq!(stats.state, BreakerState::Closed);
    assert_eq!((stats.opened, stats.probes, stats.refused), (1, 3, 3));
    assert_eq!(stats.failures, 5);
}

#[tokio::test(start_paused = true)]
async fn of_many_callers_at_once_one_is_the_probe() {
    let (store, control) = guarded().await;
    fail(&store, &control, Fault::Unavailable, 5).await;
    control.set(Operation::Load, Some(Fault::Hang));
    tokio::time::advance(Duration::from_secs(1)).await;
    let touched = control.failures();
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let store = Arc::clone(&store);
        callers.spawn(async move { store.load(&key(1)).await });
    }
    let outcomes = callers.join_all().await;
    assert_eq!(control.failures() - touched, 1);
    let timeouts = outcomes.iter().filter(|outcome| outcome.is_err()).count();
    assert_eq!(timeouts, 1, "the others had a miss at once");
    assert_eq!(store.stats().state, BreakerState::Open);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_costs_its_timeout_a_few_times_and_then_nothing() {
    let (store, control) = guarded().await;
    control.set(Operation::Load, Some(Fault::Hang));
    let begun = Instant::now();
    for _ in 0..5 {
        assert!(store.load(&key(1)).await.unwrap_err().is_timeout());
    }
    assert_eq!(begun.elapsed(), BreakerLimits::default().timeout * 5);
    let begun = Instant::now();
    for _ in 0..1000 {
        assert_eq!(store.load(&key(1)).await.unwrap(), None);
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_caller_with_less_patience_opens_it_too_and_one_that_goes_away_does_not() {
    let (store, control) = guarded().await;
    control.set(Operation::Load, Some(Fault::Hang));
    let load = |patience| {
        let store = Arc::clone(&store);
        async move {
            let load = async { store.load(&key(1)).await };
            assert!(tokio::time::timeout(patience, load).await.is_err());
        }
    };
    for _ in 0..100 {
        load(Duration::from_millis(1)).await;
    }
    assert_eq!(store.stats().state, BreakerState::Closed);
    assert_eq!(store.stats().abandoned, 100);
    for _ in 0..5 {
        load(Duration::from_millis(50)).await;
    }
    assert_eq!(store.stats().state, BreakerState::Open);
}

#[tokio::test(start_paused = true)]
async fn damaged_values_do_not_open_it() {
    let (store, control) = guarded().await;
    fail(&store, &control, Fault::Corrupt, 100).await;
    assert_eq!(store.stats().state, BreakerState::Closed);
    assert_eq!(store.stats().failures, 0);
}
