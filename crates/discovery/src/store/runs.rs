//! The tasks as the user sees them: queued once for each target, never lost. Who works on one is `claims`' business.

use uuid::Uuid;

use super::database::{Row, Statement, Transaction, writing};
use super::{Store, StoreError, words};
use crate::moment::Moment;

words! {
    /// What can be asked for.
    TaskName {
        FullProfileSync = "full_profile_sync",
        FullRepositorySync = "full_repository_sync",
        DiscoveryScraper = "discovery_scraper",
    }
}

words! {
    RunState {
        Queued = "queued",
        WaitingQuota = "waiting_quota",
        Running = "running",
        Done = "done",
        Failed = "failed",
        Dead = "dead",
        Cancelled = "cancelled",
    }
}

impl RunState {
    pub(crate) const fn is_live(self) -> bool {
        matches!(self, Self::Queued | Self::WaitingQuota | Self::Running)
    }
}

/// What a task is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RunTarget {
    Developer(String),
    Repository { owner: String, name: String },
    Everything,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewRun {
    pub(crate) target: RunTarget,
    /// Steps from the seed; tasks made by hand are seeds.
    pub(crate) depth: i64,
    pub(crate) run_after: Moment,
}

/// A task and how far it got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) id: Uuid,
    pub(crate) target: RunTarget,
    pub(crate) depth: i64,
    pub(crate) state: RunState,
    /// How many attempts have failed: by an error, or by the end of a worker that had not got on.
    pub(crate) attempt: i64,
    /// How many of these are workers that ended, one after the other, since the run last got on.
    pub(crate) takeovers: i64,
    pub(crate) run_after: Moment,
    pub(crate) created_at: Moment,
    pub(crate) started_at: Option<Moment>,
    pub(crate) finished_at: Option<Moment>,
    pub(crate) progress: Progress,
    pub(crate) cost: Cost,
    /// Where to go on, in the words of whoever runs it.
    pub(crate) cursor: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) claimed_by: Option<String>,
    pub(crate) lease_until: Option<Moment>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) page: i64,
    /// `None` while nobody knows.
    pub(crate) pages: Option<i64>,
    pub(crate) items: i64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) requests: i64,
    pub(crate) not_modified: i64,
}

/// What became of a wish for a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Queued {
    New(Uuid),
    /// The same target waits or runs already.
    Already(Uuid),
}

impl Queued {
    pub(crate) const fn id(&self) -> Uuid {
        match self {
            Self::New(id) | Self::Already(id) => *id,
        }
    }
}

/// What happened to a run that somebody wanted to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    Written,
    /// It is no longer the caller's, or no longer in a state that allows it.
    NotYours,
    NotFound,
}

impl RunTarget {
    pub(crate) const fn task(&self) -> TaskName {
        match self {
            Self::Developer(_) => TaskName::FullProfileSync,
            Self::Repository { .. } => TaskName::FullRepositorySync,
            Self::Everything => TaskName::DiscoveryScraper,
        }
    }

    /// `login`, `owner/name`, or nothing.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Developer(login) => login.clone(),
            Self::Repository { owner, name } => format!("{owner}/{name}"),
            Self::Everything => String::new(),
        }
    }

    fn parse(name: &str, target: String) -> Option<Self> {
        Some(match TaskName::parse(name)? {
            TaskName::FullProfileSync => Self::Developer(target),
            TaskName::FullRepositorySync => {
                let (owner, name) = target.split_once('/')?;
                Self::Repository {
                    owner: owner.to_owned(),
                    name: name.to_owned(),
                }
            }
            TaskName::DiscoveryScraper => Self::Everything,
        })
    }
}

const LIVE: &str = "state IN ('queued', 'waiting_quota', 'running')";

impl Store {
    /// Queues a run, unless the same target is queued, waiting or running: then that one is told.
    pub(crate) async fn queue_run(&self, new: &NewRun, now: Moment) -> Result<Queued, StoreError> {
        writing!(self.database, |transaction| {
            insert_run(transaction, new, now).await
        })
    }

    /// Several at once: all of them, or none.
    pub(crate) async fn queue_runs(
        &self,
        new: &[NewRun],
        now: Moment,
    ) -> Result<Vec<Queued>, StoreError> {
        writing!(self.database, |transaction| {
            let mut queued = Vec::with_capacity(new.len());
            for run in new {
                queued.push(insert_run(transaction, run, now).await?);
            }
            Ok(queued)
        })
    }

    pub(crate) async fn run(&self, id: Uuid) -> Result<Option<Run>, StoreError> {
        let select = Statement::new("SELECT * FROM runs WHERE id = $1").bind(id.to_string());
        let row = self.database.first(select).await?;
        row.as_ref().map(run).transpose()
    }

    /// Ends a run that has not ended. Its holder learns it from the next renewal.
    pub(crate) async fn cancel_run(&self, id: Uuid, now: Moment) -> Result<Finish, StoreError> {
        let update = Statement::new(format!(
            "UPDATE runs SET state = 'cancelled', finished_at = $2, claimed_by = NULL, lease_until = NULL \
             WHERE id = $1 AND {LIVE}"
        ));
        let update = update.bind(id.to_string()).bind(now);
        match self.write_run(update).await? {
            Finish::NotYours if self.run(id).await?.is_none() => Ok(Finish::NotFound),
            finish => Ok(finish),
        }
    }

