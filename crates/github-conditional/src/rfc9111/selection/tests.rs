//! What counts as the same request.

use http::HeaderValue;
use proptest::prelude::*;

use super::*;

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

type Lines<'a> = &'a [(&'static str, &'a str)];

#[track_caller]
fn check(vary: &str, stored: Lines<'_>, asked: Lines<'_>, answer: Lines<'_>, expected: Fit) {
    let key = FingerprintKey::new(b"secret");
    let Vary::Names(names) = Vary::of(&headers(&[("vary", vary)])) else {
        panic!("{vary} names fields");
    };
    let selection = Selection::new(&key, names, &headers(stored));
    let fit = selection.fit(&key, &headers(asked), &headers(answer));
    assert_eq!(fit, expected, "{vary}: {stored:?} {asked:?}");
}

#[test]
fn fields() {
    use Fit::{No, Same};
    check(
        "Foo",
        &[("foo", "1")],
        &[("foo", "1"), ("other", "2")],
        &[],
        Same,
    );
    check("Foo", &[("foo", "1")], &[("foo", "2")], &[], No);
    check("Foo", &[], &[("foo", "1")], &[], No);
    check("Foo", &[("foo", "1")], &[], &[], No);
    check("Foo", &[("foo", "")], &[], &[], No);
    check("Foo, Bar", &[("foo", "1")], &[("foo", "1")], &[], Same);
    check("Foo, Bar", &[("foo", "1")], &[("bar", "1")], &[], No);
    // Values of two fields are not one value.
    check(
        "Foo, Bar",
        &[("foo", "1"), ("bar", "23")],
        &[("foo", "12"), ("bar", "3")],
        &[],
        No,
    );
}

#[test]
fn lists() {
    use Fit::{No, Same};
    check(
        "foo",
        &[("foo", "1, 2")],
        &[("foo", "1"), ("foo", "2")],
        &[],
        Same,
    );
    check("foo", &[("foo", "1,2")], &[("foo", " 1, 2 ")], &[], Same);
    check("foo", &[("foo", "1,2")], &[("foo", "2,1")], &[], No);
    check(
        "foo",
        &[("foo", "\"a, b\"")],
        &[("foo", "\"a,b\"")],
        &[],
        No,
    );
}

#[test]
fn languages_are_compared_by_preference() {
    use Fit::{No, PreferredLanguage, Same};
    let stored = [("accept-language", "en, de")];
    let check = |asked: &str, answer: &str, expected| {
        let answer = [("content-language", answer)];
        check(
            "accept-language",
            &stored,
            &[("accept-language", asked)],
            &answer,
            expected,
        );
    };
    check("de, en", "de", Same);
    check("eN, De", "de", Same);
    check(" en ,   de", "de", Same);
    check("fr;q=0.5, de;q=1.0", "de", PreferredLanguage);
    check("de;q=0.5, fr;q=1.0", "de", No);
    check("fr, de", "de", No);
    check("de;q=0", "de", No);
    check("de;q=x", "de", No);
}

#[test]
fn a_preferred_language_does_not_outweigh_another_field() {
    check(
        "accept-language, cookie",
        &[("accept-language", "en, de"), ("cookie", "alice")],
        &[("accept-language", "de"), ("cookie", "bob")],
        &[("content-language", "de")],
        Fit::No,
    );
}

#[test]
fn what_depends_on_anything_is_recognised() {
    for vary in ["*", "*, *", ", *", "*, foo", "foo, *", "a b"] {
        assert_eq!(
            Vary::of(&headers(&[("vary", vary)])),
            Vary::Anything,
            "{vary}"
        );
    }
    let lines = headers(&[("vary", ""), ("vary", "*")]);
    assert_eq!(Vary::of(&lines), Vary::Anything);
    assert_eq!(
        Vary::of(&headers(&[("vary", " ,")])),
        Vary::Names([].into())
    );
}

#[test]
fn a_credential_cannot_be_read_from_what_is_kept() {
    let names: Arc<[HeaderName]> = [http::header::AUTHORIZATION].into();
    let request = headers(&[("authorization", "token s3cret")]);
    let one = Selection::new(&FingerprintKey::new(b"1"), Arc::clone(&names), &request);
    let other = Selection::new(&FingerprintKey::new(b"2"), names, &request);
    assert_ne!(one.digest(), other.digest(), "the hash is keyed");
    assert!(!format!("{one:?}").contains("s3cret"));
}

proptest! {
    /// Two requests fit each other only if every named field says the same, lists apart.
    #[test]
    fn other_values_never_fit(one in "[a-z0-9]{0,4}(,[a-z0-9]{1,4}){0,2}", other in "[a-z0-9]{0,4}(,[a-z0-9]{1,4}){0,2}") {
        let key = FingerprintKey::new(b"secret");
        let names: Arc<[HeaderName]> = [HeaderName::from_static("foo")].into();
        let selection = Selection::new(&key, names, &headers(&[("foo", &one)]));
        let fit = selection.fit(&key, &headers(&[("foo", &other)]), &HeaderMap::new());
        // An empty member of a list says nothing (RFC 9110 §5.6.1).
        let members = |list: &str| -> Vec<String> {
            list.split(',').filter(|member| !member.is_empty()).map(str::to_owned).collect()
        };
        prop_assert_eq!(fit == Fit::Same, members(&one) == members(&other));
    }
}
