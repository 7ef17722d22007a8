//! Coalescing: one upstream call for concurrent requests that ask the same for the same caller.
//!
//! The first request leads, the others wait for what it lands.
//! The leader runs in its own client's task; when that client goes away before anything has landed, the flight is
//! abandoned and one of those who wait takes over. So a cancelled leader fails nobody, and no task outlives its clients.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cache_backends::KeyHasherBuilder;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Locks are spread so that unrelated requests do not meet.
const SHARDS: usize = 32;

/// How many of those who wait are woken at a time, with a turn of the runtime in between: a crowd that was woken at once
/// would stand between the runtime and whatever else it has to do; above all the next request for the same resource,
/// whose call should be on its way while the answers to this one are still being written.
const WOKEN_AT_A_TIME: usize = 4;

/// All flights under way. Keys must hash uniformly.
#[derive(Debug)]
pub(crate) struct Flights<K, T> {
    shards: Arc<[Shard<K, T>]>,
}

#[derive(Debug)]
struct Shard<K, T> {
    aloft: Mutex<HashMap<K, Arc<Flight<T>>, KeyHasherBuilder>>,
    landings: AtomicU64,
}

#[derive(Debug)]
struct Flight<T> {
    state: Mutex<State<T>>,
    changed: Arc<Notify>,
}

#[derive(Debug)]
enum State<T> {
    Aloft,
    Landed(T),
    Abandoned,
}

/// A request's part in a flight.
#[derive(Debug)]
pub(crate) enum Seat<K: Hash + Eq, T> {
    Leader(Lead<K, T>),
    Follower(Waiting<T>),
}

/// What a follower gets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Landing<T> {
    Landed(T),
    /// The leader is gone: board again.
    Abandoned,
}

impl<K: Hash + Eq + Copy, T: Clone> Flights<K, T> {
    pub(crate) fn new() -> Self {
        let shard = |_| Shard {
            aloft: Mutex::default(),
            landings: AtomicU64::new(0),
        };
        Self {
            shards: (0..SHARDS).map(shard).collect(),
        }
    }

    fn shard(&self, key: &K) -> &Shard<K, T> {
        use std::hash::BuildHasher;
        // The high half: the low bits choose the slot within the map.
        let hash = KeyHasherBuilder.hash_one(key) >> 32;
        &self.shards[hash as usize % SHARDS]
    }

    /// A count that changes whenever a flight under this key ends: what was read from the store before is outdated if
    /// it differs afterwards.
    pub(crate) fn landings(&self, key: &K) -> u64 {
        self.shard(key).landings.load(Ordering::Acquire)
    }

    /// Joins the flight under `key`, or starts one.
    pub(crate) fn board(&self, key: K) -> Seat<K, T> {
        match self.shard(&key).aloft.lock().entry(key) {
            Entry::Occupied(flight) => Seat::Follower(Waiting(Arc::clone(flight.get()))),
            Entry::Vacant(slot) => {
                let flight = Arc::new(Flight {
                    state: Mutex::new(State::Aloft),
                    changed: Arc::default(),
                });
                slot.insert(Arc::clone(&flight));
                Seat::Leader(Lead {
                    shards: Arc::clone(&self.shards),
                    key,
                    flight,
                })
            }
        }
    }

    /// How many flights are under way.
    pub(crate) fn aloft(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| shard.aloft.lock().len())
            .sum()
    }

    #[cfg(test)]
    fn followers(&self, key: &K) -> usize {
        // The map and the leader hold one reference each.
        self.shard(key)
            .aloft
            .lock()
            .get(key)
            .map_or(0, |flight| Arc::strong_count(flight) - 2)
    }
}

impl<K, T> Clone for Flights<K, T> {
    fn clone(&self) -> Self {
        Self {
            shards: Arc::clone(&self.shards),
        }
    }
}

/// The leader's duty: land something, or be seen to have gone.
///
/// Dropping it ends the flight: newcomers start another one, and those who wait for a flight in which nothing has
/// landed are told that it is abandoned.
#[derive(Debug)]
pub(crate) struct Lead<K: Hash + Eq, T> {
    shards: Arc<[Shard<K, T>]>,
    key: K,
    flight: Arc<Flight<T>>,
}

