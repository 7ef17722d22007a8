//! When each repository is polled next, by what is known of all of them (pure).

use std::collections::HashMap;
use std::time::Duration;

use crate::Timestamp;
use crate::policy::{Allowance, Candidate, Policy, intervals};
use crate::rate::Rate;
use crate::store::{Repository, RepositoryId};

/// What GitHub asks for where it has never said so.
pub(super) const USUAL_SECONDS: u64 = 60;

/// The intervals of all active repositories.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    policy: Policy,
    allowance: Allowance,
    candidates: Vec<(RepositoryId, Candidate)>,
}

/// When a repository may be polled again, and when it should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Plan {
    pub(super) interval_seconds: f64,
    pub(super) allowed_at: Timestamp,
    pub(super) next_poll_at: Timestamp,
}

impl Schedule {
    pub(super) fn new(
        active: &[Repository],
        rates: HashMap<RepositoryId, Option<Rate>>,
        policy: Policy,
        allowance: Allowance,
    ) -> Self {
        let candidates = active.iter().map(|repository| {
            let candidate = Candidate {
                rate: rates.get(&repository.id).copied().flatten(),
                floor_seconds: seconds(repository.poll_interval_seconds.unwrap_or(USUAL_SECONDS)),
            };
            (repository.id, candidate)
        });
        Self {
            policy,
            allowance,
            candidates: candidates.collect(),
        }
    }

    pub(super) fn policy(&self) -> Policy {
        self.policy
    }

    /// The plan of one repository for a poll that begins now.
    pub(super) fn plan(&self, id: RepositoryId, now: Timestamp) -> Plan {
        let candidates: Vec<Candidate> = self.candidates.iter().map(|(_, one)| *one).collect();
        let intervals = intervals(self.policy, &candidates, &self.allowance);
        let mut all = self.candidates.iter().zip(&intervals);
        let found = all.find(|((other, _), _)| *other == id);
        let (interval, floor) = found.map_or(
            (self.allowance.ceiling_seconds, seconds(USUAL_SECONDS)),
            |((_, candidate), interval)| (*interval, candidate.floor_seconds),
        );
        Plan {
            interval_seconds: interval,
            allowed_at: after(now, floor),
            next_poll_at: after(now, interval.max(floor)),
        }
    }

    /// The plan with what the poll itself has told.
    pub(super) fn revised(
        &self,
        id: RepositoryId,
        rate: Option<Rate>,
        floor_seconds: u64,
        now: Timestamp,
    ) -> Plan {
        let mut revised = self.clone();
        for (other, candidate) in &mut revised.candidates {
            if *other == id {
                candidate.rate = rate;
                candidate.floor_seconds = seconds(floor_seconds);
            }
        }
        revised.plan(id, now)
    }
}

/// Whole seconds, rounded up: nobody is polled too early.
fn after(now: Timestamp, seconds: f64) -> Timestamp {
    now.after(Duration::try_from_secs_f64(seconds.ceil()).unwrap_or(Duration::MAX))
}

#[expect(clippy::cast_precision_loss, reason = "intervals are minutes")]
fn seconds(whole: u64) -> f64 {
    whole as f64
}
