//! A wrapper that makes a store fail on command, for tests of those who must survive it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::{CacheStore, CacheValue, Operation, StoreError, StoreKey, Usage, Written};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The operation fails at once.
    Unavailable,
    /// The operation fails as if its bytes had been damaged.
    Corrupt,
    /// The operation never completes.
    Hang,
    /// The operation fails and, for a write, the value is gone (an eviction between look-up and write).
    Lost,
}

#[derive(Debug, Default)]
struct Script {
    load: Mutex<Option<Fault>>,
    merge: Mutex<Option<Fault>>,
    remove: Mutex<Option<Fault>>,
    failures: AtomicU64,
}

/// Switches the faults of a [`FaultStore`] on and off while it is in use.
#[derive(Clone, Debug, Default)]
pub struct FaultControl(Arc<Script>);

impl FaultControl {
    /// From now on `operation` fails this way; `None` heals it.
    pub fn set(&self, operation: Operation, fault: Option<Fault>) {
        *self.slot(operation).lock() = fault;
    }

    /// How many operations have failed so far.
    pub fn failures(&self) -> u64 {
        self.0.failures.load(Ordering::Relaxed)
    }

    fn slot(&self, operation: Operation) -> &Mutex<Option<Fault>> {
        match operation {
            Operation::Load => &self.0.load,
            Operation::Merge => &self.0.merge,
            Operation::Remove => &self.0.remove,
        }
    }

    /// Fails as told, or returns so that the operation goes on; `Lost` is left to the caller.
    async fn strike(&self, operation: Operation) -> Result<Option<Fault>, StoreError> {
        let fault = *self.slot(operation).lock();
        if fault.is_some() {
            self.0.failures.fetch_add(1, Ordering::Relaxed);
        }
        match fault {
            Some(Fault::Unavailable) => Err(StoreError::unavailable(operation)),
            Some(Fault::Corrupt) => Err(StoreError::corrupt(operation)),
            Some(Fault::Hang) => std::future::pending().await,
            other => Ok(other),
        }
    }
}

/// A store that fails as its [`FaultControl`] says.
#[derive(Clone, Debug)]
pub struct FaultStore<S> {
    inner: S,
    control: FaultControl,
}

impl<S> FaultStore<S> {
    /// Wraps a store; without faults set it behaves as the inner one.
    pub fn new(inner: S) -> (Self, FaultControl) {
        let control = FaultControl::default();
        (
            Self {
                inner,
                control: control.clone(),
            },
            control,
        )
    }
}

impl<V: CacheValue, S: CacheStore<V>> CacheStore<V> for FaultStore<S> {
    async fn load(&self, key: &StoreKey) -> Result<Option<V>, StoreError> {
        match self.control.strike(Operation::Load).await? {
            Some(_) => Ok(None),
            None => self.inner.load(key).await,
        }
    }

    async fn merge(&self, key: &StoreKey, value: V) -> Result<Written, StoreError> {
        if self.control.strike(Operation::Merge).await?.is_some() {
            self.inner.remove(key).await?;
            return Err(StoreError::unavailable(Operation::Merge));
        }
        self.inner.merge(key, value).await
    }

    async fn remove(&self, key: &StoreKey) -> Result<(), StoreError> {
        if self.control.strike(Operation::Remove).await?.is_some() {
            return Err(StoreError::unavailable(Operation::Remove));
        }
        self.inner.remove(key).await
    }

    fn touch(&self, key: &StoreKey) {
        self.inner.touch(key);
    }

    fn usage(&self) -> Usage {
        self.inner.usage()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::MemoryStore;
    use crate::conformance::{self, Sample, key};

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn without_faults_it_passes_the_conformance_suite() {
        conformance::run(|| async { FaultStore::new(MemoryStore::default()).0 }).await;
    }

    #[tokio::test(start_paused = true)]
    async fn each_fault_does_what_it_says() {
        let (store, control) = FaultStore::new(MemoryStore::default());
        store.merge(&key(1), Sample::new(1, 10)).await.unwrap();

        control.set(Operation::Load, Some(Fault::Unavailable));
        assert!(store.load(&key(1)).await.unwrap_err().is_unavailable());
        control.set(Operation::Load, Some(Fault::Corrupt));
        assert!(store.load(&key(1)).await.unwrap_err().is_corrupt());
        control.set(Operation::Load, Some(Fault::Lost));
        assert_eq!(store.load(&key(1)).await.unwrap(), None);
        control.set(Operation::Load, Some(Fault::Hang));
        assert!(
            tokio::time::timeout(Duration::from_secs(3600), store.load(&key(1)))
                .await
                .is_err()
        );
        control.set(Operation::Load, None);
        assert_eq!(store.load(&key(1)).await.unwrap().unwrap().newest(), 1);

        control.set(Operation::Merge, Some(Fault::Lost));
        assert!(store.merge(&key(1), Sample::new(2, 10)).await.is_err());
        assert_eq!(store.load(&key(1)).await.unwrap(), None);
        assert_eq!(control.failures(), 5);
    }
}
