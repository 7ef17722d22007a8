//! A store with a substitute for the time that it is away.
//!
//! Unlike a tier, the substitute is never asked first: what other processes have written to a shared store is seen at
//! once. It is kept up to date with what this process reads and writes, so that it has something to give when the store
//! fails, gives it back to a store that has come back empty, and makes up for what a full one has refused.

use crate::{CacheStore, CacheValue, StoreError, StoreKey, Usage, Written};

/// A store with a substitute for the time that it is away: never asked first, so that what others write is seen at once.
#[derive(Clone, Debug)]
pub struct ShadowedStore<P, S> {
    primary: P,
    shadow: S,
}

impl<P, S> ShadowedStore<P, S> {
    /// `shadow` stands in for `primary`; it should be one that does not fail, such as the memory store.
    pub fn new(primary: P, shadow: S) -> Self {
        Self { primary, shadow }
    }

    /// The store.
    pub fn primary(&self) -> &P {
        &self.primary
    }

    /// What stands in for it.
    pub fn shadow(&self) -> &S {
        &self.shadow
    }
}

impl<V, P, S> CacheStore<V> for ShadowedStore<P, S>
where
    V: CacheValue,
    P: CacheStore<V>,
    S: CacheStore<V>,
{
    async fn load(&self, key: &StoreKey) -> Result<Option<V>, StoreError> {
        match self.primary.load(key).await {
            Ok(Some(value)) => {
                // What both know together: the store may have refused to take what the substitute has.
                let kept = self.shadow.merge(key, value.clone()).await;
                let merged = match kept {
                    Ok(Written::Stored) => self.shadow.load(key).await.ok().flatten(),
                    _ => None,
                };
                Ok(Some(merged.unwrap_or(value)))
            }
            Ok(None) => {
                let known = self.shadow.load(key).await?;
                if let Some(value) = &known {
                    // The store has lost it. A failure to give it back is the store's next failure, not this load's.
                    let _ = self.primary.merge(key, value.clone()).await;
                }
                Ok(known)
            }
            Err(error) => match self.shadow.load(key).await {
                Ok(Some(value)) => Ok(Some(value)),
                Ok(None) | Err(_) => Err(error),
            },
        }
    }

    async fn merge(&self, key: &StoreKey, value: V) -> Result<Written, StoreError> {
        self.shadow.merge(key, value.clone()).await?;
        self.primary.merge(key, value).await
    }

    async fn remove(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.shadow.remove(key).await?;
        self.primary.remove(key).await
    }

    fn touch(&self, key: &StoreKey) {
        self.primary.touch(key);
        self.shadow.touch(key);
    }

    fn usage(&self) -> Usage {
        self.primary.usage()
    }
}

#[cfg(all(test, feature = "memory"))]
mod tests {
    use super::*;
    use crate::conformance::{self, Sample, key};
    use crate::{Fault, FaultStore, MemoryStore, Operation};

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn passes_the_conformance_suite() {
        conformance::run(|| async {
            ShadowedStore::new(MemoryStore::default(), MemoryStore::default())
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn stands_in_for_a_store_that_fails() {
        let (primary, control) = FaultStore::new(MemoryStore::default());
        let store = ShadowedStore::new(primary.clone(), MemoryStore::default());
        store.merge(&key(1), Sample::new(1, 10)).await.unwrap();
        primary.merge(&key(2), Sample::new(2, 10)).await.unwrap();
        assert_eq!(store.load(&key(2)).await.unwrap().unwrap().newest(), 2);

        control.set(Operation::Load, Some(Fault::Unavailable));
        control.set(Operation::Merge, Some(Fault::Unavailable));
        for number in [1, 2] {
            let known = store.load(&key(number)).await.unwrap().unwrap();
            assert_eq!(known.newest(), number, "what was read or written before");
        }
        assert!(store.load(&key(3)).await.is_err(), "it cannot know");
        assert!(
            store.merge(&key(3), Sample::new(3, 10)).await.is_err(),
            "and says so"
        );
        assert_eq!(store.load(&key(3)).await.unwrap().unwrap().newest(), 3);

        control.set(Operation::Load, None);
        control.set(Operation::Merge, None);
        assert_eq!(store.load(&key(3)).await.unwrap().unwrap().newest(), 3);
        let given_back = primary.load(&key(3)).await.unwrap();
        assert_eq!(given_back.unwrap().newest(), 3, "given back to the store");
    }

    #[tokio::test]
    async fn a_store_that_refuses_to_write_does_not_hide_what_was_read() {
        let (primary, control) = FaultStore::new(MemoryStore::default());
        let store = ShadowedStore::new(primary.clone(), MemoryStore::default());
        store.merge(&key(1), Sample::new(1, 10)).await.unwrap();
        control.set(Operation::Merge, Some(Fault::Unavailable));
        assert!(store.merge(&key(1), Sample::new(2, 10)).await.is_err());
        assert_eq!(primary.load(&key(1)).await.unwrap().unwrap().newest(), 1);
        assert_eq!(store.load(&key(1)).await.unwrap().unwrap().newest(), 2);
    }

    #[tokio::test]
    async fn the_substitute_knows_what_was_read_last() {
        let (primary, control) = FaultStore::new(MemoryStore::default());
        let store = ShadowedStore::new(primary.clone(), MemoryStore::default());
        store.merge(&key(1), Sample::new(1, 10)).await.unwrap();
        primary.merge(&key(1), Sample::new(2, 10)).await.unwrap();
        assert_eq!(store.load(&key(1)).await.unwrap().unwrap().newest(), 2);
        control.set(Operation::Load, Some(Fault::Unavailable));
        assert_eq!(store.load(&key(1)).await.unwrap().unwrap().newest(), 2);
    }

    #[tokio::test]
    async fn what_others_wrote_is_seen_at_once() {
        let shared = MemoryStore::default();
        let store = ShadowedStore::new(shared.clone(), MemoryStore::default());
        store.merge(&key(1), Sample::new(1, 10)).await.unwrap();
        shared.merge(&key(1), Sample::new(2, 10)).await.unwrap();
        assert_eq!(store.load(&key(1)).await.unwrap().unwrap().newest(), 2);
    }
}
