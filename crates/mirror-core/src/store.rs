//! The store that the settings ask for: one enum, chosen at start.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use cache_backends::{
    BreakerLimits, CacheStore, CacheValue, Dictionaries, Dictionary, DictionaryError, DiskError,
    DiskOptions, DiskStore, Endpoint, GuardStats, Guarded, MemoryLimits, MemoryStore, Opened, Pack,
    Packing, Persist, RedisDeployment, RedisOptions, RedisOptionsError, RedisStats, RedisStore,
    RedisTls, Secret, Sentinel, ShadowedStore, StoreError, StoreKey, TieredOptions, TieredStore,
    TlsIdentity, Usage, Written,
};
use github_conditional::{Entry, FingerprintKey};
use tokio::time::Instant;

use crate::config::{CacheConfig, CacheKind, MemoryCompression, RedisConfig};
use crate::metrics::{Instruments, Level, Load};

/// Why a store cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum StoreProblem {
    /// A setting of Redis is wrong.
    #[error("{key}")]
    Redis {
        /// The key, as in the file.
        key: &'static str,
        /// What is wrong with it.
        #[source]
        source: RedisOptionsError,
    },
    /// The cache file cannot be opened.
    #[error("cache.disk_path")]
    Disk(#[source] DiskError),
    /// `cache.type` disk without a path.
    #[error("cache.disk_path: needed with cache.type disk")]
    NoDiskPath,
    /// The dictionaries of this program are broken.
    #[error("a dictionary for stored entries is broken")]
    Dictionary(#[source] DictionaryError),
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

type Memory<V> = Measured<MemoryStore<V>>;
type Redis<V> = Arc<Guarded<Measured<RedisStore<V>>>>;
type Disk<V> = Arc<Guarded<Measured<DiskStore<V>>>>;

/// The store of a mirror. Clones share it.
#[derive(Clone, Debug)]
pub(crate) enum Store<V: Persist = Entry> {
    Memory(Memory<V>),
    /// Redis first, so that what other mirrors have written is seen at once; memory while Redis is away.
    Redis(ShadowedStore<Redis<V>, Memory<V>>),
    /// Memory over one file.
    Disk(TieredStore<V, Memory<V>, Disk<V>>),
    /// Memory over Redis.
    Tiered(TieredStore<V, Memory<V>, Redis<V>>),
}

impl<V: Persist> Store<V> {
    /// Opens what the settings ask for. To be called inside the runtime.
    pub(crate) fn open(
        cache: &CacheConfig,
        redis: &RedisConfig,
        instruments: &Arc<Instruments>,
    ) -> Result<Self, StoreProblem>
    where
        V: Pack,
    {
        let limits = MemoryLimits {
            max_bytes: cache.max_bytes,
            ..MemoryLimits::default()
        };
        let memory = match cache.memory_compression {
            MemoryCompression::None => MemoryStore::new(limits),
            MemoryCompression::Zstd => {
                MemoryStore::new(limits).packing(Packing::new(dictionaries()?))
            }
        };
        let memory = Measured::new(memory, Level::Memory, instruments);
        // One entry may hold a few bodies: callers may see different ones.
        let max_entry_bytes = cache.max_cacheable_body_bytes.saturating_mul(2);
        let read_timeout = Duration::from_millis(redis.read_timeout_milliseconds);
        // The stores have time limits of their own; the breaker's is for what they overlook.
        let breaker = BreakerLimits {
            timeout: read_timeout
                .saturating_mul(4)
                .max(Duration::from_millis(250)),
            ..BreakerLimits::default()
        };
        let tiers = |read_timeout| TieredOptions {
            read_timeout,
            ..TieredOptions::default()
        };
        let redis = || {
            let options = RedisOptions {
                dictionaries: dictionaries()?,
                ..redis_options(redis, max_entry_bytes)?
            };
            let store = RedisStore::new(options).map_err(|source| StoreProblem::Redis {
                key: "redis",
                source,
            })?;
            let measured = Measured::new(store, Level::Redis, instruments);
            Ok::<_, StoreProblem>(Arc::new(Guarded::new(measured, breaker)))
        };
        let disk = |path: &Path| {
            let options = DiskOptions {
                max_bytes: cache.disk_max_bytes,
                max_entry_bytes,
                dictionaries: dictionaries()?,
                ..DiskOptions::new(path)
            };
            let (store, opened) = DiskStore::open(options).map_err(StoreProblem::Disk)?;
            if let Opened::SetAside { moved_to, reason } = opened {
                let (reason, moved_to) = (reason.as_str(), moved_to.display());
                tracing::warn!(reason, %moved_to, "the cache file cannot be used; a new one was begun");
            }
            let measured = Measured::new(store, Level::Disk, instruments);
            Ok::<_, StoreProblem>(Arc::new(Guarded::new(measured, breaker)))
        };
        Ok(match (cache.kind, &cache.disk_path) {
            (CacheKind::InMemory, _) => Self::Memory(memory),
            (CacheKind::Redis, _) => Self::Redis(ShadowedStore::new(redis()?, memory)),
            (CacheKind::Disk | CacheKind::Tiered, Some(path)) => {
                Self::Disk(TieredStore::new(memory, disk(path)?, tiers(read_timeout)))
            }
            (CacheKind::Tiered, None) => {
                // Redis keeps the limit by itself, and only then it is counted that it was late.
                let tiers = tiers(read_timeout.saturating_mul(2));
                Self::Tiered(TieredStore::new(memory, redis()?, tiers))
            }
            (CacheKind::Disk, None) => return Err(StoreProblem::NoDiskPath),
        })
    }

    /// Where entries live, in the words of `cache.type`.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Memory(_) => "in-memory",
            Self::Redis(_) => "redis",
            Self::Disk(_) => "disk",
            Self::Tiered(_) => "tiered",
        }
    }

    /// The levels, in the order in which they are asked.
    pub(crate) fn levels(&self) -> &'static [Level] {
        match self {
            Self::Memory(_) => &[Level::Memory],
            Self::Redis(_) => &[Level::Redis, Level::Memory],
            Self::Disk(_) => &[Level::Memory, Level::Disk],
            Self::Tiered(_) => &[Level::Memory, Level::Redis],
        }
    }

    /// The breaker in front of the level that can fail.
    pub(crate) fn guard(&self) -> Option<(Level, GuardStats)> {
        match self {
            Self::Memory(_) => None,
            Self::Redis(store) => Some((Level::Redis, store.primary().stats())),
            Self::Disk(store) => Some((Level::Disk, store.far().stats())),
            Self::Tiered(store) => Some((Level::Redis, store.far().stats())),
        }
    }

    /// What happened at Redis, where it is used.
    pub(crate) fn redis_stats(&self) -> Option<RedisStats> {
        match self {
            Self::Memory(_) | Self::Disk(_) => None,
            Self::Redis(store) => Some(store.primary().get_ref().inner.stats()),
            Self::Tiered(store) => Some(store.far().get_ref().inner.stats()),
        }
    }

    /// Entries that gave way to others so far, by level. Redis evicts by its own settings and counts by itself.
    pub(crate) fn evicted(&self) -> Vec<(Level, u64)> {
        let memory = |memory: &Memory<V>| (Level::Memory, memory.inner.evicted());
        match self {
            Self::Memory(store) => vec![memory(store)],
            Self::Redis(store) => vec![memory(store.shadow())],
            Self::Disk(store) => {
                let disk = store.far().get_ref().inner.stats().evicted;
                vec![memory(store.near()), (Level::Disk, disk)]
            }
            Self::Tiered(store) => vec![memory(store.near())],
        }
    }

    /// Waits until what was written is where a restart or another mirror finds it.
    pub(crate) async fn flush(&self) {
        match self {
            Self::Memory(_) => {}
            Self::Redis(store) => store.primary().get_ref().inner.flush().await,
            Self::Tiered(store) => {
                store.settle().await;
                store.far().get_ref().inner.flush().await;
            }
            Self::Disk(store) => {
                store.settle().await;
                if let Err(error) = store.far().get_ref().inner.flush().await {
                    tracing::warn!(%error, "the cache file could not be brought up to date");
                }
            }
        }
    }
}

