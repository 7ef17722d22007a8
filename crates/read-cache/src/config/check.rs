//! What the types of the settings cannot say.

use service_runtime::settings::{at_least_one, at_most_a_year, base_url};

use super::{Config, ConfigProblem};
use crate::key::is_login;

/// No time is longer: added to the present, a larger one would overflow the clock.
const LONGEST_SECONDS: f64 = 10.0 * 31_536_000.0;

fn problem(key: &'static str, problem: &'static str) -> Result<(), ConfigProblem> {
    Err(ConfigProblem::new(key, problem))
}

impl Config {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// The first contradiction, naming the key.
    pub fn check(&self) -> Result<(), ConfigProblem> {
        base_url("upstream", &self.upstream)?;
        if self.orgs.is_empty() {
            return problem("orgs", "name at least one organisation");
        }
        if !self.orgs.iter().all(|org| is_login(org)) {
            return problem("orgs", "is no login: letters, digits and hyphens");
        }
        let twice = |(at, org): (usize, &String)| {
            self.orgs[..at]
                .iter()
                .any(|other| other.eq_ignore_ascii_case(org))
        };
        if self.orgs.iter().enumerate().any(twice) {
            return problem("orgs", "names an organisation twice");
        }
        self.check_times()?;
        self.check_bounds()?;
        if !(1..=100).contains(&self.cache.per_page) {
            return problem("cache.per_page", "GitHub gives 1 to 100 items per page");
        }
        let master = &self.master;
        if master.sentinel_username.is_some() && master.sentinel_password.is_none() {
            let text = "needed with master.sentinel_username";
            return problem("master.sentinel_password", text);
        }
        match self.lease.servers.len() {
            count if count != 0 && count % 2 == 0 => {
                problem("lease.servers", "must be an odd number of servers")
            }
            _ => Ok(()),
        }
    }

    fn check_times(&self) -> Result<(), ConfigProblem> {
        let cache = &self.cache;
        let fractions = [
            ("cache.master_ttl_seconds", cache.master_ttl_seconds, 0.001),
            ("cache.node_ttl_seconds", cache.node_ttl_seconds, 0.001),
            ("cache.max_stale_seconds", cache.max_stale_seconds, 0.0),
            (
                "cache.early_refresh_factor",
                cache.early_refresh_factor,
                0.0,
            ),
        ];
        for (key, value, least) in fractions {
            // NaN is in no range.
            if !(least..=LONGEST_SECONDS).contains(&value) {
                return problem(
                    key,
                    "must be from 0.001 (0 where none is allowed) to ten years",
                );
            }
        }
        if self.lease.ttl_milliseconds < 100 {
            return problem("lease.ttl_milliseconds", "must be at least 100");
        }
        Ok(())
    }

    fn check_bounds(&self) -> Result<(), ConfigProblem> {
        let (cache, master) = (&self.cache, &self.master);
        let positive = [
            (
                "cache.hard_timeout_milliseconds",
                cache.hard_timeout_milliseconds,
            ),
            ("cache.page_concurrency", cache.page_concurrency as u64),
            ("cache.max_pages", u64::from(cache.max_pages)),
            ("cache.max_page_bytes", cache.max_page_bytes as u64),
            ("cache.max_body_bytes", cache.max_body_bytes as u64),
            ("cache.proxy_max_bytes", cache.proxy_max_bytes),
            (
                "master.read_timeout_milliseconds",
                master.read_timeout_milliseconds,
            ),
            (
                "master.write_timeout_milliseconds",
                master.write_timeout_milliseconds,
            ),
        ];
        at_least_one(&positive)?;
        at_most_a_year(&positive)?;
        at_most_a_year(&[
            ("drain_seconds", self.drain_seconds),
            ("drain_grace_seconds", self.drain_grace_seconds),
            (
                "cache.soft_timeout_milliseconds",
                cache.soft_timeout_milliseconds,
            ),
            ("lease.ttl_milliseconds", self.lease.ttl_milliseconds),
        ])?;
        self.upstream_http.check()?;
        self.limits.check()?;
        self.telemetry.check()
    }
}

#[cfg(test)]
mod tests {
    use service_runtime::Secret;

    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_contract() {
        let config = Config::default();
        config.check().unwrap();
        assert_eq!(
            (config.listen.to_string().as_str(), config.port),
            ("127.0.0.1", 5000)
        );
        assert_eq!(config.upstream, "https://api.github.com");
        assert_eq!(config.orgs, ["Netflix"]);
        let cache = &config.cache;
        assert_eq!(
            (
                cache.master_ttl_seconds,
                cache.node_ttl_seconds,
                cache.max_stale_seconds
            ),
            (1000.0, 50.0, 86_400.0)
        );
        assert_eq!(
            (
                cache.per_page,
                config.lease.ttl_milliseconds,
                cache.soft_timeout_milliseconds,
                cache.hard_timeout_milliseconds
            ),
            (100, 30_000, 200, 10_000)
        );
    }

    #[test]
    fn contradictions_name_the_key() {
        #[track_caller]
        fn check(change: impl FnOnce(&mut Config), expected: &str) {
            let mut config = Config::default();
            change(&mut config);
            let error = config.check().unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        check(|config| config.orgs.clear(), "orgs: ");
        check(|config| config.orgs = vec!["a/b".into()], "orgs: ");
        check(
            |config| config.orgs = vec!["a".into(), "A".into()],
            "orgs: ",
        );
        check(
            |config| config.cache.master_ttl_seconds = f64::NAN,
            "cache.master_ttl_seconds: ",
        );
        check(
            |config| config.cache.node_ttl_seconds = 0.0,
            "cache.node_ttl_seconds: ",
        );
        check(
            |config| config.cache.max_stale_seconds = -1.0,
            "cache.max_stale_seconds: ",
        );
        check(|config| config.cache.per_page = 101, "cache.per_page: ");
        check(
            |config| config.cache.page_concurrency = 0,
            "cache.page_concurrency: ",
        );
        check(
            |config| config.lease.servers = vec![Secret::from("a"), Secret::from("b")],
            "lease.servers: ",
        );
        check(
            |config| config.lease.ttl_milliseconds = 1,
            "lease.ttl_milliseconds: ",
        );
        check(|config| config.drain_seconds = u64::MAX, "drain_seconds: ");
        check(|config| config.upstream = "github".into(), "upstream: ");
        check(
            |config| config.master.sentinel_username = Some("reader".into()),
            "master.sentinel_password: ",
        );
        check(
            |config| config.telemetry.trace_ratio = 2.0,
            "telemetry.trace_ratio: ",
        );
    }
}
