//! How to reach Redis, and what the store may cost.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::Dictionaries;

/// Settings of a [`RedisStore`](crate::RedisStore).
#[derive(Clone, Debug, PartialEq)]
pub struct RedisOptions {
    /// Where the servers are. Default: one server on 127.0.0.1:6379.
    pub deployment: RedisDeployment,
    /// ACL user. Default none: the password, if any, is that of the default user.
    pub username: Option<String>,
    /// Password. Default none. A wrong one makes every operation `unavailable`; it is tried again with back-off, so a
    /// password that becomes valid later needs no restart.
    pub password: Option<Secret>,
    /// TLS. Default none: bytes and password travel in the clear.
    pub tls: Option<RedisTls>,
    /// Number of the database. Default 0; a cluster has no other.
    pub database: u8,
    /// Prefix of every key, before a colon. Default `github-mirror`. Processes with the same namespace share entries.
    /// Braces would make the whole cache one hash tag, which means one cluster node, and are refused.
    pub namespace: String,
    /// Longest wait of a load. Default 50 ms. A later answer is a miss with an error: what a sick Redis may add to the
    /// latency of a request.
    pub read_timeout: Duration,
    /// Longest wait of one command of a write. Default 1 s. Nobody waits for it but the worker that writes.
    pub write_timeout: Duration,
    /// How long a write is tried again while Redis is away. Default 10 s. Then it is dropped and counted: the entry is
    /// fetched once more by whoever misses it.
    pub write_patience: Duration,
    /// Keys that may wait to be written. Default 1024. Beyond it writes are refused and counted.
    pub write_queue: usize,
    /// Bytes that may wait to be written. Default 64 MiB. Beyond it writes are refused and counted.
    pub write_queue_bytes: usize,
    /// Writes on their way at the same time. Default 32, pipelined on one connection.
    pub writers: usize,
    /// How long an entry lives after it was last written, or read in the second half of its life. Default 7 days.
    /// Freshness is the reader's business; this only keeps Redis from filling with what nobody asks for.
    pub ttl: Duration,
    /// Part of `ttl` by which it is shortened at random, 0 to 1. Default 0.1. Entries that were written together do
    /// not expire together.
    pub ttl_jitter: f64,
    /// Bytes that one value may weigh, and its bytes in Redis. Default 16 MiB. A larger one is not stored.
    pub max_entry_bytes: usize,
    /// What values are compressed with, see [`Dictionaries`]. Default none. Processes that share entries and do not
    /// share dictionaries miss each other's.
    pub dictionaries: Dictionaries,
    /// How long a replica may lag behind. Default 1 s. What this process wrote within that time is read from the
    /// primary; only with a reader endpoint.
    pub reader_lag: Duration,
    /// Silence after which a connection is given up and made anew. Default 2 s. Shorter finds a hanging server
    /// sooner, but drops a slow one's answers.
    pub unresponsive_after: Duration,
    /// Longest wait for a connection, and for its set-up. Default 2 s.
    pub connect_timeout: Duration,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self {
            deployment: RedisDeployment::default(),
            username: None,
            password: None,
            tls: None,
            database: 0,
            namespace: "github-mirror".to_owned(),
            read_timeout: Duration::from_millis(50),
            write_timeout: Duration::from_secs(1),
            write_patience: Duration::from_secs(10),
            write_queue: 1024,
            write_queue_bytes: 64 << 20,
            writers: 32,
            ttl: Duration::from_secs(7 * 24 * 3600),
            ttl_jitter: 0.1,
            max_entry_bytes: 16 << 20,
            dictionaries: Dictionaries::default(),
            reader_lag: Duration::from_secs(1),
            unresponsive_after: Duration::from_secs(2),
            connect_timeout: Duration::from_secs(2),
        }
    }
}