/// The levels of a store, whatever is in it.
pub(crate) trait Levels: Send + Sync {
    /// Where values live, in the words of `cache.type`.
    fn kind(&self) -> &'static str;
    /// The levels, in the order in which they are asked.
    fn levels(&self) -> &'static [Level];
    /// The breaker in front of the level that can fail.
    fn guard(&self) -> Option<(Level, GuardStats)>;
    /// What happened at Redis, where it is used.
    fn redis_stats(&self) -> Option<RedisStats>;
    /// Entries that gave way to others so far, by level.
    fn evicted(&self) -> Vec<(Level, u64)>;
    /// Waits until what was written is where a restart or another mirror finds it.
    fn flush(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

impl<V: Persist> Levels for Store<V> {
    fn kind(&self) -> &'static str {
        Store::kind(self)
    }

    fn levels(&self) -> &'static [Level] {
        Store::levels(self)
    }

    fn guard(&self) -> Option<(Level, GuardStats)> {
        Store::guard(self)
    }

    fn redis_stats(&self) -> Option<RedisStats> {
        Store::redis_stats(self)
    }

    fn evicted(&self) -> Vec<(Level, u64)> {
        Store::evicted(self)
    }

    fn flush(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(Store::flush(self))
    }
}

/// The futures of stores that wait for something are boxed: a request would otherwise carry room for all of them, although
/// most mirrors have none.
impl<V: Persist> CacheStore<V> for Store<V> {
    async fn load(&self, key: &StoreKey) -> Result<Option<V>, StoreError> {
        match self {
            Self::Memory(store) => store.load(key).await,
            Self::Redis(store) => Box::pin(store.load(key)).await,
            Self::Disk(store) => Box::pin(store.load(key)).await,
            Self::Tiered(store) => Box::pin(store.load(key)).await,
        }
    }