impl<K: Hash + Eq, T> Lead<K, T> {
    /// Whether anybody waits, so that a value is worth sharing. Who boards a moment later is told that the flight is
    /// abandoned if nothing was landed, and asks for itself.
    pub(crate) fn is_followed(&self) -> bool {
        // The map and the leader hold one reference each.
        Arc::strong_count(&self.flight) > 2
    }

    /// Gives `value` to all who wait and to all who board until this is dropped.
    pub(crate) fn land(&self, value: T) {
        *self.flight.state.lock() = State::Landed(value);
        let crowd = Arc::strong_count(&self.flight).saturating_sub(2);
        wake_in_turn(&self.flight.changed, crowd);
    }

    /// The same with a value that does not wait, such as a body of which the beginning may pass.
    pub(crate) fn land_passing(&self, value: T) {
        *self.flight.state.lock() = State::Landed(value);
        self.flight.changed.notify_waiters();
    }
}

/// Wakes so many: the first of them now, the others by a task, so that nobody depends on who was woken before being
/// polled, and all of them at the latest when that task ends, however it ends.
fn wake_in_turn(changed: &Arc<Notify>, crowd: usize) {
    struct All(Arc<Notify>);
    impl Drop for All {
        fn drop(&mut self) {
            self.0.notify_waiters();
        }
    }
    let all = All(Arc::clone(changed));
    if crowd <= WOKEN_AT_A_TIME {
        return;
    }
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        return;
    };
    let some = |all: &All| (0..WOKEN_AT_A_TIME).for_each(|_| all.0.notify_one());
    some(&all);
    runtime.spawn(async move {
        for _ in 1..crowd.div_ceil(WOKEN_AT_A_TIME) {
            tokio::task::yield_now().await;
            some(&all);
        }
    });
}

impl<K: Hash + Eq, T> Drop for Lead<K, T> {
    fn drop(&mut self) {
        use std::hash::BuildHasher;
        let hash = KeyHasherBuilder.hash_one(&self.key) >> 32;
        let shard = &self.shards[hash as usize % SHARDS];
        // Counted before the slot is free: whoever boards next sees the new count.
        shard.landings.fetch_add(1, Ordering::Release);
        shard.aloft.lock().remove(&self.key);
        let mut state = self.flight.state.lock();
        if matches!(*state, State::Aloft) {
            *state = State::Abandoned;
            drop(state);
            // They board again, and all but one of them wait again.
            self.flight.changed.notify_waiters();
        }
    }
}

/// A follower's place.
#[derive(Debug)]
pub(crate) struct Waiting<T>(Arc<Flight<T>>);

