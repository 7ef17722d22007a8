//! Settings of the plain HTTP cache, `default_policy` rfc9111.

use github_conditional::rfc9111::SurrogateName;
use serde::{Deserialize, Serialize};
use service_runtime::config::KeyDoc;
use service_runtime::settings::at_most_a_year;

use super::ConfigProblem;

/// How answers are cached that no rule about a route speaks of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DefaultPolicy {
    /// As GitHub's: every read is a conditional request.
    #[default]
    Github,
    /// As any HTTP server's: what the answer says about freshness counts.
    Rfc9111,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rfc9111Config {
    pub max_variants: usize,
    pub heuristic_percent: u8,
    pub max_heuristic_seconds: u64,
    pub stale_if_unreachable_seconds: u64,
    pub stale_if_error_seconds: u64,
    pub surrogate_name: Option<String>,
}

impl Default for Rfc9111Config {
    fn default() -> Self {
        Self {
            max_variants: 16,
            heuristic_percent: 10,
            max_heuristic_seconds: 24 * 3600,
            stale_if_unreachable_seconds: 24 * 3600,
            stale_if_error_seconds: 0,
            surrogate_name: None,
        }
    }
}

impl Rfc9111Config {
    pub(super) fn check(&self) -> Result<(), ConfigProblem> {
        let problem = |key, problem| Err(ConfigProblem::new(key, problem));
        if !(1..=256).contains(&self.max_variants) {
            return problem("rfc9111.max_variants", "must be from 1 to 256");
        }
        if self.heuristic_percent > 100 {
            return problem("rfc9111.heuristic_percent", "must be at most 100");
        }
        if let Some(name) = &self.surrogate_name
            && SurrogateName::new(name).is_none()
        {
            let text = "must be made of letters, digits and -_.";
            return problem("rfc9111.surrogate_name", text);
        }
        at_most_a_year(&[
            ("rfc9111.max_heuristic_seconds", self.max_heuristic_seconds),
            (
                "rfc9111.stale_if_unreachable_seconds",
                self.stale_if_unreachable_seconds,
            ),
            (
                "rfc9111.stale_if_error_seconds",
                self.stale_if_error_seconds,
            ),
        ])
    }
}

/// The section's part of the reference page.
pub(super) const DOCS: &[KeyDoc<'static>] = &[
    KeyDoc::new(
        "rfc9111.max_variants",
        "answers",
        "Answers kept for one url beside each other, for requests that differ in what `Vary` names. Beyond it the oldest goes.",
    ),
    KeyDoc::new(
        "rfc9111.heuristic_percent",
        "percent",
        "Freshness of an answer that states none, as a part of the time since it was last modified. 0 = no guessing.",
    ),
    KeyDoc::new(
        "rfc9111.max_heuristic_seconds",
        "seconds",
        "The most that is guessed.",
    ),
    KeyDoc::new(
        "rfc9111.stale_if_unreachable_seconds",
        "seconds",
        "How long after its freshness an answer stands in for an upstream that cannot be reached, unless it forbids that. 0 = never.",
    ),
    KeyDoc::new(
        "rfc9111.stale_if_error_seconds",
        "seconds",
        "The same for an upstream that answers 500, 502, 503 or 504. 0 = only where the answer or the request says `stale-if-error`.",
    ),
    KeyDoc::new(
        "rfc9111.surrogate_name",
        "name",
        "Announces the mirror to the upstream as a surrogate of this name, and lets `Surrogate-Control` count more than `Cache-Control`.",
    ),
];

#[cfg(test)]
mod tests {
    use crate::Config;

    #[test]
    fn contradictions_name_the_key() {
        #[track_caller]
        fn check(change: impl FnOnce(&mut Config), expected: &str) {
            let mut config = Config::default();
            change(&mut config);
            assert_eq!(config.check().unwrap_err().to_string(), expected);
        }
        check(
            |config| config.rfc9111.max_variants = 0,
            "rfc9111.max_variants: must be from 1 to 256",
        );
        check(
            |config| config.rfc9111.heuristic_percent = 101,
            "rfc9111.heuristic_percent: must be at most 100",
        );
        check(
            |config| config.rfc9111.surrogate_name = Some("a b".into()),
            "rfc9111.surrogate_name: must be made of letters, digits and -_.",
        );
        check(
            |config| config.rfc9111.stale_if_error_seconds = u64::MAX,
            "rfc9111.stale_if_error_seconds: must be at most 31536000, a year",
        );
    }
}