    /// Gives a dead letter another chance, from its cursor. If its target was queued again meanwhile, that one does it.
    pub(crate) async fn requeue_run(&self, id: Uuid, now: Moment) -> Result<Finish, StoreError> {
        let update = Statement::new(format!(
            "UPDATE runs SET state = 'queued', attempt = 0, takeovers = 0, run_after = $2, finished_at = NULL, error = NULL \
             WHERE id = $1 AND state = 'dead' AND NOT EXISTS (SELECT 1 FROM runs AS other \
             WHERE other.name = runs.name AND other.target_key = runs.target_key AND other.{LIVE})"
        ));
        let update = update.bind(id.to_string()).bind(now);
        match self.write_run(update).await? {
            Finish::NotYours if self.run(id).await?.is_none() => Ok(Finish::NotFound),
            finish => Ok(finish),
        }
    }

    /// When the next run may be claimed, so that a worker knows how long to sleep.
    pub(crate) async fn next_run_at(&self) -> Result<Option<Moment>, StoreError> {
        let select = Statement::new(
            "SELECT min(at) AS at FROM (SELECT min(run_after) AS at FROM runs WHERE state IN ('queued', 'waiting_quota') \
             UNION ALL SELECT min(lease_until) FROM runs WHERE state = 'running') AS times",
        );
        match self.database.first(select).await? {
            Some(row) => row.maybe_moment("at"),
            None => Ok(None),
        }
    }

    /// Runs in these states, newest first, and how many there are.
    pub(crate) async fn runs_in(
        &self,
        states: &[RunState],
        offset: i64,
        limit: i64,
    ) -> Result<(i64, Vec<Run>), StoreError> {
        let words: Vec<String> = states
            .iter()
            .map(|state| format!("'{}'", state.as_str()))
            .collect();
        let within = format!("state IN ({})", words.join(", "));
        let count = Statement::new(format!("SELECT count(*) AS runs FROM runs WHERE {within}"));
        let count = match self.database.first(count).await? {
            Some(row) => row.integer("runs")?,
            None => 0,
        };
        let select = Statement::new(format!(
            "SELECT * FROM runs WHERE {within} ORDER BY id DESC LIMIT $1 OFFSET $2"
        ));
        let rows = self.database.all(select.bind(limit).bind(offset)).await?;
        let runs: Result<Vec<Run>, StoreError> = rows.iter().map(run).collect();
        Ok((count, runs?))
    }

    pub(super) async fn write_run(&self, update: Statement) -> Result<Finish, StoreError> {
        let changed = self.database.execute(&update).await?;
        Ok(if changed > 0 {
            Finish::Written
        } else {
            Finish::NotYours
        })
    }
}

async fn insert_run(
    transaction: &mut Transaction,
    new: &NewRun,
    now: Moment,
) -> Result<Queued, StoreError> {
    let id = run_id(now);
    let target = new.target.text();
    let key = target.to_lowercase();
    let insert = Statement::new(format!(
        "INSERT INTO runs (id, name, target, target_key, depth, state, run_after, created_at) \
         VALUES ($1, $2, $3, $4, $5, 'queued', $6, $7) ON CONFLICT (name, target_key) WHERE {LIVE} DO NOTHING"
    ))
    .bind(id.to_string())
    .bind(new.target.task().as_str())
    .bind(target)
    .bind(key.as_str())
    .bind(new.depth)
    .bind(new.run_after)
    .bind(now);
    if transaction.execute(insert).await? > 0 {
        return Ok(Queued::New(id));
    }
    let select = Statement::new(format!(
        "SELECT id FROM runs WHERE name = $1 AND target_key = $2 AND {LIVE}"
    ));
    let select = select.bind(new.target.task().as_str()).bind(key);
    match transaction.first(select).await? {
        Some(row) => Ok(Queued::Already(parse_id(&row.text("id")?)?)),
        // It ended between the two statements.
        None => Err(StoreError::Overtaken),
    }
}

/// Ids of runs sort by the time they were queued.
fn run_id(now: Moment) -> Uuid {
    let seconds = u64::try_from(now.seconds()).unwrap_or(0);
    let nanoseconds = u32::try_from(now.milliseconds().rem_euclid(1_000)).unwrap_or(0) * 1_000_000;
    let time = uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanoseconds);
    Uuid::new_v7(time)
}

fn parse_id(text: &str) -> Result<Uuid, StoreError> {
    Uuid::parse_str(text).map_err(|_| StoreError::Unknown("the id of a run"))
}

pub(super) fn run(row: &Row) -> Result<Run, StoreError> {
    Ok(Run {
        id: parse_id(&row.text("id")?)?,
        target: RunTarget::parse(&row.text("name")?, row.text("target")?)
            .ok_or(StoreError::Unknown("the target of a run"))?,
        depth: row.integer("depth")?,
        state: RunState::parse(&row.text("state")?)
            .ok_or(StoreError::Unknown("the state of a run"))?,
        attempt: row.integer("attempt")?,
        takeovers: row.integer("takeovers")?,
        run_after: row.moment("run_after")?,
        created_at: row.moment("created_at")?,
        started_at: row.maybe_moment("started_at")?,
        finished_at: row.maybe_moment("finished_at")?,
        progress: Progress {
            page: row.integer("progress_page")?,
            pages: row.maybe_integer("progress_pages")?,
            items: row.integer("progress_items")?,
        },
        cost: Cost {
            requests: row.integer("requests")?,
            not_modified: row.integer("not_modified")?,
        },
        cursor: row.maybe_text("cursor")?,
        error: row.maybe_text("error")?,
        claimed_by: row.maybe_text("claimed_by")?,
        lease_until: row.maybe_moment("lease_until")?,
    })
}
