//! Serving, asking and standing in; with the properties that must hold whatever happens.

use std::time::UNIX_EPOCH;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use super::*;
use crate::fingerprint::FingerprintKey;
use crate::rfc9111::controls::Controls;
use crate::rfc9111::selection::Selection;
use crate::rfc9111::stored::{Terms, Times};

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
}

fn headers(name: &'static str, value: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(name, HeaderValue::from_str(value).unwrap());
    headers
}

/// An answer that came at 0 with this `Cache-Control`.
fn stored(control: &str) -> Stored {
    let headers = headers("cache-control", control);
    let options = Options::default();
    let controls = Controls::of(&headers, &options);
    let fresh_for = controls.s_maxage.or(controls.max_age).unwrap_or(0);
    Stored {
        selection: Selection::new(&FingerprintKey::new(b"k"), [].into(), &HeaderMap::new()),
        status: StatusCode::OK,
        body: Bytes::new().into(),
        times: Times {
            as_of: at(0),
            received_at: at(0),
            age_on_arrival: Duration::ZERO,
            fresh_for: Duration::from_secs(fresh_for),
        },
        terms: Terms::of(&controls, &options),
        headers,
    }
}

fn directives(control: &str) -> Directives {
    Directives::of(&headers("cache-control", control))
}

#[track_caller]
fn check(answer: &str, request: &str, now: u64, expected: Decision) {
    let stored = stored(answer);
    let held = Some((&stored, Standing::Valid));
    let decision = decide(held, &directives(request), at(now));
    assert_eq!(decision, expected, "{answer} | {request} | {now}");
}

const FRESH: Decision = Decision::Serve(FreshReason::Fresh);
const MAX_STALE: Decision = Decision::Serve(FreshReason::MaxStale);

#[test]
fn fresh_until_it_is_stale() {
    check("max-age=60", "x", 0, FRESH);
    check("max-age=60", "x", 59, FRESH);
    check("max-age=60", "x", 60, Decision::Ask);
    check("max-age=60, no-cache", "x", 1, Decision::Ask);
    assert_eq!(decide(None, &directives("x"), at(0)), Decision::Ask);
}

#[test]
fn what_the_client_wants() {
    check("max-age=60", "no-cache", 1, Decision::Ask);
    check("max-age=60", "max-age=0", 0, Decision::Ask);
    check("max-age=60", "max-age=10", 10, FRESH);
    check("max-age=60", "max-age=10", 11, Decision::Ask);
    check("max-age=60", "min-fresh=50", 10, FRESH);
    check("max-age=60", "min-fresh=50", 11, Decision::Ask);
    check("max-age=60", "max-stale", 1000, MAX_STALE);
    check("max-age=60", "max-stale=5", 65, MAX_STALE);
    check("max-age=60", "max-stale=5", 66, Decision::Ask);
    check("max-age=60", "max-stale=5, max-age=10", 62, Decision::Ask);
    check("max-age=60", "only-if-cached", 1, FRESH);
    check("max-age=60", "only-if-cached", 61, Decision::NotCached);
    check("max-age=60", "only-if-cached, max-stale", 61, MAX_STALE);
    let nothing = decide(None, &directives("only-if-cached"), at(0));
    assert_eq!(nothing, Decision::NotCached);
}

#[test]
fn while_it_is_revalidated() {
    let swr = "max-age=60, stale-while-revalidate=30";
    check(swr, "x", 60, Decision::ServeAndRevalidate);
    check(swr, "x", 89, Decision::ServeAndRevalidate);
    check(swr, "x", 90, Decision::Ask);
    check(swr, "max-age=100", 61, Decision::Ask);
    check(swr, "only-if-cached", 61, Decision::ServeAndRevalidate);
    check(
        "max-age=60, must-revalidate, stale-while-revalidate=30",
        "x",
        61,
        Decision::Ask,
    );
}

#[test]
fn regression_a_write_overtakes_what_was_asked_for_before_it() {
    let answer = stored("max-age=60");
    assert_eq!(Standing::of(&answer, None), Standing::Valid);
    assert_eq!(Standing::of(&answer, Some(at(0))), Standing::Invalidated);
    let held = Some((&answer, Standing::Invalidated));
    assert_eq!(decide(held, &directives("max-stale"), at(1)), Decision::Ask);
}

#[track_caller]
fn check_stand_in(answer: &str, request: &str, failure: Failure, now: u64, expected: StandIn) {
    let options = Options {
        stale_if_unreachable: Duration::from_secs(100),
        ..Options::default()
    };
    let stored = stored(answer);
    let stands = stands_in(
        &stored,
        Standing::Valid,
        &directives(request),
        failure,
        at(now),
        &options,
    );
    assert_eq!(
        stands, expected,
        "{answer} | {request} | {failure:?} | {now}"
    );
}

