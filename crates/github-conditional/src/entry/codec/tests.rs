//! Entries that leave the process and come back, and bytes that are no entry.

use http::header::{CONTENT_TYPE, LAST_MODIFIED, LINK};
use proptest::prelude::*;

use std::time::{Duration, SystemTime};

use http::HeaderMap;

use super::*;
use crate::entry::CallerHeaders;
use crate::entry::Received;
use crate::entry::from_millis;
use cache_backends::CacheValue;

const ENTRY_V1: &[u8] = include_bytes!("../../../tests/fixtures/entry-v1.bin");
const ENTRY_V2: &[u8] = include_bytes!("../../../tests/fixtures/entry-v2.bin");

const CLASSES: [CredentialClass; 3] = [
    CredentialClass::Token,
    CredentialClass::Anonymous,
    CredentialClass::AppJwt,
];

fn caller(number: u8) -> Fingerprint {
    Fingerprint::from_bytes([number; 16])
}

fn at(millis: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(1_700_000_000_000 + millis)
}

fn received(number: u8, text: &str, millis: u64) -> Received {
    let class = CLASSES[usize::from(number) % 3];
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(
        LAST_MODIFIED,
        HeaderValue::from_static("Sat, 21 Nov 2026 00:00:00 GMT"),
    );
    headers.append("vary", HeaderValue::from_static("Accept, Authorization"));
    headers.append("vary", HeaderValue::from_static("Accept-Encoding"));
    if number.is_multiple_of(2) {
        headers.insert(
            LINK,
            HeaderValue::from_static("<https://api.github.com/x?page=2>; rel=\"next\""),
        );
        headers.insert("etag", HeaderValue::from_static("W/\"a\""));
    }
    let body = Bytes::copy_from_slice(text.as_bytes());
    let sharing = match number % 5 {
        4 => Sharing::SameFingerprint,
        _ => Sharing::ByFormula,
    };
    let representation = Representation::new(
        BodyDigest::of(&body),
        StatusCode::OK,
        headers,
        body,
        sharing,
        // Finer than what confirmations keep.
        at(millis) + Duration::from_nanos(u64::from(number)),
    );
    let mut own = HeaderMap::new();
    if number.is_multiple_of(3) {
        own.insert("x-oauth-scopes", HeaderValue::from_static("repo, read:org"));
    }
    let tag = (number != 5).then(|| EntityTag::strong(format!("{number}-{millis}")).unwrap());
    let fresh_until = number.is_multiple_of(2).then(|| at(millis + 60_000));
    Received {
        fingerprint: caller(number),
        class,
        representation: Arc::new(representation),
        confirmed: Confirmed::new(
            tag,
            CallerHeaders::default().keep(caller(number), &own),
            at(millis),
            fresh_until,
        ),
    }
}

/// An entry with versions, views, a split, confirmations of an older body, and every optional part.
fn sample() -> Entry {
    let entry = Entry::new("/repos/octocat/hello/issues");
    for (number, text, millis) in [
        (0, "[1]", 0),
        (3, "[1]", 10),
        (1, "[2]", 20),
        (2, "{\"jwt\":1}", 30),
        (0, "[1,2]", 40),
        (6, "[1]", 50),
        (4, "[4]", 60),
        (5, "{}", 70),
        (9, "[1,2]", 80),
        (7, "[1]", 90),
    ] {
        entry.absorb(received(number, text, millis));
    }
    entry
}

fn encoded(entry: &Entry) -> Vec<u8> {
    let mut bytes = Vec::new();
    entry.encode(&mut bytes);
    bytes
}

fn through_bytes(entry: &Entry) -> Entry {
    Entry::decode(&encoded(entry)).expect("what was encoded is decoded")
}

fn seen_headers(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let mut seen: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
        .collect();
    seen.sort();
    seen
}

fn seen_body(body: &Representation) -> impl PartialEq + std::fmt::Debug + use<> {
    let facts = (
        body.digest(),
        body.status(),
        body.sharing(),
        body.is_weak(),
        body.requested_at(),
        body.items(),
        body.last_page(),
    );
    (
        facts,
        body.body().bytes(),
        seen_headers(&body.headers().to_map()),
    )
}

fn seen_confirmation(known: &Confirmation) -> impl PartialEq + std::fmt::Debug + use<> {
    (
        known.digest(),
        known.tag(),
        known.validated_at(),
        known.fresh_until(),
        known
            .caller_headers()
            .map(|own| seen_headers(&own.to_map())),
    )
}

/// All that an entry does for its callers.
fn seen(entry: &Entry) -> impl PartialEq + std::fmt::Debug + use<> {
    let of_caller = |number: u8| {
        let class = CLASSES[usize::from(number) % 3];
        let candidate = entry.candidate(caller(number), class).map(|candidate| {
            let standing = match candidate.standing {
                crate::entry::Standing::Confirmed(known) => Some(seen_confirmation(&known)),
                crate::entry::Standing::Predictable => None,
            };
            (seen_body(&candidate.representation), standing)
        });
        let confirmed = entry
            .confirmed(caller(number))
            .map(|(body, known)| (seen_body(&body), seen_confirmation(&known)));
        (number, candidate, confirmed)
    };
    (
        entry.path().to_owned(),
        entry.confirmations(),
        entry.representations(),
        entry.last_confirmed(),
        entry.weight_bytes(),
        (0..12).map(of_caller).collect::<Vec<_>>(),
    )
}

