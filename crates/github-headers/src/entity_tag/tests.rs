//! Entity tags and `If-None-Match` lists.

use proptest::prelude::*;

use super::*;

#[test]
fn well_formed_tags_are_read_and_written_back() {
    #[track_caller]
    fn check(text: &str, weak: bool, opaque: &str) {
        let tag = EntityTag::parse(text).unwrap();
        assert_eq!((tag.is_weak(), tag.opaque()), (weak, opaque), "{text}");
        assert_eq!(tag.to_string(), text.trim());
        assert_eq!(tag.to_header_value().as_bytes(), text.trim().as_bytes());
        assert_eq!(EntityTag::parse(tag.to_header_value()), Ok(tag));
    }
    // RFC 9110 §8.8.3, examples.
    check(r#""xyzzy""#, false, "xyzzy");
    check(r#"W/"xyzzy""#, true, "xyzzy");
    check(r#""""#, false, "");
    // GitHub: the formula, a git object, the MD5 era, notifications, the status page.
    check(
        r#"W/"b4ea11a4a5b4ba1ae56b32f4b8ad7c4e3b18d3a57ac9b08dd2f4b42f1de40cff""#,
        true,
        "b4ea11a4a5b4ba1ae56b32f4b8ad7c4e3b18d3a57ac9b08dd2f4b42f1de40cff",
    );
    check(
        r#""3d21ec53a331a6f037a91c368710b99387d012c1""#,
        false,
        "3d21ec53a331a6f037a91c368710b99387d012c1",
    );
    check(
        r#""644b5b0155e6404a9cc4bd9d8b1ae730""#,
        false,
        "644b5b0155e6404a9cc4bd9d8b1ae730",
    );
    check(r#"W/"""#, true, "");
    check(r#"W/"gz[0123456789abcdef]""#, true, "gz[0123456789abcdef]");
    // A comma, a backslash, a slash and UTF-8 are ordinary characters of a tag.
    check(r#""a,b""#, false, "a,b");
    check(r#""a\b""#, false, r"a\b");
    check(r#""W/""#, false, "W/");
    check("\"é\"", false, "é");
    check(" \t\"a\" ", false, "a");
}

#[test]
fn malformed_tags_say_what_is_wrong() {
    #[track_caller]
    fn check(text: &[u8], expected: EntityTagError) {
        assert_eq!(
            EntityTag::parse(text),
            Err(expected),
            "{:?}",
            text.escape_ascii().to_string()
        );
    }
    use EntityTagError::{ForbiddenByte, Unquoted};
    check(b"", Unquoted);
    check(b"\"", Unquoted);
    check(b"W/", Unquoted);
    check(b"*", Unquoted);
    check(b"644b5b0155e6404a9cc4bd9d8b1ae730", Unquoted);
    check(b"'a'", Unquoted);
    check(b"\"a", Unquoted);
    check(b"a\"", Unquoted);
    check(b"w/\"a\"", Unquoted);
    check(b"W/ \"a\"", Unquoted);
    check(b"\"a\"-gzip", Unquoted);
    check(b"\"a b\"", ForbiddenByte { offset: 1 });
    check(b"\"a\"b\"", ForbiddenByte { offset: 1 });
    check(b"\"ab\x7f\"", ForbiddenByte { offset: 2 });
    check(b"\"\r\n\"", ForbiddenByte { offset: 0 });
    check(b"\"a\xff\"", ForbiddenByte { offset: 1 });
}

/// The table of RFC 9110 §8.8.3.2.
#[test]
fn comparison_is_strong_or_weak() {
    #[track_caller]
    fn check(one: &str, other: &str, strong: bool, weak: bool) {
        let (one, other) = (
            EntityTag::parse(one).unwrap(),
            EntityTag::parse(other).unwrap(),
        );
        assert_eq!(
            (one.strong_eq(&other), one.weak_eq(&other)),
            (strong, weak),
            "{one} {other}"
        );
        assert_eq!(
            (other.strong_eq(&one), other.weak_eq(&one)),
            (strong, weak),
            "{other} {one}"
        );
    }
    check(r#"W/"1""#, r#"W/"1""#, false, true);
    check(r#"W/"1""#, r#"W/"2""#, false, false);
    check(r#"W/"1""#, r#""1""#, false, true);
    check(r#""1""#, r#""1""#, true, true);
    check(r#""a""#, r#""A""#, false, false);
}

#[test]
fn tags_are_built_from_their_opaque_text() {
    assert_eq!(EntityTag::strong("a").unwrap().to_string(), r#""a""#);
    assert_eq!(EntityTag::weak("a").unwrap().to_string(), r#"W/"a""#);
    assert!(EntityTag::weak("").unwrap().is_empty());
    assert!(!EntityTag::weak("a").unwrap().is_empty());
    assert_eq!(
        EntityTag::strong("a\"b"),
        Err(EntityTagError::ForbiddenByte { offset: 1 })
    );
    assert_eq!(
        EntityTag::weak("a\nb"),
        Err(EntityTagError::ForbiddenByte { offset: 1 })
    );
}

#[test]
fn the_mark_can_be_set_and_removed() {
    let (weak, strong) = (
        EntityTag::weak("a").unwrap(),
        EntityTag::strong("a").unwrap(),
    );
    assert_eq!(
        (strong.as_weak(), weak.as_weak()),
        (weak.clone(), weak.clone())
    );
    assert_eq!(
        (strong.as_strong(), weak.as_strong()),
        (strong.clone(), strong)
    );
}

#[track_caller]
fn tags(lines: &[&str]) -> Vec<String> {
    match IfNoneMatch::parse(lines).unwrap() {
        IfNoneMatch::Any => vec!["*".to_owned()],
        IfNoneMatch::Tags(tags) => tags.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn a_condition_is_one_list_over_all_lines() {
    // RFC 9110 §13.1.2, examples.
    assert_eq!(tags(&[r#""xyzzy""#]), [r#""xyzzy""#]);
    assert_eq!(tags(&[r#"W/"xyzzy""#]), [r#"W/"xyzzy""#]);
    assert_eq!(
        tags(&[r#""xyzzy", "r2d2xxxx", "c3piozzzz""#]),
        [r#""xyzzy""#, r#""r2d2xxxx""#, r#""c3piozzzz""#]
    );
    assert_eq!(
        tags(&[r#"W/"xyzzy", W/"r2d2xxxx", W/"c3piozzzz""#]),
        [r#"W/"xyzzy""#, r#"W/"r2d2xxxx""#, r#"W/"c3piozzzz""#]
    );
    assert_eq!(tags(&["*"]), ["*"]);
    assert_eq!(tags(&[" * , "]), ["*"]);
    // No spaces, several lines, commas and backslashes inside quotes, empty elements.
    assert_eq!(
        tags(&[r#""a","b""#, r#"W/"c""#]),
        [r#""a""#, r#""b""#, r#"W/"c""#]
    );
    assert_eq!(
        tags(&[r#""a,b", ",", "c\""#]),
        [r#""a,b""#, r#"",""#, r#""c\""#]
    );
    assert_eq!(tags(&[r#", "a" ,, "b" ,"#, ""]), [r#""a""#, r#""b""#]);
}

#[test]
fn a_malformed_condition_names_the_element() {
    use IfNoneMatchError::{AnyAmongTags, Element, Empty};
    #[track_caller]
    fn check(lines: &[&str], expected: IfNoneMatchError) {
        assert_eq!(IfNoneMatch::parse(lines), Err(expected), "{lines:?}");
    }
    let unquoted = |position| Element {
        position,
        source: EntityTagError::Unquoted,
    };
    // octokit.js#2563: a tag that lost its quotes is ignored by GitHub.
    check(&["644b5b0155e6404a9cc4bd9d8b1ae730"], unquoted(1));
    check(&[r#""a", b"#], unquoted(2));
    check(&[r#""a", "b""#, "W/c"], unquoted(3));
    check(&[r#"*, b"#], unquoted(2));
    check(
        &[r#""a" "b""#],
        Element {
            position: 1,
            source: EntityTagError::ForbiddenByte { offset: 1 },
        },
    );
    check(
        &[r#""a, "b""#],
        Element {
            position: 1,
            source: EntityTagError::ForbiddenByte { offset: 2 },
        },
    );
    check(&[r#"*, "a""#], AnyAmongTags);
    check(&[r#""a""#, "*"], AnyAmongTags);
    check(&[""], Empty);
    check(&[" ,, "], Empty);
    check(&[], Empty);
    assert_eq!(
        unquoted(2).to_string(),
        "element 2 of if-none-match is not an entity tag"
    );
}

#[test]
fn matching_is_weak_and_an_empty_tag_matches_nothing() {
    #[track_caller]
    fn check(condition: &str, current: &str, expected: bool) {
        let condition = IfNoneMatch::parse([condition]).unwrap();
        let current = EntityTag::parse(current).unwrap();
        assert_eq!(
            condition.matches(&current),
            expected,
            "{condition} {current}"
        );
    }
    check(r#"W/"x""#, r#""x""#, true);
    check(r#""x""#, r#"W/"x""#, true);
    check(r#""a", "x""#, r#"W/"x""#, true);
    check(r#""a", "b""#, r#""x""#, false);
    check("*", r#""x""#, true);
    check("*", r#"W/"""#, true);
    check(r#"W/"""#, r#"W/"""#, false);
}

#[test]
fn a_request_without_the_header_has_no_condition() {
    let mut headers = HeaderMap::new();
    assert_eq!(IfNoneMatch::from_headers(&headers), Ok(None));
    headers.append(IF_NONE_MATCH, HeaderValue::from_static("\"a\""));
    headers.append(IF_NONE_MATCH, HeaderValue::from_static("\"b\""));
    let condition = IfNoneMatch::from_headers(&headers).unwrap().unwrap();
    assert_eq!(condition.to_string(), r#""a", "b""#);
}

prop_compose! {
    fn any_tag()(weak: bool, opaque in "[!#-~\u{a1}-\u{ff}]{0,80}") -> EntityTag {
        if weak { EntityTag::weak(opaque) } else { EntityTag::strong(opaque) }.unwrap()
    }
}

proptest! {
    #[test]
    fn a_written_tag_reads_the_same(tag in any_tag()) {
        prop_assert_eq!(EntityTag::parse(tag.to_header_value()), Ok(tag.clone()));
        prop_assert_eq!(tag.to_string().parse(), Ok(tag));
    }

    #[test]
    fn a_written_condition_reads_the_same(tags in prop::collection::vec(any_tag(), 1..6)) {
        let condition = IfNoneMatch::Tags(tags);
        prop_assert_eq!(IfNoneMatch::parse([condition.to_string()]), Ok(condition));
    }

    #[test]
    fn arbitrary_bytes_never_panic(lines: Vec<Vec<u8>>) {
        let _ = IfNoneMatch::parse(&lines);
        for line in &lines {
            if let Ok(tag) = EntityTag::parse(line) {
                prop_assert_eq!(EntityTag::parse(tag.to_header_value()), Ok(tag));
            }
        }
    }

    #[test]
    fn arbitrary_quotes_and_commas_never_panic(line in r#"[W/"*, a\\]{0,40}"#) {
        if let Ok(condition) = IfNoneMatch::parse([&line]) {
            prop_assert_eq!(IfNoneMatch::parse([condition.to_string()]), Ok(condition));
        }
    }
}
