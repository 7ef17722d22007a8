//! The settings of the events monitor: one struct per concern, each with defaults that work.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use service_runtime::Secret;
use service_runtime::config::{Alias, ReferenceError, Spec};
use service_runtime::program::Configuration;
use service_runtime::settings::{ClientSettings, ListenerSettings, LogSettings, TelemetrySettings};

use crate::policy::{Allowance, Policy};
use crate::window::Extent;

mod check;
mod docs;

pub use check::Exposure;
pub(crate) use check::{MOST_DAYS, MOST_EVENTS};
pub use docs::reference;
pub use service_runtime::settings::SettingProblem as ConfigProblem;

/// Everything that can be set.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub host: IpAddr,
    pub port: u16,
    pub upstream: String,
    pub token: Secret,
    pub organization_token: Secret,
    pub repositories: Vec<String>,
    pub api_keys: Secret,
    pub webhook_secret: Secret,
    pub max_active: usize,
    pub drain_seconds: u64,
    pub drain_grace_seconds: u64,
    pub database: DatabaseConfig,
    pub window: WindowConfig,
    pub polling: PollingConfig,
    pub stream: StreamConfig,
    pub log: LogSettings,
    pub upstream_http: ClientSettings,
    pub limits: ListenerSettings,
    pub telemetry: TelemetrySettings,
    pub max_request_body_bytes: usize,
}

/// Where events are kept.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    pub url: Secret,
    pub max_connections: u32,
    pub retention_days: u32,
}

/// Which events the statistics count, unless a request says otherwise.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct WindowConfig {
    pub days: u32,
    pub events: usize,
}

/// How often GitHub is asked.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct PollingConfig {
    pub policy: Policy,
    pub requests_per_hour: f64,
    pub fixed_interval_seconds: f64,
    pub max_interval_seconds: f64,
    pub max_page_bytes: usize,
}

/// The stream of server-sent events.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct StreamConfig {
    pub max_clients: usize,
    pub replay_messages: usize,
    pub heartbeat_seconds: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: IpAddr::from([127, 0, 0, 1]),
            port: 8000,
            upstream: "https://api.github.com".to_owned(),
            token: Secret::default(),
            organization_token: Secret::default(),
            repositories: Vec::new(),
            api_keys: Secret::default(),
            webhook_secret: Secret::default(),
            max_active: 5,
            drain_seconds: 30,
            drain_grace_seconds: 0,
            database: DatabaseConfig::default(),
            window: WindowConfig::default(),
            polling: PollingConfig::default(),
            stream: StreamConfig::default(),
            log: LogSettings::default(),
            upstream_http: ClientSettings::default(),
            limits: ListenerSettings::default(),
            telemetry: TelemetrySettings::default(),
            max_request_body_bytes: 1 << 20,
        }
    }
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: Secret::default(),
            max_connections: 8,
            retention_days: 0,
        }
    }
}

impl Default for WindowConfig {
    fn default() -> Self {
        let Extent { days, max_events } = Extent::default();
        Self {
            days,
            events: max_events,
        }
    }
}

impl Default for PollingConfig {
    fn default() -> Self {
        let allowance = Allowance::default();
        Self {
            policy: Policy::default(),
            requests_per_hour: allowance.requests_per_hour,
            fixed_interval_seconds: allowance.fixed_seconds,
            max_interval_seconds: allowance.ceiling_seconds,
            max_page_bytes: 16 << 20,
        }
    }
}

impl Default for StreamConfig {
    fn default() -> Self {
        Self {
            max_clients: 1_000,
            replay_messages: 1_024,
            heartbeat_seconds: 15,
        }
    }
}

/// The SQLite file that is used where no database is named, in the working directory.
pub(crate) const DEFAULT_DATABASE: &str = "github-events.sqlite3";

impl DatabaseConfig {
    /// The address of the database.
    pub fn url(&self) -> &str {
        match self.url.expose().as_str() {
            "" => DEFAULT_DATABASE,
            url => url,
        }
    }

    /// How long events are kept; none = for ever.
    pub fn retention(&self) -> Option<Duration> {
        (self.retention_days > 0)
            .then(|| Duration::from_secs(u64::from(self.retention_days) * 86_400))
    }
}

impl WindowConfig {
    /// As the statistics take it.
    pub fn extent(&self) -> Extent {
        Extent {
            days: self.days,
            max_events: self.events,
        }
    }
}

impl PollingConfig {
    /// What polling may cost.
    pub fn allowance(&self) -> Allowance {
        Allowance {
            requests_per_hour: self.requests_per_hour,
            fixed_seconds: self.fixed_interval_seconds,
            ceiling_seconds: self.max_interval_seconds,
        }
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
    prefix: "GITHUB_EVENTS_",
    aliases: &[
        Alias::text("API_HOST", "host"),
        Alias::text("API_PORT", "port"),
        Alias::text("GITHUB_API_URL", "upstream"),
        Alias::text("GITHUB_API_TOKEN", "token"),
        Alias::text("GITHUB_ORG_API_TOKEN", "organization_token"),
        Alias {
            name: "GITHUB_REPOSITORIES",
            key: "repositories",
            read: check::read_repositories,
        },
        Alias::text("API_KEYS", "api_keys"),
        Alias::text("WEBHOOK_SECRET", "webhook_secret"),
        Alias::text("MAX_ACTIVE", "max_active"),
        Alias::text("WINDOW_DAYS", "window.days"),
        Alias::text("WINDOW_EVENTS", "window.events"),
        Alias::text("POLICY", "polling.policy"),
        Alias::text("BUDGET", "polling.requests_per_hour"),
        Alias::text("POLL_INTERVAL", "polling.fixed_interval_seconds"),
        Alias::text("DATABASE_URL", "database.url"),
        Alias::text("RETENTION_DAYS", "database.retention_days"),
        Alias::text("OTEL_EXPORTER_OTLP_ENDPOINT", "telemetry.otlp_endpoint"),
    ],
    secrets: &[
        "token",
        "organization_token",
        "api_keys",
        "webhook_secret",
        "database.url",
    ],
};
