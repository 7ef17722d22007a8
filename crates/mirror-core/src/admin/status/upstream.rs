//! The upstream: what came of calls, and what offline mode makes of it.

use std::time::SystemTime;

use serde::Serialize;
use tokio::time::Instant;

use super::rfc3339;
use crate::mirror::Shared;
use crate::tally::Snapshot;

#[derive(Debug, Serialize)]
pub(crate) struct UpstreamStatus {
    pub(crate) url: String,
    pub(crate) health: Health,
    /// What offline mode is decided by; `health` is the last call alone.
    pub(crate) standing: &'static str,
    /// Since the outage's or the return's beginning, else the mirror's.
    pub(crate) standing_since: String,
    pub(crate) standing_seconds: u64,
    /// The calls of the last `offline.window_seconds`.
    pub(crate) window: WindowStatus,
    pub(crate) status_page: &'static str,
    pub(crate) probes: u64,
    pub(crate) calls_in_flight: usize,
    pub(crate) answers: u64,
    pub(crate) failures: u64,
    pub(crate) last_answer_status: Option<u16>,
    pub(crate) last_answer_seconds_ago: Option<u64>,
    pub(crate) last_failure: Option<&'static str>,
    pub(crate) last_failure_seconds_ago: Option<u64>,
}

#[derive(Debug, Serialize)]
pub(crate) struct WindowStatus {
    pub(crate) answered: u64,
    pub(crate) failed: u64,
}

/// What the last call says about the upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Health {
    /// Nothing was asked yet.
    Unknown,
    Good,
    /// The last call had no answer, or a server error.
    Failing,
}

impl Health {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Good => "good",
            Self::Failing => "failing",
        }
    }
}

pub(super) fn upstream(shared: &Shared, snapshot: &Snapshot, now: SystemTime) -> UpstreamStatus {
    let account = shared.availability.account();
    let known = &snapshot.upstream;
    let ago = |at: Instant| snapshot.at.saturating_duration_since(at).as_secs();
    let health = match (known.last_answer, known.last_failure) {
        (None, None) => Health::Unknown,
        (None, Some(_)) => Health::Failing,
        (Some((answered, _)), Some((failed, _))) if failed >= answered => Health::Failing,
        (Some((_, status)), _) if status.is_server_error() => Health::Failing,
        (Some(_), _) => Health::Good,
    };
    UpstreamStatus {
        url: shared.upstream.to_string(),
        health,
        standing: account.standing.as_str(),
        standing_since: rfc3339(now.checked_sub(account.lasts).unwrap_or(now)),
        standing_seconds: account.lasts.as_secs(),
        window: WindowStatus {
            answered: account.counts.good,
            failed: account.counts.bad,
        },
        status_page: account.hint.as_str(),
        probes: account.probes,
        calls_in_flight: shared.inspect.calls_in_flight(),
        answers: known.answers,
        failures: known.failures,
        last_answer_status: known.last_answer.map(|(_, status)| status.as_u16()),
        last_answer_seconds_ago: known.last_answer.map(|(at, _)| ago(at)),
        last_failure: known.last_failure.map(|(_, reason)| reason),
        last_failure_seconds_ago: known.last_failure.map(|(at, _)| ago(at)),
    }
}
