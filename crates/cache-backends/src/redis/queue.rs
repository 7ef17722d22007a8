//! The bounded queue of writes behind: what was promised, what is on its way, and who is next.
//!
//! One key is written by one worker at a time, so changes of one process never overtake each other. Changes of a key
//! that is waiting join into one.

use std::collections::{HashMap, VecDeque};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::change::Change;
use crate::key::KeyHasherBuilder;
use crate::{CacheValue, StoreKey};

/// Bounds of the queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) keys: usize,
    pub(super) bytes: usize,
}

/// What became of a change that was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It waits for a worker.
    Queued,
    /// It joined an earlier change of the same key.
    Joined,
    /// There is no room; nothing has changed.
    Full,
}

/// What a worker has to do.
#[derive(Debug)]
pub(super) struct Job<V> {
    pub(super) key: StoreKey,
    pub(super) change: Change<V>,
    /// When the oldest part of the change was promised.
    pub(super) since: Instant,
    /// How often it has failed.
    pub(super) failures: u32,
}

pub(super) struct WriteQueue<V> {
    bounds: Bounds,
    state: Mutex<State<V>>,
    /// One permit per push: a worker that is not waiting looks at the queue before it waits.
    work: Notify,
    /// Rung when the last slot is gone.
    idle: Notify,
}

struct State<V> {
    slots: HashMap<StoreKey, Slot<V>, KeyHasherBuilder>,
    order: VecDeque<StoreKey>,
    bytes: usize,
}

struct Slot<V> {
    waiting: Option<Waiting<V>>,
    flying: Option<Weighed<V>>,
}

/// A change and what it was taken for: a value may come to weigh something else while it waits, because its owner goes on
/// using it.
struct Weighed<V> {
    change: Change<V>,
    bytes: usize,
}

impl<V: CacheValue> Weighed<V> {
    fn new(change: Change<V>) -> Self {
        let bytes = change.weight_bytes();
        Self { change, bytes }
    }
}

struct Waiting<V> {
    weighed: Weighed<V>,
    since: Instant,
    failures: u32,
}

