//! What a write changes.

use http::HeaderValue;
use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(location: &str, expected: Option<&str>) {
    let target: Uri = "http://origin.example:80/a/b?c".parse().unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(LOCATION, HeaderValue::from_str(location).unwrap());
    let urls = named(&target, &headers);
    let urls: Vec<_> = urls.iter().map(ToString::to_string).collect();
    assert_eq!(urls.first().map(String::as_str), expected, "{location}");
}

#[test]
fn urls_of_the_same_origin() {
    check("/x?y#z", Some("http://origin.example:80/x?y"));
    check("x", Some("http://origin.example:80/a/x"));
    check("?y", Some("http://origin.example:80/a/b?y"));
    check("http://origin.example/x", Some("http://origin.example/x"));
    check(
        "http://ORIGIN.example:80/x",
        Some("http://ORIGIN.example:80/x"),
    );
}

#[test]
fn urls_of_others_are_not_touched() {
    for url in [
        "https://origin.example/x",
        "http://origin.example:81/x",
        "http://other.example/x",
        "//other.example/x",
        "mailto:x",
        "../x",
    ] {
        check(url, None);
    }
}

#[test]
fn only_what_succeeds_changes_anything() {
    let check = |method: &str, status: u16, expected| {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(effect(&method, status), expected, "{method} {status}");
    };
    for method in ["POST", "PUT", "PATCH", "DELETE", "M-SEARCH"] {
        check(method, 200, Effect::Changed);
        check(method, 303, Effect::Changed);
        check(method, 404, Effect::None);
        check(method, 500, Effect::None);
    }
    for method in ["GET", "HEAD", "OPTIONS", "TRACE"] {
        check(method, 200, Effect::None);
    }
}

proptest! {
    #[test]
    fn no_location_makes_it_panic(location in "[ -~]{0,40}") {
        let target: Uri = "http://origin.example/a".parse().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, HeaderValue::from_str(&location).unwrap());
        for url in named(&target, &headers) {
            prop_assert_eq!(url.host().map(str::to_ascii_lowercase), Some("origin.example".to_owned()));
        }
    }
}