impl<T: Clone> Waiting<T> {
    /// Waits until the leader lands something or is gone.
    ///
    /// # Cancel safety
    /// Dropping the future gives the place up; nobody else notices.
    pub(crate) async fn landing(&self) -> Landing<T> {
        loop {
            // Registered before the state is read, so that no change falls between.
            let mut changed = std::pin::pin!(self.0.changed.notified());
            changed.as_mut().enable();
            match &*self.0.state.lock() {
                State::Landed(value) => return Landing::Landed(value.clone()),
                State::Abandoned => return Landing::Abandoned,
                State::Aloft => {}
            }
            changed.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::Context;

    use super::*;

    fn lead(flights: &Flights<u64, u32>, key: u64) -> Lead<u64, u32> {
        match flights.board(key) {
            Seat::Leader(lead) => lead,
            Seat::Follower(_) => panic!("somebody leads already"),
        }
    }

    fn follow(flights: &Flights<u64, u32>, key: u64) -> Waiting<u32> {
        match flights.board(key) {
            Seat::Follower(waiting) => waiting,
            Seat::Leader(_) => panic!("nobody leads"),
        }
    }

    #[tokio::test]
    async fn followers_get_what_the_leader_lands() {
        let flights = Flights::new();
        let leader = lead(&flights, 1);
        let waiting = follow(&flights, 1);
        let follower = tokio::spawn(async move { waiting.landing().await });
        tokio::task::yield_now().await;
        leader.land(42);
        let late = follow(&flights, 1);
        drop(leader);
        assert_eq!(follower.await.unwrap(), Landing::Landed(42));
        assert_eq!(late.landing().await, Landing::Landed(42));
        assert_eq!(flights.aloft(), 0);
    }

    #[tokio::test]
    async fn a_cancelled_leader_hands_over() {
        let flights: Flights<u64, u32> = Flights::new();
        let before = flights.landings(&1);
        let leader = lead(&flights, 1);
        let (first, second) = (follow(&flights, 1), follow(&flights, 1));
        assert_eq!(flights.followers(&1), 2);
        drop(leader);
        assert_eq!(first.landing().await, Landing::Abandoned);
        assert_ne!(flights.landings(&1), before);
        let successor = lead(&flights, 1);
        assert_eq!(second.landing().await, Landing::Abandoned);
        let second = follow(&flights, 1);
        successor.land(7);
        assert_eq!(second.landing().await, Landing::Landed(7));
    }

    /// Many more than are woken at a time, on several threads; some go away, and some leaders do.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_crowd_is_woken_to_the_last() {
        for round in 0..100_usize {
            let flights = Flights::new();
            let leader = lead(&flights, 1);
            let crowd: Vec<_> = (0..64)
                .map(|_| {
                    let waiting = follow(&flights, 1);
                    tokio::spawn(async move { waiting.landing().await })
                })
                .collect();
            for follower in crowd.iter().skip(round % 7).step_by(5) {
                follower.abort();
            }
            match round % 3 {
                0 => leader.land(42),
                1 => leader.land_passing(42),
                _ => {}
            }
            drop(leader);
            for follower in crowd {
                match follower.await {
                    Ok(Landing::Landed(value)) => assert_eq!((value, round % 3 < 2), (42, true)),
                    Ok(Landing::Abandoned) => assert_eq!(round % 3, 2),
                    Err(error) => assert!(error.is_cancelled()),
                }
            }
        }
    }

    /// Somebody who was woken and is not polled keeps nobody else waiting.
    #[tokio::test]
    async fn nobody_depends_on_others_being_polled() {
        let flights = Flights::new();
        let leader = lead(&flights, 1);
        let mut crowd: Vec<_> = (0..20)
            .map(|_| {
                let waiting = follow(&flights, 1);
                Box::pin(async move { waiting.landing().await })
            })
            .collect();
        for follower in &mut crowd {
            assert!(futures_util::poll!(follower.as_mut()).is_pending());
        }
        leader.land(42);
        drop(leader);
        let last = crowd.pop().unwrap();
        assert_eq!(last.await, Landing::Landed(42));
    }

    /// So many as wait, how many of them have been woken, and who leads them.
    fn crowd(size: usize) -> (Lead<u64, u32>, Vec<Pin<Box<impl Future>>>, Arc<Wakes>) {
        let flights = Flights::new();
        let leader = lead(&flights, 1);
        let wakes = Arc::new(Wakes(AtomicU64::new(0)));
        let waker = Arc::clone(&wakes).into();
        let mut context = Context::from_waker(&waker);
        let crowd = (0..size).map(|_| {
            let waiting = follow(&flights, 1);
            let mut follower = Box::pin(async move { waiting.landing().await });
            assert!(follower.as_mut().poll(&mut context).is_pending());
            follower
        });
        (leader, crowd.collect(), wakes)
    }

    /// Between them the runtime has its turn.
    #[tokio::test]
    async fn a_few_are_woken_at_a_time() {
        let (leader, _crowd, wakes) = crowd(11);
        leader.land(42);
        let mut seen = vec![wakes.count()];
        while wakes.count() < 11 {
            tokio::task::yield_now().await;
            seen.push(wakes.count());
        }
        seen.dedup();
        assert_eq!(seen, [4, 8, 11]);
    }

    #[tokio::test]
    async fn what_may_pass_wakes_all_at_once() {
        let (leader, _crowd, wakes) = crowd(11);
        leader.land_passing(42);
        assert_eq!(wakes.count(), 11);
    }

    /// Where there is no runtime to take turns with.
    #[test]
    fn a_landing_outside_a_runtime_wakes_all_at_once() {
        let (leader, _crowd, wakes) = crowd(11);
        leader.land(42);
        assert_eq!(wakes.count(), 11);
    }

    struct Wakes(AtomicU64);

    impl std::task::Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Wakes {
        fn count(&self) -> u64 {
            self.0.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn keys_fly_apart() {
        let flights: Flights<u64, u32> = Flights::new();
        let _one = lead(&flights, 1);
        let _two = lead(&flights, 2);
        assert_eq!(flights.aloft(), 2);
    }
}
