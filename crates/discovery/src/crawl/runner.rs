//! Runs a claimed run to its end, or to where it has to stop, and writes what became of it.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use uuid::Uuid;

use super::fetch::Trouble;
use super::retry::{Next, RetryRules, after_failure};
use super::throttle::resume_at;
use super::work::{Stop, Tools, Work};
use crate::chance::chance;
use crate::store::{Finish, Run, RunEnd, StoreError};

/// What became of a run that was to be run.
#[derive(Debug)]
pub(crate) enum Ran {
    /// It stopped, and this was written.
    Ended,
    /// Somebody else has it, or it is not time yet, or it has ended.
    NotOurs,
}

/// Why a run's future ended.
enum Ending {
    Work(Result<(), Stop>),
    Panicked,
    LeaseLost,
    Stopping,
}

impl Tools {
    /// Claims a run, if it may run now and nobody holds it, and runs it until it ends or `stopping`.
    pub(crate) async fn run(
        &self,
        id: Uuid,
        worker: &str,
        stopping: impl Future<Output = ()>,
    ) -> Result<Ran, StoreError> {
        // Another name for each claim: a holder that was thought dead is not taken for its successor.
        let holder = format!("{worker}/{}", Uuid::new_v4().simple());
        let lease = self.rules.lease;
        let claimed = self.store.claim_run(id, &holder, lease, self.now()).await?;
        let Some(run) = claimed else {
            return Ok(Ran::NotOurs);
        };
        match after_takeover(self.rules.retry, &run) {
            Takeover::Run => self.run_claimed(run, stopping).await,
            Takeover::GiveUp(error) => self.let_go(&run, &RunEnd::GivenUp(error)).await,
        }
    }

    async fn run_claimed(
        &self,
        run: Run,
        stopping: impl Future<Output = ()>,
    ) -> Result<Ran, StoreError> {
        let held = run.clone();
        let mut work = Work::new(self, run);
        let ending = tokio::select! {
            result = AssertUnwindSafe(work.perform()).catch_unwind() => match result {
                Ok(result) => Ending::Work(result),
                Err(_) => Ending::Panicked,
            },
            lost = self.keep_lease(&held) => lost?,
            () = stopping => Ending::Stopping,
        };
        work.note();
        let end = match ending {
            Ending::Work(Err(Stop::Lost)) | Ending::LeaseLost => return Ok(Ran::NotOurs),
            Ending::Work(result) => self.judge(&work.run, result),
            Ending::Panicked => self.failed(&work.run, "the worker panicked".to_owned()),
            Ending::Stopping => RunEnd::Released { at: self.now() },
        };
        self.let_go(&work.run, &end).await
    }

    async fn let_go(&self, run: &Run, end: &RunEnd) -> Result<Ran, StoreError> {
        tell(run, end);
        match self.store.finish_run(run, end, self.now()).await? {
            Finish::Written => Ok(Ran::Ended),
            Finish::NotYours | Finish::NotFound => Ok(Ran::NotOurs),
        }
    }

    /// Ends only when the run is no longer ours.
    async fn keep_lease(&self, held: &Run) -> Result<Ending, StoreError> {
        loop {
            tokio::time::sleep(self.rules.lease / 3).await;
            let until = self.now().after(self.rules.lease);
            if self.store.hold_run(held, until).await? != Finish::Written {
                return Ok(Ending::LeaseLost);
            }
        }
    }

    fn judge(&self, run: &Run, result: Result<(), Stop>) -> RunEnd {
        match result {
            Ok(()) => RunEnd::Done,
            Err(stop @ Stop::Unavailable) => RunEnd::Failed(stop.to_string()),
            Err(Stop::Trouble(Trouble::Held { until, .. })) => RunEnd::WaitingQuota {
                until: resume_at(until.max(self.now()), chance()),
            },
            Err(stop) => self.failed(run, stop.to_string()),
        }
    }

    fn failed(&self, run: &Run, error: String) -> RunEnd {
        let attempt = u32::try_from(run.attempt + 1).unwrap_or(u32::MAX);
        match after_failure(self.rules.retry, attempt, chance()) {
            Next::Again { after } => RunEnd::Retry {
                at: self.now().after(after),
                error,
            },
            Next::Dead => RunEnd::Dead(error),
        }
    }
}

/// What becomes of a run that was just claimed.
enum Takeover {
    Run,
    /// Its workers ended as often as an attempt may fail: it might end this one too.
    GiveUp(String),
}

fn after_takeover(rules: RetryRules, run: &Run) -> Takeover {
    let attempt = u32::try_from(run.attempt).unwrap_or(u32::MAX);
    if run.takeovers == 0 || after_failure(rules, attempt, 0.0) != Next::Dead {
        return Takeover::Run;
    }
    let times = match run.takeovers {
        1 => "once".to_owned(),
        more => format!("{more} times"),
    };
    let before = match &run.error {
        Some(error) => format!("; before that: {error}"),
        None => String::new(),
    };
    Takeover::GiveUp(format!(
        "its worker ended {times} while it ran, and it got no further{before}"
    ))
}

fn tell(run: &Run, end: &RunEnd) {
    let task = run.target.task().as_str();
    let (id, requests) = (run.id, run.cost.requests);
    match end {
        RunEnd::Done => tracing::info!(%id, task, requests, "done"),
        RunEnd::Failed(error) => tracing::info!(%id, task, requests, error, "failed"),
        RunEnd::Dead(error) | RunEnd::GivenUp(error) => {
            tracing::warn!(%id, task, requests, error, "dead")
        }
        RunEnd::Retry { at, error } => {
            tracing::warn!(%id, task, requests, error, at = %at, "to be retried");
        }
        RunEnd::WaitingQuota { until } => {
            tracing::info!(%id, task, requests, until = %until, "waiting for quota");
        }
        RunEnd::Released { .. } => tracing::info!(%id, task, requests, "given back"),
    }
}
