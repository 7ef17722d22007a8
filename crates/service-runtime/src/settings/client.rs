//! How long the server behind a service may take.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{SettingProblem, at_least_one, at_most_a_year};
use crate::config::KeyDoc;

/// The section `upstream_http`.
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

impl ClientSettings {
    /// Keys of the section whose value must not be 0, with their values.
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
            "upstream_http.connect_timeout_seconds",
            "seconds",
            "How long a connection to the upstream may take, TLS included.",
        ),
        KeyDoc::new(
            "upstream_http.response_timeout_seconds",
            "seconds",
            "How long the upstream may take until its answer begins.",
        ),
        KeyDoc::new(
            "upstream_http.body_idle_timeout_seconds",
            "seconds",
            "How long the upstream may pause within a body. After that the answer is broken off and not stored.",
        ),
        KeyDoc::new(
            "upstream_http.ca_file",
            "path",
            "PEM certificates to trust for the upstream besides the public ones.",
        ),
    ];
}
