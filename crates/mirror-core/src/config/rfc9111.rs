//! Settings of the plain HTTP cache, `default_policy` rfc9111.

use github_conditional::rfc9111::SurrogateName;
use serde::{Deserialize, Serialize};

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
        let problem = |key, problem: &str| {
            Err(ConfigProblem {
                key,
                problem: problem.to_owned(),
            })
        };
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
        Ok(())
    }

    /// The times, for the bound that holds for all of them.
    pub(super) fn durations(&self) -> [(&'static str, u64); 3] {
        [
            ("rfc9111.max_heuristic_seconds", self.max_heuristic_seconds),
            (
                "rfc9111.stale_if_unreachable_seconds",
                self.stale_if_unreachable_seconds,
            ),
            (
                "rfc9111.stale_if_error_seconds",
                self.stale_if_error_seconds,
            ),
        ]
    }
}

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
