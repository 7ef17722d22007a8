//! The settings of discovery: one struct per concern, each with defaults that work.

use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};
use service_runtime::Secret;
use service_runtime::config::{Alias, Setting, Spec};
use service_runtime::settings::{ClientSettings, ListenerSettings, LogSettings};

mod check;
mod docs;
mod span;

pub use check::ConfigProblem;
pub use docs::reference;

/// Everything that can be set.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub listen: SocketAddr,
    pub upstream: String,
    pub drain_seconds: u64,
    pub drain_grace_seconds: u64,
    pub log: LogSettings,
    pub database: DatabaseConfig,
    pub github: GithubConfig,
    pub discovery: DiscoveryConfig,
    pub retry: RetryConfig,
    pub worker: WorkerConfig,
    pub api: ApiConfig,
    pub cache: CacheConfig,
    pub upstream_http: ClientSettings,
    pub limits: ListenerSettings,
}

/// Where what is known is kept.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    pub url: Secret,
    pub max_connections: u32,
}

/// Who asks GitHub, and how much of the quota may be used.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct GithubConfig {
    pub user: String,
    pub key: Secret,
    pub tokens: Secret,
    pub stop_threshold: u32,
    pub quota_share: f64,
    pub max_body_bytes: usize,
}

/// How far and how fast the graph grows.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiscoveryConfig {
    pub count: u32,
    pub interval_seconds: u64,
    pub heartbeat_interval_seconds: u64,
    pub max_depth: Option<u32>,
    pub max_users: Option<u64>,
    pub user_max_age_seconds: u64,
    pub max_list_pages: u32,
}

/// What happens to a task that fails.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryConfig {
    pub max_attempts: u32,
    pub base_milliseconds: u64,
}

/// How tasks are run.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkerConfig {
    pub concurrency: usize,
    pub lease_seconds: u64,
    pub poll_milliseconds: u64,
}

/// How the data is served.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiConfig {
    pub page_size: u32,
    pub max_page_size: u32,
    pub base_url: String,
    pub trust_forwarded_headers: bool,
    pub max_relations_per_page: u32,
    pub graph_max_depth: u32,
    pub graph_max_nodes: u32,
    pub max_body_bytes: usize,
    pub max_filter_values: usize,
    pub failed_logins_per_minute: u32,
    pub password_cache_seconds: u64,
}

/// Stored answers of GitHub, for asking conditionally.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheConfig {
    pub max_bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8000)),
            upstream: "https://api.github.com".to_owned(),
            drain_seconds: 30,
            drain_grace_seconds: 0,
            log: LogSettings::default(),
            database: DatabaseConfig::default(),
            github: GithubConfig::default(),
            discovery: DiscoveryConfig::default(),
            retry: RetryConfig::default(),
            worker: WorkerConfig::default(),
            api: ApiConfig::default(),
            cache: CacheConfig::default(),
            upstream_http: ClientSettings::default(),
            limits: ListenerSettings::default(),
        }
    }
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: Secret::default(),
            max_connections: 8,
        }
    }
}

impl Default for GithubConfig {
    fn default() -> Self {
        Self {
            user: String::new(),
            key: Secret::default(),
            tokens: Secret::default(),
            stop_threshold: 25,
            quota_share: 1.0,
            max_body_bytes: 16 << 20,
        }
    }
}

impl Default for DiscoveryConfig {
    fn default() -> Self {
        Self {
            count: 5,
            interval_seconds: 3_600,
            heartbeat_interval_seconds: 60,
            max_depth: None,
            max_users: None,
            user_max_age_seconds: 7 * 86_400,
            max_list_pages: 10_000,
        }
    }
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            max_attempts: 5,
            base_milliseconds: 1_000,
        }
    }
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self {
            concurrency: 2,
            lease_seconds: 60,
            poll_milliseconds: 500,
        }
    }
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            page_size: 10,
            max_page_size: 100,
            base_url: String::new(),
            trust_forwarded_headers: false,
            max_relations_per_page: 1_000_000,
            graph_max_depth: 6,
            graph_max_nodes: 10_000,
            max_body_bytes: 64 << 10,
            max_filter_values: 200,
            failed_logins_per_minute: 30,
            password_cache_seconds: 300,
        }
    }
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self { max_bytes: 4 << 30 }
    }
}

impl DatabaseConfig {
    /// The database that is meant where none is named: a default cannot be a secret.
    pub fn address(&self) -> &str {
        match self.url.expose().as_str() {
            "" => "github-discovery.db",
            url => url,
        }
    }
}

