//! Polls what is due: asks GitHub, stores what it says, and only then tells anybody.
//!
//! What to ask, how deep to read, when to come back and what is missing is decided by the pure modules; here are the
//! effects, in an order in which the process may be killed anywhere: the time of the next poll is stored before the
//! request is sent, and all that an answer says is stored in one transaction before it is used.

mod attempt;
mod metrics;
mod outcome;

use std::collections::{HashMap, HashSet};
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use service_runtime::{Clock, Metrics, Shutdown};
use tokio::sync::Notify;

use crate::Timestamp;
use crate::herald::Topic;
use crate::lease::Holder;
use crate::policy::{Allowance, Policy};
use crate::rate::{NEWEST, Rate};
use crate::schedule::{Schedule, USUAL_SECONDS};
use crate::source::Source;
use crate::store::{LeaseClock, LeaseTerms, Repository, RepositoryId, Sharing, Store, StoreError};
use crate::windows::Windows;
use metrics::Instruments;

pub(crate) use outcome::PollOutcome;

/// What others have changed in the store is noticed after this time at the latest.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// The rate of a repository that another process polls is looked up again after this time.
const RATE_KEPT: Duration = Duration::from_secs(600);

/// Events that are to go are looked for so often.
const FORGET_EVERY: Duration = Duration::from_secs(3600);

/// How the poller works.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PollerOptions {
    /// How intervals are chosen.
    pub policy: Policy,
    /// What polling may cost.
    pub allowance: Allowance,
    /// How long a lease lasts, where processes share a database.
    pub lease: LeaseTerms,
    /// By whose clock.
    pub lease_clock: LeaseClockKind,
    /// Events that are older are let go of; none = kept for ever.
    pub retention: Option<Duration>,
}

impl Default for PollerOptions {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            allowance: Allowance::default(),
            lease: LeaseTerms::default(),
            lease_clock: LeaseClockKind::Database,
            retention: None,
        }
    }
}

/// By whose clock leases end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeaseClockKind {
    /// The database's.
    Database,
    /// The poller's own, which tests move by hand.
    #[cfg_attr(not(test), expect(dead_code, reason = "for tests"))]
    Own,
}

/// Who is told what has just happened, after it was stored. It must not block.
pub(crate) type Tell = Arc<dyn Fn(Topic) + Send + Sync>;

/// What a poller is made of.
#[derive(Clone)]
pub(crate) struct Parts {
    /// Where everything is kept.
    pub store: Store,
    /// GitHub.
    pub source: Source,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// The windows that it feeds.
    pub windows: Windows,
    /// Who is told what is new.
    pub tell: Tell,
    /// Rung when something may be due earlier than it was.
    pub bell: Arc<Notify>,
    /// Metrics to register with.
    pub metrics: Metrics,
    /// How it works.
    pub options: PollerOptions,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

/// Why polling cannot begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PollerError {
    /// Another process polls from the same file.
    #[error(
        "another process polls the repositories of {}: with a file of SQLite only one can; use PostgreSQL for several",
        path.display()
    )]
    Taken {
        /// The database.
        path: PathBuf,
    },
    /// The file that marks this process cannot be made.
    #[error("cannot lock {}", path.display())]
    Lock {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The operating system has no randomness to give.
    #[error("no randomness for the name of this process")]
    Randomness,
}

/// How the repositories are divided.
#[derive(Debug)]
enum Division {
    /// This process has all of them, as long as it holds this file.
    Alone { _lock: File },
    /// Each belongs to who holds its lease.
    Shared { holder: Holder },
}

/// Polls until it is told to stop.
pub(crate) struct Poller {
    parts: Parts,
    division: Division,
    instruments: Instruments,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Repositories that this process has polled.
    polled: HashSet<RepositoryId>,
    leased: HashSet<RepositoryId>,
    leases_end: Option<Timestamp>,
    /// Rates of repositories that another process polls, and when they were looked up.
    foreign_rates: HashMap<RepositoryId, (Timestamp, Option<Rate>)>,
    forgot_at: Option<Timestamp>,
}

impl std::fmt::Debug for Poller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Poller")
            .field("division", &self.division)
            .finish_non_exhaustive()
    }
}

impl Poller {
    /// Ready to poll.
    ///
    /// # Errors
    /// When another process polls from the same file.
    pub(crate) fn new(parts: Parts) -> Result<Self, PollerError> {
        let division = match parts.store.sharing() {
            Sharing::File(path) => Division::Alone {
                _lock: lock(&path)?,
            },
            Sharing::Server => Division::Shared {
                holder: Holder::random().map_err(|_| PollerError::Randomness)?,
            },
        };
        let instruments = Instruments::new(&parts.metrics);
        Ok(Self {
            parts,
            division,
            instruments,
            state: Mutex::default(),
        })
    }

