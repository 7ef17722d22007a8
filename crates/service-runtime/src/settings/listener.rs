//! What clients may take of the process.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{SettingProblem, at_least_one, at_most_a_year};
use crate::config::KeyDoc;
use crate::listener::Limits;

/// The section `limits`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListenerSettings {
    pub max_header_bytes: usize,
    pub header_read_timeout_seconds: u64,
    pub body_idle_timeout_seconds: u64,
    pub max_connections: usize,
    pub max_in_flight: usize,
}

impl Default for ListenerSettings {
    fn default() -> Self {
        Self {
            max_header_bytes: 64 << 10,
            header_read_timeout_seconds: 10,
            body_idle_timeout_seconds: 30,
            max_connections: 10_000,
            max_in_flight: 10_000,
        }
    }
}

impl ListenerSettings {
    /// What listeners keep to. Requests in flight are the service's to count.
    pub fn limits(&self) -> Limits {
        Limits {
            max_connections: self.max_connections,
            max_header_bytes: self.max_header_bytes,
            header_read_timeout: Duration::from_secs(self.header_read_timeout_seconds),
            stall_timeout: Duration::from_secs(self.body_idle_timeout_seconds),
        }
    }

    /// Keys of the section whose value must not be 0, with their values.
    pub fn positive(&self) -> [(&'static str, u64); 5] {
        [
            ("limits.max_header_bytes", self.max_header_bytes as u64),
            (
                "limits.header_read_timeout_seconds",
                self.header_read_timeout_seconds,
            ),
            (
                "limits.body_idle_timeout_seconds",
                self.body_idle_timeout_seconds,
            ),
            ("limits.max_connections", self.max_connections as u64),
            ("limits.max_in_flight", self.max_in_flight as u64),
        ]
    }

    /// # Errors
    /// The first value with which nothing works.
    pub fn check(&self) -> Result<(), SettingProblem> {
        let values = self.positive();
        at_least_one(&values)?;
        at_most_a_year(&values)
    }

    /// Its part of the reference page.
    pub const DOCS: &'static [KeyDoc<'static>] = &[
        KeyDoc::new(
            "limits.max_header_bytes",
            "bytes",
            "Request line and headers. Above it: 431.",
        ),
        KeyDoc::new(
            "limits.header_read_timeout_seconds",
            "seconds",
            "How long a client may take for a request's head; idle connections close after it.",
        ),
        KeyDoc::new(
            "limits.body_idle_timeout_seconds",
            "seconds",
            "How long a client may take nothing of its answer, or pause within a request's body, before its connection ends.",
        ),
        KeyDoc::new(
            "limits.max_connections",
            "connections",
            "Above it new connections wait to be accepted.",
        ),
        KeyDoc::new(
            "limits.max_in_flight",
            "requests",
            "Above it: 503 with `Retry-After`.",
        ),
    ];
}
