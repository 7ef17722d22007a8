//! Keeps one key on this node up to date, without clients asking: reads the master cache, and refreshes when it is due
//! and nobody else does.
//!
//! The order of a refresh, each step of which another node may interrupt:
//! read the master, take the lease, read the master again, gather, publish if nothing newer is there, give the lease
//! back. Without Redis the same, alone.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cache_backends::Published;
use tokio::time::Instant;

use crate::config::CacheConfig;
use crate::failure::{Cause, Failed, retry_at};
use crate::gather::Gatherer;
use crate::master::{Claim, Found, Master, Note, Right, own_number};
use crate::metrics::{Instruments, RefreshEnd};
use crate::node::{Activity, Failure, KeyNode, NodeCopy, Origin};
use crate::random::chance;
use crate::refresh::{Freshness, Reason, Situation, Step, Wish, next_step};
use crate::snapshot::Snapshot;
use crate::upstream::SharedClock;

/// How long a node that has nothing waits before it asks for the lease again; usually it is told before.
const HELD_PAUSE_COLD: Duration = Duration::from_millis(500);
/// The same where there is something to serve.
const HELD_PAUSE: Duration = Duration::from_secs(5);
/// How soon a master cache that could not be read is tried again.
const MASTER_FAILED_PAUSE: Duration = Duration::from_secs(5);
/// Longest spread of refreshes by nodes that cannot agree on one.
const LONGEST_SPREAD: Duration = Duration::from_secs(30);
/// Longest sleep: a clock that was set must not be noticed hours later.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// What every keeper of a node uses.
#[derive(Clone)]
pub(crate) struct Tools {
    pub(crate) master: Master,
    pub(crate) gatherer: Gatherer,
    pub(crate) clock: SharedClock,
    pub(crate) limits: CacheConfig,
    pub(crate) instruments: Arc<Instruments>,
}

/// The keeper of one key.
pub(crate) struct Keeper {
    node: Arc<KeyNode>,
    tools: Tools,
    /// The largest version that was seen.
    seen: u64,
    refresh_at: Option<SystemTime>,
    read_again_at: SystemTime,
    /// Somebody else refreshes; word comes when it is done.
    held_until: Option<Instant>,
    /// The last attempt failed.
    retry_at: Option<SystemTime>,
    failures: u32,
    wish: Wish,
    spread: Spread,
}

/// Whether this refresh of a node on its own was put off already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spread {
    NotYet,
    Done,
}

/// Whether the master cache made a refresh unnecessary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    Still,
    NoMore,
}

/// How gathering ended.
enum End {
    Gathered(Result<Snapshot, Failed>),
    LeaseLost,
}

impl Keeper {
    pub(crate) fn new(node: Arc<KeyNode>, tools: Tools) -> Self {
        Self {
            node,
            seen: 0,
            refresh_at: None,
            read_again_at: tools.clock.now(),
            held_until: None,
            retry_at: None,
            failures: 0,
            wish: Wish::None,
            spread: Spread::NotYet,
            tools,
        }
    }

    /// Works for ever.
    ///
    /// # Cancel safety
    /// May be dropped at any time: a lease is given back, and nothing is published by halves.
    pub(crate) async fn run(mut self) {
        loop {
            self.hear_calls().await;
            let now = self.tools.clock.now();
            match next_step(&self.situation(now), now) {
                Step::ReadMaster => self.read_master().await,
                Step::Refresh(reason) => self.refresh(reason).await,
                Step::Wait(until) => {
                    let sleep = until.duration_since(now).unwrap_or_default();
                    // A millisecond more: timers are as coarse as that.
                    let sleep = sleep.min(LONGEST_SLEEP) + Duration::from_millis(1);
                    tokio::select! {
                        () = self.node.woken() => {}
                        () = tokio::time::sleep(sleep) => {}
                    }
                }
            }
        }
    }

    fn situation(&self, now: SystemTime) -> Situation {
        let shared = !matches!(self.tools.master, Master::Alone);
        let held = self.held_until.map(|until| {
            let pause = until.saturating_duration_since(Instant::now());
            now + pause
        });
        Situation {
            refresh_at: self.refresh_at,
            read_again_at: shared.then_some(self.read_again_at),
            not_before: held.max(self.retry_at),
            wish: self.wish,
        }
    }

    async fn hear_calls(&mut self) {
        let calls = self.node.take_calls();
        if calls.forget.is_some() {
            self.forget().await;
        }
        if calls.read.is_some() {
            self.read_again_at = self.tools.clock.now();
            self.held_until = None;
        }
        if calls.refresh.is_some() {
            self.wish = Wish::Refresh;
        }
    }