    async fn merge(&self, key: &StoreKey, value: V) -> Result<Written, StoreError> {
        match self {
            Self::Memory(store) => store.merge(key, value).await,
            Self::Redis(store) => Box::pin(store.merge(key, value)).await,
            Self::Disk(store) => Box::pin(store.merge(key, value)).await,
            Self::Tiered(store) => Box::pin(store.merge(key, value)).await,
        }
    }

    async fn remove(&self, key: &StoreKey) -> Result<(), StoreError> {
        match self {
            Self::Memory(store) => store.remove(key).await,
            Self::Redis(store) => Box::pin(store.remove(key)).await,
            Self::Disk(store) => Box::pin(store.remove(key)).await,
            Self::Tiered(store) => Box::pin(store.remove(key)).await,
        }
    }

    fn touch(&self, key: &StoreKey) {
        match self {
            Self::Memory(store) => store.touch(key),
            Self::Redis(store) => store.touch(key),
            Self::Disk(store) => store.touch(key),
            Self::Tiered(store) => store.touch(key),
        }
    }

    fn usage(&self) -> Usage {
        match self {
            Self::Memory(store) => store.usage(),
            Self::Redis(store) => store.usage(),
            Self::Disk(store) => store.usage(),
            Self::Tiered(store) => store.usage(),
        }
    }
}

/// One level of a store, whose loads are counted and timed.
#[derive(Clone)]
pub(crate) struct Measured<S> {
    inner: S,
    level: Level,
    instruments: Arc<Instruments>,
}

impl<S> Measured<S> {
    fn new(inner: S, level: Level, instruments: &Arc<Instruments>) -> Self {
        Self {
            inner,
            level,
            instruments: Arc::clone(instruments),
        }
    }
}

impl<S: std::fmt::Debug> std::fmt::Debug for Measured<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

impl<V: CacheValue, S: CacheStore<V>> CacheStore<V> for Measured<S> {
    async fn load(&self, key: &StoreKey) -> Result<Option<V>, StoreError> {
        let started = Instant::now();
        let loaded = self.inner.load(key).await;
        let load = match &loaded {
            Ok(Some(_)) => Load::Hit,
            Ok(None) => Load::Miss,
            Err(error) if error.is_timeout() => Load::Timeout,
            Err(_) => Load::Error,
        };
        self.instruments.loaded(self.level, load, started.elapsed());
        loaded
    }

    async fn merge(&self, key: &StoreKey, value: V) -> Result<Written, StoreError> {
        self.inner.merge(key, value).await
    }

    async fn remove(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.inner.remove(key).await
    }

    fn touch(&self, key: &StoreKey) {
        self.inner.touch(key);
    }

    fn usage(&self) -> Usage {
        self.inner.usage()
    }
}

