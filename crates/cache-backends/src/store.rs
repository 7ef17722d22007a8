//! The two traits: what can be stored, and what a store does.

use std::future::Future;
use std::sync::Arc;

use crate::{StoreError, StoreKey};

/// A value that stores can keep, weigh and merge.
///
/// Cloning must be cheap (an `Arc`, not a copy): a hit hands out a clone.
pub trait CacheValue: Clone + Send + Sync + 'static {
    /// Memory that the value holds, in bytes, including its own overhead.
    fn weight_bytes(&self) -> usize;

    /// Joins what is stored with what arrives, and returns what is to be stored.
    ///
    /// Must not depend on the order of arrival beyond the values' own notion of newer and older: a store may call it
    /// in any order for concurrent writers, and may call it again with a value that it has already merged.
    #[must_use]
    fn merge(stored: &Self, arriving: Self) -> Self;
}

/// A value that can leave the process: for stores on disk or on another machine.
///
/// The store adds what bytes that outlive a process need (format version, checksum, compression); the value writes
/// only itself, beginning with a version of its own layout.
///
/// To add a field: raise the layout version, write the field at the end, let `decode` accept the previous version with
/// a default, and keep a fixture of the previous version in the tests.
pub trait Persist: CacheValue {
    /// Appends the value's bytes.
    fn encode(&self, out: &mut Vec<u8>);

    /// Reads the value back; `None` = an unknown version or damaged bytes, which is a miss.
    fn decode(bytes: &[u8]) -> Option<Self>;
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Written {
    /// The merged value is visible to readers.
    Stored,
    /// The value alone is larger than the store takes; what was stored before under the key is gone, so that nobody
    /// reads an older state than the one that was just written.
    TooLarge,
}

/// How much a store holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Number of values.
    pub entries: u64,
    /// Sum of their weights, in bytes.
    pub bytes: u64,
}

impl Usage {
    /// A usage of so many values weighing so many bytes.
    pub const fn new(entries: u64, bytes: u64) -> Self {
        Self { entries, bytes }
    }
}

/// A place where values live.
///
/// # Contract (checked by the conformance suite)
/// - A value is visible to `load` as soon as `merge` has returned [`Written::Stored`], unless it was evicted.
/// - Concurrent merges under one key all take effect, in some order.
/// - Dropping a future before it completes leaves the old or the new value, never a mixture.
/// - An error means "not known", and the caller goes on as after a miss.
pub trait CacheStore<V: CacheValue>: Send + Sync + 'static {
    /// Reads the value under `key`.
    ///
    /// # Errors
    /// When the store cannot tell; the caller treats this as a miss.
    fn load(&self, key: &StoreKey) -> impl Future<Output = Result<Option<V>, StoreError>> + Send;

    /// Joins `value` with what is stored under `key` (see [`CacheValue::merge`]).
    ///
    /// # Errors
    /// When the store cannot take the value; readers may go on seeing the old one.
    fn merge(
        &self,
        key: &StoreKey,
        value: V,
    ) -> impl Future<Output = Result<Written, StoreError>> + Send;

    /// Removes the value under `key`, if there is one.
    ///
    /// # Errors
    /// When the store cannot tell whether the value is gone.
    fn remove(&self, key: &StoreKey) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Tells that the value under `key` is in use although it was not loaded here. A store that lets go of what is not
    /// used counts it as used; others do nothing. Never waits, never fails, and promises nothing.
    fn touch(&self, _key: &StoreKey) {}

    /// How much is held now; for gauges, so it must be cheap and may lag a little.
    fn usage(&self) -> Usage;
}

impl<V: CacheValue, S: CacheStore<V>> CacheStore<V> for Arc<S> {
    fn load(&self, key: &StoreKey) -> impl Future<Output = Result<Option<V>, StoreError>> + Send {
        S::load(self, key)
    }

    fn merge(
        &self,
        key: &StoreKey,
        value: V,
    ) -> impl Future<Output = Result<Written, StoreError>> + Send {
        S::merge(self, key, value)
    }

    fn remove(&self, key: &StoreKey) -> impl Future<Output = Result<(), StoreError>> + Send {
        S::remove(self, key)
    }

    fn touch(&self, key: &StoreKey) {
        S::touch(self, key);
    }

    fn usage(&self) -> Usage {
        S::usage(self)
    }
}
