//! Settings that every service has under the same keys: log, listener, client. Each with defaults and documentation.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::KeyDoc;
use crate::listener::Limits;
use crate::logs::Format;

/// `log.*`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSettings {
    pub format: Format,
    pub level: String,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            format: Format::Text,
            level: "info".to_owned(),
        }
    }
}

/// `upstream_http.*`: how patient the client of whatever is behind the service is.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientSettings {
    pub connect_timeout_seconds: u64,
    pub response_timeout_seconds: u64,
    pub body_idle_timeout_seconds: u64,
    pub ca_file: Option<PathBuf>,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            connect_timeout_seconds: 5,
            response_timeout_seconds: 10,
            body_idle_timeout_seconds: 30,
            ca_file: None,
        }
    }
}

/// `limits.*`: what clients may take.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListenerSettings {
    pub max_header_bytes: usize,
    pub header_read_timeout_seconds: u64,
    pub max_connections: usize,
    pub max_in_flight: usize,
}

impl Default for ListenerSettings {
    fn default() -> Self {
        Self {
            max_header_bytes: 64 << 10,
            header_read_timeout_seconds: 10,
            max_connections: 10_000,
            max_in_flight: 10_000,
        }
    }
}

impl ListenerSettings {
    /// As the listener takes them.
    pub fn limits(&self) -> Limits {
        Limits {
            max_connections: self.max_connections,
            max_header_bytes: self.max_header_bytes,
            header_read_timeout: Duration::from_secs(self.header_read_timeout_seconds),
            ..Limits::default()
        }
    }

    /// Keys of `limits.*` whose value must not be 0, with their values.
    pub fn positive(&self) -> [(&'static str, u64); 4] {
        [
            ("limits.max_header_bytes", self.max_header_bytes as u64),
            (
                "limits.header_read_timeout_seconds",
                self.header_read_timeout_seconds,
            ),
            ("limits.max_connections", self.max_connections as u64),
            ("limits.max_in_flight", self.max_in_flight as u64),
        ]
    }
}

impl ClientSettings {
    /// Keys of `upstream_http.*` whose value must not be 0, with their values.
    pub fn positive(&self) -> [(&'static str, u64); 3] {
        [
            (
                "upstream_http.connect_timeout_seconds",
                self.connect_timeout_seconds,
            ),
            (
                "upstream_http.response_timeout_seconds",
                self.response_timeout_seconds,
            ),
            (
                "upstream_http.body_idle_timeout_seconds",
                self.body_idle_timeout_seconds,
            ),
        ]
    }
}

const fn doc(key: &'static str, unit: &'static str, meaning: &'static str) -> KeyDoc<'static> {
    KeyDoc { key, unit, meaning }
}

/// What the reference page of a service says about these settings, and about how it drains.
pub const KEY_DOCS: &[KeyDoc<'static>] = &[
    doc(
        "drain_seconds",
        "seconds",
        "After SIGTERM: how long requests in flight may take before they are cut off.",
    ),
    doc(
        "drain_grace_seconds",
        "seconds",
        "After SIGTERM: how long the listener still accepts while `/healthcheck` already fails, so that a load balancer can leave.",
    ),
    doc(
        "log.format",
        "text, json",
        "The form of log lines. The path is shown, never the query.",
    ),
    doc(
        "log.level",
        "off, error, warn, info, debug, trace",
        "How much is logged besides the line per request.",
    ),
    doc(
        "upstream_http.connect_timeout_seconds",
        "seconds",
        "How long a connection upstream may take, TLS included.",
    ),
    doc(
        "upstream_http.response_timeout_seconds",
        "seconds",
        "How long the upstream may take until its answer begins.",
    ),
    doc(
        "upstream_http.body_idle_timeout_seconds",
        "seconds",
        "How long the upstream may pause within a body.",
    ),
    doc(
        "upstream_http.ca_file",
        "path",
        "PEM certificates to trust for the upstream besides the public ones.",
    ),
    doc(
        "limits.max_header_bytes",
        "bytes",
        "Request line and headers. Above it: 431.",
    ),
    doc(
        "limits.header_read_timeout_seconds",
        "seconds",
        "How long a client may take for a request's head; idle connections close after it.",
    ),
    doc(
        "limits.max_connections",
        "connections",
        "Above it new connections wait to be accepted.",
    ),
    doc(
        "limits.max_in_flight",
        "requests",
        "Above it: 503 with `Retry-After`.",
    ),
];
