//! What the types of the settings cannot say.

use service_runtime::config::Setting;
use service_runtime::settings::{YEAR_SECONDS, at_least_one, at_most_a_year, base_url};

use super::{Config, ConfigProblem};
use crate::auth::ApiKeys;
use crate::name::FullName;
use crate::store::ANNOUNCEMENTS_KEPT;

/// Who can reach the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposure {
    /// Whoever has a key.
    Keys,
    /// Every program of this machine: there are no keys, and only loopback is listened on.
    Loopback,
    /// Whoever reaches the address. The program refuses to start.
    Everybody,
}

/// GitHub keeps 30 days; what is kept here may reach back ten years.
pub(crate) const MOST_DAYS: u32 = 3_650;

/// A window is held in memory while it is counted.
pub(crate) const MOST_EVENTS: usize = 100_000;

fn problem<T>(key: &'static str, problem: &'static str) -> Result<T, ConfigProblem> {
    Err(ConfigProblem::new(key, problem))
}

impl Config {
    /// Who can reach the data.
    pub fn exposure(&self) -> Exposure {
        match ApiKeys::parse(self.api_keys.expose()) {
            Some(_) => Exposure::Keys,
            None if self.host.is_loopback() => Exposure::Loopback,
            None => Exposure::Everybody,
        }
    }

    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// The first contradiction, naming the key.
    pub fn check(&self) -> Result<(), ConfigProblem> {
        base_url("upstream", &self.upstream)?;
        self.upstream_http.check()?;
        self.limits.check()?;
        self.telemetry.check()?;
        self.check_bounds()?;
        self.check_stream()?;
        self.check_times()?;
        for name in &self.repositories {
            if FullName::parse(name).is_err() {
                return problem(
                    "repositories",
                    "expected owner/name or urls of repositories",
                );
            }
        }
        if !(1..=MOST_DAYS).contains(&self.window.days) {
            return problem("window.days", "must be from 1 to 3650");
        }
        if !(1..=MOST_EVENTS).contains(&self.window.events) {
            return problem("window.events", "must be from 1 to 100000");
        }
        if self.database.retention_days > 0 && self.database.retention_days < self.window.days {
            return problem(
                "database.retention_days",
                "must not be shorter than window.days: the statistics would count what is gone",
            );
        }
        match self.exposure() {
            Exposure::Keys | Exposure::Loopback => Ok(()),
            Exposure::Everybody => problem(
                "host",
                "without api_keys (API_KEYS) everybody who reaches this address could read and change everything: \
                 set keys, or listen on 127.0.0.1",
            ),
        }
    }

    fn check_bounds(&self) -> Result<(), ConfigProblem> {
        let positive = [
            ("max_active", self.max_active as u64),
            ("max_request_body_bytes", self.max_request_body_bytes as u64),
            (
                "database.max_connections",
                u64::from(self.database.max_connections),
            ),
            ("polling.max_page_bytes", self.polling.max_page_bytes as u64),
            ("stream.max_clients", self.stream.max_clients as u64),
            ("stream.replay_messages", self.stream.replay_messages as u64),
            ("stream.heartbeat_seconds", self.stream.heartbeat_seconds),
        ];
        at_least_one(&positive)
    }

    fn check_stream(&self) -> Result<(), ConfigProblem> {
        match u32::try_from(self.stream.replay_messages) {
            Ok(messages) if messages <= ANNOUNCEMENTS_KEPT => Ok(()),
            _ => problem("stream.replay_messages", "must be from 1 to 100000"),
        }
    }

    fn check_times(&self) -> Result<(), ConfigProblem> {
        let polling = &self.polling;
        // NaN is in no range.
        if !(0.001..=1_000_000.0).contains(&polling.requests_per_hour) {
            return problem("polling.requests_per_hour", "must be from 0.001 to 1000000");
        }
        let times = [
            (
                "polling.fixed_interval_seconds",
                polling.fixed_interval_seconds,
            ),
            ("polling.max_interval_seconds", polling.max_interval_seconds),
        ];
        #[expect(clippy::cast_precision_loss, reason = "a year has few seconds")]
        let longest = YEAR_SECONDS as f64;
        if let Some((key, _)) = times
            .iter()
            .find(|(_, value)| !(1.0..=longest).contains(value))
        {
            return problem(key, "must be from 1 to a year");
        }
        at_most_a_year(&[
            ("drain_seconds", self.drain_seconds),
            ("drain_grace_seconds", self.drain_grace_seconds),
            ("stream.heartbeat_seconds", self.stream.heartbeat_seconds),
        ])
    }
}

