//! Merging and the way through bytes.

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use cache_backends::Persist;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use proptest::prelude::*;

use super::*;
use crate::fingerprint::FingerprintKey;
use crate::rfc9111::selection::Selection;
use crate::rfc9111::stored::{Stale, Terms, Times, Unasked};

const RESOURCE_V1: &[u8] = include_bytes!("../../../tests/fixtures/resource-v1.bin");

fn at(millis: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(1_700_000_000_000 + millis)
}

/// The answer to a request with `foo: variant`, asked for at `asked`.
fn answer(variant: u8, asked: u64, body: &'static str) -> Arc<Stored> {
    let mut request = HeaderMap::new();
    request.insert("foo", HeaderValue::from(u16::from(variant)));
    let names = [
        HeaderName::from_static("accept-language"),
        HeaderName::from_static("foo"),
    ];
    let mut headers = HeaderMap::new();
    headers.insert("etag", HeaderValue::from_static("\"a\""));
    headers.append("set-cookie", HeaderValue::from_static("a=1"));
    headers.append("set-cookie", HeaderValue::from_static("b=2"));
    Arc::new(Stored {
        selection: Selection::new(&FingerprintKey::new(b"k"), names.into(), &request),
        status: StatusCode::NOT_FOUND,
        headers,
        body: Bytes::from_static(body.as_bytes()).into(),
        times: Times {
            as_of: at(asked),
            received_at: at(asked + 1),
            age_on_arrival: Duration::from_millis(1500),
            fresh_for: Duration::from_secs(60),
        },
        terms: Terms {
            unasked: Unasked::Never,
            stale: Stale::Forbidden,
            while_revalidating: Duration::from_secs(7),
            if_error: Duration::from_secs(8),
        },
    })
}

fn bodies(resource: &Resource) -> Vec<Bytes> {
    resource
        .answers()
        .iter()
        .map(|answer| answer.body.bytes())
        .collect()
}

fn merged(values: &[Resource]) -> Resource {
    let mut values = values.iter().cloned();
    let first = values.next().unwrap();
    values.fold(first, |stored, arriving| Resource::merge(&stored, arriving))
}

#[test]
fn answers_to_different_requests_stand_side_by_side() {
    let one = Resource::holding(answer(1, 0, "one"), 16);
    let two = Resource::holding(answer(2, 5, "two"), 16);
    assert_eq!(bodies(&merged(&[one.clone(), two.clone()])), ["two", "one"]);
    assert_eq!(bodies(&merged(&[two, one])), ["two", "one"]);
}

#[test]
fn regression_a_late_answer_does_not_replace_a_later_one() {
    let old = Resource::holding(answer(1, 0, "old"), 16);
    let new = Resource::holding(answer(1, 5, "new"), 16);
    assert_eq!(bodies(&merged(&[new.clone(), old.clone()])), ["new"]);
    assert_eq!(bodies(&merged(&[old, new])), ["new"]);
}

#[test]
fn the_oldest_goes_when_there_are_too_many() {
    let values: Vec<_> = (0..5)
        .map(|n| Resource::holding(answer(n, u64::from(n), "x"), 3))
        .collect();
    let resource = merged(&values);
    assert_eq!(resource.variants(), 3);
    assert!(
        resource
            .answers()
            .iter()
            .all(|kept| kept.times.as_of >= at(2))
    );
}

#[test]
fn a_write_is_not_forgotten() {
    let answered = Resource::holding(answer(1, 0, "x"), 16);
    let written = Resource::invalidated(at(3), 16);
    let resource = merged(&[written, answered, Resource::invalidated(at(1), 16)]);
    assert_eq!(
        (resource.invalidated_at(), resource.variants()),
        (Some(at(3)), 1)
    );
}

fn same(one: &Resource, other: &Resource) -> bool {
    format!("{one:?}") == format!("{other:?}")
}

fn sample() -> Resource {
    merged(&[
        Resource::holding(answer(1, 0, "one"), 16),
        Resource::holding(answer(2, 5, "two"), 16),
        Resource::invalidated(at(3), 16),
    ])
}

#[test]
fn a_resource_comes_back_as_it_was() {
    let mut bytes = Vec::new();
    sample().encode(&mut bytes);
    assert!(same(&Resource::decode(&bytes).unwrap(), &sample()));
    for length in 0..bytes.len() {
        assert!(
            Resource::decode(&bytes[..length]).is_none(),
            "cut at {length}"
        );
    }
    bytes[0] = 99;
    assert!(Resource::decode(&bytes).is_none(), "an unknown layout");
}

#[test]
fn yesterdays_bytes_are_read() {
    assert!(same(&Resource::decode(RESOURCE_V1).unwrap(), &sample()));
}

proptest! {
    #[test]
    fn damaged_bytes_do_not_make_it_panic(position in 0usize..400, byte: u8) {
        let mut bytes = RESOURCE_V1.to_vec();
        let position = position % bytes.len();
        bytes[position] = byte;
        let _: Option<Resource> = Resource::decode(&bytes);
    }

    /// Whatever order writers come in, the same is stored.
    #[test]
    fn merging_does_not_depend_on_the_order(values in prop::collection::vec((0u8..4, 0u64..50), 1..8).prop_shuffle()) {
        // Equal requests at equal times are one answer.
        let resource = |(variant, asked): &(u8, u64)| Resource::holding(answer(*variant, *asked * 4 + u64::from(*variant), "x"), 16);
        let forwards: Vec<_> = values.iter().map(resource).collect();
        let backwards: Vec<_> = values.iter().rev().map(resource).collect();
        prop_assert!(same(&merged(&forwards), &merged(&backwards)));
    }
}

#[cfg(feature = "packed")]
#[test]
fn packed_answers_are_the_same_in_less_memory() {
    let long: &'static str = "a long answer ".repeat(500).leak();
    let resource = merged(&[
        Resource::holding(answer(1, 0, long), 16),
        Resource::holding(answer(2, 5, "short"), 16),
    ]);
    let packed = resource.clone().packed(&Packing::default());
    assert_eq!(bodies(&packed), bodies(&resource));
    assert!(packed.weight_bytes() + 6_000 < resource.weight_bytes());
    let mut sides = [Vec::new(), Vec::new()];
    resource.encode(&mut sides[0]);
    packed.encode(&mut sides[1]);
    assert_eq!(sides[0], sides[1], "outside the process it is the same");
    // What is packed already is not looked at again.
    let again = packed.clone().packed(&Packing::default());
    assert!(Arc::ptr_eq(&again.0, &packed.0));
}
