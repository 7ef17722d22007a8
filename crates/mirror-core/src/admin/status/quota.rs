//! Quota, cool-downs and pacing by credential, those of the operator's own under their names.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use github_conditional::Fingerprint;
use github_upstream::{CallerId, CallerState, LedgerLine, PoolLine};
use serde::Serialize;

use super::rfc3339;
use crate::mirror::Shared;
use crate::tally::Snapshot;

#[derive(Debug, Serialize)]
pub(crate) struct Quota {
    pub(crate) saved: u64,
    pub(crate) saved_by: Vec<CountBy>,
    /// Requests that waited for their turn, by what stood against them.
    pub(crate) paced: Vec<CountBy>,
    /// Requests that were not sent because of a limit, by which.
    pub(crate) held_back: Vec<CountBy>,
    /// The operator's own in the order of the settings, then the others: those that are cooling or waiting first, then the busiest.
    pub(crate) credentials: Vec<CredentialStatus>,
}

#[derive(Debug, Serialize)]
pub(crate) struct CountBy {
    pub(crate) by: &'static str,
    pub(crate) requests: u64,
}

/// One credential.
#[derive(Debug, Serialize)]
pub(crate) struct CredentialStatus {
    /// The fingerprint's first digits, or `others` for all that are no longer told apart.
    pub(crate) fingerprint: String,
    /// Where it is one of the operator's own.
    pub(crate) pool: Option<PoolStatus>,
    pub(crate) pace: &'static str,
    pub(crate) in_flight: u32,
    pub(crate) waiting: usize,
    /// Of the last minute.
    pub(crate) points: u32,
    pub(crate) graphql_points: u32,
    pub(crate) cooling: Option<Cooling>,
    pub(crate) buckets: Vec<Bucket>,
}

#[derive(Debug, Serialize)]
pub(crate) struct PoolStatus {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) reserve: u64,
    pub(crate) token_expires_at: Option<String>,
    /// Until when it is left alone, because GitHub refused it or gave no token.
    pub(crate) rests_until: Option<String>,
    pub(crate) rests_seconds: Option<u64>,
}

/// A credential is left alone after a secondary limit.
#[derive(Debug, Serialize)]
pub(crate) struct Cooling {
    pub(crate) until: String,
    pub(crate) seconds: u64,
    /// How the limit was recognised.
    pub(crate) cause: &'static str,
    pub(crate) strikes: u32,
}

/// One of a credential's buckets at GitHub.
#[derive(Debug, Serialize)]
pub(crate) struct Bucket {
    pub(crate) resource: Option<String>,
    pub(crate) limit: Option<u64>,
    pub(crate) remaining: Option<u64>,
    pub(crate) used: Option<u64>,
    pub(crate) reset_at: Option<String>,
    pub(crate) reset_in_seconds: Option<u64>,
    pub(crate) charged: u64,
    pub(crate) free: u64,
    pub(crate) rejected: u64,
}

pub(super) fn quota(shared: &Shared, snapshot: &Snapshot, now: SystemTime) -> Quota {
    let lines = shared.ledger.snapshot(now).into_iter();
    let others: Vec<_> = lines.filter(|line| line.caller.is_none()).collect();
    Quota {
        saved: snapshot.since_start.saved,
        saved_by: counts_by(&snapshot.saved_by),
        paced: counts_by(&snapshot.paced),
        held_back: counts_by(&snapshot.held_back),
        credentials: credentials(
            shared.upstream_client.callers(),
            shared.pool.lines(),
            &others,
            now,
        ),
    }
}