impl<V: CacheValue> WriteQueue<V> {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            state: Mutex::new(State {
                slots: HashMap::default(),
                order: VecDeque::new(),
                bytes: 0,
            }),
            work: Notify::new(),
            idle: Notify::new(),
        }
    }

    /// Takes a change, or refuses it; never waits.
    pub(super) fn push(&self, key: StoreKey, change: Change<V>, now: Instant) -> Admission {
        let mut state = self.state.lock();
        let State {
            slots,
            order,
            bytes,
        } = &mut *state;
        let weighed = Weighed::new(change);
        // What frees memory is never refused for want of memory.
        if weighed.bytes > 0 && bytes.saturating_add(weighed.bytes) > self.bounds.bytes {
            return Admission::Full;
        }
        let is_known = slots.contains_key(&key);
        if !is_known && slots.len() >= self.bounds.keys {
            return Admission::Full;
        }
        let slot = slots.entry(key).or_insert(Slot {
            waiting: None,
            flying: None,
        });
        if let Some(waiting) = slot.waiting.take() {
            *bytes -= waiting.weighed.bytes;
            let weighed = Weighed::new(waiting.weighed.change.then(weighed.change));
            *bytes += weighed.bytes;
            slot.waiting = Some(Waiting { weighed, ..waiting });
            return Admission::Joined;
        }
        *bytes += weighed.bytes;
        slot.waiting = Some(Waiting {
            weighed,
            since: now,
            failures: 0,
        });
        if slot.flying.is_some() {
            // Its worker queues the key again when it lands.
            return Admission::Joined;
        }
        order.push_back(key);
        drop(state);
        self.work.notify_one();
        Admission::Queued
    }

    /// The next change; the key is this worker's until [`Self::landed`] or [`Self::failed`].
    pub(super) async fn next(&self) -> Job<V> {
        loop {
            if let Some(job) = self.take() {
                return job;
            }
            self.work.notified().await;
        }
    }

    fn take(&self) -> Option<Job<V>> {
        let mut state = self.state.lock();
        let key = state.order.pop_front()?;
        let slot = state.slots.get_mut(&key)?;
        let waiting = slot.waiting.take()?;
        let change = waiting.weighed.change.clone();
        slot.flying = Some(waiting.weighed);
        Some(Job {
            key,
            change,
            since: waiting.since,
            failures: waiting.failures,
        })
    }

    /// The change of this key is in Redis, or given up.
    pub(super) fn landed(&self, key: &StoreKey) {
        let mut state = self.state.lock();
        let Some(slot) = state.slots.get_mut(key) else {
            return;
        };
        let flown = slot.flying.take();
        let goes_on = slot.waiting.is_some();
        if let Some(flown) = flown {
            state.bytes -= flown.bytes;
        }
        self.settle(state, key, goes_on);
    }

    /// The change did not reach Redis: it waits again, in front of what has arrived since.
    pub(super) fn failed(&self, job: Job<V>) {
        let mut state = self.state.lock();
        let State { slots, bytes, .. } = &mut *state;
        let Some(slot) = slots.get_mut(&job.key) else {
            return;
        };
        if let Some(flown) = slot.flying.take() {
            *bytes -= flown.bytes;
        }
        let (change, since) = match slot.waiting.take() {
            // The patience is that of the latest promise.
            Some(later) => {
                *bytes -= later.weighed.bytes;
                (job.change.then(later.weighed.change), later.since)
            }
            None => (job.change, job.since),
        };
        let weighed = Weighed::new(change);
        *bytes += weighed.bytes;
        slot.waiting = Some(Waiting {
            weighed,
            since,
            failures: job.failures + 1,
        });
        self.settle(state, &job.key, true);
    }

    fn settle(
        &self,
        mut state: parking_lot::MutexGuard<'_, State<V>>,
        key: &StoreKey,
        goes_on: bool,
    ) {
        if goes_on {
            state.order.push_back(*key);
            drop(state);
            self.work.notify_one();
            return;
        }
        state.slots.remove(key);
        let is_idle = state.slots.is_empty();
        drop(state);
        if is_idle {
            self.idle.notify_waiters();
        }
    }

    /// What lies over the stored value of this key.
    pub(super) fn overlay(&self, key: &StoreKey) -> Option<Change<V>> {
        let state = self.state.lock();
        let slot = state.slots.get(key)?;
        let waiting = slot.waiting.as_ref();
        let waiting = waiting.map(|waiting| waiting.weighed.change.clone());
        let flying = slot.flying.as_ref().map(|flying| flying.change.clone());
        match (flying, waiting) {
            (Some(flying), Some(waiting)) => Some(flying.then(waiting)),
            (flying, waiting) => flying.or(waiting),
        }
    }

    /// Keys that wait or fly, and the bytes that they hold.
    pub(super) fn depth(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.slots.len(), state.bytes)
    }

    /// Waits until nothing waits and nothing flies.
    pub(super) async fn idle(&self) {
        loop {
            let idle = self.idle.notified();
            let mut idle = std::pin::pin!(idle);
            idle.as_mut().enable();
            if self.state.lock().slots.is_empty() {
                return;
            }
            idle.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{Sample, key};

    fn queue() -> WriteQueue<Sample> {
        WriteQueue::new(Bounds {
            keys: 2,
            bytes: 10_000,
        })
    }

    fn merge(version: u64) -> Change<Sample> {
        Change::Merge(Sample::new(version, 100))
    }

    fn marks(change: &Change<Sample>) -> Vec<u64> {
        match change {
            Change::Merge(value) | Change::Replace(value) => {
                value.marks().iter().copied().collect()
            }
            Change::Remove => Vec::new(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn changes_of_one_key_join_while_they_wait() {
        let (queue, now) = (queue(), Instant::now());
        assert_eq!(queue.push(key(1), merge(1), now), Admission::Queued);
        assert_eq!(queue.push(key(1), merge(2), now), Admission::Joined);
        assert_eq!(marks(&queue.next().await.change), [1, 2]);
        assert!(queue.take().is_none(), "one key, one worker");
    }

    #[tokio::test(start_paused = true)]
    async fn what_arrives_during_the_flight_flies_next() {
        let (queue, now) = (queue(), Instant::now());
        queue.push(key(1), merge(1), now);
        let job = queue.next().await;
        assert_eq!(queue.push(key(1), merge(2), now), Admission::Joined);
        assert!(queue.take().is_none(), "the key is taken");
        assert_eq!(marks(&queue.overlay(&key(1)).unwrap()), [1, 2]);
        queue.landed(&job.key);
        assert_eq!(marks(&queue.overlay(&key(1)).unwrap()), [2]);
        assert_eq!(marks(&queue.next().await.change), [2]);
        queue.landed(&job.key);
        assert_eq!(queue.depth(), (0, 0));
        assert_eq!(queue.overlay(&key(1)), None);
        queue.idle().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_change_goes_before_what_came_since() {
        let (queue, now) = (queue(), Instant::now());
        queue.push(key(1), Change::Remove, now);
        let job = queue.next().await;
        queue.push(key(1), merge(2), now);
        queue.failed(job);
        let again = queue.next().await;
        assert_eq!(again.failures, 1);
        assert_eq!(again.change, Change::Replace(Sample::new(2, 100)));
        queue.landed(&key(1));
        assert_eq!(queue.depth(), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_refuses_new_keys_and_takes_known_ones() {
        let (queue, now) = (queue(), Instant::now());
        queue.push(key(1), merge(1), now);
        queue.push(key(2), merge(1), now);
        assert_eq!(queue.push(key(3), merge(1), now), Admission::Full);
        assert_eq!(queue.push(key(3), Change::Remove, now), Admission::Full);
        assert_eq!(queue.push(key(1), merge(2), now), Admission::Joined);
        let heavy = Change::Merge(Sample::new(1, 10_000));
        assert_eq!(queue.push(key(1), heavy, now), Admission::Full);
        assert_eq!(queue.push(key(1), Change::Remove, now), Admission::Joined);
        assert_eq!(queue.depth().0, 2);
    }

    /// A value that weighs what its owner says, also while it waits.
    #[derive(Clone, Debug)]
    struct Growing(std::sync::Arc<std::sync::atomic::AtomicUsize>);

    impl CacheValue for Growing {
        fn weight_bytes(&self) -> usize {
            self.0.load(std::sync::atomic::Ordering::Relaxed)
        }

        fn merge(stored: &Self, _: Self) -> Self {
            stored.clone()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_value_that_grows_while_it_waits_is_counted_as_it_was_taken() {
        let now = Instant::now();
        let queue = WriteQueue::new(Bounds {
            keys: 2,
            bytes: 10_000,
        });
        let weight = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(100));
        let grow = |bytes| weight.store(bytes, std::sync::atomic::Ordering::Relaxed);
        let merge = || Change::Merge(Growing(std::sync::Arc::clone(&weight)));
        queue.push(key(1), merge(), now);
        grow(200);
        queue.push(key(1), merge(), now);
        assert_eq!(queue.depth(), (1, 200));
        grow(300);
        let job = queue.next().await;
        queue.push(key(1), merge(), now);
        grow(400);
        queue.failed(job);
        assert_eq!(queue.depth(), (1, 400));
        grow(500);
        let job = queue.next().await;
        grow(50);
        queue.landed(&job.key);
        assert_eq!(queue.depth(), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn idle_waits_for_the_last_flight() {
        let (queue, now) = (std::sync::Arc::new(queue()), Instant::now());
        queue.push(key(1), merge(1), now);
        let job = queue.next().await;
        let waiter = tokio::spawn({
            let queue = std::sync::Arc::clone(&queue);
            async move { queue.idle().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiter.is_finished());
        queue.landed(&job.key);
        waiter.await.unwrap();
    }
}
