//! How to reach Redis, and what it may cost.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use service_runtime::Secret;
use service_runtime::config::KeyDoc;
use service_runtime::settings::{at_least_one, at_most_a_year};

use super::ConfigProblem;

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
    pub sentinel_username: Option<String>,
    pub sentinel_password: Option<Secret>,
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
            sentinel_username: None,
            sentinel_password: None,
            cluster: Vec::new(),
            namespace: "github-mirror".to_owned(),
            read_timeout_milliseconds: 50,
            write_queue: 1024,
            ttl_seconds: 7 * 24 * 3600,
            ttl_jitter: 0.1,
        }
    }
}

impl RedisConfig {
    pub(super) fn check(&self) -> Result<(), ConfigProblem> {
        let problem = |key, problem| Err(ConfigProblem::new(key, problem));
        if !self.sentinel.is_empty() && !self.cluster.is_empty() {
            return problem("redis.cluster", "cannot be used with redis.sentinel");
        }
        let for_sentinels = [
            ("redis.sentinel_username", self.sentinel_username.is_some()),
            ("redis.sentinel_password", self.sentinel_password.is_some()),
        ];
        if self.sentinel.is_empty()
            && let Some((key, _)) = for_sentinels.iter().find(|(_, given)| *given)
        {
            return problem(key, "needs redis.sentinel");
        }
        if self.sentinel_username.is_some() && self.sentinel_password.is_none() {
            let text = "needed with redis.sentinel_username";
            return problem("redis.sentinel_password", text);
        }
        let files = [
            ("redis.ca_file", &self.ca_file),
            ("redis.client_cert_file", &self.client_cert_file),
            ("redis.client_key_file", &self.client_key_file),
        ];
        if let Some((key, _)) = files.iter().find(|(_, file)| file.is_some() && !self.tls) {
            return problem(key, "needs redis.tls");
        }
        match (&self.client_cert_file, &self.client_key_file) {
            (Some(_), None) => {
                let text = "needed with redis.client_cert_file";
                return problem("redis.client_key_file", text);
            }
            (None, Some(_)) => {
                let text = "needed with redis.client_key_file";
                return problem("redis.client_cert_file", text);
            }
            _ => {}
        }
        let values = [
            (
                "redis.read_timeout_milliseconds",
                self.read_timeout_milliseconds,
            ),
            ("redis.write_queue", self.write_queue as u64),
            ("redis.ttl_seconds", self.ttl_seconds),
        ];
        at_least_one(&values)?;
        at_most_a_year(&values)
    }
}

/// The section's part of the reference page.
pub(super) const DOCS: &[KeyDoc<'static>] = &[
    KeyDoc::new(
        "redis.primary",
        "host or host:port",
        "The server that takes the writes.",
    ),
    KeyDoc::new(
        "redis.reader",
        "host or host:port",
        "The endpoint of the replicas; reads go there.",
    ),
    KeyDoc::new(
        "redis.port",
        "port",
        "The port of servers that are given without one.",
    ),
    KeyDoc::new(
        "redis.username",
        "name",
        "ACL user; without it the password is that of the default user.",
    ),
    KeyDoc::new(
        "redis.password",
        "secret",
        "Password. `REDIS_PASSWORD` wins over `REDIS_TOKEN`.",
    ),
    KeyDoc::new(
        "redis.database",
        "number",
        "The database; a cluster has no other than 0.",
    ),
    KeyDoc::new(
        "redis.tls",
        "true, false",
        "Whether connections are encrypted.",
    ),
    KeyDoc::new(
        "redis.ca_file",
        "path",
        "PEM certificates that servers are checked against instead of the public ones.",
    ),
    KeyDoc::new(
        "redis.client_cert_file",
        "path",
        "PEM certificate that the mirror shows to Redis.",
    ),
    KeyDoc::new(
        "redis.client_key_file",
        "path",
        "PEM private key of `redis.client_cert_file`.",
    ),
    KeyDoc::new(
        "redis.sentinel",
        "host or host:port, a list",
        "Sentinels to ask for the primary; port 26379 where none is given. `redis.primary` is not used then.",
    ),
    KeyDoc::new(
        "redis.sentinel_service",
        "name",
        "The primary's name at the sentinels.",
    ),
    KeyDoc::new(
        "redis.sentinel_username",
        "name",
        "ACL user at the sentinels, which have users of their own.",
    ),
    KeyDoc::new(
        "redis.sentinel_password",
        "secret",
        "Password at the sentinels. Without it they are asked without one.",
    ),
    KeyDoc::new(
        "redis.cluster",
        "host or host:port, a list",
        "Nodes of a cluster; one that answers is enough. `redis.primary` is not used then.",
    ),
    KeyDoc::new(
        "redis.namespace",
        "text",
        "What every key begins with. Mirrors with the same namespace and password share entries.",
    ),
    KeyDoc::new(
        "redis.read_timeout_milliseconds",
        "milliseconds",
        "The most that a sick Redis may add to a request; after it the read is a miss.",
    ),
    KeyDoc::new(
        "redis.write_queue",
        "entries",
        "Writes go behind the answers; when so many wait, further ones are dropped and counted.",
    ),
    KeyDoc::new(
        "redis.ttl_seconds",
        "seconds",
        "How long an entry stays after it was last written, or read in the second half of that time.",
    ),
    KeyDoc::new(
        "redis.ttl_jitter",
        "part of 1",
        "By how much of it the time is shortened at random, so that entries do not expire together.",
    ),
];
