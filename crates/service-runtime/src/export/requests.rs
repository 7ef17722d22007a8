//! One span per answered request: route template, outcome, status; never a path, a query or a credential.

use std::time::{Duration, SystemTime};

use http::{HeaderName, HeaderValue, Method, StatusCode};
use opentelemetry::KeyValue;

use super::{Success, Traces, Work};
use crate::metrics::method_label;

/// The header by which a caller says what its request is part of (W3C Trace Context).
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A request that was answered.
#[derive(Debug)]
pub struct AnsweredRequest<'a> {
    pub method: &'a Method,
    /// The template, never the path.
    pub route: &'static str,
    pub status: StatusCode,
    pub started: SystemTime,
    pub duration: Duration,
    /// As the client sent it.
    pub traceparent: Option<&'a HeaderValue>,
    /// How the answer was made, in the word of metrics and logs.
    pub outcome: &'static str,
    /// What only this service knows.
    pub attributes: Vec<KeyValue>,
}

impl Traces {
    /// Tells of a request. An answer of 500 and above is no success, and its reason is the outcome.
    pub fn record_request(&self, request: AnsweredRequest<'_>) {
        let AnsweredRequest { route, status, .. } = request;
        let method = method_label(request.method);
        let mut attributes = vec![
            KeyValue::new("http.request.method", method),
            KeyValue::new("http.route", route),
            KeyValue::new("http.response.status_code", i64::from(status.as_u16())),
        ];
        attributes.extend(request.attributes);
        self.record(Work {
            name: format!("{method} {route}").into(),
            started: request.started,
            duration: request.duration,
            parent: request.traceparent.and_then(|value| value.to_str().ok()),
            attributes,
            success: match status.is_server_error() {
                true => Success::No(request.outcome),
                false => Success::Yes,
            },
        });
    }
}
