//! Counts what this process hands to the store, so that what was not there is not looked for again without a reason.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};

use cache_backends::{KeyHasherBuilder, StoreKey};

/// A change under one key counts as one under some others too; then they are looked for once more, no harm is done.
const SHARDS: usize = 1_024;

/// How often something was saved, by key.
#[derive(Debug)]
pub(crate) struct Saves(Box<[AtomicU64]>);

impl Default for Saves {
    fn default() -> Self {
        Self((0..SHARDS).map(|_| AtomicU64::new(0)).collect())
    }
}

impl Saves {
    fn shard(&self, key: &StoreKey) -> &AtomicU64 {
        &self.0[KeyHasherBuilder.hash_one(key) as usize % SHARDS]
    }

    /// A count that differs if something was saved under this key in between: read it before looking into the store.
    pub(crate) fn count(&self, key: &StoreKey) -> u64 {
        self.shard(key).load(Ordering::Acquire)
    }

    /// To be called when it is in the store, and before anybody who waits for it is told.
    pub(crate) fn add(&self, key: &StoreKey) {
        self.shard(key).fetch_add(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_save_is_seen_under_its_key_and_hardly_any_other() {
        let saves = Saves::default();
        let key = |number: u64| {
            let mut digest = [0; 32];
            digest[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
            StoreKey::new(digest)
        };
        let before: Vec<_> = (0..1_000).map(|number| saves.count(&key(number))).collect();
        saves.add(&key(7));
        let changed =
            (0..1_000).filter(|number| saves.count(&key(*number)) != before[*number as usize]);
        let changed: Vec<_> = changed.collect();
        assert!(changed.contains(&7));
        assert!(changed.len() < 10, "{}", changed.len());
    }
}
