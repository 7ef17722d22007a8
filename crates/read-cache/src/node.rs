//! What this node holds of one key, and how long a request may wait for it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::HeaderValue;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout_at};

use crate::failure::Cause;
use crate::key::Key;
use crate::refresh::Freshness;
use crate::snapshot::Snapshot;

/// Where a copy came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Origin {
    /// The master cache.
    Master,
    /// GitHub, asked by this node.
    GitHub,
}

/// Where an answer came from, as `Cache-Status` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Detail {
    /// It was here.
    Node,
    /// The request waited until it was read from the master cache.
    Master,
    /// The request waited until this node had it from GitHub.
    Origin,
}

impl Detail {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Master => "master",
            Self::Origin => "origin",
        }
    }
}

/// A snapshot as this node serves it.
#[derive(Debug)]
pub(crate) struct NodeCopy {
    pub(crate) snapshot: Snapshot,
    origin: Origin,
    pub(crate) last_modified: HeaderValue,
    pub(crate) total_count: HeaderValue,
}

impl NodeCopy {
    pub(crate) fn new(snapshot: Snapshot, origin: Origin) -> Self {
        let date = httpdate::fmt_http_date(snapshot.changed_at);
        Self {
            origin,
            last_modified: HeaderValue::try_from(date).unwrap_or(HeaderValue::from_static("")),
            total_count: HeaderValue::from(snapshot.items()),
            snapshot,
        }
    }
}

/// Whether this node is asking GitHub now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Activity {
    #[default]
    Idle,
    Refreshing,
}

/// The last attempt, if it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) cause: Cause,
    pub(crate) retry_at: SystemTime,
}

/// What is known of a key now.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) copy: Option<Arc<NodeCopy>>,
    pub(crate) activity: Activity,
    pub(crate) failure: Option<Failure>,
}

impl State {
    pub(crate) fn freshness(&self, now: SystemTime) -> Freshness {
        self.copy.as_ref().map_or(Freshness::Missing, |copy| {
            copy.snapshot.times.freshness(now)
        })
    }

    fn served(&self, now: SystemTime, detail: Option<Detail>) -> Option<Served> {
        let freshness = self.freshness(now);
        if freshness == Freshness::Missing {
            return None;
        }
        let copy = self.copy.as_ref()?;
        let came_by = match copy.origin {
            Origin::Master => Detail::Master,
            Origin::GitHub => Detail::Origin,
        };
        Some(Served {
            copy: Arc::clone(copy),
            freshness,
            detail: detail.unwrap_or(came_by),
        })
    }
}

/// What was asked of a key's keeper while it was busy or asleep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Calls {
    /// The master cache has changed, or may have.
    pub(crate) read: Option<Called>,
    pub(crate) refresh: Option<Called>,
    pub(crate) forget: Option<Called>,
}

/// That something was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Called;

/// One key on this node.
#[derive(Debug)]
pub(crate) struct KeyNode {
    pub(crate) key: Key,
    state: watch::Sender<State>,
    calls: Mutex<Calls>,
    wake: Notify,
}

/// What a request gets.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    pub(crate) copy: Arc<NodeCopy>,
    pub(crate) freshness: Freshness,
    pub(crate) detail: Detail,
}

/// Why a request gets nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unserved {
    /// The last attempt failed, and there is nothing from before.
    Failed(Failure),
    /// Nothing came in time.
    TimedOut,
}

/// How long a request may wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// For something fresh where something stale is here.
    pub(crate) soft: Duration,
    /// For anything.
    pub(crate) hard: Duration,
}

impl KeyNode {
    pub(crate) fn new(key: Key) -> Self {
        Self {
            key,
            state: watch::Sender::new(State::default()),
            calls: Mutex::default(),
            wake: Notify::new(),
        }
    }

    pub(crate) fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// Changes the state and tells everybody who waits.
    pub(crate) fn change(&self, change: impl FnOnce(&mut State)) {
        self.state.send_modify(change);
    }

    /// Asks the keeper for something.
    pub(crate) fn call(&self, call: impl FnOnce(&mut Calls)) {
        call(&mut self.calls.lock());
        self.wake.notify_one();
    }

    /// Makes the keeper look at the clock again.
    pub(crate) fn nudge(&self) {
        self.wake.notify_one();
    }

    pub(crate) fn take_calls(&self) -> Calls {
        std::mem::take(&mut *self.calls.lock())
    }

    /// Waits until something is asked for.
    ///
    /// # Cancel safety
    /// May be dropped: what is asked for stays.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// What is here, without waiting; `None` where a request has to wait or fail.
    pub(crate) fn at_once(&self, patience: &Patience, now: SystemTime) -> Option<Served> {
        let state = self.state.borrow();
        match state.freshness(now) {
            Freshness::Fresh => state.served(now, Some(Detail::Node)),
            Freshness::Stale if !worth_waiting(&state) || patience.soft.is_zero() => {
                state.served(now, Some(Detail::Node))
            }
            Freshness::Stale | Freshness::Missing => None,
        }
    }

    /// What is here, or what comes soon enough.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub(crate) async fn serve(
        &self,
        patience: &Patience,
        now: impl Fn() -> SystemTime,
    ) -> Result<Served, Unserved> {
        if let Some(served) = self.at_once(patience, now()) {
            return Ok(served);
        }
        let asked = Instant::now();
        let mut changes = self.state.subscribe();
        loop {
            let stale = {
                let state = changes.borrow_and_update();
                match (state.freshness(now()), state.failure) {
                    (Freshness::Fresh, _) => {
                        return state.served(now(), None).ok_or(Unserved::TimedOut);
                    }
                    (Freshness::Stale, _) if !worth_waiting(&state) => {
                        return state
                            .served(now(), Some(Detail::Node))
                            .ok_or(Unserved::TimedOut);
                    }
                    (Freshness::Stale, _) => state.served(now(), Some(Detail::Node)),
                    (Freshness::Missing, Some(failure)) => return Err(Unserved::Failed(failure)),
                    (Freshness::Missing, None) => None,
                }
            };
            let patience = match stale {
                Some(_) => patience.soft,
                None => patience.hard,
            };
            match timeout_at(asked + patience, changes.changed()).await {
                Ok(Ok(())) => {}
                // Too late, or the process ends.
                Ok(Err(_)) | Err(_) => return stale.ok_or(Unserved::TimedOut),
            }
        }
    }
}

/// Whether something fresh may come at any moment: this node is asking, and has not just failed.
fn worth_waiting(state: &State) -> bool {
    state.activity == Activity::Refreshing && state.failure.is_none()
}
