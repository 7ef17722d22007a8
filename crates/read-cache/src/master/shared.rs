//! The master cache in Redis: every call goes through a circuit breaker.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use cache_backends::{
    Attempt, BreakerLimits, Circuit, GuardStats, Leases, Operation, Publication, Published,
    RedisConnection, RedisOptions, SharedChange, SharedValues, StoreError,
};
use tokio::sync::broadcast;

use super::settings::{LeaseServers, MasterProblem};
use super::{Claim, Found, Note, Right};
use crate::content::Content;
use crate::key::Key;
use crate::snapshot::Snapshot;
use crate::snapshot::head::Head;

/// The tag of a body that was removed.
const REMOVED: &str = "removed";
/// How often is looked whether a connection has come about.
const CONNECTING_LOOK: Duration = Duration::from_millis(5);
/// How long it is remembered that a value was removed: longer than any node takes to hear of it.
const REMOVAL_LIVES: Duration = Duration::from_secs(3600);

#[derive(Debug)]
pub(crate) struct SharedMaster {
    values: SharedValues,
    leases: Leases,
    circuit: Circuit,
    connect_patience: Duration,
    max_body_bytes: usize,
}

impl SharedMaster {
    /// Opens the connections. To be called inside the runtime.
    pub(super) fn open(
        redis: RedisOptions,
        lease: LeaseServers,
        max_body_bytes: usize,
    ) -> Result<Self, MasterProblem> {
        let wrong = |key| move |source| MasterProblem::Redis { key, source };
        // The commands have limits of their own; the breaker's is for what they overlook.
        let limits = BreakerLimits {
            timeout: (redis.read_timeout.max(redis.write_timeout)).saturating_mul(2),
            min_failures: 3,
            max_probe_after: Duration::from_secs(5),
            probes_to_close: 1,
            ..BreakerLimits::default()
        };
        Ok(Self {
            values: SharedValues::open(&redis).map_err(wrong("master"))?,
            leases: Leases::on_majority_of(lease.servers, lease.options)
                .map_err(wrong(lease.key))?,
            circuit: Circuit::new(limits),
            connect_patience: redis.read_timeout,
            max_body_bytes,
        })
    }

    pub(super) async fn connected(&self) {
        let connected = async {
            while self.values.connection() == RedisConnection::Down
                || self.leases.connection() == RedisConnection::Down
            {
                tokio::time::sleep(CONNECTING_LOOK).await;
            }
        };
        if tokio::time::timeout(self.connect_patience, connected)
            .await
            .is_err()
        {
            tracing::warn!("the master cache is not reached; this node begins alone");
        }
    }

    pub(super) async fn claim(&self, key: &Key) -> Claim {
        match self.leases.attempt(&key.name).await {
            Ok(Attempt::Taken(lease)) => Claim::Granted(Right::Lease(lease)),
            Ok(Attempt::Held) => Claim::Held,
            Err(_) => Claim::Unknown,
        }
    }

    pub(super) async fn remove(&self, key: &Key, number: u64) -> Result<(), StoreError> {
        let publication = Publication {
            name: &key.name,
            fencing: number,
            head: Bytes::from_static(REMOVED.as_bytes()),
            body_tag: REMOVED,
            body: Some(Bytes::new()),
            lives: REMOVAL_LIVES,
        };
        let removing = self.values.publish(publication);
        self.circuit.run(Operation::Remove, removing).await?;
        Ok(())
    }

    pub(super) async fn leave_note(&self, key: &Key, note: &Note, lives: Duration) {
        // Two numbers in a struct: there is nothing that could fail.
        let bytes = Bytes::from(serde_json::to_vec(note).unwrap_or_default());
        let leaving = self.values.leave_note(&key.name, bytes, lives);
        if let Err(error) = self.circuit.run(Operation::Merge, leaving).await {
            tracing::debug!(%key, %error, "the other nodes were not told of the failure");
        }
    }

    pub(super) async fn note(&self, key: &Key) -> Option<Note> {
        let reading = self.values.note(&key.name);
        let note = self.circuit.run(Operation::Load, reading).await.ok()??;
        serde_json::from_slice(&note).ok()
    }

    pub(super) fn changes(&self) -> broadcast::Receiver<SharedChange> {
        self.values.changes()
    }

    pub(super) fn health(&self) -> (GuardStats, RedisConnection) {
        (self.circuit.stats(), self.values.connection())
    }

    pub(super) async fn read(
        &self,
        key: &Key,
        have: Option<&Snapshot>,
    ) -> Result<Found, StoreError> {
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

    pub(super) async fn publish(
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
