//! Rate-limit headers, whole and broken.

use proptest::prelude::*;

use super::*;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            )
        })
        .collect()
}

const RECORDED: [(&str, &str); 5] = [
    ("x-ratelimit-limit", "5950"),
    ("x-ratelimit-remaining", "5941"),
    ("x-ratelimit-reset", "1691591363"),
    ("x-ratelimit-used", "9"),
    ("x-ratelimit-resource", "core"),
];

#[test]
fn the_headers_are_read() {
    let limit = RateLimit::from_headers(&headers(&RECORDED))
        .unwrap()
        .unwrap();
    let expected = RateLimit {
        limit: 5950,
        remaining: 5941,
        used: 9,
        reset: 1_691_591_363,
        resource: Resource::Core,
    };
    assert_eq!(limit, expected);
    assert!(!limit.is_exhausted());
}

/// App JWT answers carry none at all; older servers lack `used` and `resource`.
#[test]
fn absent_headers_are_no_error() {
    assert_eq!(RateLimit::from_headers(&HeaderMap::new()), Ok(None));
    for essential in 0..3 {
        let mut pairs = RECORDED.to_vec();
        pairs.remove(essential);
        assert_eq!(RateLimit::from_headers(&headers(&pairs)), Ok(None));
    }
    let limit = RateLimit::from_headers(&headers(&RECORDED[..3]))
        .unwrap()
        .unwrap();
    assert_eq!((limit.used, limit.resource), (9, Resource::Core));
}

#[test]
fn a_malformed_header_is_named_even_when_others_are_absent() {
    for (name, value) in [
        ("x-ratelimit-limit", "many"),
        ("x-ratelimit-remaining", "-1"),
        ("x-ratelimit-reset", "Tue, 10 Mar 2026 00:00:00 GMT"),
        ("x-ratelimit-used", ""),
        ("x-ratelimit-resource", "a b"),
        ("x-ratelimit-resource", ""),
    ] {
        let mut all = headers(&RECORDED);
        all.insert(name, HeaderValue::from_static(value));
        for headers in [all, headers(&[(name, value)])] {
            let error = RateLimit::from_headers(&headers).unwrap_err();
            assert_eq!(error.header(), name);
            assert_eq!(error.to_string(), format!("{name} is malformed"));
        }
    }
}

#[test]
fn resources_known_and_unknown() {
    for known in Resource::KNOWN {
        assert_eq!(Resource::parse(known.as_str()).as_ref(), Some(known));
        assert!(!matches!(known, Resource::Other(_)));
    }
    assert_eq!(Resource::KNOWN.len(), 16);
    let new = Resource::parse(" brand_new ").unwrap();
    assert_eq!(
        (new.as_str(), new.to_string()),
        ("brand_new", "brand_new".to_owned())
    );
    assert_eq!(Resource::parse("x".repeat(65)), None);
    assert_eq!(Resource::default(), Resource::Core);
}

#[test]
fn the_window_ends() {
    let limit = RateLimit {
        limit: 60,
        remaining: 0,
        used: 60,
        reset: 1000,
        resource: Resource::Core,
    };
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_millis(seconds);
    assert!(limit.is_exhausted());
    assert_eq!(limit.until_reset(at(999_500)), Duration::from_millis(500));
    assert_eq!(limit.until_reset(at(1_000_000)), Duration::ZERO);
    assert_eq!(limit.until_reset(at(2_000_000)), Duration::ZERO);
    // A reset beyond what a clock can hold must not panic.
    let never = RateLimit {
        reset: u64::MAX,
        ..limit
    };
    assert_eq!(
        never.until_reset(SystemTime::UNIX_EPOCH),
        Duration::from_secs(u64::MAX)
    );
}

proptest! {
    #[test]
    fn written_headers_read_the_same(limit: u64, remaining: u64, used: u64, reset: u64, name in "[a-z_]{1,64}") {
        let resource = Resource::parse(&name).unwrap();
        let limit = RateLimit { limit, remaining, used, reset, resource };
        let mut headers = HeaderMap::new();
        limit.write_to(&mut headers);
        prop_assert_eq!(headers.len(), 5);
        prop_assert_eq!(RateLimit::from_headers(&headers), Ok(Some(limit)));
    }

    #[test]
    fn arbitrary_values_never_panic(values: [Vec<u8>; 5]) {
        let mut headers = HeaderMap::new();
        for ((name, _), value) in RECORDED.iter().zip(values) {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.insert(*name, value);
            }
        }
        let _ = RateLimit::from_headers(&headers);
    }
}
