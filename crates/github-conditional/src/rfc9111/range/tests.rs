//! Parts of stored bodies.

use proptest::prelude::*;

use super::*;

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

#[track_caller]
fn check(range: &str, length: usize, expected: Wanted) {
    let found = wanted(&headers(&[("range", range)]), &HeaderMap::new(), length);
    assert_eq!(found, expected, "{range}");
}

#[test]
fn one_range_of_bytes() {
    check("bytes=0-1", 11, Wanted::Part(0..2));
    check("bytes=1-", 11, Wanted::Part(1..11));
    check("bytes=-1", 11, Wanted::Part(10..11));
    check("bytes=-100", 11, Wanted::Part(0..11));
    check("bytes=5-1000", 11, Wanted::Part(5..11));
    check("BYTES=0-99999999999999999999999", 11, Wanted::Part(0..11));
    check("bytes=11-", 11, Wanted::Unsatisfiable);
    check("bytes=-0", 11, Wanted::Unsatisfiable);
    check("bytes=0-", 0, Wanted::Unsatisfiable);
}

#[test]
fn what_is_no_such_range_gets_the_whole() {
    for range in [
        "bytes=0-1,3-4",
        "lines=0-1",
        "bytes=2-1",
        "bytes=a-b",
        "bytes=-",
        "bytes",
        "bytes=+1-2",
    ] {
        check(range, 11, Wanted::Whole);
    }
    let twice = headers(&[("range", "bytes=0-1"), ("range", "bytes=0-1")]);
    assert_eq!(wanted(&twice, &HeaderMap::new(), 11), Wanted::Whole);
}

#[test]
fn a_part_goes_only_to_what_the_client_has_a_part_of() {
    const JUNE: &str = "Thu, 22 Jun 2023 07:16:46 GMT";
    const MINUTES_LATER: &str = "Thu, 22 Jun 2023 07:20:00 GMT";
    const SECONDS_LATER: &str = "Thu, 22 Jun 2023 07:16:50 GMT";
    #[track_caller]
    fn check(condition: &str, stored: &[(&'static str, &str)], expected: Wanted) {
        let request = headers(&[("range", "bytes=0-0"), ("if-range", condition)]);
        assert_eq!(
            wanted(&request, &headers(stored), 5),
            expected,
            "{condition}"
        );
    }
    check("\"a\"", &[("etag", "\"a\"")], Wanted::Part(0..1));
    check("\"b\"", &[("etag", "\"a\"")], Wanted::Whole);
    check("W/\"a\"", &[("etag", "W/\"a\"")], Wanted::Whole);
    check("\"a\"", &[], Wanted::Whole);
    let old = [("last-modified", JUNE), ("date", MINUTES_LATER)];
    check(JUNE, &old, Wanted::Part(0..1));
    check(MINUTES_LATER, &old, Wanted::Whole);
    check(
        JUNE,
        &[("last-modified", JUNE), ("date", SECONDS_LATER)],
        Wanted::Whole,
    );
    check("yesterday", &old, Wanted::Whole);
}

proptest! {
    #[test]
    fn a_part_is_within_the_body(range in "bytes=[0-9]{0,21}-[0-9]{0,21}", length in 0usize..100) {
        let request = headers(&[("range", &range)]);
        if let Wanted::Part(part) = wanted(&request, &HeaderMap::new(), length) {
            prop_assert!(part.start < part.end && part.end <= length);
        }
    }
}
