//! The mirror's settings: one struct per concern, each with defaults that work.

use std::net::SocketAddr;
use std::path::PathBuf;

use github_conditional::RouteTable;
use serde::{Deserialize, Serialize};
use service_runtime::Secret;
use service_runtime::config::{Alias, Spec};
use service_runtime::logs::Format;

mod admin;
mod credentials;
mod docs;
mod offline;
mod pacing;
mod priorities;
mod rfc9111;
mod routes;
mod telemetry;
mod users;
mod webhook;

pub use admin::AdminConfig;
pub use credentials::{AppId, CredentialConfig, CredentialKind};
pub use docs::reference;
pub use offline::{OfflineConfig, StatusConfig};
pub use pacing::{Mode as PacingModeSetting, PacingConfig};
pub(crate) use priorities::Priorities;
pub use priorities::{Level, PriorityConfig};
pub use rfc9111::{DefaultPolicy, Rfc9111Config};
pub(crate) use routes::first_match;
pub use routes::{PolicyConfig, RouteConfig};
pub use telemetry::TelemetryConfig;
pub use users::UsersConfig;
pub use webhook::WebhookConfig;

/// Everything that can be set.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub listen: SocketAddr,
    pub unix: Option<PathBuf>,
    pub upstream: String,
    pub public_url: Option<String>,
    pub rewrite_bodies: bool,
    pub anonymous_policy: AnonymousPolicy,
    pub credentials_for: Vec<String>,
    pub default_policy: DefaultPolicy,
    pub drain_seconds: u64,
    pub drain_grace_seconds: u64,
    pub log: LogConfig,
    pub tls: TlsConfig,
    pub cache: CacheConfig,
    pub redis: RedisConfig,
    pub upstream_http: UpstreamHttpConfig,
    pub limits: LimitsConfig,
    pub pacing: PacingConfig,
    pub credentials: Vec<CredentialConfig>,
    pub priorities: Vec<PriorityConfig>,
    pub users: UsersConfig,
    pub admin: AdminConfig,
    pub telemetry: TelemetryConfig,
    pub offline: OfflineConfig,
    pub status: StatusConfig,
    pub rfc9111: Rfc9111Config,
    pub routes: Vec<RouteConfig>,
    pub webhook: WebhookConfig,
}

/// When callers without `Authorization` are served unasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AnonymousPolicy {
    Rfc9111,
    Revalidate,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    pub format: Format,
    pub level: String,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    pub cert_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheConfig {
    #[serde(rename = "type")]
    pub kind: CacheKind,
    pub max_bytes: u64,
    pub max_cacheable_body_bytes: usize,
    pub max_recording_bytes: usize,
    pub disk_path: Option<PathBuf>,
    pub disk_max_bytes: u64,
}

/// Where entries live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CacheKind {
    InMemory,
    Redis,
    Disk,
    Tiered,
}

/// How to reach Redis, for `cache.type` redis and tiered.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RedisConfig {
    pub primary: String,
    pub reader: Option<String>,
    pub port: u16,
    pub username: Option<String>,
    pub password: Option<Secret>,
    pub database: u8,
    pub tls: bool,
    pub ca_file: Option<PathBuf>,
    pub client_cert_file: Option<PathBuf>,
    pub client_key_file: Option<PathBuf>,
    pub sentinel: Vec<String>,
    pub sentinel_service: String,
    pub cluster: Vec<String>,
    pub namespace: String,
    pub read_timeout_milliseconds: u64,
    pub write_queue: usize,
    pub ttl_seconds: u64,
    pub ttl_jitter: f64,
}

