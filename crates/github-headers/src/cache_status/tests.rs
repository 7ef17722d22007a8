//! `Cache-Status` against the examples of RFC 9211.

use proptest::prelude::*;

use super::*;

#[track_caller]
fn one(text: &str) -> CacheStatus {
    let mut members = CacheStatus::parse_list([text]).unwrap();
    assert_eq!(members.len(), 1, "{text}");
    members.remove(0)
}

#[test]
fn members_are_written_as_the_mirror_promises() {
    #[track_caller]
    fn check(status: CacheStatus, text: &str) {
        assert_eq!(status.to_string(), text);
        assert_eq!(one(text), status);
        assert_eq!(status.to_header_value(), text);
    }
    let mirror = || CacheStatus::new("github-mirror");
    check(mirror(), "github-mirror");
    check(mirror().hit(), "github-mirror; hit");
    check(mirror().hit().ttl(30), "github-mirror; hit; ttl=30");
    check(
        mirror().hit().ttl(-412).detail("stale-if-error"),
        "github-mirror; hit; ttl=-412; detail=stale-if-error",
    );
    for detail in ["own-tag", "predicted", "speculative"] {
        check(
            mirror()
                .forwarded(Fwd::Stale)
                .fwd_status(StatusCode::NOT_MODIFIED)
                .detail(detail),
            &format!("github-mirror; fwd=stale; fwd-status=304; detail={detail}"),
        );
    }
    check(
        mirror()
            .forwarded(Fwd::UriMiss)
            .fwd_status(StatusCode::OK)
            .stored()
            .collapsed()
            .ttl(60)
            .key("v1/repos"),
        "github-mirror; fwd=uri-miss; fwd-status=200; stored; collapsed; ttl=60; key=\"v1/repos\"",
    );
    for reason in Fwd::ALL {
        check(
            mirror().forwarded(reason),
            &format!("github-mirror; fwd={reason}"),
        );
    }
    // The later of two contradicting calls wins.
    check(
        mirror().hit().forwarded(Fwd::Method),
        "github-mirror; fwd=method",
    );
    check(mirror().forwarded(Fwd::Method).hit(), "github-mirror; hit");
}

