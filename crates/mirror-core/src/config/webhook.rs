//! `webhook`: who may tell the mirror what has changed at GitHub, and what is served unasked because of it.

use std::time::Duration;

use github_conditional::{PathPattern, RouteTable};
use serde::{Deserialize, Serialize};
use service_runtime::Secret;
use service_runtime::config::KeyDoc;

use service_runtime::settings::{at_least_one, at_most_a_year};

use super::ConfigProblem;

/// The receiver of GitHub's webhooks.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookConfig {
    /// The secret that GitHub signs with; without one the receiver is not there.
    pub secret: Option<Secret>,
    pub max_body_bytes: usize,
    pub max_concurrent_deliveries: usize,
    pub max_remembered_deliveries: usize,
    pub receive_timeout_seconds: u64,
    pub settle_seconds: u64,
    /// Patterns of paths whose repositories and organisations send their events here.
    pub covered: Vec<String>,
    pub covered_max_age_seconds: u64,
}

impl Default for WebhookConfig {
    fn default() -> Self {
        Self {
            secret: None,
            // GitHub's own limit.
            max_body_bytes: 25 << 20,
            max_concurrent_deliveries: 4,
            max_remembered_deliveries: 10_000,
            // GitHub gives up after as long.
            receive_timeout_seconds: 10,
            settle_seconds: 10,
            covered: Vec::new(),
            covered_max_age_seconds: 3600,
        }
    }
}

impl WebhookConfig {
    /// # Errors
    /// The first setting that is wrong.
    pub(super) fn check(&self) -> Result<(), ConfigProblem> {
        let problem = |key, problem| Err(ConfigProblem::new(key, problem));
        if self
            .secret
            .as_ref()
            .is_some_and(|secret| secret.expose().is_empty())
        {
            return problem("webhook.secret", "must not be empty");
        }
        if !self.covered.is_empty() && self.secret.is_none() {
            return problem("webhook.secret", "needed with webhook.covered");
        }
        let positive = [
            ("webhook.max_body_bytes", self.max_body_bytes as u64),
            (
                "webhook.max_concurrent_deliveries",
                self.max_concurrent_deliveries as u64,
            ),
            (
                "webhook.max_remembered_deliveries",
                self.max_remembered_deliveries as u64,
            ),
            (
                "webhook.receive_timeout_seconds",
                self.receive_timeout_seconds,
            ),
            (
                "webhook.covered_max_age_seconds",
                self.covered_max_age_seconds,
            ),
        ];
        at_least_one(&positive)?;
        at_most_a_year(&positive)?;
        at_most_a_year(&[("webhook.settle_seconds", self.settle_seconds)])?;
        self.covered_paths().map(drop)
    }

    /// `covered` as a table.
    ///
    /// # Errors
    /// The first pattern that is none.
    pub(crate) fn covered_paths(&self) -> Result<RouteTable<()>, ConfigProblem> {
        let mut covered = RouteTable::default();
        for (position, text) in self.covered.iter().enumerate() {
            let pattern = text.parse::<PathPattern>().map_err(|error| {
                ConfigProblem::new(
                    "webhook.covered",
                    format!("number {}: {error}", position + 1),
                )
            })?;
            covered.add(pattern, &[], ());
        }
        Ok(covered)
    }

    pub(crate) fn receive_timeout(&self) -> Duration {
        Duration::from_secs(self.receive_timeout_seconds)
    }

    pub(crate) fn settle(&self) -> Duration {
        Duration::from_secs(self.settle_seconds)
    }

    pub(crate) fn covered_max_age(&self) -> Duration {
        Duration::from_secs(self.covered_max_age_seconds)
    }
}

/// The section's part of the reference page.
pub(super) const DOCS: &[KeyDoc<'static>] = &[
    KeyDoc::new(
        "webhook.secret",
        "secret",
        "The secret that GitHub signs its webhooks with. With it `POST /_mirror/webhook` takes deliveries in; without it there is no such page.",
    ),
    KeyDoc::new(
        "webhook.covered",
        "patterns, a list",
        "Which paths' repositories send their events here, as `/repos/acme/**`. What events tell of is then served without asking GitHub until one touches it.",
    ),
    KeyDoc::new(
        "webhook.covered_max_age_seconds",
        "seconds",
        "After which even a covered resource is asked about: GitHub does not repeat a delivery that failed.",
    ),
    KeyDoc::new(
        "webhook.settle_seconds",
        "seconds",
        "How long after an event GitHub's answers may still be from before it; what is confirmed in that time is asked about again.",
    ),
    KeyDoc::new(
        "webhook.max_body_bytes",
        "bytes",
        "The largest payload; GitHub sends up to 25 MiB. Above it: 413.",
    ),
    KeyDoc::new(
        "webhook.max_concurrent_deliveries",
        "deliveries",
        "Payloads that are read at the same time; each may hold `max_body_bytes`. Further ones wait.",
    ),
    KeyDoc::new(
        "webhook.max_remembered_deliveries",
        "deliveries",
        "So many of the last deliveries are recognised when GitHub sends them again.",
    ),
    KeyDoc::new(
        "webhook.receive_timeout_seconds",
        "seconds",
        "How long a payload may take to arrive, waiting included. GitHub itself gives up after 10 s.",
    ),
];

#[cfg(test)]
mod tests {
    use service_runtime::settings::YEAR_SECONDS;

    use super::*;

    #[test]
    fn mistakes_name_the_key() {
        #[track_caller]
        fn check(change: impl FnOnce(&mut WebhookConfig), expected: &str) {
            let mut config = WebhookConfig {
                secret: Some("s".into()),
                ..WebhookConfig::default()
            };
            config.check().unwrap();
            change(&mut config);
            assert_eq!(config.check().unwrap_err().to_string(), expected);
        }
        check(
            |config| config.secret = Some("".into()),
            "webhook.secret: must not be empty",
        );
        check(
            |config| {
                config.secret = None;
                config.covered = vec!["/repos/acme/**".to_owned()];
            },
            "webhook.secret: needed with webhook.covered",
        );
        check(
            |config| config.max_body_bytes = 0,
            "webhook.max_body_bytes: must be at least 1",
        );
        check(
            |config| config.settle_seconds = YEAR_SECONDS + 1,
            "webhook.settle_seconds: must be at most 31536000, a year",
        );
        check(
            |config| config.covered = vec!["/repos/acme/**".to_owned(), "acme".to_owned()],
            "webhook.covered: number 2: must begin with /",
        );
    }
}
