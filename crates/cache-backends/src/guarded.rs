//! A circuit breaker around a store: one that does not answer is left alone until a probe finds it well.
//!
//! While the breaker is open, every load is a miss at once and every write an error at once; the store is not touched.
//! One operation at a time is let through as a probe, at jittered intervals that grow while probes fail, so that a
//! fleet of processes does not fall upon a store that has just come back.

use std::collections::hash_map::RandomState;
use std::future::Future;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{CacheStore, CacheValue, Operation, StoreError, StoreKey, Usage, Written};

mod breaker;
mod circuit;

use breaker::{Admission, Breaker, Verdict};
pub use breaker::{BreakerLimits, BreakerState};
pub use circuit::Circuit;

/// What has happened at a [`Guarded`] store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GuardStats {
    /// The breaker now.
    pub state: BreakerState,
    /// Times the breaker has opened after being closed.
    pub opened: u64,
    /// Operations that were refused without touching the store.
    pub refused: u64,
    /// Operations let through to find out whether the store is well again.
    pub probes: u64,
    /// Operations that failed or took too long.
    pub failures: u64,
    /// Operations given up by their callers before they had taken too long.
    pub abandoned: u64,
}

#[derive(Debug, Default)]
struct Counters {
    refused: AtomicU64,
    probes: AtomicU64,
    failures: AtomicU64,
    abandoned: AtomicU64,
}

/// A store behind a circuit breaker.
///
/// It also bounds each operation by [`BreakerLimits::timeout`], so that a store that hangs is one that fails.
#[derive(Debug)]
pub struct Guarded<S> {
    store: S,
    limits: BreakerLimits,
    breaker: Mutex<Breaker<Instant>>,
    counters: Counters,
}

impl<S> Guarded<S> {
    /// Puts a breaker around `store`.
    pub fn new(store: S, limits: BreakerLimits) -> Self {
        Self {
            store,
            limits,
            breaker: Mutex::new(Breaker::new(limits)),
            counters: Counters::default(),
        }
    }

    /// The store behind the breaker.
    pub fn get_ref(&self) -> &S {
        &self.store
    }

    /// The breaker's state and what it has done so far.
    pub fn stats(&self) -> GuardStats {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (state, opened) = {
            let breaker = self.breaker.lock();
            (breaker.state(), breaker.opened())
        };
        GuardStats {
            state,
            opened,
            refused: count(&self.counters.refused),
            probes: count(&self.counters.probes),
            failures: count(&self.counters.failures),
            abandoned: count(&self.counters.abandoned),
        }
    }

    /// Asks the breaker; `None` = the store is not to be touched.
    fn enter(&self) -> Option<Passage<'_, S>> {
        let now = Instant::now();
        let admission = self.breaker.lock().admit(now);
        let counter = match admission {
            Admission::Refuse => &self.counters.refused,
            Admission::Probe => &self.counters.probes,
            Admission::Pass => return Some(Passage::new(self, admission, now)),
        };
        counter.fetch_add(1, Ordering::Relaxed);
        (admission == Admission::Probe).then(|| Passage::new(self, admission, now))
    }

    async fn within<T>(
        &self,
        operation: Operation,
        passage: Passage<'_, S>,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let done = tokio::time::timeout(self.limits.timeout, work).await;
        let outcome = done.unwrap_or_else(|_| Err(StoreError::timeout(operation)));
        passage.leave(match &outcome {
            // Bytes that are no value were delivered all the same: the store is well.
            Err(error) if !error.is_corrupt() => Verdict::Failed,
            _ => Verdict::Answered,
        });
        outcome
    }
}

/// One operation inside the breaker; must be told how it ended.
struct Passage<'a, S> {
    guarded: &'a Guarded<S>,
    admission: Admission,
    since: Instant,
    is_open: bool,
}

impl<'a, S> Passage<'a, S> {
    fn new(guarded: &'a Guarded<S>, admission: Admission, since: Instant) -> Self {
        Self {
            guarded,
            admission,
            since,
            is_open: true,
        }
    }

    fn leave(mut self, verdict: Verdict) {
        self.settle(verdict, Instant::now());
    }

    fn settle(&mut self, verdict: Verdict, now: Instant) {
        self.is_open = false;
        let counters = &self.guarded.counters;
        match verdict {
            Verdict::Answered => {}
            Verdict::Failed => {
                counters.failures.fetch_add(1, Ordering::Relaxed);
            }
            Verdict::Abandoned => {
                counters.abandoned.fetch_add(1, Ordering::Relaxed);
            }
        }
        let mut breaker = self.guarded.breaker.lock();
        breaker.settle(now, self.admission, verdict, chance());
    }
}

impl<S> Drop for Passage<'_, S> {
    fn drop(&mut self) {
        if self.is_open {
            let now = Instant::now();
            // Somebody else's shorter patience has ended: that is an answer that took too long. A client that goes
            // away at once says nothing about the store.
            let verdict = if now - self.since >= self.guarded.limits.abandoned_is_failed_after {
                Verdict::Failed
            } else {
                Verdict::Abandoned
            };
            self.settle(verdict, now);
        }
    }
}

/// Evenly between 0 and 1. Not for secrets.
fn chance() -> f64 {
    let word = RandomState::new().build_hasher().finish();
    (word >> 11) as f64 / (1_u64 << 53) as f64
}

impl<V: CacheValue, S: CacheStore<V>> CacheStore<V> for Guarded<S> {
    async fn load(&self, key: &StoreKey) -> Result<Option<V>, StoreError> {
        match self.enter() {
            None => Ok(None),
            Some(passage) => {
                let load = self.store.load(key);
                self.within(Operation::Load, passage, load).await
            }
        }
    }

    async fn merge(&self, key: &StoreKey, value: V) -> Result<Written, StoreError> {
        match self.enter() {
            None => Err(StoreError::unavailable(Operation::Merge)),
            Some(passage) => {
                let merge = self.store.merge(key, value);
                self.within(Operation::Merge, passage, merge).await
            }
        }
    }

    async fn remove(&self, key: &StoreKey) -> Result<(), StoreError> {
        match self.enter() {
            None => Err(StoreError::unavailable(Operation::Remove)),
            Some(passage) => {
                let remove = self.store.remove(key);
                self.within(Operation::Remove, passage, remove).await
            }
        }
    }

    fn touch(&self, key: &StoreKey) {
        if self.breaker.lock().state() == BreakerState::Closed {
            self.store.touch(key);
        }
    }

    fn usage(&self) -> Usage {
        self.store.usage()
    }
}

#[cfg(test)]
mod tests;
