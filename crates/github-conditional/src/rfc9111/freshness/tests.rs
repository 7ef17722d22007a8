//! Lifetimes and ages, by the examples of the conformance suite and against http-cache-semantics.

use std::time::UNIX_EPOCH;

use proptest::prelude::*;

use super::*;

const NOW: u64 = 1_700_000_000;

fn at(seconds: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW.saturating_add_signed(seconds))
}

fn date(offset: i64) -> String {
    httpdate::fmt_http_date(at(offset))
}

fn headers(lines: &[(&'static str, String)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn found(status: u16, lines: &[(&'static str, String)], audience: Audience) -> Lifetime {
    let options = Options {
        audience,
        ..Options::default()
    };
    let headers = headers(lines);
    let controls = Controls::of(&headers, &options);
    let status = StatusCode::from_u16(status).unwrap();
    lifetime(status, &headers, &controls, at(0), &options)
}

fn explicit(seconds: u64) -> Lifetime {
    Lifetime::Explicit(Duration::from_secs(seconds))
}

fn heuristic(seconds: u64) -> Lifetime {
    Lifetime::Heuristic(Duration::from_secs(seconds))
}

#[track_caller]
fn check(lines: &[(&'static str, String)], expected: Lifetime) {
    assert_eq!(found(200, lines, Audience::Shared), expected, "{lines:?}");
}

fn control(text: &str) -> (&'static str, String) {
    ("cache-control", text.to_owned())
}

#[test]
fn what_precedes_what() {
    check(
        &[control("max-age=60"), ("expires", date(-10))],
        explicit(60),
    );
    check(
        &[control("max-age=0"), ("expires", date(3600))],
        explicit(0),
    );
    check(&[control("max-age=3600, s-maxage=1")], explicit(1));
    check(&[control("max-age=1, s-maxage=3600")], explicit(3600));
    check(&[("expires", date(30)), ("date", date(0))], explicit(30));
    check(&[("expires", date(20)), ("date", date(10))], explicit(10));
    check(&[("expires", date(300)), ("date", date(400))], explicit(0));
    check(&[("expires", "0".into()), ("date", date(0))], explicit(0));
    // An invalid date counts as that of the arrival.
    check(
        &[("expires", date(10)), ("date", "foo".into())],
        explicit(10),
    );
    check(
        &[("last-modified", date(-1000)), ("date", date(0))],
        heuristic(100),
    );
    check(&[], Lifetime::Unknown);
}

#[test]
fn regression_a_private_cache_does_not_prefer_s_maxage() {
    let lines = [control("s-maxage=3600"), control("max-age=1")];
    assert_eq!(found(200, &lines, Audience::Private), explicit(1));
    let only = [control("s-maxage=3600")];
    assert_eq!(found(200, &only, Audience::Private), Lifetime::Unknown);
}

#[test]
fn regression_dates_are_read_in_any_case() {
    let expires = |text: &str| found(200, &[("expires", text.to_owned())], Audience::Shared);
    let proper = expires("Thu, 18 Aug 2050 02:01:18 GMT");
    assert_ne!(proper, explicit(0));
    for date in [
        "THU, 18 Aug 2050 02:01:18 GMT",
        "thu, 18 aug 2050 02:01:18 gmt",
        "Thursday, 18-Aug-50 02:01:18 GMT",
        "thursday, 18-AUG-50 02:01:18 gMT",
    ] {
        assert_eq!(expires(date), proper, "{date}");
    }
    for date in [
        "Thu, 18 Aug 2050 02:01:18 UTC",
        "Thu 18 Aug 2050 02:01:18 GMT",
        "0",
    ] {
        assert_eq!(expires(date), explicit(0), "{date}");
    }
}

#[test]
fn guesses() {
    let modified = ("last-modified", date(-86_400));
    let guess = |status, more: &[(&'static str, String)]| {
        let mut lines = vec![modified.clone(), ("date", date(0))];
        lines.extend_from_slice(more);
        found(status, &lines, Audience::Shared)
    };
    for status in [200, 203, 204, 404, 405, 410, 414, 501] {
        assert_eq!(guess(status, &[]), heuristic(8640), "{status}");
    }
    for status in [201, 202, 403, 502, 503, 504, 599] {
        assert_eq!(guess(status, &[]), Lifetime::Unknown, "{status}");
    }
    assert_eq!(guess(599, &[control("public")]), heuristic(8640));
    assert_eq!(guess(200, &[("pragma", "no-cache".into())]), heuristic(0));
    check(&[("last-modified", date(-100_000_000))], heuristic(86_400));
    check(&[("last-modified", date(100))], heuristic(0));
}

#[test]
fn a_targeted_field_silences_expires() {
    let lines = [
        ("cdn-cache-control", "public".to_owned()),
        ("expires", date(3600)),
    ];
    check(&lines, Lifetime::Unknown);
}

#[track_caller]
fn age(lines: &[(&'static str, String)], expected: u64) {
    let found = age_on_arrival(&headers(lines), at(0), at(0));
    assert_eq!(found, Duration::from_secs(expected), "{lines:?}");
}

#[test]
fn ages() {
    let stated = |text: &str| ("age", text.to_owned());
    age(&[], 0);
    age(&[stated("30")], 30);
    age(&[("date", date(-10)), stated("25")], 25);
    age(&[("date", date(-7200))], 7200);
    age(&[("date", date(10)), stated("15")], 15);
    age(&[stated("7200,0")], 7200);
    age(&[stated("0,7200")], 0);
    for unreadable in [
        "abc",
        "-7200",
        "7200.0",
        "0, 0",
        "3600, 3600",
        "7200;foo=bar",
        "",
    ] {
        age(&[stated(unreadable)], MAX_SECONDS);
    }
    age(&[stated("0"), stated("0")], MAX_SECONDS);
    age(&[stated("99999999999999999999999")], MAX_SECONDS);
    // The way here counts.
    let late = age_on_arrival(&headers(&[stated("30")]), at(-4), at(0));
    assert_eq!(late, Duration::from_secs(34));
}

proptest! {
    /// Where http-cache-semantics reads what is written, it finds the same.
    #[test]
    fn agrees_with_http_cache_semantics(
        max_age in prop::option::of(0u64..100_000),
        s_maxage in prop::option::of(0u64..100_000),
        expires in prop::option::of(-1000i64..100_000),
        modified in prop::option::of(-800_000i64..-10),
        shared: bool,
    ) {
        let mut lines = vec![("date", date(0))];
        let mut said = Vec::new();
        said.extend(max_age.map(|seconds| format!("max-age={seconds}")));
        said.extend(s_maxage.map(|seconds| format!("s-maxage={seconds}")));
        if !said.is_empty() {
            lines.push(control(&said.join(", ")));
        }
        lines.extend(expires.map(|offset| ("expires", date(offset))));
        lines.extend(modified.map(|offset| ("last-modified", date(offset))));
        let audience = if shared { Audience::Shared } else { Audience::Private };
        let mut response = Response::new(());
        *response.headers_mut() = headers(&lines);
        let options = CacheOptions { shared, immutable_min_time_to_live: Duration::ZERO, ..CacheOptions::default() };
        let policy = CachePolicy::new_options(&Request::new(()), &response, at(0), options);
        prop_assert_eq!(found(200, &lines, audience).duration(), policy.time_to_live(at(0)));
    }

    #[test]
    fn no_header_makes_it_panic(name in prop::sample::select(vec!["age", "date", "expires", "last-modified"]), value in "[ -~]{0,40}") {
        found(200, &[(name, value.clone())], Audience::Shared);
        age_on_arrival(&headers(&[(name, value)]), at(0), at(0));
    }
}
