//! Leases on servers that do as they are told, in paused time.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::quorum::Quorum;
use super::server::{LockServer, Ownership, Take};
use super::*;

const TTL: Duration = Duration::from_secs(9);

/// A lock server in memory.
#[derive(Clone, Debug, Default)]
struct Memory(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    locks: HashMap<String, (String, Instant)>,
    fence: u64,
    mood: Mood,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mood {
    #[default]
    Well,
    Away,
    Hanging,
}

impl Memory {
    fn feel(&self, mood: Mood) {
        self.0.lock().mood = mood;
    }

    fn holder(&self, name: &str) -> Option<String> {
        let state = self.0.lock();
        let (token, until) = state.locks.get(name)?;
        (Instant::now() < *until).then(|| token.clone())
    }

    fn forget(&self) {
        self.0.lock().locks.clear();
    }

    async fn reach(&self) -> Result<(), LeaseError> {
        let mood = self.0.lock().mood;
        match mood {
            Mood::Well => Ok(()),
            Mood::Away => Err(LeaseError),
            Mood::Hanging => std::future::pending().await,
        }
    }

    fn ownership(&self, name: &str, token: &str) -> Ownership {
        match self.holder(name).as_deref() == Some(token) {
            true => Ownership::Ours,
            false => Ownership::NotOurs,
        }
    }
}

impl LockServer for Memory {
    async fn take(&self, name: &str, token: &str, ttl: Duration) -> Result<Take, LeaseError> {
        self.reach().await?;
        if self.holder(name).is_some() {
            return Ok(Take::Held);
        }
        let mut state = self.0.lock();
        let until = Instant::now() + ttl;
        state
            .locks
            .insert(name.to_owned(), (token.to_owned(), until));
        state.fence += 1;
        Ok(Take::Taken(state.fence))
    }

    async fn raise(&self, name: &str, token: &str, fence: u64) -> Result<Ownership, LeaseError> {
        self.reach().await?;
        let mut state = self.0.lock();
        state.fence = state.fence.max(fence);
        drop(state);
        Ok(self.ownership(name, token))
    }

    async fn renew(&self, name: &str, token: &str, ttl: Duration) -> Result<Ownership, LeaseError> {
        self.reach().await?;
        let ownership = self.ownership(name, token);
        if ownership == Ownership::Ours {
            let until = Instant::now() + ttl;
            let mut state = self.0.lock();
            state
                .locks
                .insert(name.to_owned(), (token.to_owned(), until));
        }
        Ok(ownership)
    }

    async fn release(&self, name: &str, token: &str) -> Result<Ownership, LeaseError> {
        self.reach().await?;
        let ownership = self.ownership(name, token);
        if ownership == Ownership::Ours {
            self.0.lock().locks.remove(name);
        }
        Ok(ownership)
    }
}

fn quorum(servers: &[Memory]) -> Arc<Quorum<Memory>> {
    Arc::new(Quorum::new(servers.to_vec(), TTL))
}

async fn taken(quorum: &Arc<Quorum<Memory>>) -> Lease {
    match attempt(quorum, "x", TTL).await {
        Ok(Attempt::Taken(lease)) => lease,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn one_holder_at_a_time_and_growing_numbers() {
    let servers = quorum(&[Memory::default()]);
    let first = taken(&servers).await;
    assert!(matches!(
        attempt(&servers, "x", TTL).await,
        Ok(Attempt::Held)
    ));
    assert!(matches!(
        attempt(&servers, "y", TTL).await,
        Ok(Attempt::Taken(_))
    ));
    let number = first.fencing();
    first.release().await;
    assert!(taken(&servers).await.fencing() > number);
}

#[tokio::test(start_paused = true)]
async fn it_is_renewed_for_as_long_as_it_is_held() {
    let server = Memory::default();
    let lease = taken(&quorum(std::slice::from_ref(&server))).await;
    for _ in 0..100 {
        tokio::time::sleep(TTL).await;
        assert_eq!(lease.standing(), Standing::Held);
        assert!(server.holder("x").is_some());
    }
    drop(lease);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(server.holder("x"), None, "dropping gives it back");
}

#[tokio::test(start_paused = true)]
async fn it_is_lost_when_the_server_is_silent_for_its_time() {
    for mood in [Mood::Away, Mood::Hanging] {
        let server = Memory::default();
        let mut lease = taken(&quorum(std::slice::from_ref(&server))).await;
        let start = Instant::now();
        server.feel(mood);
        assert_eq!(lease.lost().await, Standing::Expired, "{mood:?}");
        assert!(start.elapsed() < TTL, "before another can have it");
        assert!(start.elapsed() > TTL.mul_f64(0.95));
        assert_eq!(lease.standing(), Standing::Expired);
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_absence_of_the_server_costs_nothing() {
    let server = Memory::default();
    let lease = taken(&quorum(std::slice::from_ref(&server))).await;
    server.feel(Mood::Away);
    tokio::time::sleep(TTL / 2).await;
    server.feel(Mood::Well);
    tokio::time::sleep(TTL * 3).await;
    assert_eq!(lease.standing(), Standing::Held);
}

#[tokio::test(start_paused = true)]
async fn it_is_lost_when_somebody_else_has_it() {
    let server = Memory::default();
    let servers = quorum(std::slice::from_ref(&server));
    let mut lease = taken(&servers).await;
    server.forget();
    let other = taken(&servers).await;
    assert_eq!(lease.lost().await, Standing::TakenAway);
    lease.release().await;
    assert!(server.holder("x").is_some(), "only one's own is given back");
    assert!(other.fencing() > 1);
}

#[tokio::test(start_paused = true)]
async fn a_majority_is_enough_and_less_is_not() {
    let servers: Vec<Memory> = (0..3).map(|_| Memory::default()).collect();
    let all = quorum(&servers);
    servers[0].feel(Mood::Away);
    let lease = taken(&all).await;
    assert!(matches!(attempt(&all, "x", TTL).await, Ok(Attempt::Held)));
    tokio::time::sleep(TTL * 3).await;
    assert_eq!(lease.standing(), Standing::Held);
    servers[1].feel(Mood::Away);
    assert_eq!(attempt(&all, "y", TTL).await.unwrap_err(), LeaseError);
    let mut lease = lease;
    assert_eq!(lease.lost().await, Standing::Expired);
}

#[tokio::test(start_paused = true)]
async fn numbers_grow_over_changing_majorities() {
    let servers: Vec<Memory> = (0..3).map(|_| Memory::default()).collect();
    let all = quorum(&servers);
    // One server is far ahead of the others, and then away.
    servers[0].0.lock().fence = 100;
    let mut last = 0;
    for away in [2, 0, 1, 0, 2] {
        for (at, server) in servers.iter().enumerate() {
            server.feel(if at == away { Mood::Away } else { Mood::Well });
        }
        let lease = taken(&all).await;
        assert!(lease.fencing() > last, "{} > {last}", lease.fencing());
        last = lease.fencing();
        lease.release().await;
        servers[away].forget();
    }
    assert!(last > 100);
}

#[tokio::test(start_paused = true)]
async fn a_failed_attempt_leaves_nothing_behind() {
    let servers: Vec<Memory> = (0..3).map(|_| Memory::default()).collect();
    let (one, two) = (quorum(&servers[..1]), quorum(&servers[1..2]));
    let held = (taken(&one).await, taken(&two).await);
    assert!(matches!(
        attempt(&quorum(&servers), "x", TTL).await,
        Ok(Attempt::Held)
    ));
    assert_eq!(servers[2].holder("x"), None);
    drop(held);
}
