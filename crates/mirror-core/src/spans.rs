//! What a request's span says besides what every service's says: how the cache took part.

use std::time::Duration;

use github_conditional::Report;
use service_runtime::metrics::opentelemetry::KeyValue;

use crate::metrics::outcome_label;
use crate::outcome::XCache;

pub(crate) fn attributes(report: &Report, upstream: Duration) -> Vec<KeyValue> {
    let mut attributes = vec![
        KeyValue::new("github_mirror.cache", XCache::of(report.outcome).as_str()),
        KeyValue::new("github_mirror.outcome", outcome_label(report.outcome)),
        KeyValue::new("github_mirror.fingerprint", report.fingerprint.to_string()),
        KeyValue::new("github_mirror.upstream_seconds", upstream.as_secs_f64()),
    ];
    if let Some(detail) = report.detail() {
        attributes.push(KeyValue::new("github_mirror.detail", detail));
    }
    if let Some(status) = report.upstream_status {
        let status = i64::from(status.as_u16());
        attributes.push(KeyValue::new("github_mirror.upstream_status", status));
    }
    attributes
}