#[test]
fn what_is_no_token_is_written_as_a_string() {
    for (detail, text) in [
        ("MEMORY", "c; detail=MEMORY"),
        ("*", "c; detail=*"),
        ("a:b/c", "c; detail=a:b/c"),
        ("two words", "c; detail=\"two words\""),
        ("304", "c; detail=\"304\""),
        ("-x", "c; detail=\"-x\""),
        ("", "c; detail=\"\""),
        (r#"a"b\c"#, r#"c; detail="a\"b\\c""#),
        ("a;b,c", "c; detail=\"a;b,c\""),
    ] {
        let status = CacheStatus::new("c").detail(detail);
        assert_eq!(status.to_string(), text);
        assert_eq!(one(text), status);
        assert_eq!(one(text).detail_text(), Some(detail));
    }
    assert_eq!(
        CacheStatus::new("CDN Company Here").hit().to_string(),
        "\"CDN Company Here\"; hit"
    );
    // What no structured string can hold cannot end the field either.
    assert_eq!(
        CacheStatus::new("c").detail("é\r\nX: y").to_string(),
        "c; detail=\"???X: y\""
    );
    assert_eq!(
        CacheStatus::new("c").key("ü\u{7f}").to_string(),
        "c; key=\"??\""
    );
    assert_eq!(CacheStatus::new("c\n").cache(), "c?");
    assert_eq!(
        CacheStatus::new("c").ttl(i64::MIN).to_string(),
        "c; ttl=-999999999999999"
    );
    assert_eq!(
        CacheStatus::new("c").ttl(i64::MAX).to_string(),
        "c; ttl=999999999999999"
    );
}

/// RFC 9211 §2 and §3.
#[test]
fn examples_of_the_rfc() {
    let members =
        CacheStatus::parse_list(["OriginCache; hit; ttl=1100, \"CDN Company Here\"; hit; ttl=545"])
            .unwrap();
    assert_eq!(
        members,
        [
            CacheStatus::new("OriginCache").hit().ttl(1100),
            CacheStatus::new("CDN Company Here").hit().ttl(545),
        ]
    );
    let example = || CacheStatus::new("ExampleCache");
    for (text, expected) in [
        ("ExampleCache; hit", example().hit()),
        ("ExampleCache; hit; ttl=376", example().hit().ttl(376)),
        ("ExampleCache; hit; ttl=-412", example().hit().ttl(-412)),
        (
            "ExampleCache; hit; detail=MEMORY",
            example().hit().detail("MEMORY"),
        ),
        (
            "ExampleCache; fwd=uri-miss",
            example().forwarded(Fwd::UriMiss),
        ),
        (
            "ExampleCache; fwd=uri-miss; collapsed",
            example().forwarded(Fwd::UriMiss).collapsed(),
        ),
        (
            "ExampleCache; fwd=stale; fwd-status=304",
            example()
                .forwarded(Fwd::Stale)
                .fwd_status(StatusCode::NOT_MODIFIED),
        ),
        (
            "ExampleCache; fwd=stale; fwd-status=304; collapsed; ttl=300",
            example()
                .forwarded(Fwd::Stale)
                .fwd_status(StatusCode::NOT_MODIFIED)
                .collapsed()
                .ttl(300),
        ),
        (
            "ExampleCache; fwd=miss; stored",
            example().forwarded(Fwd::Miss).stored(),
        ),
        (
            "BrowserCache; fwd=bypass",
            CacheStatus::new("BrowserCache").forwarded(Fwd::Bypass),
        ),
    ] {
        assert_eq!(one(text), expected);
        assert_eq!(expected.to_string(), text);
    }
    let members = CacheStatus::parse_list([
        "ReverseProxyCache; hit",
        "ForwardProxyCache; fwd=uri-miss; collapsed; stored",
        "BrowserCache; fwd=uri-miss",
    ])
    .unwrap();
    let names: Vec<_> = members.iter().map(CacheStatus::cache).collect();
    assert_eq!(
        names,
        ["ReverseProxyCache", "ForwardProxyCache", "BrowserCache"]
    );
    assert!(members[1].is_collapsed() && members[1].is_stored());
}

#[test]
fn fields_are_told_apart() {
    let status = one("c;fwd=stale;fwd-status=304;stored;collapsed;ttl=-1;key=\"k\";detail=d");
    assert_eq!(status.handling(), Some(Handling::Forwarded(Fwd::Stale)));
    assert_eq!(status.forward_status(), Some(StatusCode::NOT_MODIFIED));
    assert_eq!(status.remaining_ttl(), Some(-1));
    assert_eq!(
        (status.cache_key(), status.detail_text()),
        (Some("k"), Some("d"))
    );
    assert!(status.is_stored() && status.is_collapsed());
    let status = one("c; hit=?0; stored=?0; collapsed=?0");
    assert_eq!(status, CacheStatus::new("c"));
    assert_eq!(one("c; hit=?1").handling(), Some(Handling::Hit));
}

/// Parameters registered after RFC 9211 pass through (§2: others may be added).
#[test]
fn unknown_parameters_are_kept() {
    let text = "Cache; hit; x-node=\"a b\"; rating=0.5; at=@1659578233; raw=:aGk=:; name=%\"caf%c3%a9\"; flag; off=?0; n=-7";
    assert_eq!(one(text).to_string(), text);
}

#[test]
fn malformed_fields_are_named() {
    use CacheStatusError::{HitAndForwarded, Malformed, Name, Parameter};
    #[track_caller]
    fn check(lines: &[&str], expected: CacheStatusError) {
        assert_eq!(CacheStatus::parse_list(lines), Err(expected), "{lines:?}");
    }
    check(&["HIT from cache"], Malformed { offset: 4 });
    check(&["a; hit,"], Malformed { offset: 7 });
    check(&["a; hit; TTL=1"], Malformed { offset: 8 });
    check(&["(a b); hit"], Malformed { offset: 0 });
    check(&["a; hit", "\"b"], Malformed { offset: 10 });
    check(&["a, 5; hit"], Name { member: 2 });
    check(&["?1"], Name { member: 1 });
    check(
        &["a; hit, b; fwd=later"],
        Parameter {
            member: 2,
            parameter: "fwd",
        },
    );
    check(
        &["a; fwd=\"miss\""],
        Parameter {
            member: 1,
            parameter: "fwd",
        },
    );
    check(
        &["a; hit=1"],
        Parameter {
            member: 1,
            parameter: "hit",
        },
    );
    check(
        &["a; fwd-status=99"],
        Parameter {
            member: 1,
            parameter: "fwd-status",
        },
    );
    check(
        &["a; fwd-status=70000"],
        Parameter {
            member: 1,
            parameter: "fwd-status",
        },
    );
    check(
        &["a; ttl=1.5"],
        Parameter {
            member: 1,
            parameter: "ttl",
        },
    );
    check(
        &["a; key=k"],
        Parameter {
            member: 1,
            parameter: "key",
        },
    );
    check(
        &["a; detail"],
        Parameter {
            member: 1,
            parameter: "detail",
        },
    );
    check(&["a, b; hit; fwd=miss"], HitAndForwarded { member: 2 });
    assert_eq!(CacheStatus::parse_list([""; 2]), Ok(vec![]));
    assert_eq!(
        CacheStatus::parse_list([" ", "a", "", "b "]).unwrap().len(),
        2
    );
}

#[test]
fn each_cache_appends_its_member() {
    let mut headers = HeaderMap::new();
    assert_eq!(CacheStatus::from_headers(&headers), Ok(vec![]));
    let (origin, mirror) = (
        CacheStatus::new("origin").hit(),
        CacheStatus::new("mirror").forwarded(Fwd::Miss),
    );
    origin.append_to(&mut headers);
    mirror.append_to(&mut headers);
    assert_eq!(
        CacheStatus::from_headers(&headers),
        Ok(vec![origin, mirror])
    );
}

prop_compose! {
    fn any_status()(
        cache in "[ -~]{0,20}",
        handling in prop::option::of(prop::option::of(prop::sample::select(Fwd::ALL.to_vec()))),
        code in prop::option::of(100u16..=999),
        stored: bool,
        collapsed: bool,
        ttl: Option<i64>,
        key: Option<String>,
        detail: Option<String>,
    ) -> CacheStatus {
        let mut status = CacheStatus::new(&cache);
        status = match handling {
            None => status,
            Some(None) => status.hit(),
            Some(Some(reason)) => status.forwarded(reason),
        };
        if let Some(code) = code {
            status = status.fwd_status(StatusCode::from_u16(code).unwrap());
        }
        if stored {
            status = status.stored();
        }
        if collapsed {
            status = status.collapsed();
        }
        if let Some(seconds) = ttl {
            status = status.ttl(seconds);
        }
        if let Some(key) = key {
            status = status.key(&key);
        }
        if let Some(detail) = detail {
            status = status.detail(&detail);
        }
        status
    }
}

proptest! {
    #[test]
    fn a_written_list_reads_the_same(members in prop::collection::vec(any_status(), 0..4)) {
        let lines: Vec<_> = members.iter().map(CacheStatus::to_header_value).collect();
        prop_assert_eq!(CacheStatus::parse_list(&lines), Ok(members.clone()));
        let joined = members.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        prop_assert_eq!(CacheStatus::parse_list([joined]), Ok(members));
    }

    #[test]
    fn arbitrary_bytes_never_panic(lines: Vec<Vec<u8>>) {
        let _ = CacheStatus::parse_list(&lines);
    }

    #[test]
    fn what_is_read_can_be_written(text in r#"(a|"b c"|; |;x=|hit|fwd=miss|ttl=|-?[0-9]{1,16}|\.5|,|\?[01]|:aa:|@|%"|"|\\|=){0,12}"#) {
        if let Ok(members) = CacheStatus::parse_list([&text]) {
            let lines: Vec<_> = members.iter().map(CacheStatus::to_header_value).collect();
            prop_assert_eq!(CacheStatus::parse_list(&lines), Ok(members));
        }
    }
}
