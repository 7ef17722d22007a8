//! Entries whose bodies are kept packed: nobody sees a difference, but for the memory.

use cache_backends::{CacheStore, MemoryStore, Persist, StoreKey};

use super::*;

fn long(text: &str) -> String {
    format!("{text} ").repeat(500)
}

fn is_packed(entry: &Entry, number: u16) -> bool {
    let (body, _) = entry.confirmed(caller(number)).unwrap();
    body.body().is_packed()
}

#[test]
fn callers_are_shown_and_asked_about_what_they_were_before() {
    let (old, new) = (long("old"), long("new"));
    let entry = entry();
    entry.absorb(received(1, &old, 1));
    entry.absorb(received(2, &old, 2));
    entry.absorb(received(2, &new, 3));
    entry.absorb(received_as(ANONYMOUS, Sharing::ByFormula, 9, &new, 4));
    let (weight, bytes) = (entry.weight_bytes(), encoded(&entry));
    let packed = entry.clone().packed(&Packing::default());
    for (number, text) in [(1, &old), (2, &new), (9, &new)] {
        assert_eq!(shown(&entry, number).as_ref(), Some(text));
        assert!(is_packed(&entry, number));
    }
    check(&entry, 1, Some((&new, "predicted")));
    check(&entry, 2, Some((&new, "own")));
    assert_eq!(
        encoded(&packed),
        bytes,
        "outside the process it is the same"
    );
    let saved = weight - packed.weight_bytes();
    assert!(
        saved > (old.len() + new.len()) * 3 / 4,
        "{saved} of {weight}"
    );
}

fn encoded(entry: &Entry) -> Vec<u8> {
    let mut bytes = Vec::new();
    entry.encode(&mut bytes);
    bytes
}

#[test]
fn short_bodies_stay_as_they_are() {
    let entry = entry();
    entry.absorb(received(1, "[1]", 1));
    let weight = entry.weight_bytes();
    let entry = entry.packed(&Packing::default());
    assert!(!is_packed(&entry, 1));
    assert_eq!(entry.weight_bytes(), weight);
}

#[test]
fn headers_that_change_leave_the_body_packed() {
    let entry = entry();
    entry.absorb(received(1, &long("text"), 1));
    let entry = entry.packed(&Packing::default());
    let (body, _) = entry.confirmed(caller(1)).unwrap();
    let fresh = headers(&[(CACHE_CONTROL, "private")]);
    let refreshed = body.refreshed_by(&fresh).unwrap();
    entry.freshen(&body, refreshed);
    assert!(is_packed(&entry, 1));
    assert_eq!(shown(&entry, 1), Some(long("text")));
}

#[tokio::test]
async fn a_store_that_packs_holds_nothing_that_is_not_packed() {
    let store = MemoryStore::default().packing(Packing::default());
    let key = StoreKey::new([7; 32]);
    let plain = entry();
    plain.absorb(received(1, &long("one"), 1));
    let before = plain.candidate(caller(1), TOKEN).unwrap();
    store.merge(&key, plain.clone()).await.unwrap();
    let stored = store.load(&key).await.unwrap().unwrap();
    assert!(is_packed(&stored, 1));
    // Somebody who had looked before is told that nothing has changed, and brings the plain body back.
    stored.confirm(
        caller(2),
        TOKEN,
        &before.representation,
        confirmed("2", at(5)),
    );
    store.merge(&key, stored.clone()).await.unwrap();
    // Another copy of the entry comes from elsewhere, with a body of its own.
    let other = entry();
    other.absorb(received(3, &long("two"), 9));
    store.merge(&key, other).await.unwrap();
    let stored = store.load(&key).await.unwrap().unwrap();
    for (number, text) in [(1, "one"), (2, "one"), (3, "two")] {
        assert!(is_packed(&stored, number), "{number}");
        assert_eq!(shown(&stored, number), Some(long(text)));
    }
    let usage = store.usage();
    assert!(usage.bytes < 4_000, "{usage:?}");
}

/// Large ones are packed beside the runtime's thread, of which there is one here.
#[tokio::test]
async fn a_large_body_is_packed_when_the_store_has_it() {
    let store = MemoryStore::default().packing(Packing::default());
    let key = StoreKey::new([8; 32]);
    let text = "a large one ".repeat(100_000);
    let large = entry();
    large.absorb(received(1, &text, 1));
    store.merge(&key, large).await.unwrap();
    let stored = store.load(&key).await.unwrap().unwrap();
    assert!(is_packed(&stored, 1));
    assert_eq!(shown(&stored, 1), Some(text));
}
