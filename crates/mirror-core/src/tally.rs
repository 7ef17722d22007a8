//! What happened, as the status page tells it: sums since the start, the last minutes, the busiest routes and clients.
//!
//! Metrics are for those who keep history elsewhere; this is for whoever looks at the mirror itself. Everything is
//! bounded: routes are templates, clients are the busiest few hundred, time is a ring of slots.

use std::hash::BuildHasher;
use std::time::Duration;

use foldhash::quality::RandomState;
use foldhash::{HashMap, HashMapExt as _};
use github_conditional::{Collapse, CredentialClass, Fingerprint, Outcome, Report};
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use tokio::time::Instant;

mod busiest;
mod lately;
mod slots;

use busiest::Busiest;
pub(crate) use lately::{LastAnswer, Variant};
use slots::Slots;
pub(crate) use slots::{Latency, SLOT, SLOTS, Slot};

use lately::Lately;

/// Clients that are told apart.
const MAX_CLIENTS: usize = 512;

/// Answers by how they were made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// All answers of the engine.
    pub(crate) requests: u64,
    /// A stored body was served.
    pub(crate) hits: u64,
    /// ... because GitHub could not be asked.
    pub(crate) stale: u64,
    /// GitHub sent the answer.
    pub(crate) fetched: u64,
    /// The cache had no part: writes, ranges, `no-store`.
    pub(crate) passed: u64,
    /// Neither GitHub nor the store had an answer.
    pub(crate) failed: u64,
    /// Would have cost quota without the mirror, and did not.
    pub(crate) saved: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.hits += other.hits;
        self.stale += other.stale;
        self.fetched += other.fetched;
        self.passed += other.passed;
        self.failed += other.failed;
        self.saved += other.saved;
    }

    /// The part of the answers that the cache had a say in; `None` before the first one.
    pub(crate) fn hit_ratio(&self) -> Option<f64> {
        let asked = self.requests - self.passed;
        // Counts are far below 2^53.
        (asked > 0).then(|| self.hits as f64 / asked as f64)
    }

    fn of(report: &Report) -> Self {
        let mut counts = Self {
            requests: 1,
            saved: u64::from(saved(report).is_some()),
            ..Self::default()
        };
        match report.outcome {
            Outcome::Revalidated(_) | Outcome::Fresh(_) => counts.hits = 1,
            Outcome::Stale(_) => {
                counts.hits = 1;
                counts.stale = 1;
            }
            Outcome::Fetched(_) | Outcome::Changed(_) | Outcome::ClientConfirmed => {
                counts.fetched = 1;
            }
            Outcome::Bypassed(_) => counts.passed = 1,
            _ => counts.failed = 1,
        }
        counts
    }
}

/// Whether a request that would have cost quota without the mirror cost none, and why.
pub(crate) fn saved(report: &Report) -> Option<&'static str> {
    let shared = report.collapse == Collapse::Follower;
    match report.outcome {
        Outcome::Fetched(_) | Outcome::Changed(_) if shared => Some("coalesced"),
        Outcome::Fresh(_) => Some("fresh"),
        Outcome::Stale(_) => Some("stale"),
        // GitHub charges callers without credentials for a 304.
        Outcome::Revalidated(kind) if report.class != CredentialClass::Anonymous => {
            Some(kind.as_str())
        }
        _ => None,
    }
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Answered<'a> {
    pub(crate) report: &'a Report,
    pub(crate) status: StatusCode,
    /// Path and query, of which only a hash is kept.
    pub(crate) target: &'a str,
    pub(crate) at: Instant,
    pub(crate) elapsed: Duration,
    /// The upstream's part of `elapsed`.
    pub(crate) upstream: Duration,
}

/// How an upstream call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Called {
    Answered(StatusCode),
    Failed(&'static str),
}

/// What is known of the upstream.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Upstream {
    pub(crate) answers: u64,
    pub(crate) failures: u64,
    pub(crate) last_answer: Option<(Instant, StatusCode)>,
    pub(crate) last_failure: Option<(Instant, &'static str)>,
}

