//! What the mirror counts. Labels are bounded: route templates, enums, never paths.

use std::sync::Arc;
use std::time::Duration;

use github_conditional::{Collapse, Event, Outcome, Report};
use github_upstream::UpstreamEvent;
use http::{Method, StatusCode};
use service_runtime::Metrics;
use service_runtime::metrics::opentelemetry::KeyValue;
use service_runtime::metrics::{
    CounterFamily, HistogramFamily, Labels, Word, method_label, status_class,
};
use tokio::time::Instant;

use crate::outcome::XCache;
use crate::problem::Problem;
use crate::tally::{Called, Tally, saved};

mod gauges;
mod levels;
mod pacing;

pub(crate) use gauges::{gauges, quota_gauges, store_gauges};
pub(crate) use levels::{Level, Load, Loads};
use levels::{LevelLoad, LoadCounts};
pub(crate) use pacing::{PacingInstruments, pacing_gauges};

/// Upper ends of the latency buckets, in seconds: the kept ones, and finer ones below.
pub(crate) const LATENCY_BUCKETS: [f64; 19] = [
    0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.2, 0.3, 0.4, 0.5,
    0.75, 1.0, 2.5, 5.0, 10.0,
];

/// Upper ends of the store's latency buckets, in seconds.
const STORE_BUCKETS: &[f64] = &[
    0.000_001, 0.000_01, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1,
    1.0,
];

#[derive(Clone, PartialEq, Eq, Hash)]
struct Request {
    cache: XCache,
    status: u16,
    method: &'static str,
    /// The login, where users are validated: then it is one of the configured ones.
    user: Option<Arc<str>>,
}

impl Labels for Request {
    fn attributes(&self) -> Vec<KeyValue> {
        vec![
            KeyValue::new("cache", self.cache.as_str()),
            KeyValue::new("status", i64::from(self.status)),
            KeyValue::new("method", self.method),
            match &self.user {
                Some(login) => KeyValue::new("user", Arc::clone(login)),
                None => KeyValue::new("user", "None"),
            },
        ]
    }
}

/// A route template and how the answer was made.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Route {
    route: &'static str,
    outcome: &'static str,
    detail: &'static str,
}

impl Labels for Route {
    fn attributes(&self) -> Vec<KeyValue> {
        vec![
            KeyValue::new("route", self.route),
            KeyValue::new("outcome", self.outcome),
            KeyValue::new("detail", self.detail),
        ]
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct StoreError {
    operation: &'static str,
    reason: &'static str,
}

impl Labels for StoreError {
    fn attributes(&self) -> Vec<KeyValue> {
        vec![
            KeyValue::new("operation", self.operation),
            KeyValue::new("reason", self.reason),
        ]
    }
}

/// The mirror's instruments.
pub(crate) struct Instruments {
    requests: CounterFamily<Request>,
    latency: HistogramFamily<Request>,
    added: HistogramFamily<()>,
    upstream: HistogramFamily<Word>,
    routes: CounterFamily<Route>,
    coalesced: CounterFamily<()>,
    verifications: CounterFamily<Word>,
    probes: CounterFamily<Word>,
    dropped: CounterFamily<Word>,
    store_errors: CounterFamily<StoreError>,
    quota_saved: CounterFamily<Word>,
    failures: CounterFamily<Word>,
    retries: CounterFamily<Word>,
    refused: CounterFamily<Word>,
    loads: CounterFamily<LevelLoad>,
    load_latency: HistogramFamily<Word>,
    user_questions: CounterFamily<Word>,
    standing_changes: CounterFamily<Word>,
    offline_probes: CounterFamily<Word>,
    status_pages: CounterFamily<Word>,
    pub(crate) pacing: PacingInstruments,
    /// What the status page shows.
    pub(crate) tally: Tally,
    level_loads: LoadCounts,
}

impl Instruments {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            requests: metrics.counters("http_request_total", "Requests answered."),
            latency: metrics.histograms(
                "request_latency_seconds",
                "Time from a request's head to the head of its answer.",
                &LATENCY_BUCKETS,
            ),
            added: metrics.histograms(
                "github_mirror_added_latency_seconds",
                "The mirror's own part of the time to the head of an answer, upstream calls taken off.",
                &LATENCY_BUCKETS,
            ),
            upstream: metrics.histograms(
                "github_mirror_upstream_latency_seconds",
                "Time from an upstream request to the head of its answer, by status class.",
                &LATENCY_BUCKETS,
            ),
            routes: metrics.counters(
                "github_mirror_answers_total",
                "Answers by route template, how they were made, and the finer reason.",
            ),
            coalesced: metrics.counters(
                "github_mirror_coalesced_total",
                "Requests that shared another request's upstream call.",
            ),
            verifications: metrics.counters(
                "github_mirror_tag_verifications_total",
                "Comparisons of GitHub's tags with the computed ones.",
            ),
            probes: metrics.counters(
                "github_mirror_last_page_probes_total",
                "Questions for the page behind a full last page.",
            ),
            dropped: metrics.counters(
                "github_mirror_bodies_not_stored_total",
                "Bodies that were being recorded and are not stored.",
            ),
            store_errors: metrics.counters(
                "github_mirror_store_errors_total",
                "Store operations that failed; each counted as a miss.",
            ),
            quota_saved: metrics.counters(
                "github_mirror_quota_saved_total",
                "Requests that would have cost quota and did not.",
            ),
            failures: metrics.counters(
                "github_mirror_upstream_failures_total",
                "Upstream calls without an answer.",
            ),
            retries: metrics.counters(
                "github_mirror_upstream_retries_total",
                "Reads that were sent again because their connection was gone.",
            ),
            loads: metrics.counters(
                "github_mirror_store_loads_total",
                "Entries asked of a level of the store, by what came of it.",
            ),
            load_latency: metrics.histograms(
                "github_mirror_store_latency_seconds",
                "Time that a level of the store adds to a request.",
                STORE_BUCKETS,
            ),
            pacing: PacingInstruments::new(metrics),
            refused: metrics.counters(
                "github_mirror_refused_total",
                "Requests that the mirror refused by itself.",
            ),
            tally: Tally::new(Instant::now()),
            level_loads: LoadCounts::default(),
            user_questions: metrics.counters(
                "github_mirror_user_questions_total",
                "Questions to the upstream whose token it is, by what came of them.",
            ),
            standing_changes: metrics.counters(
                "github_mirror_standing_changes_total",
                "Times that the upstream was found to be away, returning or there again.",
            ),
            offline_probes: metrics.counters(
                "github_mirror_offline_probes_total",
                "Probes of an upstream that was away, by what came of them.",
            ),
            status_pages: metrics.counters(
                "github_mirror_status_page_total",
                "Questions to the status page, by what it said.",
            ),
        }
    }

