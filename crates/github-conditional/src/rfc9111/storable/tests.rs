//! Which answers are stored.

use std::time::{Duration, UNIX_EPOCH};

use http::HeaderValue;
use proptest::prelude::*;

use super::*;
use crate::rfc9111::freshness::lifetime;

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

type Lines<'a> = &'a [(&'static str, &'a str)];

fn found(audience: Audience, request: Lines<'_>, status: u16, answer: Lines<'_>) -> Storing {
    let options = Options {
        audience,
        max_cacheable_body_bytes: 1000,
        ..Options::default()
    };
    let answer = headers(answer);
    let controls = Controls::of(&answer, &options);
    let status = StatusCode::from_u16(status).unwrap();
    let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let lifetime = lifetime(status, &answer, &controls, now, &options);
    storing(
        &headers(request),
        status,
        &answer,
        &controls,
        lifetime,
        &options,
    )
}

#[track_caller]
fn check(request: Lines<'_>, status: u16, answer: Lines<'_>, expected: Storing) {
    let storing = found(Audience::Shared, request, status, answer);
    assert_eq!(storing, expected, "{request:?} {status} {answer:?}");
}

const FRESH: (&str, &str) = ("cache-control", "max-age=60");
const TAG: (&str, &str) = ("etag", "\"a\"");

#[test]
fn any_final_status_with_a_freshness_of_its_own() {
    for status in [
        200, 203, 204, 299, 301, 302, 307, 400, 404, 499, 500, 503, 599,
    ] {
        check(&[], status, &[FRESH], Storing::Recorded);
    }
    for status in [206, 304, 416] {
        check(&[], status, &[FRESH], Storing::Status);
    }
}

#[test]
fn what_is_of_no_use_is_not_kept() {
    check(&[], 200, &[], Storing::NoValidator);
    check(
        &[],
        200,
        &[("cache-control", "max-age=0")],
        Storing::NoValidator,
    );
    check(&[], 200, &[TAG], Storing::Recorded);
    check(&[], 500, &[TAG], Storing::Status);
    check(
        &[],
        200,
        &[("cache-control", "no-cache"), TAG],
        Storing::Recorded,
    );
    check(
        &[],
        200,
        &[FRESH, ("content-length", "1001")],
        Storing::TooLarge,
    );
}

#[test]
fn what_is_forbidden() {
    check(
        &[],
        200,
        &[("cache-control", "max-age=60, No-StOrE")],
        Storing::Forbidden,
    );
    check(
        &[],
        200,
        &[("cache-control", "private, max-age=60")],
        Storing::Private,
    );
    check(&[], 200, &[FRESH, ("vary", "*")], Storing::Varying);
    check(
        &[],
        200,
        &[
            ("cache-control", "no-store"),
            ("cdn-cache-control", "max-age=9"),
        ],
        Storing::Recorded,
    );
    check(
        &[],
        200,
        &[FRESH, ("cdn-cache-control", "private")],
        Storing::Private,
    );
    check(&[("range", "bytes=0-1")], 404, &[FRESH], Storing::Status);
    check(&[("range", "bytes=0-1")], 200, &[FRESH], Storing::Recorded);
}

#[test]
fn regression_a_private_cache_keeps_what_is_private() {
    let private = [("cache-control", "private, max-age=3600")];
    assert_eq!(
        found(Audience::Private, &[], 200, &private),
        Storing::Recorded
    );
    let authorized = [("authorization", "token x")];
    assert_eq!(
        found(Audience::Private, &authorized, 200, &[FRESH]),
        Storing::Recorded
    );
}

#[test]
fn answers_to_authorised_requests_are_shared_only_where_the_origin_says_so() {
    let authorized = [("authorization", "token x")];
    check(&authorized, 200, &[FRESH], Storing::Authorization);
    for allowing in ["public", "must-revalidate", "s-maxage=60"] {
        let line = format!("max-age=60, {allowing}");
        check(
            &authorized,
            200,
            &[("cache-control", &line)],
            Storing::Recorded,
        );
    }
}

#[test]
fn must_understand() {
    let line = [("cache-control", "max-age=60, must-understand, no-store")];
    check(&[], 200, &line, Storing::Recorded);
    check(&[], 599, &line, Storing::Status);
}

proptest! {
    /// Whatever else is said: no shared cache keeps what says `no-store` or `private`.
    #[test]
    fn never_what_may_not_be_stored(
        status in 200u16..600,
        forbidding in prop::sample::select(vec!["no-store", "private", "NO-STORE", "Private"]),
        others in prop::collection::vec(prop::sample::select(vec!["max-age=60", "public", "s-maxage=9", "immutable", "must-revalidate", "x=\"y, z\""]), 0..4),
        position in 0usize..5,
        authorized: bool,
    ) {
        let mut directives = others;
        directives.insert(position.min(directives.len()), forbidding);
        let line = directives.join(", ");
        let request: Lines<'_> = if authorized { &[("authorization", "x")] } else { &[] };
        let storing = found(Audience::Shared, request, status, &[("cache-control", &line), TAG]);
        prop_assert_ne!(storing, Storing::Recorded);
    }
}