impl Default for RedisConfig {
    fn default() -> Self {
        Self {
            primary: "127.0.0.1".to_owned(),
            reader: None,
            port: 6379,
            username: None,
            password: None,
            database: 0,
            tls: false,
            ca_file: None,
            client_cert_file: None,
            client_key_file: None,
            sentinel: Vec::new(),
            sentinel_service: "mymaster".to_owned(),
            cluster: Vec::new(),
            namespace: "github-mirror".to_owned(),
            read_timeout_milliseconds: 50,
            write_queue: 1024,
            ttl_seconds: 7 * 24 * 3600,
            ttl_jitter: 0.1,
        }
    }
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct UpstreamHttpConfig {
    pub connect_timeout_seconds: u64,
    pub response_timeout_seconds: u64,
    pub body_idle_timeout_seconds: u64,
    pub ca_file: Option<PathBuf>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    pub max_header_bytes: usize,
    pub header_read_timeout_seconds: u64,
    pub body_idle_timeout_seconds: u64,
    pub max_connections: usize,
    pub max_in_flight: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            unix: None,
            upstream: "https://api.github.com".to_owned(),
            public_url: None,
            rewrite_bodies: true,
            anonymous_policy: AnonymousPolicy::Rfc9111,
            credentials_for: vec!["loopback".to_owned()],
            default_policy: DefaultPolicy::Github,
            drain_seconds: 30,
            drain_grace_seconds: 0,
            log: LogConfig::default(),
            tls: TlsConfig::default(),
            cache: CacheConfig::default(),
            redis: RedisConfig::default(),
            upstream_http: UpstreamHttpConfig::default(),
            limits: LimitsConfig::default(),
            pacing: PacingConfig::default(),
            credentials: Vec::new(),
            priorities: Vec::new(),
            users: UsersConfig::default(),
            admin: AdminConfig::default(),
            telemetry: TelemetryConfig::default(),
            offline: OfflineConfig::default(),
            status: StatusConfig::default(),
            rfc9111: Rfc9111Config::default(),
            routes: Vec::new(),
            webhook: WebhookConfig::default(),
        }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            format: Format::Text,
            level: "info".to_owned(),
        }
    }
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self {
            kind: CacheKind::InMemory,
            max_bytes: 256 << 20,
            max_cacheable_body_bytes: 8 << 20,
            max_recording_bytes: 256 << 20,
            disk_path: None,
            disk_max_bytes: 4 << 30,
        }
    }
}

impl Default for UpstreamHttpConfig {
    fn default() -> Self {
        Self {
            connect_timeout_seconds: 5,
            response_timeout_seconds: 10,
            body_idle_timeout_seconds: 30,
            ca_file: None,
        }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            max_header_bytes: 64 << 10,
            header_read_timeout_seconds: 10,
            body_idle_timeout_seconds: 30,
            max_connections: 10_000,
            max_in_flight: 2_000,
        }
    }
}

/// No waiting time is longer: added to the present, a larger one would overflow the clock.
const YEAR_SECONDS: u64 = 31_536_000;

/// Prefix, kept names and secrets.
pub const SPEC: Spec<'static> = Spec {
    prefix: "GITHUB_MIRROR_",
    aliases: &[
        Alias::text("GITHUB_MIRROR_URL", "public_url"),
        Alias::text("CACHE_TYPE", "cache.type"),
        Alias::text("PRIMARY_ENDPOINT", "redis.primary"),
        Alias::text("READER_ENDPOINT", "redis.reader"),
        Alias::text("REDIS_PORT", "redis.port"),
        Alias::text("REDIS_PASSWORD", "redis.password"),
        Alias::text("REDIS_TOKEN", "redis.password"),
        Alias::switch("REDIS_SSL", "redis.tls"),
        Alias::list("GITHUB_USERS", "users.allowed"),
        Alias::text("ADMIN_TOKEN", "admin.token"),
        Alias::text("OTEL_EXPORTER_OTLP_ENDPOINT", "telemetry.otlp_endpoint"),
        Alias::text("GITHUB_STATUS_SLEEP_TIME", "status.interval_seconds"),
        Alias::text("GITHUB_STATUS_TIMEOUT", "status.timeout_seconds"),
    ],
    secrets: &["redis.password", "admin.token", "webhook.secret"],
};

/// A setting that contradicts another, or that only the mirror can judge.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct ConfigProblem {
    /// The key, as in the file.
    pub key: &'static str,
    /// What is wrong with its value.
    pub problem: String,
}

