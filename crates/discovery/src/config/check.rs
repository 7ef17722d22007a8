//! What the types of the settings cannot say.

use service_database::Address;

use super::Config;

/// A setting that contradicts another, or that only discovery can judge.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct ConfigProblem {
    /// The key, as in the file.
    pub key: &'static str,
    /// What is wrong with its value.
    pub problem: String,
}

/// No time is longer: added to the present, a larger one would overflow the clock.
const LONGEST_SECONDS: u64 = 10 * 31_536_000;

fn problem(key: &'static str, problem: impl Into<String>) -> Result<(), ConfigProblem> {
    let problem = problem.into();
    Err(ConfigProblem { key, problem })
}

impl Config {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// The first contradiction, naming the key.
    pub fn check(&self) -> Result<(), ConfigProblem> {
        // NaN is in no range.
        if !(0.0..=1.0).contains(&self.github.quota_share) {
            return problem("github.quota_share", "must be from 0 to 1");
        }
        if let Err(wrong) = Address::parse(self.database.address()) {
            return problem("database.url", wrong.to_string());
        }
        let base = &self.api.base_url;
        let known = base.is_empty() || base.starts_with("http://") || base.starts_with("https://");
        if !known || base.ends_with('/') || base.contains(['?', '#']) {
            return problem(
                "api.base_url",
                "must begin with http:// or https:// and end without a slash",
            );
        }
        if self.api.page_size > self.api.max_page_size {
            return problem("api.page_size", "is more than api.max_page_size");
        }
        self.check_positive()?;
        self.check_times()
    }

    fn check_positive(&self) -> Result<(), ConfigProblem> {
        let api = &self.api;
        let positive = [
            (
                "database.max_connections",
                u64::from(self.database.max_connections),
            ),
            ("discovery.count", u64::from(self.discovery.count)),
            (
                "discovery.max_list_pages",
                u64::from(self.discovery.max_list_pages),
            ),
            ("retry.max_attempts", u64::from(self.retry.max_attempts)),
            ("worker.concurrency", self.worker.concurrency as u64),
            ("worker.lease_seconds", self.worker.lease_seconds),
            ("worker.poll_milliseconds", self.worker.poll_milliseconds),
            ("api.page_size", u64::from(api.page_size)),
            (
                "api.max_relations_per_page",
                u64::from(api.max_relations_per_page),
            ),
            ("api.graph_max_depth", u64::from(api.graph_max_depth)),
            ("api.graph_max_nodes", u64::from(api.graph_max_nodes)),
            ("api.max_body_bytes", api.max_body_bytes as u64),
            ("api.max_filter_values", api.max_filter_values as u64),
            (
                "api.failed_logins_per_minute",
                u64::from(api.failed_logins_per_minute),
            ),
            ("cache.max_bytes", self.cache.max_bytes),
            ("github.max_body_bytes", self.github.max_body_bytes as u64),
        ];
        let shared = self
            .limits
            .positive()
            .into_iter()
            .chain(self.upstream_http.positive());
        match positive
            .into_iter()
            .chain(shared)
            .find(|(_, value)| *value == 0)
        {
            Some((key, _)) => problem(key, "must not be 0"),
            None => Ok(()),
        }
    }

    fn check_times(&self) -> Result<(), ConfigProblem> {
        let discovery = &self.discovery;
        let times = [
            ("drain_seconds", self.drain_seconds),
            ("drain_grace_seconds", self.drain_grace_seconds),
            ("discovery.interval_seconds", discovery.interval_seconds),
            (
                "discovery.heartbeat_interval_seconds",
                discovery.heartbeat_interval_seconds,
            ),
            (
                "discovery.user_max_age_seconds",
                discovery.user_max_age_seconds,
            ),
            (
                "retry.base_milliseconds",
                self.retry.base_milliseconds / 1_000,
            ),
            ("worker.lease_seconds", self.worker.lease_seconds),
            (
                "worker.poll_milliseconds",
                self.worker.poll_milliseconds / 1_000,
            ),
            (
                "api.password_cache_seconds",
                self.api.password_cache_seconds,
            ),
        ];
        let shared = self.upstream_http.positive();
        let header = (
            "limits.header_read_timeout_seconds",
            self.limits.header_read_timeout_seconds,
        );
        match times
            .into_iter()
            .chain(shared)
            .chain([header])
            .find(|(_, seconds)| *seconds > LONGEST_SECONDS)
        {
            Some((key, _)) => problem(key, "must be at most ten years"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_settings_name_their_key() {
        #[track_caller]
        fn check(key: &str, change: impl FnOnce(&mut Config)) {
            let mut config = Config::default();
            change(&mut config);
            assert_eq!(config.check().unwrap_err().key, key);
        }
        Config::default().check().unwrap();
        check("github.quota_share", |config| {
            config.github.quota_share = f64::NAN
        });
        check("github.quota_share", |config| {
            config.github.quota_share = 1.1
        });
        check("api.base_url", |config| {
            config.api.base_url = "http://a/".to_owned()
        });
        check("api.base_url", |config| {
            config.api.base_url = "ftp://a".to_owned()
        });
        check("api.page_size", |config| config.api.page_size = 101);
        check("discovery.count", |config| config.discovery.count = 0);
        check("drain_seconds", |config| config.drain_seconds = u64::MAX);
    }
}
