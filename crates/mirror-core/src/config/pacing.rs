//! `[pacing]`: how requests are held back before GitHub does it.

use std::time::Duration;

use github_upstream::{PacingMode, PacingOptions};
use serde::{Deserialize, Serialize};

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
            ("pacing.points_per_minute", self.points_per_minute),
            (
                "pacing.graphql_points_per_minute",
                self.graphql_points_per_minute,
            ),
            ("pacing.writes_per_minute", self.writes_per_minute),
            ("pacing.max_concurrent", self.max_concurrent),
        ];
        if let Some((key, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return Err(ConfigProblem {
                key,
                problem: "must be at least 1".to_owned(),
            });
        }
        let durations = [
            ("pacing.max_wait_seconds", self.max_wait_seconds),
            ("pacing.watch_seconds", self.watch_seconds),
        ];
        match durations
            .iter()
            .find(|(_, value)| *value > super::YEAR_SECONDS)
        {
            Some((key, _)) => Err(ConfigProblem {
                key,
                problem: "must be at most 31536000, a year".to_owned(),
            }),
            None => Ok(()),
        }
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
