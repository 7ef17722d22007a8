//! The settings of the master cache and of the lease as the Redis client takes them.

use std::time::Duration;

use cache_backends::{
    Endpoint, LeaseOptions, RedisDeployment, RedisOptions, RedisOptionsError, Secret,
};

use crate::config::{LeaseConfig, MasterConfig};

/// Why the master cache cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum MasterProblem {
    /// A setting of Redis is wrong.
    #[error("{key}")]
    Redis {
        /// The key, as in the file.
        key: &'static str,
        /// What is wrong with it.
        #[source]
        source: RedisOptionsError,
    },
    /// A password for sentinels, and none of them.
    #[error("master.sentinel_password: needs a redis-sentinel url")]
    NoSentinels,
    /// A file that a setting names cannot be read.
    #[error("{key}: cannot read {path}")]
    File {
        /// The key, as in the file.
        key: &'static str,
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Who is asked for leases: one primary, or the majority of several.
pub(super) struct LeaseServers {
    /// The key to blame when one of them cannot be used.
    pub(super) key: &'static str,
    pub(super) servers: Vec<RedisOptions>,
    pub(super) options: LeaseOptions,
}

/// The settings as the Redis client takes them; `None` = no Redis.
pub(super) fn redis_options(config: &MasterConfig) -> Result<Option<RedisOptions>, MasterProblem> {
    let wrong = |key| move |source| MasterProblem::Redis { key, source };
    let url = config.url.as_ref().map(|url| url.expose().as_str());
    let mut options = match (url, &config.host) {
        (Some("memory"), _) | (None, None) => return Ok(None),
        (Some(url), _) => RedisOptions::from_url(url).map_err(wrong("master.url"))?,
        (None, Some(host)) => {
            let primary = Endpoint::parse(host, config.port).map_err(wrong("master.host"))?;
            RedisOptions {
                deployment: RedisDeployment::Standalone {
                    primary,
                    reader: None,
                },
                ..RedisOptions::default()
            }
        }
    };
    let sentinels = matches!(options.deployment, RedisDeployment::Sentinel(_));
    if config.sentinel_password.is_some() && !sentinels {
        return Err(MasterProblem::NoSentinels);
    }
    complete(&mut options, config)?;
    options.namespace.clone_from(&config.namespace);
    options.read_timeout = Duration::from_millis(config.read_timeout_milliseconds);
    options.write_timeout = Duration::from_millis(config.write_timeout_milliseconds);
    Ok(Some(options))
}

/// What the url of a server does not say: passwords, and whose certificates are trusted.
fn complete(options: &mut RedisOptions, config: &MasterConfig) -> Result<(), MasterProblem> {
    if options.password.is_none() && !config.password.expose().is_empty() {
        options.password = Some(Secret::new(config.password.expose().clone()));
    }
    if let RedisDeployment::Sentinel(sentinel) = &mut options.deployment {
        sentinel.username.clone_from(&config.sentinel_username);
        let password = config.sentinel_password.as_ref();
        sentinel.password = password.map(|password| Secret::new(password.expose().clone()));
    }
    if let (Some(tls), Some(file)) = (&mut options.tls, &config.ca_file) {
        let authorities = std::fs::read(file).map_err(|source| MasterProblem::File {
            key: "master.ca_file",
            path: file.display().to_string(),
            source,
        })?;
        tls.authorities_pem = Some(authorities);
    }
    Ok(())
}

/// Where the right to refresh is kept; `redis` is the master cache, which decides where no other servers are named.
pub(super) fn lease_options(
    master: &MasterConfig,
    lease: &LeaseConfig,
    redis: &RedisOptions,
) -> Result<LeaseServers, MasterProblem> {
    let options = LeaseOptions {
        ttl: Duration::from_millis(lease.ttl_milliseconds),
        ..LeaseOptions::default()
    };
    if lease.servers.is_empty() {
        return Ok(LeaseServers {
            key: "master",
            servers: vec![redis.clone()],
            options,
        });
    }
    let wrong = |source| MasterProblem::Redis {
        key: "lease.servers",
        source,
    };
    let servers = lease.servers.iter().map(|url| {
        let mut server = RedisOptions::from_url(url.expose()).map_err(wrong)?;
        complete(&mut server, master)?;
        server.namespace.clone_from(&redis.namespace);
        Ok(server)
    });
    Ok(LeaseServers {
        key: "lease.servers",
        servers: servers.collect::<Result<_, MasterProblem>>()?,
        options,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_master() {
        #[track_caller]
        fn check(change: impl FnOnce(&mut MasterConfig), expected: Option<u8>) {
            let mut config = MasterConfig::default();
            change(&mut config);
            let options = redis_options(&config).unwrap();
            assert_eq!(options.map(|options| options.database), expected);
        }
        check(|_| {}, None);
        check(|config| config.url = Some("memory".into()), None);
        check(|config| config.url = Some("redis://a/4".into()), Some(4));
        check(|config| config.host = Some("a".into()), Some(0));
        check(
            |config| {
                config.host = Some("a".into());
                config.url = Some("memory".into());
            },
            None,
        );
        let wrong = MasterConfig {
            url: Some("http://a".into()),
            ..MasterConfig::default()
        };
        assert!(redis_options(&wrong).is_err());
    }

    #[test]
    fn a_password_of_its_own_is_used_where_the_url_has_none() {
        let config = MasterConfig {
            url: Some("redis://a".into()),
            password: "secret".into(),
            ..MasterConfig::default()
        };
        let options = redis_options(&config).unwrap().unwrap();
        assert_eq!(options.password, Some(Secret::new("secret")));
    }

    #[test]
    fn sentinels_are_asked_with_their_own_password() {
        let config = MasterConfig {
            url: Some("redis-sentinel://me:secret@a,b/main".into()),
            sentinel_username: Some("watcher".to_owned()),
            sentinel_password: Some("guard".into()),
            ..MasterConfig::default()
        };
        let options = redis_options(&config).unwrap().unwrap();
        assert_eq!(options.password, Some(Secret::new("secret")));
        let RedisDeployment::Sentinel(sentinel) = options.deployment else {
            panic!("{:?}", options.deployment);
        };
        assert_eq!(sentinel.username.as_deref(), Some("watcher"));
        assert_eq!(sentinel.password, Some(Secret::new("guard")));
        let without = MasterConfig {
            url: Some("redis://a".into()),
            ..config
        };
        let problem = redis_options(&without).unwrap_err().to_string();
        assert!(
            problem.starts_with("master.sentinel_password: "),
            "{problem}"
        );
    }

    #[test]
    fn lock_servers_have_the_masters_password_where_their_urls_have_none() {
        let master = MasterConfig {
            url: Some("redis://a".into()),
            password: "secret".into(),
            ..MasterConfig::default()
        };
        let redis = redis_options(&master).unwrap().unwrap();
        let passwords = |servers: &[&str]| {
            let lease = LeaseConfig {
                servers: servers.iter().map(|url| (*url).into()).collect(),
                ..LeaseConfig::default()
            };
            let found = lease_options(&master, &lease, &redis).unwrap();
            let passwords = found.servers.into_iter().map(|server| server.password);
            (found.key, passwords.collect::<Vec<_>>())
        };
        let secret = |text: &str| Some(Secret::new(text));
        assert_eq!(passwords(&[]), ("master", vec![secret("secret")]));
        assert_eq!(
            passwords(&["redis://b", "redis://:own@c", "redis://d"]),
            (
                "lease.servers",
                vec![secret("secret"), secret("own"), secret("secret")]
            )
        );
    }
}