impl RedisOptions {
    pub(crate) fn check(&self) -> Result<(), RedisOptionsError> {
        use RedisOptionsError as Wrong;
        let nodes = match &self.deployment {
            RedisDeployment::Standalone { .. } => 1,
            RedisDeployment::Sentinel(sentinel) => sentinel.nodes.len(),
            RedisDeployment::Cluster { seeds } => seeds.len(),
        };
        if nodes == 0 {
            return Err(Wrong::NoNodes);
        }
        if matches!(self.deployment, RedisDeployment::Cluster { .. }) && self.database != 0 {
            return Err(Wrong::ClusterDatabase);
        }
        if self.namespace.is_empty() || self.namespace.contains(['{', '}']) {
            return Err(Wrong::Namespace);
        }
        if !(0.0..=1.0).contains(&self.ttl_jitter) {
            return Err(Wrong::TtlJitter);
        }
        let zero = [
            ("read_timeout", self.read_timeout.is_zero()),
            ("write_timeout", self.write_timeout.is_zero()),
            ("write_queue", self.write_queue == 0),
            ("writers", self.writers == 0),
            // Redis counts milliseconds and refuses an expiry of none.
            ("ttl", self.ttl.as_millis() == 0),
            ("unresponsive_after", self.unresponsive_after.is_zero()),
            ("connect_timeout", self.connect_timeout.is_zero()),
        ];
        match zero.into_iter().find(|(_, is_zero)| *is_zero) {
            Some((name, _)) => Err(Wrong::Zero(name)),
            None => Ok(()),
        }
    }
}

/// Where the servers are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedisDeployment {
    /// One primary, and perhaps an endpoint of its replicas.
    Standalone {
        /// Takes the writes, and the reads when there is no reader or it is away.
        primary: Endpoint,
        /// Takes the reads.
        reader: Option<Endpoint>,
    },
    /// Sentinels that know who the primary is.
    Sentinel(Sentinel),
    /// A cluster.
    Cluster {
        /// Nodes to ask for the others; one that answers is enough.
        seeds: Vec<Endpoint>,
    },
}

impl Default for RedisDeployment {
    fn default() -> Self {
        Self::Standalone {
            primary: Endpoint::new("127.0.0.1", Endpoint::REDIS_PORT),
            reader: None,
        }
    }
}

/// How to ask Sentinel for the primary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentinel {
    /// Name of the primary in the sentinels' configuration, such as `mymaster`.
    pub service: String,
    /// The sentinels; one that answers is enough, and it tells of the others.
    pub nodes: Vec<Endpoint>,
    /// ACL user at the sentinels, which have their own. Default none.
    pub username: Option<String>,
    /// Password at the sentinels, which have their own. Default none.
    pub password: Option<Secret>,
}

/// Host and port of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Name or address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl Endpoint {
    /// The port of a Redis server where none is given.
    pub const REDIS_PORT: u16 = 6379;
    /// The port of a Sentinel where none is given.
    pub const SENTINEL_PORT: u16 = 26379;

    /// An endpoint.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
        }
    }

    /// Reads `host`, `host:port`, `address`, `[address]` or `[address]:port`.
    ///
    /// # Errors
    /// When there is no host or the port is no number.
    pub fn parse(text: &str, default_port: u16) -> Result<Self, RedisOptionsError> {
        let wrong = || RedisOptionsError::Endpoint;
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (host, rest) = rest.split_once(']').ok_or_else(wrong)?;
            match rest.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if rest.is_empty() => (host, None),
                None => return Err(wrong()),
            }
        } else {
            match text.split_once(':') {
                // More than one colon is an IPv6 address.
                Some((_, rest)) if rest.contains(':') => (text, None),
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            }
        };
        let port = match port {
            Some(port) => port.parse().map_err(|_| wrong())?,
            None => default_port,
        };
        if host.is_empty() {
            return Err(wrong());
        }
        Ok(Self::new(host, port))
    }
}

impl FromStr for Endpoint {
    type Err = RedisOptionsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text, Self::REDIS_PORT)
    }
}

/// TLS to the servers, and to the sentinels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedisTls {
    /// Certificates of the authorities that servers are checked against, as PEM. Default none: the public ones.
    pub authorities_pem: Option<Vec<u8>>,
    /// The certificate that this process shows. Default none.
    pub identity: Option<TlsIdentity>,
    /// Which name a cluster node's certificate must bear. Default: the one that the cluster tells.
    pub cluster_names: ClusterNames,
}