    fn copy(&self) -> Option<Arc<NodeCopy>> {
        self.node.state().copy
    }

    /// Takes over a newer version.
    fn adopt(&mut self, snapshot: Snapshot, origin: Origin) {
        if self
            .copy()
            .is_some_and(|copy| copy.snapshot.version > snapshot.version)
        {
            return;
        }
        self.seen = self.seen.max(snapshot.version);
        let factor = self.tools.limits.early_refresh_factor;
        let planned = snapshot.times.refresh_at(snapshot.took, factor, chance());
        self.refresh_at = Some(planned);
        self.held_until = None;
        self.retry_at = None;
        self.failures = 0;
        self.spread = Spread::NotYet;
        let copy = Arc::new(NodeCopy::new(snapshot, origin));
        self.node.change(|state| {
            state.copy = Some(copy);
            state.failure = None;
        });
    }

    fn drop_copy(&mut self) {
        self.refresh_at = None;
        self.retry_at = None;
        self.held_until = None;
        self.node.change(|state| {
            state.copy = None;
            state.failure = None;
        });
    }

    /// Reads the master cache: takes over what is newer, and puts back what is lost there.
    async fn read_master(&mut self) {
        let now = self.tools.clock.now();
        self.read_again_at = now + self.tools.limits.node_ttl();
        let have = self.copy();
        let have = have.as_ref().map(|copy| &copy.snapshot);
        let key = self.node.key.clone();
        let found = match self.tools.master.read(&key, have).await {
            Ok(found) => found,
            Err(error) => {
                self.tools.instruments.master_failed(&error);
                tracing::debug!(%key, %error, "the master cache cannot be read");
                self.read_again_at = now + self.tools.limits.node_ttl().min(MASTER_FAILED_PAUSE);
                return;
            }
        };
        let lost = match found {
            Found::Newer(snapshot) => {
                tracing::debug!(%key, version = snapshot.version, "a newer version");
                self.adopt(*snapshot, Origin::Master);
                return;
            }
            Found::Removed(number) => {
                self.seen = self.seen.max(number);
                match have {
                    Some(have) if have.version > number => true,
                    Some(_) => {
                        self.drop_copy();
                        return;
                    }
                    None => return,
                }
            }
            Found::NotNewer(version) => have.is_some_and(|have| have.version > version),
            Found::Nothing => true,
        };
        if let (Some(have), true) = (have, lost)
            && have.times.freshness(now) != Freshness::Missing
        {
            self.put_back(have).await;
        }
    }

    /// What the master cache has lost is still here.
    async fn put_back(&self, have: &Snapshot) {
        let (key, now) = (&self.node.key, self.tools.clock.now());
        if matches!(self.tools.master, Master::Alone) {
            return;
        }
        match self.tools.master.publish(key, have, now).await {
            Ok(_) => tracing::info!(%key, "put back into the master cache"),
            Err(error) => self.tools.instruments.master_failed(&error),
        }
    }

    async fn refresh(&mut self, reason: Reason) {
        self.wish = Wish::None;
        self.read_master().await;
        if self.need(reason) == Need::NoMore {
            return;
        }
        let now = self.tools.clock.now();
        let key = self.node.key.clone();
        let right = match self.tools.master.claim(&key, self.seen, now).await {
            Claim::Granted(right) => right,
            Claim::Held => {
                self.held(now);
                // Whoever has it may only be reading the note that is there for all.
                self.heed_note(reason).await;
                return;
            }
            Claim::Unknown => match self.spread_out(now) {
                Spread::NotYet => return,
                Spread::Done => Right::Alone(own_number(now, self.seen)),
            },
        };
        // Whoever had the right before may have done the work.
        self.read_master().await;
        let need = match self.need(reason) {
            Need::Still => self.heed_note(reason).await,
            Need::NoMore => Need::NoMore,
        };
        if need == Need::Still {
            self.gather(reason, right).await;
        } else {
            right.give_back().await;
        }
    }

    fn held(&mut self, now: SystemTime) {
        self.tools
            .instruments
            .refreshed(self.node.key.kind, RefreshEnd::Held);
        let pause = match self.node.state().freshness(now) {
            Freshness::Missing => HELD_PAUSE_COLD,
            Freshness::Fresh | Freshness::Stale => HELD_PAUSE,
        };
        self.held_until = Some(Instant::now() + pause);
    }

    /// Nodes that cannot agree on one of them refresh each for itself, but not all at once.
    fn spread_out(&mut self, now: SystemTime) -> Spread {
        if self.spread == Spread::NotYet && self.node.state().freshness(now) != Freshness::Missing {
            self.spread = Spread::Done;
            let longest = (self.tools.limits.master_ttl() / 10).min(LONGEST_SPREAD);
            self.retry_at = Some(now + longest.mul_f64(chance()));
            return Spread::NotYet;
        }
        Spread::Done
    }