fn counts_by(counts: &[(&'static str, u64)]) -> Vec<CountBy> {
    let counts = counts.iter();
    counts
        .map(|(by, requests)| CountBy {
            by,
            requests: *requests,
        })
        .collect()
}

fn credentials(
    callers: Vec<CallerState>,
    pool: Vec<PoolLine>,
    others: &[LedgerLine],
    now: SystemTime,
) -> Vec<CredentialStatus> {
    let mut callers: HashMap<CallerId, CallerState> = callers
        .into_iter()
        .map(|state| (state.caller, state))
        .collect();
    let mut all: Vec<_> = pool
        .into_iter()
        .map(|line| {
            let state = callers.remove(&line.caller);
            CredentialStatus {
                pool: Some(PoolStatus::of(&line, now)),
                ..CredentialStatus::of(line.caller, state.as_ref(), now)
            }
        })
        .collect();
    let mut rest: Vec<_> = callers
        .into_values()
        .map(|state| CredentialStatus::of(state.caller, Some(&state), now))
        .collect();
    rest.sort_by_cached_key(|credential| {
        let is_held = credential.cooling.is_some() || credential.waiting > 0;
        let busy = (is_held, credential.requests());
        (std::cmp::Reverse(busy), credential.fingerprint.clone())
    });
    all.append(&mut rest);
    if !others.is_empty() {
        all.push(CredentialStatus {
            fingerprint: "others".to_owned(),
            buckets: others.iter().map(|line| Bucket::of(line, now)).collect(),
            ..CredentialStatus::default()
        });
    }
    all
}

impl Default for CredentialStatus {
    fn default() -> Self {
        Self {
            fingerprint: String::new(),
            pool: None,
            pace: github_upstream::Pace::Free.as_str(),
            in_flight: 0,
            waiting: 0,
            points: 0,
            graphql_points: 0,
            cooling: None,
            buckets: Vec::new(),
        }
    }
}

impl CredentialStatus {
    fn of(caller: CallerId, state: Option<&CallerState>, now: SystemTime) -> Self {
        let fingerprint = Fingerprint::from_bytes(caller.0).to_string();
        let Some(state) = state else {
            return Self {
                fingerprint,
                ..Self::default()
            };
        };
        Self {
            fingerprint,
            pool: None,
            pace: state.pace.as_str(),
            in_flight: state.in_flight,
            waiting: state.waiting,
            points: state.points,
            graphql_points: state.graphql_points,
            cooling: state.cooldown.map(|cooldown| Cooling {
                until: rfc3339(cooldown.until),
                seconds: seconds_until(cooldown.until, now),
                cause: cooldown.cause.as_str(),
                strikes: cooldown.strikes,
            }),
            buckets: state
                .lines
                .iter()
                .map(|line| Bucket::of(line, now))
                .collect(),
        }
    }

    /// Answers that GitHub gave for it.
    fn requests(&self) -> u64 {
        let buckets = self.buckets.iter();
        buckets.map(|bucket| bucket.charged + bucket.free).sum()
    }
}

impl PoolStatus {
    fn of(line: &PoolLine, now: SystemTime) -> Self {
        Self {
            name: line.name.clone(),
            kind: line.kind,
            reserve: line.reserve,
            token_expires_at: line.token_expires_at.map(rfc3339),
            rests_until: line.rests_until.map(rfc3339),
            rests_seconds: line.rests_until.map(|until| seconds_until(until, now)),
        }
    }
}

impl Bucket {
    fn of(line: &LedgerLine, now: SystemTime) -> Self {
        let window = line.window;
        Self {
            resource: line
                .resource
                .as_ref()
                .map(|resource| resource.as_str().to_owned()),
            limit: window.map(|window| window.limit),
            remaining: window.map(|window| window.remaining),
            used: window.map(|window| window.used),
            reset_at: window.map(|window| rfc3339(window.ends())),
            reset_in_seconds: window.map(|window| seconds_until(window.ends(), now)),
            charged: line.counts.charged,
            free: line.counts.free,
            rejected: line.counts.rejected,
        }
    }
}

fn seconds_until(end: SystemTime, now: SystemTime) -> u64 {
    let left = end.duration_since(now);
    left.unwrap_or(Duration::ZERO).as_secs()
}
