//! Directives as origins write them, well and badly.

use http::HeaderValue;
use proptest::prelude::*;

use super::*;
use crate::rfc9111::SurrogateName;

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn of(lines: &[(&'static str, &str)], audience: Audience) -> Controls {
    let options = Options {
        audience,
        surrogate: SurrogateName::new("edge"),
        ..Options::default()
    };
    Controls::of(&headers(lines), &options)
}

#[track_caller]
fn check(lines: &[(&'static str, &str)], expected: Controls) {
    assert_eq!(of(lines, Audience::Shared), expected, "{lines:?}");
}

#[track_caller]
fn max_age(value: &str, expected: Option<u64>) {
    let controls = of(&[("cache-control", value)], Audience::Shared);
    assert_eq!(controls.max_age, expected, "{value}");
}

#[test]
fn numbers() {
    max_age("max-age=3600", Some(3600));
    max_age("MaX-aGe=3600", Some(3600));
    max_age("foobar, max-age=3600", Some(3600));
    max_age("max-age=003600", Some(3600));
    max_age("max-age=\"3600\"", Some(3600));
    max_age("max-age=99999999999", Some(MAX_SECONDS));
    max_age("max-age=999999999999999999999999", Some(MAX_SECONDS));
    // No number of seconds: stale at once.
    for value in ["'3600'", "-3600", "3600.0", "a3600", "3600a", "", " 3600"] {
        max_age(&format!("max-age={value}"), Some(0));
    }
    // No directive of that name.
    max_age("max-age =3600", None);
    max_age("extension=\"max-age=3600\"", None);
    max_age("extension=\"max-age=3600, x\", max-age=1", Some(1));
    max_age("max-age=1, extension=\"a\\\"max-age=3600\"", Some(1));
}

#[test]
fn of_contradictions_the_strictest_counts() {
    max_age("max-age=1800, max-age=1", Some(1));
    max_age("max-age=1, max-age=1800", Some(1));
    let lines = [
        ("cache-control", "max-age=1800"),
        ("cache-control", "max-age=7"),
    ];
    assert_eq!(of(&lines, Audience::Shared).max_age, Some(7));
}

#[test]
fn flags() {
    check(
        &[(
            "cache-control",
            "no-store, No-Cache, must-revalidate, proxy-revalidate",
        )],
        Controls {
            no_store: true,
            no_cache: true,
            must_revalidate: true,
            proxy_revalidate: true,
            ..Controls::default()
        },
    );
    check(
        &[("cache-control", "public, private, must-understand")],
        Controls {
            public: true,
            private: true,
            must_understand: true,
            ..Controls::default()
        },
    );
    check(
        &[(
            "cache-control",
            "s-maxage=5,stale-while-revalidate=6 , stale-if-error=7",
        )],
        Controls {
            s_maxage: Some(5),
            stale_while_revalidate: Some(6),
            stale_if_error: Some(7),
            ..Controls::default()
        },
    );
}

#[test]
fn named_fields_are_withheld_and_the_rest_is_reused() {
    let line = [("cache-control", "no-cache=\"a, B\", private=\"c\"")];
    let shared = of(&line, Audience::Shared);
    assert_eq!(shared.withheld, ["a", "b", "c"]);
    assert!(!shared.no_cache && !shared.private);
    assert_eq!(of(&line, Audience::Private).withheld, ["a", "b"]);
}

#[test]
fn the_most_specific_field_counts_alone() {
    let all = [
        ("cache-control", "no-store, max-age=1"),
        ("cdn-cache-control", "max-age=2"),
        ("surrogate-control", "max-age=3"),
    ];
    let targeted = |max_age| Controls {
        source: Source::Targeted,
        max_age: Some(max_age),
        ..Controls::default()
    };
    check(
        &all,
        Controls {
            stale_while_revalidate: Some(0),
            ..targeted(3)
        },
    );
    check(&all[..2], targeted(2));
    let private = Options {
        audience: Audience::Private,
        ..Options::default()
    };
    // A browser is no CDN, and nobody has said that this is a surrogate.
    assert_eq!(Controls::of(&headers(&all), &private).max_age, Some(1));
}

#[test]
fn a_targeted_field_that_says_nothing_is_not_there() {
    let plain = ("cache-control", "max-age=1");
    for field in ["", "max-age=10000, &&&&&", "max-age =100", "MaX-aGe=3600"] {
        let lines = [plain, ("cdn-cache-control", field)];
        assert_eq!(of(&lines, Audience::Shared).max_age, Some(1), "{field}");
    }
    for field in ["foo", "max-age=3600;somebody-else", "max-age =100"] {
        let lines = [plain, ("surrogate-control", field)];
        assert_eq!(of(&lines, Audience::Shared).max_age, Some(1), "{field}");
    }
    let typed = [plain, ("cdn-cache-control", "max-age=\"10000\"")];
    assert_eq!(of(&typed, Audience::Shared).max_age, None);
}

#[test]
fn what_is_said_to_this_surrogate_counts_more_than_what_is_said_to_all() {
    let value = "max-age=1, max-age=3600+600;edge, no-store;other";
    let controls = of(&[("surrogate-control", value)], Audience::Shared);
    assert_eq!(
        (
            controls.max_age,
            controls.stale_while_revalidate,
            controls.no_store
        ),
        (Some(3600), Some(600), false)
    );
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        name in prop::sample::select(vec!["cache-control", "cdn-cache-control", "surrogate-control"]),
        line in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        if let Ok(value) = HeaderValue::from_bytes(&line) {
            let mut headers = HeaderMap::new();
            headers.insert(name, value);
            let options = Options { surrogate: SurrogateName::new("edge"), ..Options::default() };
            let _: Controls = Controls::of(&headers, &options);
        }
    }

    #[test]
    fn directives_are_found_whatever_stands_beside_them(before in "[a-z]{1,8}(=\"[ -!#-\\[\\]-~]{0,12}\")?", seconds in 0u64..100_000) {
        prop_assume!(!before.starts_with("max-age"));
        let value = format!("{before}, max-age={seconds}");
        prop_assert_eq!(of(&[("cache-control", &value)], Audience::Shared).max_age, Some(seconds));
    }
}