/// The secret under which credentials are hashed.
///
/// Processes that share a store must agree on it, and so must a process with itself across a restart; so it is made
/// from what they share anyway: the namespace and the password of Redis. Without a password it is no secret, which is
/// as safe as GitHub's own `hashed_token`: a token cannot be guessed from its hash.
pub(crate) fn fingerprint_key(cache: &CacheConfig, redis: &RedisConfig) -> Option<FingerprintKey> {
    if cache.kind == CacheKind::InMemory {
        return None;
    }
    let password = redis
        .password
        .as_ref()
        .map_or("", |password| password.expose());
    let parts = ["github-mirror fingerprints v1", &redis.namespace, password];
    Some(FingerprintKey::new(parts.join("\0").as_bytes()))
}

/// Made ready once, where a level of the store needs them.
fn dictionaries() -> Result<Dictionaries, StoreProblem> {
    static READY: LazyLock<Result<Dictionaries, DictionaryError>> = LazyLock::new(|| {
        let all = Entry::DICTIONARIES.iter();
        all.map(|&(number, bytes)| Dictionary::new(number, bytes))
            .collect()
    });
    READY.clone().map_err(StoreProblem::Dictionary)
}

/// The settings as the Redis store takes them.
pub(crate) fn redis_options(
    config: &RedisConfig,
    max_entry_bytes: usize,
) -> Result<RedisOptions, StoreProblem> {
    let endpoint = |key, text: &str, port| {
        Endpoint::parse(text, port).map_err(|source| StoreProblem::Redis { key, source })
    };
    let endpoints = |key, texts: &[String], port| {
        texts
            .iter()
            .map(|text| endpoint(key, text, port))
            .collect::<Result<Vec<_>, _>>()
    };
    let secret = |secret: &service_runtime::Secret| Secret::new(secret.expose().clone());
    let deployment = if !config.cluster.is_empty() {
        let seeds = endpoints("redis.cluster", &config.cluster, config.port)?;
        RedisDeployment::Cluster { seeds }
    } else if !config.sentinel.is_empty() {
        RedisDeployment::Sentinel(Sentinel {
            service: config.sentinel_service.clone(),
            nodes: endpoints("redis.sentinel", &config.sentinel, Endpoint::SENTINEL_PORT)?,
            username: config.sentinel_username.clone(),
            password: config.sentinel_password.as_ref().map(secret),
        })
    } else {
        let reader = config.reader.as_deref();
        RedisDeployment::Standalone {
            primary: endpoint("redis.primary", &config.primary, config.port)?,
            reader: reader
                .map(|text| endpoint("redis.reader", text, config.port))
                .transpose()?,
        }
    };
    Ok(RedisOptions {
        deployment,
        username: config.username.clone(),
        password: config.password.as_ref().map(secret),
        tls: config.tls.then(|| tls(config)).transpose()?,
        database: config.database,
        namespace: config.namespace.clone(),
        read_timeout: Duration::from_millis(config.read_timeout_milliseconds),
        write_queue: config.write_queue,
        ttl: Duration::from_secs(config.ttl_seconds),
        ttl_jitter: config.ttl_jitter,
        max_entry_bytes,
        ..RedisOptions::default()
    })
}

fn tls(config: &RedisConfig) -> Result<RedisTls, StoreProblem> {
    let authorities = config.ca_file.as_deref();
    let identity = match (&config.client_cert_file, &config.client_key_file) {
        (Some(certificate), Some(key)) => {
            let key = read("redis.client_key_file", key)?;
            let key = String::from_utf8(key).map_err(|_| StoreProblem::Redis {
                key: "redis.client_key_file",
                source: RedisOptionsError::Tls("key"),
            })?;
            Some(TlsIdentity {
                certificates_pem: read("redis.client_cert_file", certificate)?,
                key_pem: Secret::new(key),
            })
        }
        _ => None,
    };
    Ok(RedisTls {
        authorities_pem: authorities
            .map(|file| read("redis.ca_file", file))
            .transpose()?,
        identity,
        ..RedisTls::default()
    })
}

fn read(key: &'static str, file: &Path) -> Result<Vec<u8>, StoreProblem> {
    std::fs::read(file).map_err(|source| StoreProblem::File {
        key,
        path: file.display().to_string(),
        source,
    })
}
