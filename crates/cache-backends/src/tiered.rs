//! A near store in front of a far one: memory in front of Redis or a disk.
//!
//! A read that finds nothing near asks the far store, within its own time limit, and what it finds is merged into the
//! near one. A write is done when it is near; the far store gets it behind the caller's back, at most so many at a
//! time. What goes there is what the near store holds after the merge, so a far store that has missed writes (it was
//! down, it was slow, it has been emptied) gets to know everything again with the next one.
//!
//! The far store never fails an operation of the near one: its errors are counted, and are misses.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::latency::{Latency, LatencyCounts};
use crate::{CacheStore, CacheValue, Operation, StoreError, StoreKey, Usage, Written};

/// How a [`TieredStore`] treats its far store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TieredOptions {
    /// How long a read may wait for the far store. Default 50 ms. Beyond it the read is a miss.
    pub read_timeout: Duration,
    /// How long a write to the far store may take behind the caller's back. Default 2 seconds.
    pub write_timeout: Duration,
    /// Writes that may be on their way to the far store. Default 256. Beyond it they are dropped and counted: the next
    /// write of the same value makes up for it.
    pub max_writes_behind: u32,
}

impl Default for TieredOptions {
    fn default() -> Self {
        Self {
            read_timeout: Duration::from_millis(50),
            write_timeout: Duration::from_secs(2),
            max_writes_behind: 256,
        }
    }
}

/// What one of the two stores has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LevelStats {
    /// Loads that found a value.
    pub hits: u64,
    /// Loads that found none.
    pub misses: u64,
    /// Loads that failed; for the caller, misses.
    pub load_errors: u64,
    /// Loads that took longer than they may; for the caller, misses.
    pub load_timeouts: u64,
    /// Writes and removals that failed or took too long.
    pub write_errors: u64,
    /// Writes that were not even tried because too many were on their way.
    pub writes_dropped: u64,
    /// How long loads took, whatever they found.
    pub load_latency: LatencyCounts,
    /// How long writes took.
    pub write_latency: LatencyCounts,
}

/// What both stores have done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TieredStats {
    /// The one that is asked first.
    pub near: LevelStats,
    /// The one that is asked then.
    pub far: LevelStats,
    /// Values found far that were taken near.
    pub backfills: u64,
}

/// A near store in front of a far one. Clones share both.
pub struct TieredStore<V, N, F> {
    shared: Arc<Shared<N, F>>,
    value: PhantomData<fn() -> V>,
}

struct Shared<N, F> {
    near: N,
    far: F,
    options: TieredOptions,
    /// One permit for each write on its way to the far store. Who removes takes all of them, so that no write from
    /// before comes after; writes that want one meanwhile are dropped and counted.
    behind: Arc<Semaphore>,
    /// Grows with each removal: a value that was on its way from far to near then is not to arrive.
    removals: AtomicU64,
    near_counters: Counters,
    far_counters: Counters,
    backfills: AtomicU64,
}

#[derive(Debug, Default)]
struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
    load_errors: AtomicU64,
    load_timeouts: AtomicU64,
    write_errors: AtomicU64,
    writes_dropped: AtomicU64,
    load_latency: Latency,
    write_latency: Latency,
}

fn add_one(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counters {
    fn stats(&self) -> LevelStats {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LevelStats {
            hits: count(&self.hits),
            misses: count(&self.misses),
            load_errors: count(&self.load_errors),
            load_timeouts: count(&self.load_timeouts),
            write_errors: count(&self.write_errors),
            writes_dropped: count(&self.writes_dropped),
            load_latency: self.load_latency.counts(),
            write_latency: self.write_latency.counts(),
        }
    }

    /// The value of a load; whatever went wrong is a miss.
    async fn loaded<V>(
        &self,
        load: impl Future<Output = Result<Option<V>, StoreError>>,
    ) -> Option<V> {
        let begun = Instant::now();
        let outcome = load.await;
        self.load_latency.record(begun.elapsed());
        add_one(match &outcome {
            Ok(Some(_)) => &self.hits,
            Ok(None) => &self.misses,
            Err(error) if error.is_timeout() => &self.load_timeouts,
            Err(_) => &self.load_errors,
        });
        outcome.ok().flatten()
    }

    async fn written<T>(
        &self,
        write: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let begun = Instant::now();
        let outcome = write.await;
        self.write_latency.record(begun.elapsed());
        if outcome.is_err() {
            add_one(&self.write_errors);
        }
        outcome
    }
}

async fn within<T>(
    operation: Operation,
    limit: Duration,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let done = tokio::time::timeout(limit, work).await;
    done.unwrap_or_else(|_| Err(StoreError::timeout(operation)))
}

impl<V, N, F> TieredStore<V, N, F>
where
    V: CacheValue,
    N: CacheStore<V>,
    F: CacheStore<V>,
{
    /// Puts `near` in front of `far`.
    pub fn new(near: N, far: F, options: TieredOptions) -> Self {
        let options = TieredOptions {
            max_writes_behind: options.max_writes_behind.max(1),
            ..options
        };
        Self {
            shared: Arc::new(Shared {
                near,
                far,
                options,
                behind: Arc::new(Semaphore::new(options.max_writes_behind as usize)),
                removals: AtomicU64::new(0),
                near_counters: Counters::default(),
                far_counters: Counters::default(),
                backfills: AtomicU64::new(0),
            }),
            value: PhantomData,
        }
    }

    /// The store that is asked first.
    pub fn near(&self) -> &N {
        &self.shared.near
    }

    /// The store that is asked then.
    pub fn far(&self) -> &F {
        &self.shared.far
    }

    /// What each store has done so far.
    pub fn stats(&self) -> TieredStats {
        TieredStats {
            near: self.shared.near_counters.stats(),
            far: self.shared.far_counters.stats(),
            backfills: self.shared.backfills.load(Ordering::Relaxed),
        }
    }

    /// Waits until no write is on its way to the far store any more: before the process ends.
    pub async fn settle(&self) {
        // An error would mean a closed semaphore; this one never is.
        let _ = self.all_behind().await;
    }

    async fn all_behind(&self) -> Option<OwnedSemaphorePermit> {
        let behind = Arc::clone(&self.shared.behind);
        let all = self.shared.options.max_writes_behind;
        behind.acquire_many_owned(all).await.ok()
    }

    /// Writes to the far store behind the caller's back.
    fn write_behind(&self, key: StoreKey, value: V) {
        let Ok(turn) = Arc::clone(&self.shared.behind).try_acquire_owned() else {
            add_one(&self.shared.far_counters.writes_dropped);
            return;
        };
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            // Counted where it happens; nobody waits for it.
            let _ = shared.merge_far(&key, value).await;
            // In this order: who has settled may expect to be the last holder of the stores.
            drop(shared);
            drop(turn);
        });
    }
}