/// All sums at one moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) since_start: Counts,
    pub(crate) uptime: Duration,
    pub(crate) saved_by: Vec<(&'static str, u64)>,
    /// Requests that waited for their turn, by what stood against them.
    pub(crate) paced: Vec<(&'static str, u64)>,
    /// Requests that were not sent because of a limit, by which.
    pub(crate) held_back: Vec<(&'static str, u64)>,
    /// The last slots, oldest first.
    pub(crate) slots: Vec<Slot>,
    /// Busiest first.
    pub(crate) routes: Vec<(&'static str, Counts)>,
    /// Busiest first.
    pub(crate) clients: Vec<(Fingerprint, Counts)>,
    pub(crate) upstream: Upstream,
    pub(crate) at: Instant,
}

/// The sums, shared by all requests.
#[derive(Debug)]
pub(crate) struct Tally {
    sums: Mutex<Sums>,
    hashes: RandomState,
}

#[derive(Debug)]
struct Sums {
    started: Instant,
    total: Counts,
    saved_by: HashMap<&'static str, u64>,
    paced: HashMap<&'static str, u64>,
    held_back: HashMap<&'static str, u64>,
    slots: Slots,
    routes: HashMap<&'static str, Counts>,
    clients: Busiest<Fingerprint>,
    upstream: Upstream,
    lately: Lately,
}

impl Tally {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            hashes: RandomState::default(),
            sums: Mutex::new(Sums {
                started: now,
                total: Counts::default(),
                saved_by: HashMap::new(),
                paced: HashMap::new(),
                held_back: HashMap::new(),
                slots: Slots::new(now),
                routes: HashMap::new(),
                clients: Busiest::new(MAX_CLIENTS),
                upstream: Upstream::default(),
                lately: Lately::default(),
            }),
        }
    }

    pub(crate) fn answered(&self, answered: &Answered<'_>) {
        let report = answered.report;
        let counts = Counts::of(report);
        let last = LastAnswer {
            target: self.hashes.hash_one(answered.target),
            at: answered.at,
            status: answered.status,
            outcome: report.outcome,
            detail: report.detail(),
        };
        let mut sums = self.sums.lock();
        sums.total.add(&counts);
        if let Some(by) = saved(report) {
            *sums.saved_by.entry(by).or_default() += 1;
        }
        let slot = sums.slots.at(answered.at);
        slot.counts.add(&counts);
        slot.latency.record(answered.elapsed);
        if report.collapse == Collapse::Leader {
            let own = answered.elapsed.saturating_sub(answered.upstream);
            slot.added.record(own);
        }
        sums.routes
            .entry(report.route.template())
            .or_default()
            .add(&counts);
        sums.clients.add(report.fingerprint, &counts);
        sums.lately.answered(last);
    }

    pub(crate) fn called(&self, called: Called, latency: Duration, at: Instant) {
        let mut sums = self.sums.lock();
        let slot = sums.slots.at(at);
        slot.upstream.record(latency);
        match called {
            Called::Answered(status) => {
                sums.upstream.answers += 1;
                sums.upstream.last_answer = Some((at, status));
            }
            Called::Failed(reason) => {
                slot.upstream_failures += 1;
                sums.upstream.failures += 1;
                sums.upstream.last_failure = Some((at, reason));
            }
        }
    }

    /// Counts a request that waited for its turn.
    pub(crate) fn paced(&self, reason: &'static str) {
        *self.sums.lock().paced.entry(reason).or_default() += 1;
    }

    /// Counts a request that was not sent because of a limit.
    pub(crate) fn held_back(&self, reason: &'static str) {
        *self.sums.lock().held_back.entry(reason).or_default() += 1;
    }

    /// Remembers which forms of resources clients ask for, so that stored ones can be found again.
    pub(crate) fn saw(&self, headers: &HeaderMap) {
        self.sums.lock().lately.saw(headers);
    }

    /// The forms that clients have asked for.
    pub(crate) fn variants(&self) -> Vec<Variant> {
        self.sums.lock().lately.variants()
    }

    /// The last answer to this target, if it is not long ago.
    pub(crate) fn last_answer(&self, target: &str) -> Option<LastAnswer> {
        let target = self.hashes.hash_one(target);
        self.sums.lock().lately.last(target)
    }

    pub(crate) fn snapshot(&self, now: Instant) -> Snapshot {
        let mut sums = self.sums.lock();
        let slots = sums.slots.until(now);
        let mut routes: Vec<_> = sums
            .routes
            .iter()
            .map(|(route, counts)| (*route, *counts))
            .collect();
        routes.sort_by(|one, other| (other.1.requests, one.0).cmp(&(one.1.requests, other.0)));
        Snapshot {
            since_start: sums.total,
            uptime: now.saturating_duration_since(sums.started),
            saved_by: ranked(&sums.saved_by),
            paced: ranked(&sums.paced),
            held_back: ranked(&sums.held_back),
            slots,
            routes,
            clients: sums.clients.ranked(),
            upstream: sums.upstream,
            at: now,
        }
    }
}

/// Most first.
fn ranked(counts: &HashMap<&'static str, u64>) -> Vec<(&'static str, u64)> {
    let mut counts: Vec<_> = counts.iter().map(|(by, n)| (*by, *n)).collect();
    counts.sort_by(|one, other| (other.1, one.0).cmp(&(one.1, other.0)));
    counts
}