#[test]
fn standing_in() {
    use StandIn::{Allowed, Refused};
    let gone = Failure::Unreachable(Trouble::Connection);
    let error = Failure::ServerError;
    check_stand_in("max-age=2", "x", gone, 102, Allowed);
    check_stand_in("max-age=2", "x", gone, 103, Refused);
    check_stand_in("max-age=2", "x", error, 3, Refused);
    check_stand_in("max-age=2, stale-if-error=60", "x", error, 62, Allowed);
    check_stand_in("max-age=2, stale-if-error=60", "x", error, 63, Refused);
    check_stand_in("max-age=2", "stale-if-error=60", error, 62, Allowed);
    check_stand_in("max-age=2", "no-cache", gone, 3, Refused);
    check_stand_in("max-age=2", "max-age=1", gone, 3, Refused);
    for forbidding in [
        "must-revalidate",
        "proxy-revalidate",
        "no-cache",
        "s-maxage=2",
    ] {
        let answer = format!("max-age=2, stale-if-error=60, {forbidding}");
        check_stand_in(&answer, "stale-if-error=60", gone, 3, Refused);
        check_stand_in(&answer, "stale-if-error=60", error, 3, Refused);
    }
}

fn answer_control() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "no-cache",
        "must-revalidate",
        "proxy-revalidate",
        "s-maxage=50",
        "stale-while-revalidate=40",
        "stale-if-error=40",
        "public",
        "immutable",
    ]);
    (0u64..100, prop::collection::vec(word, 0..4)).prop_map(|(max_age, words)| {
        let mut control = format!("max-age={max_age}");
        for word in words {
            control.push_str(", ");
            control.push_str(word);
        }
        control
    })
}

fn request_control() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "no-cache",
        "max-age=30",
        "max-age=0",
        "min-fresh=20",
        "max-stale=25",
        "max-stale",
        "only-if-cached",
        "stale-if-error=10",
        "x",
    ]);
    prop::collection::vec(word, 1..4).prop_map(|words| words.join(", "))
}

proptest! {
    /// Never stale without permission of both sides, never in spite of a prohibition of either.
    #[test]
    fn never_served_against_anybodys_will(answer in answer_control(), request in request_control(), now in 0u64..300, overtaken: bool) {
        let stored = stored(&answer);
        let standing = if overtaken { Standing::Invalidated } else { Standing::Valid };
        let wishes = directives(&request);
        let served = match decide(Some((&stored, standing)), &wishes, at(now)) {
            Decision::Serve(_) | Decision::ServeAndRevalidate => true,
            Decision::Ask => { prop_assert!(!wishes.only_if_cached); false }
            Decision::NotCached => { prop_assert!(wishes.only_if_cached); false }
        };
        if !served {
            return Ok(());
        }
        prop_assert!(!overtaken && !wishes.no_cache && !answer.contains("no-cache"));
        prop_assert!(wishes.max_age.is_none_or(|most| now <= most));
        let fresh_for = stored.times.fresh_for.as_secs();
        if now < fresh_for {
            prop_assert!(wishes.min_fresh.is_none_or(|least| fresh_for - now >= least));
        } else {
            let forbidding = ["must-revalidate", "proxy-revalidate", "s-maxage"];
            prop_assert!(!forbidding.iter().any(|word| answer.contains(word)));
            let accepted = wishes.max_stale.is_some_and(|most| most.allows(Duration::from_secs(now - fresh_for)));
            let meanwhile = answer.contains("stale-while-revalidate") && now - fresh_for < 40;
            prop_assert!(accepted || meanwhile);
        }
    }

    /// The same for what stands in.
    #[test]
    fn never_stands_in_against_anybodys_will(answer in answer_control(), request in request_control(), now in 0u64..300, unreachable: bool, overtaken: bool) {
        let stored = stored(&answer);
        let standing = if overtaken { Standing::Invalidated } else { Standing::Valid };
        let wishes = directives(&request);
        let failure = if unreachable { Failure::Unreachable(Trouble::Timeout) } else { Failure::ServerError };
        let options = Options { stale_if_unreachable: Duration::from_secs(20), ..Options::default() };
        if stands_in(&stored, standing, &wishes, failure, at(now), &options) == StandIn::Refused {
            return Ok(());
        }
        prop_assert!(!overtaken && !wishes.no_cache && !answer.contains("no-cache"));
        prop_assert!(wishes.max_age.is_none_or(|most| now <= most));
        let stale_for = now.saturating_sub(stored.times.fresh_for.as_secs());
        if stale_for > 0 {
            let forbidding = ["must-revalidate", "proxy-revalidate", "s-maxage"];
            prop_assert!(!forbidding.iter().any(|word| answer.contains(word)));
        }
        let of_answer = answer.contains("stale-if-error") && stale_for <= 40;
        let of_request = request.contains("stale-if-error") && stale_for <= 10;
        prop_assert!(of_answer || of_request || unreachable && stale_for <= 20);
    }
}
