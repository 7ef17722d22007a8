//! The master cache: the copy that all nodes share, who may refresh it, and the word that it has changed.
//!
//! Without Redis there is one node, which is its own master. With Redis every call goes through a circuit breaker: a
//! Redis that is away costs a node nothing but the work of refreshing for itself.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use cache_backends::{
    Attempt, BreakerLimits, Circuit, GuardStats, Lease, LeaseOptions, Leases, Operation,
    Publication, Published, RedisConnection, RedisOptions, RedisOptionsError, Secret, SharedChange,
    SharedValues, StoreError,
};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use crate::config::{LeaseConfig, MasterConfig};
use crate::content::Content;
use crate::failure::Cause;
use crate::key::Key;
use crate::snapshot::Snapshot;
use crate::snapshot::head::Head;

/// The tag of a body that was removed.
const REMOVED: &str = "removed";
/// How often is looked whether a connection has come about.
const CONNECTING_LOOK: Duration = Duration::from_millis(5);
/// How long it is remembered that a value was removed: longer than any node takes to hear of it.
const REMOVAL_LIVES: Duration = Duration::from_secs(3600);

/// Why the master cache cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum MasterProblem {
    /// A setting of Redis is wrong.
    #[error("{key}")]
    Redis {
        /// The key, as in the file.
        key: &'static str,
        /// What is wrong with it.
        #[source]
        source: RedisOptionsError,
    },
    /// A file that a setting names cannot be read.
    #[error("{key}: cannot read {path}")]
    File {
        /// The key, as in the file.
        key: &'static str,
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// The master cache. Clones share it.
#[derive(Clone, Debug)]
pub(crate) enum Master {
    /// This node alone.
    Alone,
    Shared(Arc<SharedMaster>),
}

#[derive(Debug)]
pub(crate) struct SharedMaster {
    values: SharedValues,
    leases: Leases,
    circuit: Circuit,
    connect_patience: Duration,
    max_body_bytes: usize,
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
        let Some(redis) = redis_options(master)? else {
            return Ok(Self::Alone);
        };
        let wrong = |key| move |source| MasterProblem::Redis { key, source };
        let options = LeaseOptions {
            ttl: Duration::from_millis(lease.ttl_milliseconds),
            ..LeaseOptions::default()
        };
        let leases = if lease.servers.is_empty() {
            Leases::on(redis.clone(), options).map_err(wrong("master"))?
        } else {
            let servers = lease.servers.iter().map(|url| {
                let server =
                    RedisOptions::from_url(url.expose()).map_err(wrong("lease.servers"))?;
                Ok(RedisOptions {
                    namespace: redis.namespace.clone(),
                    ..server
                })
            });
            let servers = servers.collect::<Result<Vec<_>, MasterProblem>>()?;
            Leases::on_majority_of(servers, options).map_err(wrong("lease.servers"))?
        };
        // The commands have limits of their own; the breaker's is for what they overlook.
        let limits = BreakerLimits {
            timeout: (redis.read_timeout.max(redis.write_timeout)).saturating_mul(2),
            min_failures: 3,
            max_probe_after: Duration::from_secs(5),
            probes_to_close: 1,
            ..BreakerLimits::default()
        };
        Ok(Self::Shared(Arc::new(SharedMaster {
            values: SharedValues::open(&redis).map_err(wrong("master"))?,
            leases,
            circuit: Circuit::new(limits),
            connect_patience: redis.read_timeout,
            max_body_bytes,
        })))
    }

    /// Waits until Redis is connected, for a while: a node that starts should not go alone because it was a moment too
    /// early.
    pub(crate) async fn connected(&self) {
        let Self::Shared(shared) = self else { return };
        let connected = async {
            while shared.values.connection() == RedisConnection::Down
                || shared.leases.connection() == RedisConnection::Down
            {
                tokio::time::sleep(CONNECTING_LOOK).await;
            }
        };
        if tokio::time::timeout(shared.connect_patience, connected)
            .await
            .is_err()
        {
            tracing::warn!("the master cache is not reached; this node begins alone");
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
            Self::Shared(shared) => match shared.leases.attempt(&key.name).await {
                Ok(Attempt::Taken(lease)) => Claim::Granted(Right::Lease(lease)),
                Ok(Attempt::Held) => Claim::Held,
                Err(_) => Claim::Unknown,
            },
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
        let Self::Shared(shared) = self else {
            return Ok(());
        };
        let publication = Publication {
            name: &key.name,
            fencing: number,
            head: Bytes::from_static(REMOVED.as_bytes()),
            body_tag: REMOVED,
            body: Some(Bytes::new()),
            lives: REMOVAL_LIVES,
        };
        let removing = shared.values.publish(publication);
        shared.circuit.run(Operation::Remove, removing).await?;
        Ok(())
    }

    /// Leaves word for the other nodes that trying is of no use until then.
    pub(crate) async fn leave_note(&self, key: &Key, note: &Note, lives: Duration) {
        let Self::Shared(shared) = self else { return };
        // Two numbers in a struct: there is nothing that could fail.
        let bytes = Bytes::from(serde_json::to_vec(note).unwrap_or_default());
        let leaving = shared.values.leave_note(&key.name, bytes, lives);
        if let Err(error) = shared.circuit.run(Operation::Merge, leaving).await {
            tracing::debug!(%key, %error, "the other nodes were not told of the failure");
        }
    }

    /// What another node has left word of.
    pub(crate) async fn note(&self, key: &Key) -> Option<Note> {
        let Self::Shared(shared) = self else {
            return None;
        };
        let reading = shared.values.note(&key.name);
        let note = shared.circuit.run(Operation::Load, reading).await.ok()??;
        serde_json::from_slice(&note).ok()
    }

    /// What is told by the nodes from now on.
    pub(crate) fn changes(&self) -> Option<broadcast::Receiver<SharedChange>> {
        match self {
            Self::Alone => None,
            Self::Shared(shared) => Some(shared.values.changes()),
        }
    }

    /// The breaker and the connection, for metrics.
    pub(crate) fn health(&self) -> Option<(GuardStats, RedisConnection)> {
        match self {
            Self::Alone => None,
            Self::Shared(shared) => Some((shared.circuit.stats(), shared.values.connection())),
        }
    }
}

impl SharedMaster {
    async fn read(&self, key: &Key, have: Option<&Snapshot>) -> Result<Found, StoreError> {
        let reading = self.values.head(&key.name);
        let Some(found) = self.circuit.run(Operation::Load, reading).await? else {
            return Ok(Found::Nothing);
        };
        if found.head == REMOVED.as_bytes() {
            return Ok(Found::Removed(found.fencing));
        }
        if have.is_some_and(|have| have.version >= found.fencing) {
            return Ok(Found::NotNewer(found.fencing));
        }
        let Some(head) = Head::read(&found.head) else {
            // Of another version of this program, or damaged: as if it were not there.
            return Ok(Found::Nothing);
        };
        if let Some(have) = have.filter(|have| have.content.digest == head.digest) {
            let content = Arc::clone(&have.content);
            return Ok(Found::Newer(Box::new(snapshot(
                found.fencing,
                head,
                content,
            ))));
        }
        self.load(key).await
    }

    async fn load(&self, key: &Key) -> Result<Found, StoreError> {
        let loading = self.values.load(&key.name);
        let Some(found) = self.circuit.run(Operation::Load, loading).await? else {
            return Ok(Found::Nothing);
        };
        if found.head == REMOVED.as_bytes() {
            return Ok(Found::Removed(found.fencing));
        }
        let Some(head) = Head::read(&found.head) else {
            return Ok(Found::Nothing);
        };
        let (kind, most) = (key.kind, self.max_body_bytes);
        let unpacked =
            tokio::task::spawn_blocking(move || Content::unpack(kind, found.body, most)).await;
        let corrupt = || StoreError::corrupt(Operation::Load);
        let content = unpacked.map_err(|_| corrupt())?.map_err(|_| corrupt())?;
        let fits = |end: usize| end <= content.identity.bytes.len();
        if content.digest != head.digest || !head.pages.iter().all(|page| fits(page.span.bytes.end))
        {
            return Err(corrupt());
        }
        Ok(Found::Newer(Box::new(snapshot(
            found.fencing,
            head,
            Arc::new(content),
        ))))
    }

    async fn publish(
        &self,
        key: &Key,
        snapshot: &Snapshot,
        now: SystemTime,
    ) -> Result<Published, StoreError> {
        let head = Bytes::from(Head::of(snapshot).write());
        let tag = hex::encode(snapshot.content.digest);
        let lives = snapshot.times.stale_until.duration_since(now);
        let publication = |body| Publication {
            name: &key.name,
            fencing: snapshot.version,
            head: head.clone(),
            body_tag: &tag,
            body,
            lives: lives.clone().unwrap_or_default(),
        };
        let first = self.values.publish(publication(None));
        match self.circuit.run(Operation::Merge, first).await? {
            Published::BodyNeeded => {
                let body = snapshot.content.packed().clone();
                let again = self.values.publish(publication(Some(body)));
                self.circuit.run(Operation::Merge, again).await
            }
            published => Ok(published),
        }
    }
}

fn snapshot(version: u64, head: Head, content: Arc<Content>) -> Snapshot {
    Snapshot {
        version,
        times: head.times,
        changed_at: head.changed_at,
        took: head.took,
        pages: head.pages.into(),
        content,
    }
}

/// The settings as the Redis client takes them; `None` = no Redis.
fn redis_options(config: &MasterConfig) -> Result<Option<RedisOptions>, MasterProblem> {
    let wrong = |key| move |source| MasterProblem::Redis { key, source };
    let url = config.url.as_ref().map(|url| url.expose().as_str());
    let mut options = match (url, &config.host) {
        (Some("memory"), _) | (None, None) => return Ok(None),
        (Some(url), _) => RedisOptions::from_url(url).map_err(wrong("master.url"))?,
        (None, Some(host)) => {
            let primary =
                cache_backends::Endpoint::parse(host, config.port).map_err(wrong("master.host"))?;
            RedisOptions {
                deployment: cache_backends::RedisDeployment::Standalone {
                    primary,
                    reader: None,
                },
                ..RedisOptions::default()
            }
        }
    };
    if options.password.is_none() && !config.password.expose().is_empty() {
        options.password = Some(Secret::new(config.password.expose().clone()));
    }
    if let (Some(tls), Some(file)) = (&mut options.tls, &config.ca_file) {
        let authorities = std::fs::read(file).map_err(|source| MasterProblem::File {
            key: "master.ca_file",
            path: file.display().to_string(),
            source,
        })?;
        tls.authorities_pem = Some(authorities);
    }
    options.namespace.clone_from(&config.namespace);
    options.read_timeout = Duration::from_millis(config.read_timeout_milliseconds);
    options.write_timeout = Duration::from_millis(config.write_timeout_milliseconds);
    Ok(Some(options))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_master() {
        #[track_caller]
        fn check(change: impl FnOnce(&mut MasterConfig), expected: Option<u8>) {
            let mut config = MasterConfig::default();
            change(&mut config);
            let options = redis_options(&config).unwrap();
            assert_eq!(options.map(|options| options.database), expected);
        }
        check(|_| {}, None);
        check(|config| config.url = Some("memory".into()), None);
        check(|config| config.url = Some("redis://a/4".into()), Some(4));
        check(|config| config.host = Some("a".into()), Some(0));
        check(
            |config| {
                config.host = Some("a".into());
                config.url = Some("memory".into());
            },
            None,
        );
        let wrong = MasterConfig {
            url: Some("http://a".into()),
            ..MasterConfig::default()
        };
        assert!(redis_options(&wrong).is_err());
    }

    #[test]
    fn a_password_of_its_own_is_used_where_the_url_has_none() {
        let config = MasterConfig {
            url: Some("redis://a".into()),
            password: "secret".into(),
            ..MasterConfig::default()
        };
        let options = redis_options(&config).unwrap().unwrap();
        assert_eq!(options.password, Some(Secret::new("secret")));
    }

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
