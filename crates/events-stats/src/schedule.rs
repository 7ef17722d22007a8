//! When each repository is polled next, by what is known of all of them (pure).

use std::time::Duration;

use crate::Timestamp;
use crate::policy::{Allowance, Candidate, Policy, intervals};
use crate::rate::Rate;

/// What GitHub asks for where it has never said so.
pub(crate) const USUAL_SECONDS: u64 = 60;

/// The intervals of all active repositories.
#[derive(Clone, Debug)]
pub(crate) struct Schedule<Id> {
    policy: Policy,
    allowance: Allowance,
    candidates: Vec<(Id, Candidate)>,
}

/// When a repository may be polled again, and when it should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) interval_seconds: f64,
    pub(crate) allowed_at: Timestamp,
    pub(crate) next_poll_at: Timestamp,
}

impl<Id: Copy + PartialEq> Schedule<Id> {
    pub(crate) fn new(policy: Policy, allowance: Allowance) -> Self {
        Self {
            policy,
            allowance,
            candidates: Vec::new(),
        }
    }

    /// Enters a repository, with the seconds that GitHub wants between two polls of it.
    pub(crate) fn enter(&mut self, id: Id, rate: Option<Rate>, floor_seconds: u64) {
        let candidate = Candidate {
            rate,
            floor_seconds: seconds(floor_seconds),
        };
        match self.candidates.iter_mut().find(|(other, _)| *other == id) {
            Some((_, known)) => *known = candidate,
            None => self.candidates.push((id, candidate)),
        }
    }

    pub(crate) fn policy(&self) -> Policy {
        self.policy
    }

    /// The plan of one repository for a poll that begins now.
    pub(crate) fn plan(&self, id: Id, now: Timestamp) -> Plan {
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
    pub(crate) fn revised(
        &self,
        id: Id,
        rate: Option<Rate>,
        floor_seconds: u64,
        now: Timestamp,
    ) -> Plan {
        let mut revised = self.clone();
        revised.enter(id, rate, floor_seconds);
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
