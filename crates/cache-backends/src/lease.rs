//! One at a time among many processes: a lock in Redis that expires, with a number that grows with every holder.
//!
//! A lease is no proof: a process may be stopped between the look at its lease and the deed. Whoever is written to
//! must therefore refuse a [fencing number](Lease::fencing) smaller than one it has seen.
//!
//! Over one server a lease is as good as that server's memory. Over several *independent* servers it is held by
//! whoever a majority agrees on (<https://redis.io/docs/latest/develop/use/patterns/distributed-locks/>), so it
//! survives the loss of a minority; replicas of one primary are not independent.

mod quorum;
mod server;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use self::quorum::{Quorum, Renewal};
use self::server::{LockServer, RedisLock};
use crate::{RedisConnection, RedisOptions, RedisOptionsError};

/// How long a lease lasts, and how it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseOptions {
    /// How long a lease outlives its holder. Default 10 s. It is renewed after a third of that. Shorter lets others
    /// take over sooner, and makes a short pause of the holder cost it the lease.
    pub ttl: Duration,
    /// Longest wait for one server. Default 1 s; never more than a third of `ttl`.
    pub timeout: Duration,
}

impl Default for LeaseOptions {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(10),
            timeout: Duration::from_secs(1),
        }
    }
}

/// Hands out leases.
#[derive(Debug)]
pub struct Leases {
    quorum: Arc<Quorum<RedisLock>>,
    ttl: Duration,
}

/// What became of an attempt to take a lease.
#[derive(Debug)]
pub enum Attempt {
    /// It is ours.
    Taken(Lease),
    /// Somebody else has it.
    Held,
}

/// Not enough servers answered to know who holds the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to reach enough lock servers")]
pub struct LeaseError;

impl Leases {
    /// Leases on one primary: a server, Sentinel or Cluster.
    ///
    /// # Errors
    /// As [`RedisStore::new`](crate::RedisStore::new).
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn on(redis: RedisOptions, options: LeaseOptions) -> Result<Self, RedisOptionsError> {
        Self::on_majority_of(vec![redis], options)
    }

    /// Leases on the majority of several independent primaries; an odd number of them.
    ///
    /// # Errors
    /// As [`RedisStore::new`](crate::RedisStore::new), and when there is none.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn on_majority_of(
        servers: Vec<RedisOptions>,
        options: LeaseOptions,
    ) -> Result<Self, RedisOptionsError> {
        if servers.is_empty() {
            return Err(RedisOptionsError::NoNodes);
        }
        if options.ttl < Duration::from_millis(10) {
            return Err(RedisOptionsError::Zero("ttl"));
        }
        let timeout = options.timeout.min(options.ttl / 3);
        let servers = servers
            .iter()
            .map(|redis| RedisLock::open(redis, timeout))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            quorum: Arc::new(Quorum::new(servers, options.ttl)),
            ttl: options.ttl,
        })
    }

    /// Whether enough servers are connected now; for waiting at the start, not for deciding whether to try.
    pub fn connection(&self) -> RedisConnection {
        self.quorum.connection()
    }

    /// Tries once to take the lease called `name`.
    ///
    /// # Errors
    /// When too few servers answer.
    ///
    /// # Cancel safety
    /// A lease that was taken when the future is dropped is free again after its time.
    pub async fn attempt(&self, name: &str) -> Result<Attempt, LeaseError> {
        attempt(&self.quorum, name, self.ttl).await
    }
}

async fn attempt<S: LockServer>(
    quorum: &Arc<Quorum<S>>,
    name: &str,
    ttl: Duration,
) -> Result<Attempt, LeaseError> {
    let token = crate::redis::random_token();
    let Some(taken) = quorum.take(name, &token).await? else {
        return Ok(Attempt::Held);
    };
    let (term, seen) = watch::channel(Term::Until(taken.until));
    let (release, released) = oneshot::channel();
    tokio::spawn(keep(
        Arc::clone(quorum),
        Claim {
            name: name.to_owned(),
            token,
            ttl,
        },
        term,
        released,
    ));
    Ok(Attempt::Taken(Lease {
        fencing: taken.fencing,
        term: seen,
        release,
    }))
}

