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
    Confirmed::new(Some(tag), None, at, None)
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

fn text_of(representation: &Representation) -> String {
    String::from_utf8_lossy(&representation.body().bytes()).into_owned()
}

/// What is asked about for a caller: the body and whether with its own tag.
fn asked(entry: &Entry, number: u16, class: CredentialClass) -> Option<(String, &'static str)> {
    let candidate = entry.candidate(caller(number), class)?;
    let text = text_of(&candidate.representation);
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
    Some(text_of(&body))
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

mod headers_and_bounds;
#[cfg(feature = "packed")]
mod packed;
