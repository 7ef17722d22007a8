//! Who works on a run: claimed by one worker at a time, renewed while it works, taken over when it is gone.
//!
//! A claim is a lease: whoever holds it renews it while it works. A worker that died lets it lapse, and the next
//! claim takes the run over at its cursor. Writes of a holder whose lease was taken over change nothing.
//!
//! A takeover counts as a failed attempt, because the run may be what killed its worker. It counts until the run gets
//! on: as soon as its cursor moves, or a developer is described for the first time, the takeovers since the last such
//! step are taken back, and only attempts that failed by an error stay. So a run that kills each worker at one place is
//! dead after as many workers as attempts are allowed, and one whose workers are killed here and there goes on to its
//! end: its cursor only moves forward, and nobody is described for the first time twice. Nothing is counted when a
//! worker gives a run back because it is told to stop, or puts it off for want of quota; nor do these take anything
//! back.

use std::time::Duration;

use uuid::Uuid;

use super::database::{Dialect, Statement, Transaction, writing};
use super::runs::{Finish, Run, RunState, run};
use super::{Store, StoreError};
use crate::moment::Moment;

/// How a holder lets go of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RunEnd {
    Done,
    /// For good: GitHub does not know the target.
    Failed(String),
    /// Every attempt failed; somebody has to look at it.
    Dead(String),
    /// Its workers ended too often; nobody begins it again by itself.
    GivenUp(String),
    /// Once more later, with an attempt more.
    Retry {
        at: Moment,
        error: String,
    },
    /// Once more when there is quota; that is no failed attempt.
    WaitingQuota {
        until: Moment,
    },
    /// Given back untouched, as by a worker that is told to stop.
    Released {
        at: Moment,
    },
}

impl Run {
    /// It got further than those who died at it: they are no failed attempts.
    pub(crate) fn got_on(&mut self) {
        self.attempt -= self.takeovers;
        self.takeovers = 0;
    }
}

impl Store {
    /// Takes the run that waits longest, or one whose holder died, for so long. Two callers never get the same.
    pub(crate) async fn claim_next_run(
        &self,
        owner: &str,
        lease: Duration,
        now: Moment,
    ) -> Result<Option<Run>, StoreError> {
        let skip = match self.database.dialect() {
            Dialect::Sqlite => "",
            Dialect::Postgres => " FOR UPDATE SKIP LOCKED",
        };
        let select = Statement::new(format!(
            "SELECT id FROM runs WHERE (state IN ('queued', 'waiting_quota') AND run_after <= $1) \
             OR (state = 'running' AND lease_until <= $1) ORDER BY run_after, id LIMIT 1{skip}"
        ));
        let select = select.bind(now);
        writing!(self.database, |transaction| {
            let Some(row) = transaction.first(select.clone()).await? else {
                return Ok(None);
            };
            let id = row.text("id")?;
            claim(transaction, &id, owner, lease, now).await
        })
    }

    /// Takes this run, if it may run now and nobody holds it.
    pub(crate) async fn claim_run(
        &self,
        id: Uuid,
        owner: &str,
        lease: Duration,
        now: Moment,
    ) -> Result<Option<Run>, StoreError> {
        let id = id.to_string();
        writing!(self.database, |transaction| {
            claim(transaction, &id, owner, lease, now).await
        })
    }

    /// Writes how far a run got and holds it for so long again.
    pub(crate) async fn renew_run(&self, held: &Run, until: Moment) -> Result<Finish, StoreError> {
        let update = Statement::new(
            "UPDATE runs SET lease_until = $3, progress_page = $4, progress_pages = $5, progress_items = $6, \
             requests = $7, not_modified = $8, cursor = $9, attempt = $10, takeovers = $11 \
             WHERE id = $1 AND claimed_by = $2 AND state = 'running'",
        )
        .bind(held.id.to_string())
        .bind(&held.claimed_by)
        .bind(until);
        let update = how_far(update, held)
            .bind(held.attempt)
            .bind(held.takeovers);
        self.write_run(update).await
    }

    /// Holds a claimed run for longer, without writing how far it got.
    pub(crate) async fn hold_run(&self, held: &Run, until: Moment) -> Result<Finish, StoreError> {
        let update = Statement::new(
            "UPDATE runs SET lease_until = $3 WHERE id = $1 AND claimed_by = $2 AND state = 'running'",
        )
        .bind(held.id.to_string())
        .bind(&held.claimed_by)
        .bind(until);
        self.write_run(update).await
    }

    /// Lets go of a held run, with its progress, cost and cursor.
    pub(crate) async fn finish_run(
        &self,
        held: &Run,
        end: &RunEnd,
        now: Moment,
    ) -> Result<Finish, StoreError> {
        let (state, run_after, error, attempts) = match end {
            RunEnd::Done => (RunState::Done, None, None, 0),
            RunEnd::Failed(error) => (RunState::Failed, None, Some(error), 0),
            RunEnd::Dead(error) => (RunState::Dead, None, Some(error), 1),
            // The takeover has counted it.
            RunEnd::GivenUp(error) => (RunState::Dead, None, Some(error), 0),
            RunEnd::Retry { at, error } => (RunState::Queued, Some(*at), Some(error), 1),
            RunEnd::WaitingQuota { until } => (RunState::WaitingQuota, Some(*until), None, 0),
            RunEnd::Released { at } => (RunState::Queued, Some(*at), None, 0),
        };
        let finished_at = (!state.is_live()).then_some(now);
        let update = Statement::new(
            "UPDATE runs SET state = $3, run_after = COALESCE($4, run_after), error = $5, attempt = $6, \
             finished_at = $7, progress_page = $8, progress_pages = $9, progress_items = $10, requests = $11, \
             not_modified = $12, cursor = $13, takeovers = $14, claimed_by = NULL, lease_until = NULL \
             WHERE id = $1 AND claimed_by = $2 AND state = 'running'",
        )
        .bind(held.id.to_string())
        .bind(&held.claimed_by)
        .bind(state.as_str())
        .bind(run_after)
        .bind(error.cloned())
        .bind(held.attempt + attempts)
        .bind(finished_at);
        let update = how_far(update, held).bind(held.takeovers);
        self.write_run(update).await
    }
}

/// Progress, cost and cursor, in the order in which both statements name them.
fn how_far(statement: Statement, held: &Run) -> Statement {
    statement
        .bind(held.progress.page)
        .bind(held.progress.pages)
        .bind(held.progress.items)
        .bind(held.cost.requests)
        .bind(held.cost.not_modified)
        .bind(&held.cursor)
}

async fn claim(
    transaction: &mut Transaction,
    id: &str,
    owner: &str,
    lease: Duration,
    now: Moment,
) -> Result<Option<Run>, StoreError> {
    let update = Statement::new(
        "UPDATE runs SET state = 'running', claimed_by = $2, lease_until = $3, \
         attempt = CASE WHEN state = 'running' THEN attempt + 1 ELSE attempt END, \
         takeovers = CASE WHEN state = 'running' THEN takeovers + 1 ELSE takeovers END, \
         started_at = COALESCE(started_at, $4) WHERE id = $1 AND \
         ((state IN ('queued', 'waiting_quota') AND run_after <= $4) OR (state = 'running' AND lease_until <= $4)) \
         RETURNING *",
    )
    .bind(id)
    .bind(owner)
    .bind(now.after(lease))
    .bind(now);
    let row = transaction.first(update).await?;
    row.as_ref().map(run).transpose()
}
