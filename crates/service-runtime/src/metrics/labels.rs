//! Labels that services have in common.

use http::{Method, StatusCode};
use opentelemetry::KeyValue;

use super::Labels;

/// One label: its name and its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Word(pub &'static str, pub &'static str);

impl Labels for Word {
    fn attributes(&self) -> Vec<KeyValue> {
        vec![KeyValue::new(self.0, self.1)]
    }
}

/// The method label; anything else is one value, because clients invent methods.
pub fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// The class of a status; 304 is one of its own, because it is what caches are about.
pub fn status_class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        304 => "304",
        ..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}
