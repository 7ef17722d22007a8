//! Where cached values live: one trait, several stores, one conformance suite.
//!
//! The crate knows nothing of HTTP or GitHub.
//! A store keeps *values that can be merged* ([`CacheValue`]): writing never overwrites blindly, it joins what is
//! there with what arrives, so concurrent writers cannot lose each other's work or replace newer by older.
//! Freshness is not the store's business: whoever reads a value decides whether it may be used; a store only bounds
//! how much is kept.
//!
//! # Features
//! - `memory` (default): [`MemoryStore`], in process, bounded by bytes.
//! - `packed`: [`MemoryStore::packing`], which keeps values compressed.
//! - `redis`: [`RedisStore`], shared by processes: Redis or Valkey alone, with replicas, Sentinel or Cluster;
//!   [`Leases`], locks that expire, with fencing numbers; and [`SharedValues`], which only a newer value replaces.
//! - `disk`: [`DiskStore`], one file on this machine, bounded by bytes, crash-safe.
//! - `tiered`: [`TieredStore`], a near store in front of a far one.
//! - `guarded`: [`Guarded`], a circuit breaker around a store, and [`Circuit`], one around anything else.
//! - `conformance`: the [`conformance`] suite and the [`FaultStore`] wrapper, for tests of stores.
#![deny(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(any(feature = "packed", feature = "redis"))]
mod beside;
#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(any(feature = "disk", feature = "packed", feature = "redis"))]
mod dictionary;
#[cfg(feature = "disk")]
mod disk;
#[cfg(any(feature = "disk", feature = "redis"))]
mod envelope;
mod error;
#[cfg(feature = "conformance")]
mod fault;
#[cfg(any(feature = "disk", feature = "packed", feature = "redis"))]
mod frame;
#[cfg(feature = "guarded")]
mod guarded;
mod key;
#[cfg(any(feature = "redis", feature = "tiered"))]
mod latency;
#[cfg(feature = "redis")]
mod lease;
#[cfg(feature = "memory")]
mod memory;
#[cfg(feature = "packed")]
mod packed;
#[cfg(feature = "redis")]
mod redis;
mod shadow;
#[cfg(feature = "redis")]
mod shared;
mod store;
#[cfg(feature = "tiered")]
mod tiered;

#[cfg(any(feature = "disk", feature = "packed", feature = "redis"))]
pub use dictionary::{Dictionaries, Dictionary, DictionaryError};
#[cfg(feature = "disk")]
pub use disk::{DiskError, DiskOptions, DiskStats, DiskStore, Opened, Unusable};
#[cfg(any(feature = "disk", feature = "redis"))]
pub use envelope::{seal, unseal};
pub use error::{Operation, StoreError};
#[cfg(feature = "conformance")]
pub use fault::{Fault, FaultControl, FaultStore};
#[cfg(feature = "guarded")]
pub use guarded::{BreakerLimits, BreakerState, Circuit, GuardStats, Guarded};
pub use key::{KeyHasher, KeyHasherBuilder, StoreKey};
#[cfg(any(feature = "redis", feature = "tiered"))]
pub use latency::LatencyCounts;
#[cfg(feature = "redis")]
pub use lease::{Attempt, Lease, LeaseError, LeaseOptions, Leases, Standing};
#[cfg(feature = "memory")]
pub use memory::{MemoryLimits, MemoryStore};
#[cfg(feature = "packed")]
pub use packed::{Pack, Packed, Packing};
#[cfg(feature = "redis")]
pub use redis::{
    ClusterNames, Endpoint, RedisConnection, RedisDeployment, RedisOptions, RedisOptionsError,
    RedisStats, RedisStore, RedisTls, Secret, Sentinel, TlsIdentity,
};
pub use shadow::ShadowedStore;
#[cfg(feature = "redis")]
pub use shared::{Publication, Published, SharedChange, SharedHead, SharedValue, SharedValues};
pub use store::{CacheStore, CacheValue, Persist, Usage, Written};
#[cfg(feature = "tiered")]
pub use tiered::{LevelStats, TieredOptions, TieredStats, TieredStore};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