    fn need(&self, reason: Reason) -> Need {
        let due = self
            .refresh_at
            .is_none_or(|at| at <= self.tools.clock.now());
        match (reason, due) {
            (Reason::Asked, _) | (_, true) => Need::Still,
            (Reason::Missing | Reason::Due, false) => Need::NoMore,
        }
    }

    /// Another node has tried, in vain, and says when it is worth while again.
    async fn heed_note(&mut self, reason: Reason) -> Need {
        if reason == Reason::Asked {
            return Need::Still;
        }
        let now = self.tools.clock.now();
        let Some(note) = self.tools.master.note(&self.node.key).await else {
            return Need::Still;
        };
        match note.retry_at().filter(|retry_at| *retry_at > now) {
            None => Need::Still,
            Some(retry_at) => {
                self.fail(note.cause, retry_at);
                Need::NoMore
            }
        }
    }

    fn fail(&mut self, cause: Cause, retry_at: SystemTime) {
        self.retry_at = Some(retry_at);
        self.node
            .change(|state| state.failure = Some(Failure { cause, retry_at }));
    }

    async fn gather(&mut self, reason: Reason, mut right: Right) {
        let key = self.node.key.clone();
        let version = right.fencing().max(self.seen.saturating_add(1));
        self.seen = version;
        let previous = self.copy();
        let previous = previous.as_ref().map(|copy| &copy.snapshot);
        self.node
            .change(|state| state.activity = Activity::Refreshing);
        let end = tokio::select! {
            gathered = self.tools.gatherer.gather(&key, version, previous) => End::Gathered(gathered),
            () = right.lost() => End::LeaseLost,
        };
        match end {
            End::Gathered(Ok(snapshot)) => self.publish(reason, snapshot).await,
            End::Gathered(Err(failed)) => self.failed(failed).await,
            End::LeaseLost => {
                tracing::warn!(%key, "the lease was lost while gathering");
                self.tools
                    .instruments
                    .refreshed(key.kind, RefreshEnd::LeaseLost);
                self.read_again_at = self.tools.clock.now();
            }
        }
        self.node.change(|state| state.activity = Activity::Idle);
        right.give_back().await;
    }

    async fn publish(&mut self, reason: Reason, snapshot: Snapshot) {
        let key = self.node.key.clone();
        let instruments = Arc::clone(&self.tools.instruments);
        let now = self.tools.clock.now();
        instruments.gathered(key.kind, snapshot.took);
        let (items, pages, version) = (snapshot.items(), snapshot.pages.len(), snapshot.version);
        let end = match self.tools.master.publish(&key, &snapshot, now).await {
            Ok(Published::Outdated { stored }) => {
                tracing::warn!(%key, version, stored, "somebody has published something newer");
                self.read_again_at = now;
                RefreshEnd::Outdated
            }
            Ok(Published::Stored | Published::BodyNeeded) => {
                self.adopt(snapshot, Origin::GitHub);
                RefreshEnd::Published
            }
            Err(error) => {
                instruments.master_failed(&error);
                tracing::warn!(%key, %error, "kept on this node only");
                self.adopt(snapshot, Origin::GitHub);
                RefreshEnd::KeptHere
            }
        };
        instruments.refreshed(key.kind, end);
        tracing::info!(%key, reason = reason.as_str(), end = end.as_str(), items, pages, version, "refreshed");
    }

    async fn failed(&mut self, failed: Failed) {
        let key = self.node.key.clone();
        let now = self.tools.clock.now();
        self.failures = self.failures.saturating_add(1);
        let again = retry_at(&failed, self.failures, chance(), now);
        let cause = failed.cause;
        self.tools
            .instruments
            .refreshed(key.kind, RefreshEnd::Failed(cause));
        tracing::warn!(%key, cause = cause.as_str(), failures = self.failures, "refresh failed");
        self.fail(cause, again);
        let lives = again.duration_since(now).unwrap_or_default();
        self.tools
            .master
            .leave_note(&key, &Note::new(cause, again), lives)
            .await;
    }

    /// An administrator wants the data gone, here and everywhere.
    async fn forget(&mut self) {
        let now = self.tools.clock.now();
        let number = own_number(now, self.seen);
        self.seen = number;
        let key = self.node.key.clone();
        if let Err(error) = self.tools.master.remove(&key, number).await {
            self.tools.instruments.master_failed(&error);
            tracing::warn!(%key, %error, "removed on this node only");
        }
        self.drop_copy();
    }
}