impl<N, F> Shared<N, F> {
    async fn merge_far<V: CacheValue>(
        &self,
        key: &StoreKey,
        value: V,
    ) -> Result<Written, StoreError>
    where
        F: CacheStore<V>,
    {
        // Boxed, here and below: a client of the network is large, and what wraps it makes room for it several times.
        let merge = Box::pin(self.far.merge(key, value));
        let merge = within(Operation::Merge, self.options.write_timeout, merge);
        self.far_counters.written(merge).await
    }
}

impl<V, N, F> CacheStore<V> for TieredStore<V, N, F>
where
    V: CacheValue,
    N: CacheStore<V>,
    F: CacheStore<V>,
{
    async fn load(&self, key: &StoreKey) -> Result<Option<V>, StoreError> {
        let shared = &*self.shared;
        let near = shared.near.load(key);
        if let Some(found) = shared.near_counters.loaded(near).await {
            // Or the far store would take what is used most for what is not used at all.
            shared.far.touch(key);
            return Ok(Some(found));
        }
        let removals = shared.removals.load(Ordering::SeqCst);
        let far = within(
            Operation::Load,
            shared.options.read_timeout,
            Box::pin(shared.far.load(key)),
        );
        let Some(found) = shared.far_counters.loaded(far).await else {
            return Ok(None);
        };
        add_one(&shared.backfills);
        let backfill = shared.near.merge(key, found.clone());
        let kept = shared.near_counters.written(backfill).await;
        if shared.removals.load(Ordering::SeqCst) != removals {
            // Perhaps this one: found before it was removed, put here after.
            shared.near.remove(key).await?;
            return Ok(None);
        }
        // Somebody may have written in the meantime: what the two make together is the value.
        let merged = match kept {
            Ok(Written::Stored) => shared.near.load(key).await.ok().flatten(),
            _ => None,
        };
        Ok(Some(merged.unwrap_or(found)))
    }

    async fn merge(&self, key: &StoreKey, value: V) -> Result<Written, StoreError> {
        let shared = &*self.shared;
        let near = shared.near.merge(key, value.clone());
        match shared.near_counters.written(near).await {
            Ok(Written::Stored) => {
                let merged = shared.near.load(key).await.ok().flatten();
                self.write_behind(*key, merged.unwrap_or(value));
                Ok(Written::Stored)
            }
            // Only the far store can make it visible, so its word counts.
            Ok(Written::TooLarge) | Err(_) => shared.merge_far(key, value).await,
        }
    }

    async fn remove(&self, key: &StoreKey) -> Result<(), StoreError> {
        let shared = &*self.shared;
        let limit = shared.options.write_timeout;
        let near = shared.near_counters.written(shared.near.remove(key)).await;
        shared.removals.fetch_add(1, Ordering::SeqCst);
        let far = Box::pin(async {
            let _all = self.all_behind().await;
            shared.far.remove(key).await
        });
        let far = within(Operation::Remove, limit, far);
        let far = shared.far_counters.written(far).await;
        // What came from far to near meanwhile.
        shared.removals.fetch_add(1, Ordering::SeqCst);
        let again = shared.near.remove(key).await;
        near.and(far).and(again)
    }

    fn touch(&self, key: &StoreKey) {
        self.shared.near.touch(key);
        self.shared.far.touch(key);
    }

    /// The near store's; the far one has its own.
    fn usage(&self) -> Usage {
        self.shared.near.usage()
    }
}

impl<V, N, F> Clone for TieredStore<V, N, F> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            value: PhantomData,
        }
    }
}

impl<V, N: fmt::Debug, F: fmt::Debug> fmt::Debug for TieredStore<V, N, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TieredStore")
            .field("near", &self.shared.near)
            .field("far", &self.shared.far)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