    /// Polls until `shutdown`, and lets go of its leases.
    pub(crate) async fn run(self, shutdown: Shutdown) {
        loop {
            let wait = match self.round().await {
                Ok(due) => {
                    let seconds = due.seconds_since(self.now()).max(0);
                    Duration::from_secs(seconds.unsigned_abs()).min(LOOK_EVERY)
                }
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "cannot poll");
                    LOOK_EVERY
                }
            };
            tokio::select! {
                () = shutdown.requested() => break,
                () = self.parts.bell.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
        if let Division::Shared { holder } = &self.division
            && let Err(error) = self.parts.store.release(holder).await
        {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "leases stay until they end"
            );
        }
    }

    /// Polls all that is due now; when something will be due next.
    ///
    /// # Errors
    /// When the database fails. What is under way is finished or given up; nothing is lost.
    pub(crate) async fn round(&self) -> Result<Timestamp, StoreError> {
        let store = &self.parts.store;
        self.forget().await?;
        self.renew().await?;
        let active = store.active().await?;
        let mine: Vec<&Repository> = active.iter().filter(|one| self.has(one.id)).collect();
        let now = self.now();
        self.parts
            .windows
            .retain(&mine.iter().map(|one| one.id).collect());
        for repository in &mine {
            self.parts.windows.load(store, repository, now).await?;
        }
        let schedule = self.schedule(&active, now).await?;
        let is_due = |one: &&&Repository| one.next_poll_at.is_none_or(|due| due <= now);
        // One after the other, as GitHub asks for; a limit that one meets is in the store before the next is begun.
        for repository in mine.iter().filter(is_due) {
            self.poll(repository, &schedule).await?;
        }
        self.next_due().await
    }

    async fn next_due(&self) -> Result<Timestamp, StoreError> {
        let active = self.parts.store.active().await?;
        let mine = active.iter().filter(|one| self.has(one.id));
        let now = self.now();
        let due = mine.map(|one| one.next_poll_at.unwrap_or(now));
        let renewal = self.state.lock().leases_end.map(|end| {
            let terms = self.parts.options.lease;
            end.before(terms.lasts.saturating_sub(terms.renewed_every))
        });
        let look = now.after(LOOK_EVERY);
        Ok(due.chain(renewal).min().unwrap_or(look))
    }

    fn now(&self) -> Timestamp {
        Timestamp::of(self.parts.clock.now())
    }

    fn lease_clock(&self) -> LeaseClock {
        match self.parts.options.lease_clock {
            LeaseClockKind::Database => LeaseClock::Database,
            LeaseClockKind::Own => LeaseClock::Given(self.now()),
        }
    }

    /// Whether a repository is this process's to poll.
    fn has(&self, id: RepositoryId) -> bool {
        match self.division {
            Division::Alone { .. } => true,
            Division::Shared { .. } => self.state.lock().leased.contains(&id),
        }
    }

    /// Renews leases and takes free ones, when it is time.
    async fn renew(&self) -> Result<(), StoreError> {
        let Division::Shared { holder } = &self.division else {
            return Ok(());
        };
        let terms = self.parts.options.lease;
        let leases = self
            .parts
            .store
            .lease(holder, terms, self.lease_clock())
            .await?;
        let mut state = self.state.lock();
        state.leased = leases.into_iter().collect();
        state.leases_end = Some(self.now().after(terms.lasts));
        Ok(())
    }

    /// Lets go of events that are too old, now and then.
    async fn forget(&self) -> Result<(), StoreError> {
        let Some(retention) = self.parts.options.retention else {
            return Ok(());
        };
        let now = self.now();
        let is_early = |last: Timestamp| now < last.after(FORGET_EVERY);
        if self.state.lock().forgot_at.is_some_and(is_early) {
            return Ok(());
        }
        let gone = self
            .parts
            .store
            .forget_before(now.before(retention))
            .await?;
        self.state.lock().forgot_at = Some(now);
        if gone > 0 {
            tracing::info!(events = gone, "let go of old events");
        }
        Ok(())
    }

    /// The intervals of all active repositories, whoever polls them: the budget is one.
    async fn schedule(
        &self,
        active: &[Repository],
        now: Timestamp,
    ) -> Result<Schedule<RepositoryId>, StoreError> {
        let options = &self.parts.options;
        let mut allowance = options.allowance;
        if options.policy == Policy::Budget {
            let now = self.parts.clock.now();
            let left = self.parts.source.requests_per_hour_left(now);
            allowance.requests_per_hour = left.unwrap_or(allowance.requests_per_hour);
        }
        let mut schedule = Schedule::new(options.policy, allowance);
        for repository in active {
            let id = repository.id;
            let rate = match self.has(id) {
                true => self.parts.windows.rate(id),
                false => self.foreign_rate(id, now).await?,
            };
            let floor = repository.poll_interval_seconds.unwrap_or(USUAL_SECONDS);
            schedule.enter(id, rate, floor);
        }
        Ok(schedule)
    }

    async fn foreign_rate(
        &self,
        id: RepositoryId,
        now: Timestamp,
    ) -> Result<Option<Rate>, StoreError> {
        let known = self.state.lock().foreign_rates.get(&id).copied();
        if let Some((at, rate)) = known
            && now < at.after(RATE_KEPT)
        {
            return Ok(rate);
        }
        let moments = self.parts.store.newest_moments(id, NEWEST).await?;
        let rate = Rate::estimate(&moments);
        self.state.lock().foreign_rates.insert(id, (now, rate));
        Ok(rate)
    }
}

/// Marks this process as the one that polls; the mark goes with the process, however that ends.
fn lock(database: &Path) -> Result<File, PollerError> {
    let mut path = database.as_os_str().to_owned();
    path.push(".poller");
    let path = PathBuf::from(path);
    let failed = |source| PollerError::Lock {
        path: path.clone(),
        source,
    };
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(PollerError::Taken {
            path: database.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}
