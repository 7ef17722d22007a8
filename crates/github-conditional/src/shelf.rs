//! Reading and writing a store that may fail: a failure is a miss, and is told to the observer.

use cache_backends::{CacheStore, CacheValue, StoreKey};

use crate::observer::{Event, Observer};

/// What is stored under a key. A store that fails is a miss.
pub(crate) async fn load<V: CacheValue>(
    store: &impl CacheStore<V>,
    observer: &dyn Observer,
    key: &StoreKey,
) -> Option<V> {
    match store.load(key).await {
        Ok(value) => value,
        Err(error) => {
            observer.observe(&Event::StoreFailed(&error));
            None
        }
    }
}

/// Hands a changed value to the store. A store that fails costs a later miss, nothing else.
pub(crate) async fn save<V: CacheValue>(
    store: &impl CacheStore<V>,
    observer: &dyn Observer,
    key: &StoreKey,
    value: V,
) {
    if let Err(error) = store.merge(key, value).await {
        observer.observe(&Event::StoreFailed(&error));
    }
}