#[track_caller]
fn check_same(left: &Entry, right: &Entry) {
    assert_eq!(
        format!("{:#?}", seen(left)),
        format!("{:#?}", seen(right)),
        "what callers get"
    );
}

#[test]
fn what_comes_back_is_what_left() {
    for entry in [Entry::new(""), Entry::new("/user"), sample()] {
        let back = through_bytes(&entry);
        check_same(&entry, &back);
        assert_eq!(
            encoded(&entry),
            encoded(&back),
            "equal entries are equal bytes"
        );
    }
    assert!(
        sample().representations() > 3,
        "the sample has views and versions"
    );
}

#[test]
fn a_body_that_many_views_hold_is_written_once() {
    let text = format!("[{}]", "1,".repeat(5_000) + "1");
    let entry = Entry::new("/x");
    for number in [0, 1, 2] {
        entry.absorb(received(number, &text, 0));
    }
    assert!(encoded(&entry).len() < text.len() + 2_000);
    check_same(&entry, &through_bytes(&entry));
}

/// The sample, and a caller who has lost its right.
fn sample_with_a_revocation() -> Entry {
    let entry = sample();
    entry.revoke(
        Fingerprint::from_bytes([77; 16]),
        from_millis(1_700_000_123_456),
    );
    entry
}

#[test]
fn layout_1_is_read() {
    let entry = Entry::decode(ENTRY_V1).expect("layout 1 is read");
    check_same(&sample(), &entry);
}

#[test]
fn layout_2_is_read_and_written_as_ever() {
    let entry = Entry::decode(ENTRY_V2).expect("layout 2 is read");
    check_same(&sample_with_a_revocation(), &entry);
    assert!(encoded(&entry) == ENTRY_V2, "layout 2 is written as ever");
    let refused = Fingerprint::from_bytes([77; 16]);
    let before = Received {
        fingerprint: refused,
        ..received(1, "[1]", 0)
    };
    entry.absorb(before);
    assert!(
        entry.confirmed(refused).is_none(),
        "the revocation has come back"
    );
}

#[test]
fn other_layouts_and_cut_or_longer_bytes_are_no_entry() {
    for layout in [0, 3, u8::MAX] {
        let mut bytes = ENTRY_V1.to_vec();
        bytes[0] = layout;
        assert!(Entry::decode(&bytes).is_none(), "layout {layout}");
    }
    for length in 0..ENTRY_V1.len() {
        assert!(
            Entry::decode(&ENTRY_V1[..length]).is_none(),
            "{length} bytes"
        );
    }
    let longer = [ENTRY_V1, &[0]].concat();
    assert!(Entry::decode(&longer).is_none());
}

/// Whatever decodes must be usable, even if it is not what was written.
fn use_it(entry: &Entry) {
    let _ = seen(entry);
    let merged = Entry::merge(&sample(), entry.clone());
    let _ = seen(&Entry::merge(entry, merged));
    entry.absorb(received(1, "[9]", 1_000));
    let _ = Entry::decode(&encoded(entry));
}

#[test]
fn flipped_bits_never_panic() {
    for at in 0..ENTRY_V1.len() {
        let mut bytes = ENTRY_V1.to_vec();
        bytes[at] ^= 1 << (at % 8);
        if let Some(entry) = Entry::decode(&bytes) {
            use_it(&entry);
        }
    }
}

#[test]
fn a_count_that_cannot_be_true_allocates_nothing() {
    // Layout, empty path, difference, then four thousand million bodies.
    let mut bytes = vec![LAYOUT, 0, 0, 0, 0, 0];
    bytes.extend_from_slice(&u32::MAX.to_le_bytes());
    assert!(Entry::decode(&bytes).is_none());
}

#[derive(Clone, Debug)]
struct Life(Vec<(u8, u8, u64)>);

fn life() -> impl Strategy<Value = Life> {
    prop::collection::vec((0_u8..12, 0_u8..6, 0_u64..2_000), 0..24).prop_map(Life)
}

impl Life {
    fn live(&self, entry: &Entry) {
        for (number, text, millis) in &self.0 {
            entry.absorb(received(*number, &format!("[{text}]"), *millis));
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_an_entry_or_none(mut bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = Entry::decode(&bytes);
        if let Some(first) = bytes.first_mut() {
            *first = LAYOUT;
        }
        if let Some(entry) = Entry::decode(&bytes) {
            use_it(&entry);
        }
    }

    #[test]
    fn any_life_comes_back_goes_on_and_merges_the_same(before in life(), after in life(), other in life()) {
        let entry = Entry::new("/repos/o/r/issues");
        before.live(&entry);
        let back = through_bytes(&entry);
        check_same(&entry, &back);
        after.live(&entry);
        after.live(&back);
        check_same(&entry, &back);

        let arriving = Entry::new("/repos/o/r/issues");
        other.live(&arriving);
        let arrived = through_bytes(&arriving);
        check_same(&Entry::merge(&entry, arriving), &Entry::merge(&back, arrived));
    }
}
