//! The settings of the read cache: one struct per concern, each with defaults that work.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use service_runtime::Secret;
use service_runtime::config::{Alias, ReferenceError, Spec};
use service_runtime::program::Configuration;
use service_runtime::settings::{ClientSettings, ListenerSettings, LogSettings, TelemetrySettings};

mod check;
mod docs;

pub use docs::reference;
pub use service_runtime::settings::SettingProblem as ConfigProblem;

/// Everything that can be set.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub listen: IpAddr,
    pub port: u16,
    pub upstream: String,
    pub orgs: Vec<String>,
    pub tokens: Secret,
    pub admin_token: Secret,
    pub drain_seconds: u64,
    pub drain_grace_seconds: u64,
    pub log: LogSettings,
    pub cache: CacheConfig,
    pub master: MasterConfig,
    pub lease: LeaseConfig,
    pub upstream_http: ClientSettings,
    pub limits: ListenerSettings,
    pub telemetry: TelemetrySettings,
}

/// How long copies live, and how long a client may wait.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheConfig {
    pub master_ttl_seconds: f64,
    pub node_ttl_seconds: f64,
    pub max_stale_seconds: f64,
    pub per_page: u32,
    pub soft_timeout_milliseconds: u64,
    pub hard_timeout_milliseconds: u64,
    pub early_refresh_factor: f64,
    pub page_concurrency: usize,
    pub max_pages: u32,
    pub max_page_bytes: usize,
    pub max_body_bytes: usize,
    pub proxy_max_bytes: u64,
}

/// The cache that all nodes share.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct MasterConfig {
    pub url: Option<Secret>,
    pub host: Option<String>,
    pub port: u16,
    pub password: Secret,
    pub sentinel_username: Option<String>,
    pub sentinel_password: Option<Secret>,
    pub ca_file: Option<PathBuf>,
    pub namespace: String,
    pub read_timeout_milliseconds: u64,
    pub write_timeout_milliseconds: u64,
}

/// Who refreshes.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LeaseConfig {
    pub ttl_milliseconds: u64,
    pub servers: Vec<Secret>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: IpAddr::from([127, 0, 0, 1]),
            port: 5000,
            upstream: "https://api.github.com".to_owned(),
            orgs: vec!["Netflix".to_owned()],
            tokens: Secret::default(),
            admin_token: Secret::default(),
            drain_seconds: 30,
            drain_grace_seconds: 0,
            log: LogSettings::default(),
            cache: CacheConfig::default(),
            master: MasterConfig::default(),
            lease: LeaseConfig::default(),
            upstream_http: ClientSettings::default(),
            limits: ListenerSettings::default(),
            telemetry: TelemetrySettings::default(),
        }
    }
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self {
            master_ttl_seconds: 1000.0,
            node_ttl_seconds: 50.0,
            max_stale_seconds: 86_400.0,
            per_page: 100,
            soft_timeout_milliseconds: 200,
            hard_timeout_milliseconds: 10_000,
            early_refresh_factor: 1.0,
            page_concurrency: 4,
            max_pages: 1_000,
            max_page_bytes: 16 << 20,
            max_body_bytes: 512 << 20,
            proxy_max_bytes: 64 << 20,
        }
    }
}

impl Default for MasterConfig {
    fn default() -> Self {
        Self {
            url: None,
            host: None,
            port: 6379,
            password: Secret::default(),
            sentinel_username: None,
            sentinel_password: None,
            ca_file: None,
            namespace: "github-read-cache".to_owned(),
            read_timeout_milliseconds: 2_000,
            write_timeout_milliseconds: 5_000,
        }
    }
}

impl Default for LeaseConfig {
    fn default() -> Self {
        Self {
            ttl_milliseconds: 30_000,
            servers: Vec::new(),
        }
    }
}

impl CacheConfig {
    pub(crate) fn master_ttl(&self) -> Duration {
        Duration::from_secs_f64(self.master_ttl_seconds)
    }

    pub(crate) fn node_ttl(&self) -> Duration {
        Duration::from_secs_f64(self.node_ttl_seconds)
    }

    pub(crate) fn max_stale(&self) -> Duration {
        Duration::from_secs_f64(self.max_stale_seconds)
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

/// Prefix, kept names and secrets.
pub const SPEC: Spec<'static> = Spec {
    prefix: "GITHUB_READ_CACHE_",
    aliases: &[
        Alias::text("PORT", "port"),
        Alias::text("GITHUB_API_TOKEN", "tokens"),
        Alias::text("GITHUB_API_PREFIX", "upstream"),
        Alias::text("ADMIN_TOKEN", "admin_token"),
        Alias::text("OTEL_EXPORTER_OTLP_ENDPOINT", "telemetry.otlp_endpoint"),
        Alias::text("CACHE_PASSWORD", "master.password"),
        Alias::text("MASTER_CACHE_HOST", "master.host"),
        Alias::text("MASTER_CACHE_PORT", "master.port"),
        Alias::text("MASTER_CACHE_TTL", "cache.master_ttl_seconds"),
        Alias::text("NODE_CACHE_TTL", "cache.node_ttl_seconds"),
        Alias::text("MAX_STALE", "cache.max_stale_seconds"),
        Alias::text("PER_PAGE", "cache.per_page"),
        Alias::text("LOCK_TTL_MS", "lease.ttl_milliseconds"),
        Alias::text("SOFT_TIMEOUT_MS", "cache.soft_timeout_milliseconds"),
        Alias::text("HARD_TIMEOUT_MS", "cache.hard_timeout_milliseconds"),
    ],
    secrets: &[
        "tokens",
        "admin_token",
        "master.url",
        "master.password",
        "master.sentinel_password",
        "lease.servers",
    ],
};
