//! `[pacing]`: how requests are held back before GitHub does it.

use std::time::Duration;

use github_upstream::{PacingMode, PacingOptions};
use serde::{Deserialize, Serialize};
use service_runtime::config::KeyDoc;
use service_runtime::settings::{at_least_one, at_most_a_year};

use super::ConfigProblem;

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct PacingConfig {
    pub mode: Mode,
    pub points_per_minute: u32,
    pub graphql_points_per_minute: u32,
    pub writes_per_minute: u32,
    pub max_concurrent: u32,
    pub max_wait_seconds: u64,
    pub max_waiting: usize,
    pub watch_seconds: u64,
    pub not_found_per_minute: u32,
}

/// See [`PacingMode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    Adaptive,
    Strict,
    Off,
}

impl Default for PacingConfig {
    fn default() -> Self {
        let options = PacingOptions::default();
        Self {
            mode: Mode::Adaptive,
            points_per_minute: options.points_per_minute,
            graphql_points_per_minute: options.graphql_points_per_minute,
            writes_per_minute: options.writes_per_minute,
            max_concurrent: options.max_concurrent,
            max_wait_seconds: options.max_wait.as_secs(),
            max_waiting: options.max_waiting,
            watch_seconds: options.watch.as_secs(),
            not_found_per_minute: options.not_found_per_minute,
        }
    }
}

impl PacingConfig {
    pub(super) fn check(&self) -> Result<(), ConfigProblem> {
        let positive = [
            ("pacing.points_per_minute", self.points_per_minute.into()),
            (
                "pacing.graphql_points_per_minute",
                self.graphql_points_per_minute.into(),
            ),
            ("pacing.writes_per_minute", self.writes_per_minute.into()),
            ("pacing.max_concurrent", self.max_concurrent.into()),
        ];
        at_least_one(&positive)?;
        at_most_a_year(&[
            ("pacing.max_wait_seconds", self.max_wait_seconds),
            ("pacing.watch_seconds", self.watch_seconds),
        ])
    }

    pub(crate) fn options(&self) -> PacingOptions {
        let mut options = PacingOptions::default();
        options.mode = match self.mode {
            Mode::Adaptive => PacingMode::Adaptive,
            Mode::Strict => PacingMode::Strict,
            Mode::Off => PacingMode::Off,
        };
        options.points_per_minute = self.points_per_minute;
        options.graphql_points_per_minute = self.graphql_points_per_minute;
        options.writes_per_minute = self.writes_per_minute;
        options.max_concurrent = self.max_concurrent;
        options.max_wait = Duration::from_secs(self.max_wait_seconds);
        options.max_waiting = self.max_waiting;
        options.watch = Duration::from_secs(self.watch_seconds);
        options.not_found_per_minute = self.not_found_per_minute;
        options
    }
}

/// The section's part of the reference page.
pub(super) const DOCS: &[KeyDoc<'static>] = &[
    KeyDoc::new(
        "pacing.mode",
        "adaptive, strict, off",
        "When requests wait for their turn: after GitHub has signalled a secondary limit, or when `pacing.max_concurrent` requests of a credential are under way; always, so that no secondary limit is met; never. Limits that GitHub has stated are obeyed in each mode.",
    ),
    KeyDoc::new(
        "pacing.points_per_minute",
        "points",
        "Of one credential, where it is paced. A read costs 1, a write 5, a 304 as much as any answer.",
    ),
    KeyDoc::new(
        "pacing.graphql_points_per_minute",
        "points",
        "The same for GraphQL, which is counted on its own.",
    ),
    KeyDoc::new(
        "pacing.writes_per_minute",
        "requests",
        "REST writes of one credential, where it is paced.",
    ),
    KeyDoc::new(
        "pacing.max_concurrent",
        "requests",
        "Of one credential, under way to GitHub at a time.",
    ),
    KeyDoc::new(
        "pacing.max_wait_seconds",
        "seconds",
        "How long a request may wait for its turn. One that would wait longer gets at once what is stored, if it may see it, else 429 with `Retry-After`. 0: nothing waits.",
    ),
    KeyDoc::new(
        "pacing.max_waiting",
        "requests",
        "Of one credential, waiting. Beyond it the client with the most of them loses its newest one.",
    ),
    KeyDoc::new(
        "pacing.watch_seconds",
        "seconds",
        "Mode adaptive: how long a credential is paced after a secondary limit.",
    ),
    KeyDoc::new(
        "pacing.not_found_per_minute",
        "answers",
        "Mode adaptive: so many 404 in a minute to one credential have it paced while they last, because GitHub limits who polls for what is not there.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_reaches_the_governor() {
        let config = PacingConfig {
            mode: Mode::Strict,
            points_per_minute: 1,
            graphql_points_per_minute: 2,
            max_concurrent: 3,
            max_wait_seconds: 4,
            max_waiting: 5,
            watch_seconds: 6,
            not_found_per_minute: 7,
            writes_per_minute: 8,
        };
        config.check().unwrap();
        let options = config.options();
        assert_eq!(options.mode, PacingMode::Strict);
        assert_eq!(
            (
                options.points_per_minute,
                options.graphql_points_per_minute,
                options.max_concurrent
            ),
            (1, 2, 3)
        );
        assert_eq!((options.max_wait.as_secs(), options.max_waiting), (4, 5));
        assert_eq!(
            (
                options.watch.as_secs(),
                options.not_found_per_minute,
                options.writes_per_minute
            ),
            (6, 7, 8)
        );
    }

    #[test]
    fn wrong_values_name_the_key() {
        #[track_caller]
        fn check(change: impl FnOnce(&mut PacingConfig), expected: &str) {
            let mut config = PacingConfig::default();
            change(&mut config);
            assert_eq!(config.check().unwrap_err().to_string(), expected);
        }
        check(
            |config| config.points_per_minute = 0,
            "pacing.points_per_minute: must be at least 1",
        );
        check(
            |config| config.max_concurrent = 0,
            "pacing.max_concurrent: must be at least 1",
        );
        check(
            |config| config.max_wait_seconds = u64::MAX,
            "pacing.max_wait_seconds: must be at most 31536000, a year",
        );
    }
}
