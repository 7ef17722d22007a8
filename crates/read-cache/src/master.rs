//! The master cache: the copy that all nodes share, who may refresh it, and the word that it has changed.
//!
//! Without Redis there is one node, which is its own master. With Redis every call goes through a circuit breaker: a
//! Redis that is away costs a node nothing but the work of refreshing for itself.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cache_backends::{GuardStats, Lease, Published, RedisConnection, SharedChange, StoreError};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use crate::config::{LeaseConfig, MasterConfig};
use crate::failure::Cause;
use crate::key::Key;
use crate::snapshot::Snapshot;

mod settings;
mod shared;

pub use settings::MasterProblem;
use settings::{lease_options, redis_options};
pub(crate) use shared::SharedMaster;

/// The master cache. Clones share it.
#[derive(Clone, Debug)]
pub(crate) enum Master {
    /// This node alone.
    Alone,
    Shared(Arc<SharedMaster>),
}

/// What the master cache has.
#[derive(Debug)]
pub(crate) enum Found {
    Nothing,
    /// It was removed by an administrator under this number.
    Removed(u64),
    /// Nothing newer than what the node has.
    NotNewer(u64),
    Newer(Box<Snapshot>),
}

/// The right to refresh.
#[derive(Debug)]
pub(crate) enum Right {
    /// Of one holder in the cluster.
    Lease(Lease),
    /// There is nobody else, or nobody who could be asked: the number is made here.
    Alone(u64),
}

/// What became of an attempt to get the right.
#[derive(Debug)]
pub(crate) enum Claim {
    Granted(Right),
    Held,
    /// Redis cannot be asked.
    Unknown,
}

/// Why nobody should try at the moment; left for the other nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    pub(crate) cause: Cause,
    pub(crate) retry_at_milliseconds: u64,
}

impl Note {
    pub(crate) fn new(cause: Cause, retry_at: SystemTime) -> Self {
        let since = retry_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            cause,
            retry_at_milliseconds: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
        }
    }

    pub(crate) fn retry_at(&self) -> Option<SystemTime> {
        UNIX_EPOCH.checked_add(Duration::from_millis(self.retry_at_milliseconds))
    }
}

impl Right {
    pub(crate) fn fencing(&self) -> u64 {
        match self {
            Self::Lease(lease) => lease.fencing(),
            Self::Alone(fencing) => *fencing,
        }
    }

    /// Waits until it is lost.
    pub(crate) async fn lost(&mut self) {
        match self {
            Self::Lease(lease) => {
                lease.lost().await;
            }
            Self::Alone(_) => std::future::pending().await,
        }
    }

    pub(crate) async fn give_back(self) {
        if let Self::Lease(lease) = self {
            lease.release().await;
        }
    }
}

/// A number for a node that has nobody to number it: the time in microseconds, as the lock servers count, and beyond
/// every number that the node has seen.
pub(crate) fn own_number(now: SystemTime, seen: u64) -> u64 {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros())
        .unwrap_or(u64::MAX)
        .max(seen.saturating_add(1))
}

impl Master {
    /// Opens what the settings ask for. To be called inside the runtime.
    pub(crate) fn open(
        master: &MasterConfig,
        lease: &LeaseConfig,
        max_body_bytes: usize,
    ) -> Result<Self, MasterProblem> {
        Ok(match redis_options(master)? {
            None => Self::Alone,
            Some(redis) => {
                let lease = lease_options(master, lease, &redis)?;
                Self::Shared(Arc::new(SharedMaster::open(redis, lease, max_body_bytes)?))
            }
        })
    }

    /// Waits until Redis is connected, for a while: a node that starts should not go alone because it was a moment too
    /// early.
    pub(crate) async fn connected(&self) {
        if let Self::Shared(shared) = self {
            shared.connected().await;
        }
    }

    /// Reads what is newer than the version that the node has.
    pub(crate) async fn read(
        &self,
        key: &Key,
        have: Option<&Snapshot>,
    ) -> Result<Found, StoreError> {
        match self {
            Self::Alone => Ok(Found::Nothing),
            Self::Shared(shared) => shared.read(key, have).await,
        }
    }

    /// Tries to get the right to refresh; `seen` is the largest number that the node knows.
    pub(crate) async fn claim(&self, key: &Key, seen: u64, now: SystemTime) -> Claim {
        match self {
            Self::Alone => Claim::Granted(Right::Alone(own_number(now, seen))),
            Self::Shared(shared) => shared.claim(key).await,
        }
    }

    /// Publishes a snapshot, unless a newer one is there.
    pub(crate) async fn publish(
        &self,
        key: &Key,
        snapshot: &Snapshot,
        now: SystemTime,
    ) -> Result<Published, StoreError> {
        match self {
            Self::Alone => Ok(Published::Stored),
            Self::Shared(shared) => shared.publish(key, snapshot, now).await,
        }
    }

    /// Removes what is there for every node.
    pub(crate) async fn remove(&self, key: &Key, number: u64) -> Result<(), StoreError> {
        match self {
            Self::Alone => Ok(()),
            Self::Shared(shared) => shared.remove(key, number).await,
        }
    }

    /// Leaves word for the other nodes that trying is of no use until then.
    pub(crate) async fn leave_note(&self, key: &Key, note: &Note, lives: Duration) {
        if let Self::Shared(shared) = self {
            shared.leave_note(key, note, lives).await;
        }
    }

    /// What another node has left word of.
    pub(crate) async fn note(&self, key: &Key) -> Option<Note> {
        match self {
            Self::Alone => None,
            Self::Shared(shared) => shared.note(key).await,
        }
    }

    /// What is told by the nodes from now on.
    pub(crate) fn changes(&self) -> Option<broadcast::Receiver<SharedChange>> {
        match self {
            Self::Alone => None,
            Self::Shared(shared) => Some(shared.changes()),
        }
    }

    /// The breaker and the connection, for metrics.
    pub(crate) fn health(&self) -> Option<(GuardStats, RedisConnection)> {
        match self {
            Self::Alone => None,
            Self::Shared(shared) => Some(shared.health()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_numbers_grow_also_when_the_clock_does_not() {
        let now = UNIX_EPOCH + Duration::from_secs(10);
        assert_eq!(own_number(now, 0), 10_000_000);
        assert_eq!(own_number(now, 10_000_000), 10_000_001);
        assert_eq!(own_number(now, 20_000_000), 20_000_001);
    }

    #[test]
    fn notes_travel() {
        let at = UNIX_EPOCH + Duration::from_secs(10);
        let note = Note::new(Cause::RateLimited, at);
        let text = serde_json::to_string(&note).unwrap();
        assert_eq!(
            text,
            r#"{"cause":"rate-limited","retry_at_milliseconds":10000}"#
        );
        assert_eq!(serde_json::from_str::<Note>(&text).unwrap(), note);
        assert_eq!(note.retry_at(), Some(at));
    }
}