/// A client certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsIdentity {
    /// The certificate and its chain, as PEM.
    pub certificates_pem: Vec<u8>,
    /// The private key, as PEM.
    pub key_pem: Secret,
}

/// Which name a cluster node's certificate must bear.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClusterNames {
    /// The name or address that the cluster tells for the node.
    #[default]
    Told,
    /// The name of the node that was asked: for clusters that tell addresses and share one certificate.
    Asked,
}

/// A text that is not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps the text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Settings that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RedisOptionsError {
    /// Sentinel or cluster without nodes.
    #[error("no node is given")]
    NoNodes,
    /// A cluster has database 0 only.
    #[error("a cluster has no database but 0")]
    ClusterDatabase,
    /// Empty, or with braces.
    #[error("the namespace is empty or has braces")]
    Namespace,
    /// Not a part of a whole.
    #[error("ttl_jitter is not between 0 and 1")]
    TtlJitter,
    /// Nothing would ever work.
    #[error("{0} is zero")]
    Zero(&'static str),
    /// Neither `host`, nor `host:port`.
    #[error("an endpoint is not `host` or `host:port`")]
    Endpoint,
    /// Not one of the forms of [`RedisOptions::from_url`].
    #[error("is not a url such as `redis://host:port`, `redis-sentinel://` or `redis-cluster://`")]
    Url,
    /// Certificates or key cannot be used.
    #[error("the TLS {0} cannot be used")]
    Tls(&'static str),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints() {
        #[track_caller]
        fn check(text: &str, expected: Option<(&str, u16)>) {
            let expected = expected.map(|(host, port)| Endpoint::new(host, port));
            assert_eq!(text.parse().ok(), expected, "{text}");
        }
        check("redis", Some(("redis", 6379)));
        check("redis:7000", Some(("redis", 7000)));
        check("127.0.0.1:1", Some(("127.0.0.1", 1)));
        check("::1", Some(("::1", 6379)));
        check("[::1]", Some(("::1", 6379)));
        check("[::1]:7000", Some(("::1", 7000)));
        check("", None);
        check(":7000", None);
        check("redis:", None);
        check("redis:70000", None);
        check("[::1", None);
        check("[::1]7000", None);
    }

    #[test]
    fn what_cannot_work_is_refused() {
        #[track_caller]
        fn check(change: impl FnOnce(&mut RedisOptions), expected: RedisOptionsError) {
            let mut options = RedisOptions::default();
            assert_eq!(options.check(), Ok(()));
            change(&mut options);
            assert_eq!(options.check(), Err(expected));
        }
        check(
            |options| options.deployment = RedisDeployment::Cluster { seeds: Vec::new() },
            RedisOptionsError::NoNodes,
        );
        check(
            |options| {
                options.deployment = RedisDeployment::Cluster {
                    seeds: vec![Endpoint::new("redis", 1)],
                };
                options.database = 1;
            },
            RedisOptionsError::ClusterDatabase,
        );
        check(
            |options| options.namespace = "{mirror}".to_owned(),
            RedisOptionsError::Namespace,
        );
        check(
            |options| options.ttl_jitter = 1.5,
            RedisOptionsError::TtlJitter,
        );
        check(
            |options| options.ttl_jitter = f64::NAN,
            RedisOptionsError::TtlJitter,
        );
        check(
            |options| options.read_timeout = Duration::ZERO,
            RedisOptionsError::Zero("read_timeout"),
        );
        check(
            |options| options.ttl = Duration::from_micros(900),
            RedisOptionsError::Zero("ttl"),
        );
    }

    #[test]
    fn secrets_are_not_printed() {
        let options = RedisOptions {
            password: Some(Secret::new("hunter2")),
            ..RedisOptions::default()
        };
        assert!(!format!("{options:?}").contains("hunter2"));
    }
}
