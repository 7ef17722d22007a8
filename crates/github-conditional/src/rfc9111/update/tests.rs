//! What a 304 and the answer to a HEAD change.

use http::HeaderValue;
use proptest::prelude::*;

use super::*;
use crate::rfc9111::Options;

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

#[test]
fn all_headers_but_those_about_the_bytes_are_renewed() {
    let stored = headers(&[
        ("content-length", "5"),
        ("content-encoding", "br"),
        ("content-md5", "one"),
        ("content-range", "one"),
        ("etag", "\"one\""),
        ("content-type", "text/plain"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=1"),
        ("kept", "1"),
    ]);
    let later = headers(&[
        ("content-length", "0"),
        ("content-encoding", "gzip"),
        ("content-md5", "two"),
        ("content-range", "two"),
        ("etag", "\"two\""),
        ("content-type", "text/html"),
        ("set-cookie", "c=2"),
        ("connection", "hop"),
        ("hop", "1"),
        ("age", "7"),
    ]);
    let expected = headers(&[
        ("content-length", "5"),
        ("content-encoding", "br"),
        ("content-md5", "one"),
        ("content-range", "one"),
        ("etag", "\"one\""),
        ("content-type", "text/html"),
        ("set-cookie", "c=2"),
        ("kept", "1"),
    ]);
    assert_eq!(updated(&stored, &later), expected);
}

#[test]
fn headers_of_one_connection_and_withheld_ones_are_not_stored() {
    let answer = headers(&[
        ("cache-control", "max-age=60, no-cache=\"secret\""),
        ("connection", "a"),
        ("a", "1"),
        ("proxy-authentication-info", "x"),
        ("age", "3"),
        ("secret", "1"),
        ("b", "2"),
    ]);
    let controls = Controls::of(&answer, &Options::default());
    let kept = storable_headers(&answer, &controls);
    let names: Vec<_> = kept.keys().map(HeaderName::as_str).collect();
    assert_eq!(names, ["cache-control", "b"]);
}

#[test]
fn a_head_tells_whether_the_bytes_are_the_same() {
    let stored = headers(&[("etag", "\"a\""), ("last-modified", "then")]);
    let check = |head: &[(&'static str, &str)], expected| {
        assert_eq!(
            compare_head(&stored, 5, &headers(head)),
            expected,
            "{head:?}"
        );
    };
    check(&[], HeadSays::Same);
    check(
        &[("etag", "\"a\""), ("content-length", "5")],
        HeadSays::Same,
    );
    check(&[("etag", "\"b\"")], HeadSays::Changed);
    check(&[("last-modified", "now")], HeadSays::Changed);
    check(&[("content-length", "6")], HeadSays::Changed);
}

proptest! {
    /// However often it is confirmed, an answer keeps the validators that belong to its bytes.
    #[test]
    fn a_validator_is_never_lost(tags in prop::collection::vec(prop::option::of("\"[a-z]{1,6}\""), 1..5)) {
        let mut stored = headers(&[("etag", "\"own\""), ("last-modified", "Thu, 22 Jun 2023 07:16:46 GMT")]);
        for tag in tags {
            let later = match &tag {
                Some(tag) => headers(&[("etag", tag), ("date", "Thu, 22 Jun 2023 07:16:47 GMT")]),
                None => HeaderMap::new(),
            };
            stored = updated(&stored, &later);
            prop_assert_eq!(&stored["etag"], "\"own\"");
            prop_assert!(stored.contains_key("last-modified"));
        }
    }
}
