//! Headers that belong to a body or to a caller, bounds, and merging.

use super::*;

#[test]
fn the_callers_own_headers_stay_with_the_caller() {
    let entry = entry();
    let mut headers = headers(&[
        (CONTENT_TYPE, "application/json"),
        (ETAG, "W/\"x\""),
        (http::header::SET_COOKIE, "a=b"),
    ]);
    for (name, value) in [
        ("x-oauth-scopes", "repo"),
        ("x-oauth-client-id", "Iv1.x"),
        (
            "x-github-sso",
            "required; url=https://github.com/orgs/o/sso?token=x",
        ),
        (
            "github-authentication-token-expiration",
            "2026-12-01 00:00:00 UTC",
        ),
        ("x-ratelimit-remaining", "4999"),
        ("x-ratelimit-limit", "5000"),
        ("x-github-request-id", "A:B"),
        ("x-accepted-oauth-scopes", "repo"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let bytes = Bytes::from_static(b"{}");
    let representation = Arc::new(Representation::new(
        BodyDigest::of(&bytes),
        StatusCode::OK,
        headers.clone(),
        bytes,
        Sharing::ByFormula,
        at(1),
    ));
    entry.absorb(Received {
        fingerprint: caller(1),
        class: TOKEN,
        representation: Arc::clone(&representation),
        confirmed: Confirmed::new(
            None,
            CallerHeaders::default().keep(caller(1), &headers),
            at(1),
            None,
        ),
    });
    let kept = representation.headers().to_map();
    let mut kept: Vec<_> = kept.keys().map(http::HeaderName::as_str).collect();
    kept.sort_unstable();
    assert_eq!(kept, ["content-type", "x-accepted-oauth-scopes"]);
    assert!(representation.is_weak());
    let (_, own) = entry.confirmed(caller(1)).unwrap();
    assert_eq!(own.caller_headers().unwrap().len(), 4);
    let others = entry.confirm(caller(2), TOKEN, &representation, confirmed("t", at(2)));
    assert!(others.caller_headers().is_none());
    // A 304 that names them does not bring them into the common headers either.
    assert!(representation.refreshed_by(&headers).is_none());
}

#[test]
fn a_304_refreshes_the_common_headers() {
    let entry = entry();
    entry.absorb(received(1, "[1]", 1));
    let stored = entry.candidate(caller(1), TOKEN).unwrap().representation;
    let date = headers(&[(DATE, "Thu, 22 Jun 2023 07:16:46 GMT")]);
    assert!(
        stored.refreshed_by(&date).is_none(),
        "the date alone is no reason"
    );
    assert_eq!(stored.last_page(), None);
    let fresh = headers(&[
        (CACHE_CONTROL, "private"),
        (LINK, "<https://x/?page=2>; rel=\"next\""),
    ]);
    let refreshed = stored.refreshed_by(&fresh).expect("something is new");
    assert_eq!(refreshed.len(), 3);
    let stored = entry.freshen(&stored, refreshed);
    assert!(stored.last_page().is_some());
    let candidate = entry.candidate(caller(2), TOKEN).unwrap().representation;
    assert!(
        Arc::ptr_eq(&candidate, &stored),
        "everybody sees the fresh headers"
    );
    assert!(stored.refreshed_by(&fresh).is_none());
}

#[test]
fn only_json_arrays_have_items() {
    #[track_caller]
    fn check(content_type: Option<&'static str>, text: &'static str, expected: Option<u32>) {
        let mut headers = HeaderMap::new();
        if let Some(value) = content_type {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(value));
        }
        let bytes = Bytes::from_static(text.as_bytes());
        let digest = BodyDigest::of(&bytes);
        let body = Representation::new(
            digest,
            StatusCode::OK,
            headers,
            bytes,
            Sharing::ByFormula,
            at(0),
        );
        assert_eq!(body.items(), expected, "{content_type:?} {text}");
    }
    check(Some("application/json; charset=utf-8"), "[]", Some(0));
    check(
        Some("application/json"),
        "[[1,2],{\"a\":[3]},null]",
        Some(3),
    );
    check(Some("application/json"), "{\"a\":[1]}", None);
    check(Some("application/json"), "[1,", None);
    check(Some("text/plain"), "[1]", None);
    check(None, "[1]", None);
}

mod bounds {
    use super::*;

    #[test]
    fn views_beyond_the_bound_go_by_last_use_and_a_304_is_a_use() {
        let entry = entry();
        prove_difference(&entry);
        for number in 10..1034_u16 {
            entry.absorb(received(
                number,
                &format!("user {number}"),
                u64::from(number),
            ));
        }
        // Caller 10 came first, but polls.
        let (_, polling) = entry.confirmed(caller(10)).unwrap();
        polling.renew(at(5000), None);
        for number in 1034..1044_u16 {
            entry.absorb(received(
                number,
                &format!("user {number}"),
                u64::from(number),
            ));
        }
        assert_eq!(entry.representations(), 1024);
        check(&entry, 10, Some(("user 10", "own")));
        assert_eq!(shown(&entry, 11), None);
        assert_eq!(shown(&entry, 1043).as_deref(), Some("user 1043"));
    }

    #[test]
    fn bodies_beyond_the_bound_go_by_last_use() {
        let entry = entry();
        prove_difference(&entry);
        let large = |number: u16| format!("{number:08}").repeat(1 << 20);
        for number in 10..16_u16 {
            entry.absorb(received(number, &large(number), u64::from(number)));
        }
        assert!(entry.weight_bytes() <= (32 << 20) + (64 << 10));
        assert!(entry.weight_bytes() > 16 << 20);
        assert_eq!(shown(&entry, 10), None);
        assert_eq!(shown(&entry, 15), Some(large(15)));
    }

    #[test]
    fn one_body_larger_than_the_bound_is_kept_alone() {
        let entry = entry();
        let huge = "x".repeat(33 << 20);
        entry.absorb(received(1, &huge, 1));
        assert_eq!(shown(&entry, 1).map(|body| body.len()), Some(33 << 20));
    }

    #[test]
    fn a_confirmation_opens_no_view_beyond_the_bound() {
        let entry = entry();
        prove_difference(&entry);
        for number in 10..1200_u16 {
            let own = body(
                &format!("user {number}"),
                at(u64::from(number)),
                Sharing::ByFormula,
            );
            let tag = confirmed(&format!("{number}-user {number}"), at(u64::from(number)));
            entry.confirm(caller(number), TOKEN, &own, tag);
        }
        assert_eq!(entry.representations(), 1024);
        check(&entry, 1199, Some(("user 1199", "own")));
    }

    #[test]
    fn the_longest_unconfirmed_callers_are_forgotten() {
        let entry = entry();
        for number in 0..5000_u16 {
            entry.absorb(received(number, "a", u64::from(number)));
        }
        assert!(
            (3584..=4096).contains(&entry.confirmations()),
            "{}",
            entry.confirmations()
        );
        assert_eq!(shown(&entry, 0), None);
        assert_eq!(shown(&entry, 4999).as_deref(), Some("a"));
    }

    #[test]
    fn a_burst_of_callers_is_not_forgotten_as_a_whole() {
        let entry = entry();
        for number in 0..5000_u16 {
            entry.absorb(received(number, "a", 1));
        }
        assert!(
            (3584..=4096).contains(&entry.confirmations()),
            "{}",
            entry.confirmations()
        );
    }

    fn prove_difference(entry: &Entry) {
        entry.absorb(received(1, "one", 1));
        entry.absorb(received(2, "two", 2));
        assert_eq!(entry.absorb(received(1, "one", 3)), Absorbed::Split);
    }
}

mod merging {
    use super::*;

    /// What all callers are asked about.
    fn all_asked(entry: &Entry) -> Vec<Option<(String, &'static str)>> {
        (0..8).map(|number| asked(entry, number, TOKEN)).collect()
    }

    fn entry_of(answers: &[Received]) -> Entry {
        let entry = entry();
        for answer in answers {
            entry.absorb(answer.clone());
        }
        entry
    }

    fn merged(answers: [&[Received]; 2]) -> Entry {
        let [stored, arriving] = answers.map(entry_of);
        Entry::merge(&stored, arriving)
    }

    #[test]
    fn an_entry_merged_with_itself_is_itself() {
        let one = entry_of(&[received(1, "a", 1), received(2, "b", 2)]);
        let before = all_asked(&one);
        let same = Entry::merge(&one, one.clone());
        assert_eq!(all_asked(&same), before);
    }

    #[test]
    fn both_sides_bring_their_callers_and_the_newer_body_wins() {
        let older = [received(1, "a", 1), received(2, "a", 2)];
        let newer = [received(3, "b", 5)];
        for answers in [[&older[..], &newer[..]], [&newer[..], &older[..]]] {
            let merged = merged(answers);
            check(&merged, 3, Some(("b", "own")));
            check(&merged, 1, Some(("b", "predicted")));
            assert_eq!(shown(&merged, 1).as_deref(), Some("a"));
            assert_eq!(shown(&merged, 2).as_deref(), Some("a"));
            assert_eq!((merged.confirmations(), merged.representations()), (3, 2));
        }
    }

    #[test]
    fn the_later_word_about_a_caller_counts() {
        let earlier = [received(1, "a", 1)];
        let later = [received(1, "b", 2)];
        for answers in [[&earlier[..], &later[..]], [&later[..], &earlier[..]]] {
            check(&merged(answers), 1, Some(("b", "own")));
        }
    }

    /// A store's second level holds what a hundred callers were told; the first has just met one of them.
    #[test]
    fn views_survive_a_merge_into_a_younger_entry() {
        let many = entry();
        for round in 0..2 {
            for number in 0..100 {
                many.absorb(received(
                    number,
                    &format!("user {number}"),
                    round * 100 + u64::from(number),
                ));
            }
        }
        let merged = Entry::merge(&entry_of(&[received(5, "user 5", 500)]), many);
        for number in 0..100 {
            check(&merged, number, Some((&format!("user {number}"), "own")));
        }
    }

    #[test]
    fn a_renewed_confirmation_of_an_old_body_comes_through() {
        let stored = entry();
        stored.absorb(received(1, "a", 1));
        let arriving = entry_of(&[received(1, "a", 1), received(2, "b", 3)]);
        let (_, known) = arriving.confirmed(caller(1)).unwrap();
        known.renew(at(9), None);
        let merged = Entry::merge(&stored, arriving);
        check(&merged, 2, Some(("b", "own")));
        assert_eq!(shown(&merged, 1).as_deref(), Some("a"));
    }

    /// (caller, version, confirmed that many seconds after it was asked for)
    fn histories() -> impl Strategy<Value = Vec<(u16, u64)>> {
        prop::collection::vec((0..8_u16, 1..12_u64), 0..12)
    }

    /// All callers see the same body, version n from second n on; everybody asks at a second of its own.
    fn shared_view(history: &[(u16, u64)]) -> Vec<Received> {
        let mut answers: Vec<_> = history
            .iter()
            .map(|(number, version)| {
                received(
                    *number,
                    &format!("v{version}"),
                    version * 10 + u64::from(*number),
                )
            })
            .collect();
        answers.sort_by_key(|answer| answer.confirmed.at);
        answers
    }

    /// Every caller sees its own body.
    fn own_views(history: &[(u16, u64)]) -> Vec<Received> {
        let own = |(number, second): &(u16, u64)| {
            received(
                *number,
                &format!("user {number}"),
                second * 10 + u64::from(*number),
            )
        };
        let mut answers: Vec<_> = history.iter().map(own).collect();
        answers.sort_by_key(|answer| answer.confirmed.at);
        answers
    }

    proptest! {
        #[test]
        fn of_a_body_that_all_share_order_does_not_matter(left in histories(), right in histories()) {
            let (left, right) = (shared_view(&left), shared_view(&right));
            let one = merged([&left, &right]);
            let other = merged([&right, &left]);
            prop_assert_eq!(all_asked(&one), all_asked(&other));
            let again = Entry::merge(&one, entry_of(&right));
            prop_assert_eq!(all_asked(&again), all_asked(&other), "a second time changes nothing");
            for number in 0..8 {
                // Something it was told, or nothing, if that is more than a version ago.
                let Some(shown) = shown(&one, number) else { continue };
                let mut told = left.iter().chain(&right).filter(|answer| answer.fingerprint == caller(number));
                prop_assert!(told.any(|answer| text_of(&answer.representation) == shown));
            }
            // The newest version there is on either side is what newcomers are asked about.
            let newest = left.iter().chain(&right).max_by_key(|answer| answer.confirmed.at);
            let asked_of_newcomer = asked(&one, 99, TOKEN).map(|(text, _)| text);
            let newest = newest.map(|answer| text_of(&answer.representation));
            prop_assert_eq!(asked_of_newcomer, newest);
        }

        #[test]
        fn nobody_is_shown_what_it_was_not_told(left in histories(), right in histories()) {
            let (left, right) = (own_views(&left), own_views(&right));
            let merged = merged([&left, &right]);
            for number in 0..8 {
                if let Some(text) = shown(&merged, number) {
                    prop_assert_eq!(text, format!("user {number}"));
                }
            }
        }
    }
}