impl Config {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// The first contradiction, naming the key.
    pub fn check(&self) -> Result<(), ConfigProblem> {
        let problem = |key, problem: &str| {
            Err(ConfigProblem {
                key,
                problem: problem.to_owned(),
            })
        };
        if let Some(url) = &self.public_url {
            check_base_url("public_url", url)?;
        }
        check_base_url("upstream", &self.upstream)?;
        self.check_store()?;
        self.admin.check()?;
        self.telemetry.check()?;
        self.users.check()?;
        self.offline.check()?;
        self.status.check()?;
        self.pacing.check()?;
        Priorities::read(&self.priorities)?;
        credentials::check(&self.credentials, &self.credentials_for)?;
        self.rfc9111.check()?;
        self.route_table()?;
        self.webhook.check()?;
        self.check_github_only()?;
        match (&self.tls.cert_file, &self.tls.key_file) {
            (Some(_), None) => return problem("tls.key_file", "needed with tls.cert_file"),
            (None, Some(_)) => return problem("tls.cert_file", "needed with tls.key_file"),
            _ => {}
        }
        let positive = [
            ("cache.max_bytes", self.cache.max_bytes),
            ("cache.disk_max_bytes", self.cache.disk_max_bytes),
            (
                "redis.read_timeout_milliseconds",
                self.redis.read_timeout_milliseconds,
            ),
            ("redis.write_queue", self.redis.write_queue as u64),
            ("redis.ttl_seconds", self.redis.ttl_seconds),
            (
                "cache.max_cacheable_body_bytes",
                self.cache.max_cacheable_body_bytes as u64,
            ),
            (
                "cache.max_recording_bytes",
                self.cache.max_recording_bytes as u64,
            ),
            (
                "upstream_http.connect_timeout_seconds",
                self.upstream_http.connect_timeout_seconds,
            ),
            (
                "upstream_http.response_timeout_seconds",
                self.upstream_http.response_timeout_seconds,
            ),
            (
                "upstream_http.body_idle_timeout_seconds",
                self.upstream_http.body_idle_timeout_seconds,
            ),
            (
                "limits.max_header_bytes",
                self.limits.max_header_bytes as u64,
            ),
            (
                "limits.header_read_timeout_seconds",
                self.limits.header_read_timeout_seconds,
            ),
            (
                "limits.body_idle_timeout_seconds",
                self.limits.body_idle_timeout_seconds,
            ),
            ("limits.max_connections", self.limits.max_connections as u64),
            ("limits.max_in_flight", self.limits.max_in_flight as u64),
            (
                "users.max_remembered_tokens",
                self.users.max_remembered_tokens as u64,
            ),
            ("offline.window_seconds", self.offline.window_seconds),
            ("offline.min_samples", self.offline.min_samples),
            ("offline.probe_seconds", self.offline.probe_seconds),
            (
                "offline.return_reads_per_second",
                self.offline.return_reads_per_second,
            ),
            ("status.interval_seconds", self.status.interval_seconds),
            ("status.timeout_seconds", self.status.timeout_seconds),
        ];
        if let Some((key, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return problem(key, "must be at least 1");
        }
        let zero_allowed = [
            ("drain_seconds", self.drain_seconds),
            ("drain_grace_seconds", self.drain_grace_seconds),
            ("users.trust_seconds", self.users.trust_seconds),
            ("users.refusal_seconds", self.users.refusal_seconds),
            (
                "users.outage_trust_seconds",
                self.users.outage_trust_seconds,
            ),
        ];
        let cached = self.rfc9111.durations();
        let mut durations = positive.iter().chain(&zero_allowed).chain(&cached);
        match durations.find(|(key, value)| key.ends_with("_seconds") && *value > YEAR_SECONDS) {
            Some((key, _)) => problem(key, "must be at most 31536000, a year"),
            None => Ok(()),
        }
    }
}

impl Config {
    /// `[[routes]]` as a table.
    ///
    /// # Errors
    /// The first rule that is wrong.
    pub(crate) fn route_table(&self) -> Result<RouteTable, ConfigProblem> {
        routes::table(&self.routes)
    }

    /// What only makes sense where GitHub's own rules are followed.
    fn check_github_only(&self) -> Result<(), ConfigProblem> {
        let wrong = match self.default_policy {
            DefaultPolicy::Github => None,
            DefaultPolicy::Rfc9111 if !self.routes.is_empty() => Some("routes"),
            DefaultPolicy::Rfc9111 if self.webhook.secret.is_some() => Some("webhook.secret"),
            DefaultPolicy::Rfc9111 => None,
        };
        wrong.map_or(Ok(()), |key| {
            Err(ConfigProblem {
                key,
                problem: "cannot be used with default_policy rfc9111".to_owned(),
            })
        })
    }

