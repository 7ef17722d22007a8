//! The mirror's settings: one struct per concern, each with defaults that work.

use std::net::SocketAddr;
use std::path::PathBuf;

use github_conditional::RouteTable;
use serde::{Deserialize, Serialize};
use service_runtime::config::{Alias, ReferenceError, Spec};
use service_runtime::program::Configuration;
use service_runtime::settings::{
    ClientSettings, ListenerSettings, LogSettings, TelemetrySettings, at_most_a_year, base_url,
};

mod admin;
mod cache;
mod credentials;
mod docs;
mod offline;
mod pacing;
mod priorities;
mod redis;
mod rfc9111;
mod routes;
mod tls;
mod users;
mod webhook;

pub use admin::AdminConfig;
pub use cache::{CacheConfig, CacheKind, MemoryCompression};
pub use credentials::{AppId, CredentialConfig, CredentialKind};
pub use docs::reference;
pub use offline::{OfflineConfig, StatusConfig};
pub use pacing::{Mode as PacingModeSetting, PacingConfig};
pub(crate) use priorities::Priorities;
pub use priorities::{Level, PriorityConfig};
pub use redis::RedisConfig;
pub use rfc9111::{DefaultPolicy, Rfc9111Config};
pub(crate) use routes::first_match;
pub use routes::{PolicyConfig, RouteConfig};
pub use service_runtime::settings::SettingProblem as ConfigProblem;
pub use tls::TlsConfig;
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
    pub log: LogSettings,
    pub tls: TlsConfig,
    pub cache: CacheConfig,
    pub redis: RedisConfig,
    pub upstream_http: ClientSettings,
    pub limits: ListenerSettings,
    pub pacing: PacingConfig,
    pub credentials: Vec<CredentialConfig>,
    pub priorities: Vec<PriorityConfig>,
    pub users: UsersConfig,
    pub admin: AdminConfig,
    pub telemetry: TelemetrySettings,
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
            log: LogSettings::default(),
            tls: TlsConfig::default(),
            cache: CacheConfig::default(),
            redis: RedisConfig::default(),
            upstream_http: ClientSettings::default(),
            limits: ListenerSettings {
                max_in_flight: 2_000,
                ..ListenerSettings::default()
            },
            pacing: PacingConfig::default(),
            credentials: Vec::new(),
            priorities: Vec::new(),
            users: UsersConfig::default(),
            admin: AdminConfig::default(),
            telemetry: TelemetrySettings::default(),
            offline: OfflineConfig::default(),
            status: StatusConfig::default(),
            rfc9111: Rfc9111Config::default(),
            routes: Vec::new(),
            webhook: WebhookConfig::default(),
        }
    }
}

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
    secrets: &[
        "redis.password",
        "redis.sentinel_password",
        "admin.token",
        "webhook.secret",
    ],
};

impl Config {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// The first contradiction, naming the key.
    pub fn check(&self) -> Result<(), ConfigProblem> {
        if let Some(url) = &self.public_url {
            base_url("public_url", url)?;
        }
        base_url("upstream", &self.upstream)?;
        self.tls.check()?;
        self.cache.check()?;
        self.redis.check()?;
        self.admin.check()?;
        self.upstream_http.check()?;
        self.limits.check()?;
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
        at_most_a_year(&[
            ("drain_seconds", self.drain_seconds),
            ("drain_grace_seconds", self.drain_grace_seconds),
        ])
    }
}

impl Configuration for Config {
    const SPEC: Spec<'static> = SPEC;

    fn check(&self) -> Result<(), ConfigProblem> {
        Self::check(self)
    }

    fn reference() -> Result<String, ReferenceError> {
        docs::reference()
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
            let problem = "cannot be used with default_policy rfc9111";
            Err(ConfigProblem::new(key, problem))
        })
    }
}

#[cfg(test)]
mod tests {
    use service_runtime::settings::YEAR_SECONDS;

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
