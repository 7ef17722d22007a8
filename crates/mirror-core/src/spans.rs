//! One span per request: route template, outcome, status; never a path, a query or a credential.

use std::time::{Duration, SystemTime};

use github_conditional::Report;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use service_runtime::export::{Success, Traces, Work};
use service_runtime::metrics::opentelemetry::KeyValue;

use crate::metrics::{method_label, outcome_label};
use crate::outcome::XCache;

pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What a span is made of.
pub(crate) struct Answered<'a> {
    pub(crate) report: &'a Report,
    pub(crate) method: &'a Method,
    pub(crate) status: StatusCode,
    pub(crate) started: SystemTime,
    pub(crate) duration: Duration,
    pub(crate) upstream: Duration,
    pub(crate) traceparent: Option<&'a HeaderValue>,
}

pub(crate) fn record(traces: &Traces, answered: &Answered<'_>) {
    let Answered { report, status, .. } = answered;
    let method = method_label(answered.method);
    let route = report.route.template();
    let mut attributes = vec![
        KeyValue::new("http.request.method", method),
        KeyValue::new("http.route", route),
        KeyValue::new("http.response.status_code", i64::from(status.as_u16())),
        KeyValue::new("github_mirror.cache", XCache::of(report.outcome).as_str()),
        KeyValue::new("github_mirror.outcome", outcome_label(report.outcome)),
        KeyValue::new("github_mirror.fingerprint", report.fingerprint.to_string()),
        KeyValue::new(
            "github_mirror.upstream_seconds",
            answered.upstream.as_secs_f64(),
        ),
    ];
    if let Some(detail) = report.detail() {
        attributes.push(KeyValue::new("github_mirror.detail", detail));
    }
    if let Some(upstream) = report.upstream_status {
        let upstream = i64::from(upstream.as_u16());
        attributes.push(KeyValue::new("github_mirror.upstream_status", upstream));
    }
    traces.record(Work {
        name: format!("{method} {route}").into(),
        started: answered.started,
        duration: answered.duration,
        parent: answered.traceparent.and_then(|value| value.to_str().ok()),
        attributes,
        success: match status.is_server_error() {
            true => Success::No(outcome_label(report.outcome)),
            false => Success::Yes,
        },
    });
}
