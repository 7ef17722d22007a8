//! Entries from bytes: damage is a miss, and whatever is accepted is a whole entry.

use std::sync::Arc;

use cache_backends::{
    CacheStore, CacheValue, MemoryStore, Persist, StoreError, StoreKey, Usage, Written,
};
use github_conditional::Entry;
use parking_lot::Mutex;

/// `data` as it might come from a disk or a Redis.
pub fn entry(data: &[u8]) {
    let Some(entry) = Entry::decode(data) else {
        return;
    };
    let bytes = encoded(&entry);
    let again = Entry::decode(&bytes).expect("what was written can be read");
    assert_eq!(encoded(&again), bytes, "and is the same");
    let weight = entry.weight_bytes();
    assert!(weight > 0);
    let merged = Entry::merge(&entry, again);
    assert_eq!(
        merged.representations(),
        entry.representations(),
        "merging with itself adds nothing"
    );
    assert_eq!(merged.confirmations(), entry.confirmations());
}

fn encoded(entry: &Entry) -> Vec<u8> {
    let mut bytes = Vec::new();
    entry.encode(&mut bytes);
    bytes
}

/// The entries that a run of [`policy`](crate::policy) leaves, as bytes: where mutation begins.
pub fn stored(data: &[u8]) -> Vec<Vec<u8>> {
    let kept = Kept::default();
    crate::policy::run(data, kept.clone());
    let written = kept.written.lock();
    written.iter().map(encoded).collect()
}

/// A memory store that remembers what was written.
#[derive(Clone, Default)]
struct Kept {
    store: Arc<MemoryStore<Entry>>,
    written: Arc<Mutex<Vec<Entry>>>,
}

impl CacheStore<Entry> for Kept {
    async fn load(&self, key: &StoreKey) -> Result<Option<Entry>, StoreError> {
        self.store.load(key).await
    }

    async fn merge(&self, key: &StoreKey, value: Entry) -> Result<Written, StoreError> {
        self.written.lock().push(value.clone());
        self.store.merge(key, value).await
    }

    async fn remove(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.store.remove(key).await
    }

    fn usage(&self) -> Usage {
        CacheStore::<Entry>::usage(&self.store)
    }
}
