//! New settings for a running mirror: checked as a whole first, then applied where that is possible without a restart.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use service_runtime::listener::{Certificate, ListenError, Renewal};
use service_runtime::logs::{LogError, LogLevel};

use crate::admin::Reloaded;
use crate::admin::access::AdminToken;
use crate::config::{Config, ConfigProblem, Priorities};
use crate::mirror::{Mirror, Shared};
use crate::pool::{CredentialProblem, PreparedPool};
use crate::routing::Rules;

/// Why new settings are not taken over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReloadProblem {
    #[error(transparent)]
    Config(#[from] ConfigProblem),
    #[error("log.level: {0}")]
    Level(LogError),
    #[error(transparent)]
    Credentials(#[from] CredentialProblem),
    #[error(transparent)]
    Certificate(#[from] ListenError),
}

/// The settings that a mirror started with, and those that were read last.
#[derive(Debug)]
pub(crate) struct Settings {
    started: Config,
    current: Config,
}

impl Settings {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            started: config.clone(),
            current: config.clone(),
        }
    }

    /// Those that were read last.
    pub(crate) fn current(&self) -> &Config {
        &self.current
    }
}

/// Keys whose new values hold at once.
const AT_ONCE: &[&str] = &[
    "admin.token",
    "log.level",
    "rewrite_bodies",
    "limits.max_in_flight",
    "users.allowed",
    "users.trust_seconds",
    "users.refusal_seconds",
    "users.outage_trust_seconds",
    "users.max_remembered_tokens",
    "credentials",
    "credentials_for",
    "priorities",
    "routes",
    "webhook.covered",
    "webhook.covered_max_age_seconds",
    "webhook.max_body_bytes",
    "webhook.receive_timeout_seconds",
    "webhook.secret",
    "webhook.settle_seconds",
];

/// The same for whole sections.
const SECTIONS_AT_ONCE: &[&str] = &["pacing."];

impl Mirror {
    /// Takes over what can change while the mirror runs; for a program that embeds one. The log level is the program's.
    ///
    /// # Errors
    /// When a setting is wrong, or the certificate unreadable; then nothing has changed.
    pub fn reload(&self, config: &Config) -> Result<Reloaded, ConfigProblem> {
        apply(self.shared(), config.clone(), None).map_err(|problem| match problem {
            ReloadProblem::Config(problem) => problem,
            ReloadProblem::Level(error) => ConfigProblem::new("log.level", error.to_string()),
            ReloadProblem::Certificate(error) => {
                ConfigProblem::new("tls.cert_file", error.to_string())
            }
            other => ConfigProblem::new("credentials", other.to_string()),
        })
    }
}

/// Takes over new settings, all of them or none; the log level where it is given.
///
/// The certificate is read whether or not its path has changed: renewing one in place is the usual way.
pub(crate) fn apply(
    shared: &Shared,
    config: Config,
    level: Option<&LogLevel>,
) -> Result<Reloaded, ReloadProblem> {
    config.check()?;
    let mut settings = shared.settings.lock();
    let at_once = |key: &String| {
        let in_section = |section: &&str| key.starts_with(*section);
        AT_ONCE.contains(&key.as_str()) || SECTIONS_AT_ONCE.iter().any(in_section)
    };
    let mut reloaded = Reloaded {
        applied: changed(&settings.current, &config)
            .into_iter()
            .filter(at_once)
            .collect(),
        // However often they are read: what the process started with holds until it ends.
        needs_restart: changed(&settings.started, &config)
            .into_iter()
            .filter(|key| !at_once(key))
            .collect(),
    };
    let ready = Ready::of(shared, &config)?;
    let credentials = "credentials".to_owned();
    if !config.credentials.is_empty() && !reloaded.applied.contains(&credentials) {
        reloaded.applied.push(credentials);
    }
    if ready.certificate.is_some() {
        reloaded.applied.push("tls.cert_file".to_owned());
    }
    // The last thing that may fail; it does so without having changed anything.
    if let Some(level) = level
        && config.log.level != settings.current.log.level
    {
        level.set(&config.log.level).map_err(ReloadProblem::Level)?;
    }
    ready.install(shared, &config);
    settings.current = config;
    Ok(reloaded)
}

/// Everything that new settings ask for and that may fail, made and not in use yet.
struct Ready {
    rules: Rules,
    priorities: Priorities,
    pool: PreparedPool,
    certificate: Option<Renewal>,
}

impl Ready {
    /// Secrets are read whether or not their paths have changed, as the certificate is.
    fn of(shared: &Shared, config: &Config) -> Result<Self, ReloadProblem> {
        Ok(Self {
            rules: Rules::of(config)?,
            priorities: Priorities::read(&config.priorities)?,
            pool: shared.pool.prepare(config)?,
            certificate: shared
                .certificate
                .get()
                .map(Certificate::renewal)
                .transpose()?,
        })
    }

    fn install(self, shared: &Shared, config: &Config) {
        shared.use_credentials(config, self.pool, self.priorities);
        if let Some(certificate) = self.certificate {
            certificate.install();
        }
        *shared.admin_token.write() = admin_token(config);
        shared.live.set(config);
        shared.users.reload(&config.users);
        shared.routing.replace(self.rules);
        shared.webhook.replace(&config.webhook);
    }
}

pub(crate) fn admin_token(config: &Config) -> Option<Arc<AdminToken>> {
    let token = config.admin.token.as_ref()?;
    Some(Arc::new(AdminToken::new(token.expose())))
}

/// The keys whose values differ. Secrets are compared, not shown.
fn changed(old: &Config, new: &Config) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    let values = (serde_json::to_value(old), serde_json::to_value(new));
    if let (Ok(old), Ok(new)) = values {
        compare("", &old, &new, &mut keys);
    }
    // These are written as `***`.
    if old.admin.token != new.admin.token {
        keys.insert("admin.token".to_owned());
    }
    if old.redis.password != new.redis.password {
        keys.insert("redis.password".to_owned());
    }
    if old.redis.sentinel_password != new.redis.sentinel_password {
        keys.insert("redis.sentinel_password".to_owned());
    }
    if old.webhook.secret != new.webhook.secret {
        keys.insert("webhook.secret".to_owned());
    }
    keys
}

fn compare(path: &str, old: &Value, new: &Value, keys: &mut BTreeSet<String>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (name, value) in new {
                let path = match path {
                    "" => name.clone(),
                    path => format!("{path}.{name}"),
                };
                compare(&path, old.get(name).unwrap_or(&Value::Null), value, keys);
            }
        }
        _ if old != new => {
            keys.insert(path.to_owned());
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_keys_are_named_and_secrets_are_seen() {
        let old = Config::default();
        let mut new = Config::default();
        assert!(changed(&old, &new).is_empty());
        new.drain_seconds = 5;
        new.limits.max_in_flight = 7;
        new.redis.password = Some("one".into());
        new.admin.token = Some("0123456789abcdef".into());
        let keys: Vec<_> = changed(&old, &new).into_iter().collect();
        assert_eq!(
            keys,
            [
                "admin.token",
                "drain_seconds",
                "limits.max_in_flight",
                "redis.password"
            ]
        );
        let mut newer = new.clone();
        newer.redis.password = Some("two".into());
        let keys: Vec<_> = changed(&new, &newer).into_iter().collect();
        assert_eq!(keys, ["redis.password"]);
    }
}
