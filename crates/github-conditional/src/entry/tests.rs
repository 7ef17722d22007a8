//! Entries as their callers see them: which body is asked about, which may be shown, what merging keeps.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, DATE, ETAG, LINK};
use http::{HeaderValue, StatusCode};
use proptest::prelude::*;

use super::*;
use bytes::Bytes;

const TOKEN: CredentialClass = CredentialClass::Token;
const ANONYMOUS: CredentialClass = CredentialClass::Anonymous;

fn caller(number: u16) -> Fingerprint {
    let mut bytes = [1; 16];
    // Fingerprints are uniform; these must spread over the map as well.
    bytes[..2].copy_from_slice(&number.to_le_bytes());
    bytes[8..10].copy_from_slice(&number.wrapping_mul(40_503).to_le_bytes());
    Fingerprint::from_bytes(bytes)
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
}

fn headers(pairs: &[(http::HeaderName, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(name, HeaderValue::from_static(value));
    }
    headers
}

fn body(text: &str, requested_at: SystemTime, sharing: Sharing) -> Arc<Representation> {
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    let headers = headers(&[(CONTENT_TYPE, "application/json; charset=utf-8")]);
    Arc::new(Representation::new(
        BodyDigest::of(&bytes),
        StatusCode::OK,
        headers,
        bytes,
        sharing,
        requested_at,
    ))
}

fn confirmed(tag: &str, at: SystemTime) -> Confirmed {
    let tag = EntityTag::strong(tag.replace(' ', "_")).expect("plain text");
    Confirmed::new(Some(tag), &HeaderMap::new(), at, None)
}

fn received_as(
    class: CredentialClass,
    sharing: Sharing,
    number: u16,
    text: &str,
    seconds: u64,
) -> Received {
    Received {
        fingerprint: caller(number),
        class,
        representation: body(text, at(seconds), sharing),
        confirmed: confirmed(&format!("{number}-{text}"), at(seconds)),
    }
}

fn received(number: u16, text: &str, seconds: u64) -> Received {
    received_as(TOKEN, Sharing::ByFormula, number, text, seconds)
}

fn entry() -> Entry {
    Entry::new("/repos/o/r/issues")
}

/// What is asked about for a caller: the body and whether with its own tag.
fn asked(entry: &Entry, number: u16, class: CredentialClass) -> Option<(String, &'static str)> {
    let candidate = entry.candidate(caller(number), class)?;
    let text = String::from_utf8_lossy(candidate.representation.body()).into_owned();
    Some(match candidate.standing {
        Standing::Confirmed(known) => {
            let tag = known.tag().expect("every body here came with a tag");
            assert_eq!(
                tag.opaque(),
                format!("{number}-{text}").replace(' ', "_"),
                "somebody else's tag"
            );
            (text, "own")
        }
        Standing::Predictable => (text, "predicted"),
    })
}

#[track_caller]
fn check(entry: &Entry, number: u16, expected: Option<(&str, &str)>) {
    let asked = asked(entry, number, TOKEN);
    let asked = asked
        .as_ref()
        .map(|(text, standing)| (text.as_str(), *standing));
    assert_eq!(asked, expected, "what caller {number} is asked about");
}

/// The body that a caller may be shown unasked.
fn shown(entry: &Entry, number: u16) -> Option<String> {
    let (body, _) = entry.confirmed(caller(number))?;
    Some(String::from_utf8_lossy(body.body()).into_owned())
}

#[test]
fn a_new_version_is_predicted_for_those_who_saw_the_old_one_and_for_newcomers() {
    let entry = entry();
    check(&entry, 1, None);
    assert_eq!(entry.absorb(received(1, "a", 1)), Absorbed::NewVersion);
    check(&entry, 1, Some(("a", "own")));
    check(&entry, 2, Some(("a", "predicted")));
    assert_eq!(entry.absorb(received(2, "a", 2)), Absorbed::Known);
    assert_eq!(entry.representations(), 1);
    assert_eq!(entry.absorb(received(1, "b", 3)), Absorbed::NewVersion);
    check(&entry, 1, Some(("b", "own")));
    check(&entry, 2, Some(("b", "predicted")));
    check(&entry, 3, Some(("b", "predicted")));
    assert_eq!(
        shown(&entry, 2).as_deref(),
        Some("a"),
        "what GitHub told it"
    );
    assert_eq!(shown(&entry, 3), None, "GitHub told it nothing");
    assert_eq!(entry.last_confirmed(), Some(at(3)));
    assert_eq!((entry.confirmations(), entry.representations()), (2, 2));
}

#[test]
fn what_was_confirmed_two_versions_ago_is_not_shown_any_more() {
    let entry = entry();
    entry.absorb(received(1, "a", 1));
    entry.absorb(received(2, "a", 2));
    entry.absorb(received(1, "b", 3));
    entry.absorb(received(1, "c", 4));
    assert_eq!(shown(&entry, 2), None);
    check(&entry, 2, Some(("c", "predicted")));
}

#[test]
fn an_older_body_sent_to_somebody_else_proves_that_both_are_current() {
    let entry = entry();
    entry.absorb(received(1, "a", 1));
    entry.absorb(received(2, "b", 2));
    check(&entry, 1, Some(("b", "predicted")));
    assert_eq!(entry.absorb(received(1, "a", 3)), Absorbed::Split);
    check(&entry, 1, Some(("a", "own")));
    check(&entry, 2, Some(("b", "own")));
    // From now on a body that nobody knows is a newcomer's own.
    assert_eq!(entry.absorb(received(3, "c", 4)), Absorbed::NewVersion);
    check(&entry, 1, Some(("a", "own")));
    check(&entry, 2, Some(("b", "own")));
    check(&entry, 3, Some(("c", "own")));
}

#[test]
fn callers_of_the_body_that_split_off_go_with_it() {
    let entry = entry();
    entry.absorb(received(1, "a", 1));
    entry.absorb(received(2, "a", 1));
    entry.absorb(received_as(ANONYMOUS, Sharing::ByFormula, 9, "a", 1));
    entry.absorb(received(3, "b", 2));
    entry.absorb(received(1, "a", 3));
    check(&entry, 2, Some(("a", "own")));
    check(&entry, 3, Some(("b", "own")));
    // An anonymous caller has a view of its own kind, and stays in it.
    assert_eq!(asked(&entry, 9, ANONYMOUS), Some(("a".to_owned(), "own")));
    let merged = Entry::merge(&super::tests::entry(), entry.clone());
    entry.absorb(received(1, "z", 4));
    assert_eq!(
        asked(&merged, 9, ANONYMOUS),
        Some(("a".to_owned(), "own")),
        "its kind survives a merge"
    );
}

#[test]
fn a_change_that_is_taken_back_is_no_split() {
    let entry = entry();
    entry.absorb(received(1, "a", 1));
    entry.absorb(received(1, "b", 2));
    assert_eq!(entry.absorb(received(1, "a", 3)), Absorbed::NewVersion);
    check(&entry, 1, Some(("a", "own")));
    check(&entry, 2, Some(("a", "predicted")));
    // So a next version still reaches newcomers and all others by prediction.
    entry.absorb(received(2, "c", 4));
    check(&entry, 1, Some(("c", "predicted")));
}

#[test]
fn an_anonymous_caller_who_is_sent_an_older_body_splits_nothing() {
    let entry = entry();
    let anonymous = |number, text, seconds| {
        entry.absorb(received_as(
            ANONYMOUS,
            Sharing::ByFormula,
            number,
            text,
            seconds,
        ))
    };
    anonymous(1, "a", 1);
    anonymous(2, "b", 2);
    assert_eq!(
        anonymous(1, "a", 3),
        Absorbed::NewVersion,
        "GitHub's edge is behind"
    );
    assert_eq!(anonymous(3, "c", 4), Absorbed::NewVersion);
    assert_eq!(
        asked(&entry, 1, ANONYMOUS),
        Some(("c".to_owned(), "predicted"))
    );
}

/// `/user` polled in turn: nobody's body may push out anybody else's for longer than it takes to find out.
#[test]
fn a_hundred_callers_with_a_body_each_all_keep_their_own_tags() {
    let entry = entry();
    let own = |number: u16| format!("user {number}");
    let mut seconds = 0;
    let mut plain_answers = vec![0_u32; 4];
    for answers in &mut plain_answers {
        for number in 0..100 {
            seconds += 1;
            if asked(&entry, number, TOKEN) == Some((own(number), "own")) {
                continue; // 304
            }
            *answers += 1;
            entry.absorb(received(number, &own(number), seconds));
        }
    }
    // In the second round all but the last are found to see something of their own.
    assert_eq!(plain_answers, [100, 99, 0, 0], "200s per round");
    for number in 0..100 {
        assert_eq!(shown(&entry, number), Some(own(number)));
    }
    // One of them changes: only its own view moves on.
    entry.absorb(received(7, "renamed", seconds + 1));
    check(&entry, 7, Some(("renamed", "own")));
    check(&entry, 8, Some(("user 8", "own")));
}

#[test]
fn of_some_paths_it_is_known_that_callers_differ() {
    #[track_caller]
    fn check_differ(path: &str, expected: usize) {
        let entry = Entry::new(path);
        entry.absorb(received(1, "one", 1));
        entry.absorb(received(2, "two", 2));
        let own = [1, 2].map(|number| asked(&entry, number, TOKEN).map(|(_, standing)| standing));
        let keep = own
            .iter()
            .filter(|standing| **standing == Some("own"))
            .count();
        assert_eq!(keep, expected, "{path}");
    }
    for path in [
        "/user",
        "/user/repos",
        "/notifications",
        "/issues",
        "/app",
        "/installation/repositories",
    ] {
        check_differ(path, 2);
    }
    for path in [
        "/user/583231/repos",
        "/users/user",
        "/apps/app",
        "/repos/o/issues",
        "/events",
        "/",
        "",
    ] {
        check_differ(path, 1);
    }
}

#[test]
fn kinds_of_callers_do_not_push_each_other_out() {
    let entry = entry();
    let jwt = |text, seconds| {
        received_as(
            CredentialClass::AppJwt,
            Sharing::ByFormula,
            3,
            text,
            seconds,
        )
    };
    entry.absorb(received(1, "with permissions", 1));
    entry.absorb(received_as(ANONYMOUS, Sharing::ByFormula, 2, "without", 2));
    entry.absorb(jwt("app", 3));
    check(&entry, 1, Some(("with permissions", "own")));
    assert_eq!(
        asked(&entry, 2, ANONYMOUS),
        Some(("without".to_owned(), "own"))
    );
    // A newcomer is asked about the body of its own kind, however recent the others are.
    assert_eq!(
        asked(&entry, 8, TOKEN),
        Some(("with permissions".to_owned(), "predicted"))
    );
    assert_eq!(
        asked(&entry, 8, ANONYMOUS),
        Some(("without".to_owned(), "predicted"))
    );
    assert_eq!(
        asked(&entry, 8, CredentialClass::AppJwt),
        Some(("app".to_owned(), "predicted"))
    );
}

#[test]
fn without_a_body_of_its_kind_a_newcomer_is_asked_about_the_latest_of_another() {
    let entry = entry();
    entry.absorb(received_as(ANONYMOUS, Sharing::ByFormula, 1, "a", 1));
    assert_eq!(asked(&entry, 2, TOKEN), Some(("a".to_owned(), "predicted")));
    let guess = entry.candidate(caller(2), TOKEN).unwrap().representation;
    entry.confirm(caller(2), TOKEN, &guess, confirmed("2-a", at(2)));
    assert_eq!(asked(&entry, 2, TOKEN), Some(("a".to_owned(), "own")));
    assert_eq!(entry.representations(), 1, "the body is there once");
}

#[test]
fn a_body_under_an_unexplained_tag_is_nobodys_but_its_callers() {
    let entry = entry();
    let git =
        |number, text, seconds| received_as(TOKEN, Sharing::SameFingerprint, number, text, seconds);
    entry.absorb(git(1, "blob 1", 1));
    check(&entry, 1, Some(("blob 1", "own")));
    check(&entry, 2, None);
    entry.absorb(git(2, "blob 2", 2));
    check(&entry, 1, Some(("blob 1", "own")));
    check(&entry, 2, Some(("blob 2", "own")));
    // Both are sent the same bytes, then one of them new ones: the other is asked about what it knows.
    entry.absorb(git(3, "blob 1", 3));
    entry.absorb(git(1, "blob 9", 4));
    check(&entry, 1, Some(("blob 9", "own")));
    check(&entry, 3, Some(("blob 1", "own")));
}

#[test]
fn an_answer_that_was_overtaken_changes_nothing_for_those_who_know_better() {
    let entry = entry();
    entry.absorb(received(1, "new", 5));
    assert_eq!(entry.absorb(received(2, "old", 3)), Absorbed::Late);
    check(&entry, 1, Some(("new", "own")));
    check(&entry, 2, Some(("new", "predicted")));
    assert_eq!(shown(&entry, 2).as_deref(), Some("old"), "it was told so");
    assert_eq!(entry.absorb(received(1, "old", 3)), Absorbed::Late);
    check(&entry, 1, Some(("new", "own")));
    // Of two late ones the newer is kept behind.
    assert_eq!(entry.absorb(received(3, "older", 2)), Absorbed::Late);
    assert_eq!(shown(&entry, 3), None);
    assert_eq!(entry.absorb(received(4, "less old", 4)), Absorbed::Late);
    assert_eq!(shown(&entry, 4).as_deref(), Some("less old"));
    assert_eq!(entry.representations(), 2);
}

#[test]
fn a_late_copy_of_the_newest_body_does_not_make_it_older() {
    let entry = entry();
    entry.absorb(received(1, "a", 5));
    assert_eq!(entry.absorb(received(2, "a", 3)), Absorbed::Known);
    assert_eq!(entry.absorb(received(3, "b", 4)), Absorbed::Late);
    check(&entry, 1, Some(("a", "own")));
}

#[test]
fn revoking_ends_the_right_of_one_caller() {
    let entry = entry();
    entry.absorb(received(1, "a", 1));
    entry.absorb(received(2, "a", 1));
    entry.revoke(caller(1), at(1));
    assert_eq!(shown(&entry, 1), None);
    assert_eq!(shown(&entry, 2).as_deref(), Some("a"));
    check(&entry, 1, Some(("a", "predicted")));
    let guess = entry.candidate(caller(1), TOKEN).unwrap().representation;
    entry.confirm(caller(1), TOKEN, &guess, confirmed("1-a", at(2)));
    assert_eq!(
        shown(&entry, 1).as_deref(),
        Some("a"),
        "given back by GitHub"
    );
}

#[test]
fn a_right_that_has_ended_is_not_brought_back_by_a_merge() {
    let (here, there) = (entry(), entry());
    for entry in [&here, &there] {
        entry.absorb(received(1, "a", 1));
        entry.absorb(received(2, "a", 1));
    }
    here.revoke(caller(1), at(5));
    for merged in [
        Entry::merge(&there, here.clone()),
        Entry::merge(&here, there.clone()),
    ] {
        assert_eq!(shown(&merged, 1), None);
        assert_eq!(shown(&merged, 2).as_deref(), Some("a"));
    }
    // A later confirmation, wherever it was received, counts.
    let later = entry();
    later.absorb(received(1, "a", 6));
    assert_eq!(shown(&Entry::merge(&here, later), 1).as_deref(), Some("a"));
}

#[test]
fn a_confirmation_of_a_body_that_was_pruned_brings_it_back() {
    let entry = entry();
    entry.absorb(received(1, "a", 1));
    let asked_about = entry.candidate(caller(2), TOKEN).unwrap().representation;
    for (text, seconds) in [("b", 2), ("c", 3), ("d", 4)] {
        entry.absorb(received(1, text, seconds));
    }
    entry.confirm(caller(2), TOKEN, &asked_about, confirmed("2-a", at(5)));
    check(&entry, 2, Some(("a", "own")));
    check(&entry, 1, Some(("d", "own")));
}

#[test]
fn a_late_confirmation_does_not_replace_a_newer_one() {
    let entry = entry();
    entry.absorb(received(1, "a", 1));
    let old = entry.candidate(caller(1), TOKEN).unwrap().representation;
    entry.absorb(received(1, "b", 5));
    let served = entry.confirm(caller(1), TOKEN, &old, confirmed("1-a", at(3)));
    assert_eq!(served.digest(), old.digest(), "who asked is served");
    check(&entry, 1, Some(("b", "own")));
}

#[test]
fn renewing_moves_time_forward_only() {
    let entry = entry();
    entry.absorb(received(1, "a", 10));
    let (_, known) = entry.confirmed(caller(1)).unwrap();
    known.renew(at(20), Some(at(80)));
    known.renew(at(15), None);
    assert_eq!(known.validated_at(), at(20));
    assert_eq!(known.fresh_until(), Some(at(80)));
    known.renew(at(30), None);
    assert_eq!((known.validated_at(), known.fresh_until()), (at(30), None));
}

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
        confirmed: Confirmed::new(None, &headers, at(1), None),
    });
    let mut kept: Vec<_> = representation
        .headers()
        .keys()
        .map(|name| name.as_str())
        .collect();
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
                prop_assert!(told.any(|answer| answer.representation.body() == shown.as_bytes()));
            }
            // The newest version there is on either side is what newcomers are asked about.
            let newest = left.iter().chain(&right).max_by_key(|answer| answer.confirmed.at);
            let asked_of_newcomer = asked(&one, 99, TOKEN).map(|(text, _)| text);
            let newest = newest.map(|answer| String::from_utf8_lossy(answer.representation.body()).into_owned());
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