    fn check_store(&self) -> Result<(), ConfigProblem> {
        let problem = |key, problem: &str| {
            Err(ConfigProblem {
                key,
                problem: problem.to_owned(),
            })
        };
        let redis = &self.redis;
        if self.cache.kind == CacheKind::Disk && self.cache.disk_path.is_none() {
            return problem("cache.disk_path", "needed with cache.type disk");
        }
        if !redis.sentinel.is_empty() && !redis.cluster.is_empty() {
            return problem("redis.cluster", "cannot be used with redis.sentinel");
        }
        let files = [
            ("redis.ca_file", &redis.ca_file),
            ("redis.client_cert_file", &redis.client_cert_file),
            ("redis.client_key_file", &redis.client_key_file),
        ];
        if let Some((key, _)) = files.iter().find(|(_, file)| file.is_some() && !redis.tls) {
            return problem(key, "needs redis.tls");
        }
        match (&redis.client_cert_file, &redis.client_key_file) {
            (Some(_), None) => problem(
                "redis.client_key_file",
                "needed with redis.client_cert_file",
            ),
            (None, Some(_)) => problem(
                "redis.client_cert_file",
                "needed with redis.client_key_file",
            ),
            _ => Ok(()),
        }
    }
}

fn check_base_url(key: &'static str, text: &str) -> Result<(), ConfigProblem> {
    let problem = |problem: &str| {
        Err(ConfigProblem {
            key,
            problem: problem.to_owned(),
        })
    };
    let Ok(uri) = text.parse::<http::Uri>() else {
        return problem("is not a url");
    };
    match uri.scheme_str() {
        Some("http" | "https") => {}
        _ => return problem("must begin with http:// or https://"),
    }
    if uri
        .authority()
        .is_none_or(|authority| authority.host().is_empty())
    {
        return problem("must name a host");
    }
    if uri
        .authority()
        .is_some_and(|authority| authority.as_str().contains('@'))
    {
        return problem("must not hold credentials");
    }
    if uri.query().is_some() || text.contains('#') {
        return problem("must have neither query nor fragment");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_contract() {
        let config = Config::default();
        config.check().unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(config.upstream, "https://api.github.com");
        assert_eq!(
            (
                config.cache.max_bytes,
                config.cache.max_cacheable_body_bytes
            ),
            (256 << 20, 8 << 20)
        );
    }

    #[test]
    fn contradictions_name_the_key() {
        #[track_caller]
        fn check(change: impl FnOnce(&mut Config), expected: &str) {
            let mut config = Config::default();
            change(&mut config);
            assert_eq!(config.check().unwrap_err().to_string(), expected);
        }
        check(
            |config| config.upstream = "ftp://x".into(),
            "upstream: must begin with http:// or https://",
        );
        check(
            |config| config.upstream = "https://".into(),
            "upstream: is not a url",
        );
        check(
            |config| config.upstream = "https://a:b@c".into(),
            "upstream: must not hold credentials",
        );
        check(
            |config| config.public_url = Some("http://m/?q".into()),
            "public_url: must have neither query nor fragment",
        );
        check(
            |config| config.tls.cert_file = Some("c".into()),
            "tls.key_file: needed with tls.cert_file",
        );
        check(
            |config| config.users.allowed = Some(Vec::new()),
            "users.allowed: names nobody; leave it out to let everybody in",
        );
        check(
            |config| config.offline.error_ratio = 2.0,
            "offline.error_ratio: must be more than 0 and at most 1",
        );
        check(
            |config| config.status.url = "status.example".into(),
            "status.url: must begin with http:// or https://",
        );
        check(
            |config| config.status.interval_seconds = 0,
            "status.interval_seconds: must be at least 1",
        );
        check(
            |config| {
                config.default_policy = DefaultPolicy::Rfc9111;
                config.webhook.secret = Some("x".into());
            },
            "webhook.secret: cannot be used with default_policy rfc9111",
        );
        check(
            |config| config.limits.max_in_flight = 0,
            "limits.max_in_flight: must be at least 1",
        );
        check(
            |config| config.upstream_http.response_timeout_seconds = u64::MAX,
            "upstream_http.response_timeout_seconds: must be at most 31536000, a year",
        );
        check(
            |config| config.drain_seconds = YEAR_SECONDS + 1,
            "drain_seconds: must be at most 31536000, a year",
        );
    }
}