    /// Counts what a level of the store was asked for.
    pub(crate) fn loaded(&self, level: Level, load: Load, elapsed: Duration) {
        self.loads.add(&LevelLoad(level, load), 1);
        self.level_loads.add(level, load);
        self.load_latency
            .record(&Word("level", level.as_str()), elapsed.as_secs_f64());
    }

    /// What a level of the store was asked for so far.
    pub(crate) fn loads_of(&self, level: Level) -> Loads {
        self.level_loads.of(level)
    }

    /// Counts a question whose token it is.
    pub(crate) fn user_asked(&self, result: &'static str) {
        self.user_questions.add(&Word("result", result), 1);
    }

    /// Counts a change of what is thought of the upstream.
    pub(crate) fn standing_changed(&self, to: &'static str) {
        self.standing_changes.add(&Word("to", to), 1);
    }

    /// Counts a probe.
    pub(crate) fn probed(&self, result: &'static str) {
        self.offline_probes.add(&Word("result", result), 1);
    }

    /// Counts a question to the status page.
    pub(crate) fn status_page_asked(&self, result: &'static str) {
        self.status_pages.add(&Word("result", result), 1);
    }

    /// Counts one answer of the engine.
    pub(crate) fn answered(
        &self,
        report: &Report,
        user: Option<&Arc<str>>,
        method: &Method,
        status: StatusCode,
        elapsed: Duration,
        upstream: Duration,
    ) {
        let labels = Request {
            cache: XCache::of(report.outcome),
            status: status.as_u16(),
            method: method_label(method),
            user: user.cloned(),
        };
        self.requests.add(&labels, 1);
        self.latency.record(&labels, elapsed.as_secs_f64());
        if report.collapse == Collapse::Leader {
            self.added
                .record(&(), elapsed.saturating_sub(upstream).as_secs_f64());
        } else {
            self.coalesced.add(&(), 1);
        }
        let route = Route {
            route: report.route.template(),
            outcome: outcome_label(report.outcome),
            detail: report.detail().unwrap_or("none"),
        };
        self.routes.add(&route, 1);
        if let Some(how) = saved(report) {
            self.quota_saved.add(&Word("by", how), 1);
        }
    }

    /// Counts what happens upstream.
    pub(crate) fn called(&self, event: &UpstreamEvent<'_>) {
        let (class, latency) = match event {
            UpstreamEvent::Answered {
                status, latency, ..
            } => {
                let called = Called::Answered(*status);
                self.tally.called(called, *latency, Instant::now());
                (status_class(*status), latency)
            }
            UpstreamEvent::Failed {
                reason, latency, ..
            } => {
                self.failures.add(&Word("reason", reason.as_str()), 1);
                let called = Called::Failed(reason.as_str());
                self.tally.called(called, *latency, Instant::now());
                ("none", latency)
            }
            UpstreamEvent::Retried { reason } => {
                self.retries.add(&Word("reason", reason.as_str()), 1);
                return;
            }
            _ => {
                match event {
                    UpstreamEvent::Waited { reason, .. } => self.tally.paced(reason.as_str()),
                    UpstreamEvent::HeldBack { reason, .. } => {
                        self.tally.held_back(reason.as_str());
                    }
                    _ => {}
                }
                return self.pacing.observe(event);
            }
        };
        self.upstream
            .record(&Word("status", class), latency.as_secs_f64());
    }

    /// Counts a request that went nowhere.
    pub(crate) fn refused(&self, problem: &Problem<'_>) {
        self.refused.add(&Word("reason", problem.as_str()), 1);
    }

    /// Counts what happens inside the engine.
    pub(crate) fn observe(&self, event: &Event<'_>) {
        match event {
            Event::StoreFailed(error) => {
                let labels = StoreError {
                    operation: error.operation().as_str(),
                    reason: error.reason(),
                };
                self.store_errors.add(&labels, 1);
            }
            Event::Verified { verification, .. } => {
                self.verifications
                    .add(&Word("result", verification.as_str()), 1);
            }
            Event::Probed(probe) => self.probes.add(&Word("result", probe.as_str()), 1),
            Event::Dropped(dropped) => self.dropped.add(&Word("reason", dropped.as_str()), 1),
            _ => {}
        }
    }
}

pub(crate) fn outcome_label(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Revalidated(_) => "revalidated",
        Outcome::Fresh(_) => "fresh",
        Outcome::Stale(_) => "stale",
        Outcome::Fetched(_) => "fetched",
        Outcome::Changed(_) => "changed",
        Outcome::ClientConfirmed => "client-confirmed",
        Outcome::Bypassed(_) => "bypassed",
        Outcome::Refused(_) => "refused",
        Outcome::NotCached => "not-cached",
        _ => "failed",
    }
}