/// Urls hold colons, so that only commas and space separate.
pub(super) fn read_repositories(text: &str) -> Result<Setting, &'static str> {
    let names = text
        .split(|symbol: char| symbol == ',' || symbol.is_whitespace())
        .filter(|name| !name.is_empty());
    Ok(Setting::List(names.map(str::to_owned).collect()))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use service_runtime::config::{Sources, load_from};

    use super::*;
    use crate::config::SPEC;
    use crate::policy::Policy;

    fn of(environment: &[(&str, &str)]) -> Config {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let sources = Sources {
            environment: environment.iter().map(owned).collect(),
            ..Sources::default()
        };
        load_from::<Config>(&SPEC, sources).unwrap().value
    }

    #[test]
    fn every_name_of_the_environment() {
        let config = of(&[
            ("API_HOST", "0.0.0.0"),
            ("API_PORT", "8001"),
            ("GITHUB_API_URL", "http://127.0.0.1:1"),
            ("GITHUB_API_TOKEN", "ghp_a"),
            ("GITHUB_ORG_API_TOKEN", "ghp_b"),
            (
                "GITHUB_REPOSITORIES",
                "octocat/hello, https://github.com/rust-lang/rust",
            ),
            ("API_KEYS", "one,two"),
            ("WEBHOOK_SECRET", "s"),
            ("MAX_ACTIVE", "7"),
            ("WINDOW_DAYS", "3"),
            ("WINDOW_EVENTS", "100"),
            ("POLICY", "average"),
            ("BUDGET", "600"),
            ("POLL_INTERVAL", "120"),
            ("DATABASE_URL", "postgres://u:p@h/d"),
            ("RETENTION_DAYS", "30"),
        ]);
        assert_eq!(config.host, IpAddr::from([0, 0, 0, 0]));
        assert_eq!(config.port, 8001);
        assert_eq!(config.upstream, "http://127.0.0.1:1");
        assert_eq!(config.token.expose(), "ghp_a");
        assert_eq!(config.organization_token.expose(), "ghp_b");
        assert_eq!(
            config.repositories,
            ["octocat/hello", "https://github.com/rust-lang/rust"]
        );
        assert_eq!(config.webhook_secret.expose(), "s");
        assert_eq!(config.max_active, 7);
        assert_eq!((config.window.days, config.window.events), (3, 100));
        assert_eq!(config.polling.policy, Policy::Average);
        assert_eq!(config.polling.requests_per_hour, 600.0);
        assert_eq!(config.polling.fixed_interval_seconds, 120.0);
        assert_eq!(config.database.url(), "postgres://u:p@h/d");
        assert_eq!(config.database.retention_days, 30);
        config.check().unwrap();
        assert_eq!(config.exposure(), Exposure::Keys);
    }

    #[test]
    fn defaults_are_those_of_the_contract() {
        let config = of(&[]);
        config.check().unwrap();
        assert_eq!(config.exposure(), Exposure::Loopback);
        assert_eq!((config.port, config.max_active), (8000, 5));
        assert_eq!((config.window.days, config.window.events), (7, 500));
        assert_eq!(config.polling.policy, Policy::Sqrt);
        assert_eq!(config.database.url(), "github-events.sqlite3");
        assert_eq!(config.database.retention(), None);
    }

    #[test]
    fn without_keys_only_loopback_is_listened_on() {
        let open = of(&[("API_HOST", "0.0.0.0")]);
        let error = open.check().unwrap_err();
        assert_eq!(error.key, "host");
        assert!(error.problem.contains("API_KEYS"), "{error}");
        let empty = of(&[("API_HOST", "0.0.0.0"), ("API_KEYS", " , ")]);
        assert_eq!(empty.check().unwrap_err().key, "host");
        let local = of(&[("API_HOST", "::1")]);
        local.check().unwrap();
        assert_eq!(local.exposure(), Exposure::Loopback);
    }

    #[test]
    fn contradictions_name_the_key() {
        #[track_caller]
        fn check(change: impl FnOnce(&mut Config), expected: &str) {
            let mut config = Config::default();
            change(&mut config);
            assert_eq!(config.check().unwrap_err().key, expected);
        }
        check(|config| config.max_active = 0, "max_active");
        check(|config| config.window.days = 0, "window.days");
        check(|config| config.window.days = u32::MAX, "window.days");
        check(|config| config.window.events = 0, "window.events");
        check(
            |config| config.repositories = vec!["x".into()],
            "repositories",
        );
        check(
            |config| config.polling.requests_per_hour = f64::NAN,
            "polling.requests_per_hour",
        );
        check(
            |config| config.polling.fixed_interval_seconds = 0.0,
            "polling.fixed_interval_seconds",
        );
        check(
            |config| config.database.retention_days = 6,
            "database.retention_days",
        );
        check(|config| config.stream.max_clients = 0, "stream.max_clients");
        check(
            |config| config.stream.replay_messages = 100_001,
            "stream.replay_messages",
        );
        check(|config| config.drain_seconds = u64::MAX, "drain_seconds");
    }
}