/// A span of time, as seconds or as `90s`, `5m`, `2h`, `7d`.
const fn span(name: &'static str, key: &'static str) -> Alias {
    Alias {
        name,
        key,
        read: |text| match span::seconds(text) {
            Some(seconds) => Ok(Setting::Text(seconds.to_string())),
            None => Err("seconds, or a number with s, m, h or d"),
        },
    }
}

/// Prefix, kept names and secrets.
pub const SPEC: Spec<'static> = Spec {
    prefix: "GITHUB_DISCOVERY_",
    aliases: &[
        Alias::text("GITHUB_API_URL", "upstream"),
        Alias::text("GITHUB_API_USER", "github.user"),
        Alias::text("GITHUB_API_KEY", "github.key"),
        Alias::text("GITHUB_TOKENS", "github.tokens"),
        Alias::text("RATE_LIMIT_STOP_THRESHOLD", "github.stop_threshold"),
        Alias::text("QUOTA_SHARE", "github.quota_share"),
        Alias::text("DATABASE_URL", "database.url"),
        Alias::text("DISCOVERY_COUNT", "discovery.count"),
        span("DISCOVERY_INTERVAL", "discovery.interval_seconds"),
        span("HEARTBEAT_INTERVAL", "discovery.heartbeat_interval_seconds"),
        Alias::text("MAX_DEPTH", "discovery.max_depth"),
        Alias::text("MAX_USERS", "discovery.max_users"),
        span("USER_MAX_AGE", "discovery.user_max_age_seconds"),
        Alias::text("RETRY_MAX_ATTEMPTS", "retry.max_attempts"),
        Alias::text("RETRY_BASE_MS", "retry.base_milliseconds"),
        Alias::text("PAGE_SIZE", "api.page_size"),
    ],
    secrets: &["database.url", "github.key", "github.tokens"],
};

#[cfg(test)]
mod tests {
    use service_runtime::config::{Sources, load_from};

    use super::*;

    fn load(variables: &[(&str, &str)]) -> Result<Config, String> {
        let environment = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let sources = Sources {
            environment,
            ..Sources::default()
        };
        match load_from::<Config>(&SPEC, sources) {
            Ok(loaded) => Ok(loaded.value),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn every_name_of_the_contract_sets_something() {
        let config = load(&[
            ("GITHUB_API_URL", "http://127.0.0.1:1"),
            ("GITHUB_API_USER", "ada"),
            ("GITHUB_API_KEY", "key"),
            ("GITHUB_TOKENS", "one,two"),
            ("RATE_LIMIT_STOP_THRESHOLD", "7"),
            ("QUOTA_SHARE", "0.5"),
            ("DATABASE_URL", "postgres://127.0.0.1/x"),
            ("DISCOVERY_COUNT", "6"),
            ("DISCOVERY_INTERVAL", "0"),
            ("HEARTBEAT_INTERVAL", "2m"),
            ("MAX_DEPTH", "2"),
            ("MAX_USERS", "100"),
            ("USER_MAX_AGE", "3d"),
            ("RETRY_MAX_ATTEMPTS", "9"),
            ("RETRY_BASE_MS", "10"),
            ("PAGE_SIZE", "25"),
        ])
        .unwrap();
        assert_eq!(config.upstream, "http://127.0.0.1:1");
        assert_eq!(config.github.user, "ada");
        assert_eq!(config.github.key.expose(), "key");
        assert_eq!(config.github.tokens.expose(), "one,two");
        assert_eq!(
            (config.github.stop_threshold, config.github.quota_share),
            (7, 0.5)
        );
        assert_eq!(config.database.url.expose(), "postgres://127.0.0.1/x");
        let discovery = &config.discovery;
        assert_eq!((discovery.count, discovery.interval_seconds), (6, 0));
        assert_eq!(discovery.heartbeat_interval_seconds, 120);
        assert_eq!(
            (discovery.max_depth, discovery.max_users),
            (Some(2), Some(100))
        );
        assert_eq!(discovery.user_max_age_seconds, 3 * 86_400);
        assert_eq!(
            (config.retry.max_attempts, config.retry.base_milliseconds),
            (9, 10)
        );
        assert_eq!(config.api.page_size, 25);
        config.check().unwrap();
    }

    #[test]
    fn a_wrong_span_names_the_variable_and_what_was_expected() {
        let error = load(&[("USER_MAX_AGE", "a week")]).unwrap_err();
        assert!(
            error.contains("USER_MAX_AGE") && error.contains("s, m, h or d"),
            "{error}"
        );
    }
}
