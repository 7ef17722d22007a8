//! The suite that every store and every wrapper passes.
//!
//! A store written elsewhere calls [`run`] from its own tests with a function that makes an empty store.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;

use crate::{CacheStore, CacheValue, Persist, StoreKey, Written};

/// The value that the suite stores: a set of writers' marks and the number of the newest version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample(Arc<Inner>);

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    newest: u64,
    marks: BTreeSet<u64>,
    padding: usize,
}

impl Sample {
    /// Version `newest`, pretending to weigh `padding` bytes.
    pub fn new(newest: u64, padding: usize) -> Self {
        Self(Arc::new(Inner {
            newest,
            marks: BTreeSet::from([newest]),
            padding,
        }))
    }

    /// As many versions merged at once, pretending to weigh `padding` bytes more.
    pub fn of_marks(marks: impl IntoIterator<Item = u64>, padding: usize) -> Self {
        let marks: BTreeSet<u64> = marks.into_iter().collect();
        Self(Arc::new(Inner {
            newest: marks.last().copied().unwrap_or_default(),
            marks,
            padding,
        }))
    }

    /// The newest version that was merged into it.
    pub fn newest(&self) -> u64 {
        self.0.newest
    }

    /// All versions that were merged into it.
    pub fn marks(&self) -> &BTreeSet<u64> {
        &self.0.marks
    }
}

impl CacheValue for Sample {
    fn weight_bytes(&self) -> usize {
        self.0.padding + self.0.marks.len() * 8
    }

    fn merge(stored: &Self, arriving: Self) -> Self {
        Self(Arc::new(Inner {
            newest: stored.0.newest.max(arriving.0.newest),
            marks: &stored.0.marks | &arriving.0.marks,
            padding: stored.0.padding.max(arriving.0.padding),
        }))
    }
}

/// Layout version 1: newest, padding, number of marks, marks; all little endian.
impl Persist for Sample {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(1);
        let numbers = [
            self.0.newest,
            self.0.padding as u64,
            self.0.marks.len() as u64,
        ];
        for number in numbers.into_iter().chain(self.0.marks.iter().copied()) {
            out.extend_from_slice(&number.to_le_bytes());
        }
        // What pretends to weigh something also takes its place among the bytes.
        out.resize(out.len() + self.0.padding, 0);
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (&1, mut rest) = bytes.split_first()? else {
            return None;
        };
        let mut number = || {
            let (number, after) = rest.split_first_chunk::<8>()?;
            rest = after;
            Some(u64::from_le_bytes(*number))
        };
        let (newest, padding, count) = (number()?, number()?, number()?);
        let marks = (0..count).map(|_| number()).collect::<Option<_>>()?;
        let padding = usize::try_from(padding).ok()?;
        (rest.len() == padding).then(|| {
            Self(Arc::new(Inner {
                newest,
                marks,
                padding,
            }))
        })
    }
}

/// A key for tests.
pub fn key(number: u64) -> StoreKey {
    let mut digest = [0; 32];
    // Spread over the leading bytes: stores may use them as a hash.
    digest[..8].copy_from_slice(&number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes());
    digest[8..16].copy_from_slice(&number.to_le_bytes());
    StoreKey::new(digest)
}

/// Runs the whole suite; panics with the name of the broken promise.
///
/// # Panics
/// When the store breaks its contract.
pub async fn run<S, F, Fut>(mut empty_store: F)
where
    S: CacheStore<Sample>,
    F: FnMut() -> Fut,
    Fut: Future<Output = S>,
{
    an_unknown_key_is_a_miss(&empty_store().await).await;
    what_was_merged_is_loaded(&empty_store().await).await;
    a_merge_joins_and_never_goes_back(&empty_store().await).await;
    keys_do_not_mix(&empty_store().await).await;
    a_removed_value_is_gone(&empty_store().await).await;
    a_dropped_merge_leaves_old_or_new(&empty_store().await).await;
    concurrent_merges_all_take_effect(Arc::new(empty_store().await)).await;
}

async fn an_unknown_key_is_a_miss<S: CacheStore<Sample>>(store: &S) {
    let loaded = store.load(&key(1)).await.expect("load of an unknown key");
    assert_eq!(loaded, None, "an unknown key is a miss");
    store
        .remove(&key(1))
        .await
        .expect("remove of an unknown key is no error");
}

async fn what_was_merged_is_loaded<S: CacheStore<Sample>>(store: &S) {
    let written = store
        .merge(&key(1), Sample::new(7, 100))
        .await
        .expect("merge");
    assert_eq!(written, Written::Stored);
    let loaded = store
        .load(&key(1))
        .await
        .expect("load")
        .expect("a stored value is found");
    assert_eq!(
        loaded,
        Sample::new(7, 100),
        "what was merged is loaded unchanged"
    );
}

async fn a_merge_joins_and_never_goes_back<S: CacheStore<Sample>>(store: &S) {
    for version in [2, 3, 1] {
        store
            .merge(&key(1), Sample::new(version, 10))
            .await
            .expect("merge");
    }
    let loaded = store.load(&key(1)).await.expect("load").expect("found");
    assert_eq!(
        loaded.newest(),
        3,
        "an older value never replaces a newer one"
    );
    assert_eq!(
        loaded.marks(),
        &BTreeSet::from([1, 2, 3]),
        "every merge took effect"
    );
}

async fn keys_do_not_mix<S: CacheStore<Sample>>(store: &S) {
    for number in 0..200 {
        store
            .merge(&key(number), Sample::new(number, 10))
            .await
            .expect("merge");
    }
    for number in 0..200 {
        let loaded = store
            .load(&key(number))
            .await
            .expect("load")
            .expect("found");
        assert_eq!(loaded.newest(), number, "each key has its own value");
    }
}

async fn a_removed_value_is_gone<S: CacheStore<Sample>>(store: &S) {
    store
        .merge(&key(1), Sample::new(1, 10))
        .await
        .expect("merge");
    store
        .merge(&key(2), Sample::new(2, 10))
        .await
        .expect("merge");
    store.remove(&key(1)).await.expect("remove");
    assert_eq!(
        store.load(&key(1)).await.expect("load"),
        None,
        "a removed value is gone"
    );
    assert!(
        store.load(&key(2)).await.expect("load").is_some(),
        "and no other value is"
    );
}

async fn a_dropped_merge_leaves_old_or_new<S: CacheStore<Sample>>(store: &S) {
    store
        .merge(&key(1), Sample::new(1, 10))
        .await
        .expect("merge");
    drop(store.merge(&key(1), Sample::new(2, 10)));
    let loaded = store.load(&key(1)).await.expect("load").expect("found");
    assert!(
        loaded == Sample::new(1, 10) || *loaded.marks() == BTreeSet::from([1, 2]),
        "a dropped write leaves the old or the new value, got {loaded:?}"
    );
}

async fn concurrent_merges_all_take_effect<S: CacheStore<Sample>>(store: Arc<S>) {
    let writers: Vec<_> = (0..8_u64)
        .map(|writer| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for step in 0..50 {
                    let version = writer * 50 + step;
                    store
                        .merge(&key(1), Sample::new(version, 10))
                        .await
                        .expect("merge");
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("a writer panicked");
    }
    let loaded = store.load(&key(1)).await.expect("load").expect("found");
    assert_eq!(loaded.marks().len(), 400, "no concurrent write was lost");
    assert_eq!(loaded.newest(), 399);
}