/// Whether a lease is still ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// It is.
    Held,
    /// Its time passed without a renewal.
    Expired,
    /// The servers say that it is not ours.
    TakenAway,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Term {
    Until(Instant),
    Over(Standing),
}

impl Term {
    fn standing(self, now: Instant) -> Standing {
        match self {
            Self::Until(until) if now < until => Standing::Held,
            // The keeper has not come to it yet: a stalled runtime is no reason to believe in the lease.
            Self::Until(_) => Standing::Expired,
            Self::Over(standing) => standing,
        }
    }
}

/// A lease that is renewed for as long as it is held; dropping it gives it back.
pub struct Lease {
    fencing: u64,
    term: watch::Receiver<Term>,
    release: oneshot::Sender<oneshot::Sender<()>>,
}

impl Lease {
    /// Larger than that of every earlier holder of the same name, and for one holder always the same.
    ///
    /// It follows the servers' clocks, so that it also grows when a server has lost its memory.
    pub fn fencing(&self) -> u64 {
        self.fencing
    }

    /// Whether it is still ours.
    pub fn standing(&self) -> Standing {
        self.term.borrow().standing(Instant::now())
    }

    /// Waits until it is ours no longer.
    ///
    /// # Cancel safety
    /// May be dropped and called again.
    pub async fn lost(&mut self) -> Standing {
        match self
            .term
            .wait_for(|term| matches!(term, Term::Over(_)))
            .await
        {
            Ok(term) => term.standing(Instant::now()),
            // The keeper is gone with the runtime.
            Err(_) => Standing::Expired,
        }
    }

    /// Gives it back, and waits until the servers know or the attempt has failed, in which case it is free after its
    /// time.
    pub async fn release(self) {
        let (done, known) = oneshot::channel();
        if self.release.send(done).is_ok() {
            // The keeper answers, or is gone.
            let _ = known.await;
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("fencing", &self.fencing)
            .field("standing", &self.standing())
            .finish_non_exhaustive()
    }
}

struct Claim {
    name: String,
    token: String,
    ttl: Duration,
}

/// Renews until the lease is given back or lost.
async fn keep<S: LockServer>(
    quorum: Arc<Quorum<S>>,
    claim: Claim,
    term: watch::Sender<Term>,
    mut released: oneshot::Receiver<oneshot::Sender<()>>,
) {
    let Claim { name, token, ttl } = &claim;
    let mut until = match *term.borrow() {
        Term::Until(until) => until,
        Term::Over(_) => Instant::now(),
    };
    let mut next = Instant::now() + *ttl / 3;
    let done = loop {
        let renewal = async {
            tokio::time::sleep_until(next).await;
            quorum.renew(name, token).await
        };
        let lost = tokio::select! {
            biased;
            given_back = &mut released => break given_back.ok(),
            // Looked at before the renewal: an answer that comes when the time has passed is too late.
            () = tokio::time::sleep_until(until) => Standing::Expired,
            renewal = renewal => match renewal {
                Renewal::Until(later) => {
                    until = later;
                    term.send_replace(Term::Until(later));
                    next = Instant::now() + *ttl / 3;
                    continue;
                }
                Renewal::Unknown => {
                    next = Instant::now() + *ttl / 10;
                    continue;
                }
                Renewal::NotOurs => Standing::TakenAway,
            },
        };
        term.send_replace(Term::Over(lost));
        break None;
    };
    // Also when it is lost: some of the servers may still hold it for us.
    quorum.release(name, token).await;
    if let Some(done) = done {
        // Nobody may be waiting any more.
        let _ = done.send(());
    }
}

#[cfg(test)]
mod tests;
