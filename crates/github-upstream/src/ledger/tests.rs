//! GitHub's rules on quota, one by one, as the documentation and recorded traffic have them.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::*;

const NOW: u64 = 1_780_000_000;
const RESET: u64 = NOW + 1800;
const CALLER: CallerId = CallerId([0xab; 16]);

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    headers
}

fn stated(resource: &str, remaining: u64, reset: u64) -> HeaderMap {
    headers(&[
        ("x-ratelimit-limit", "5000"),
        ("x-ratelimit-remaining", &remaining.to_string()),
        ("x-ratelimit-used", &(5000 - remaining).to_string()),
        ("x-ratelimit-reset", &reset.to_string()),
        ("x-ratelimit-resource", resource),
    ])
}

fn with(mut headers: HeaderMap, name: &'static str, value: &'static str) -> HeaderMap {
    headers.insert(name, HeaderValue::from_static(value));
    headers
}

fn core(remaining: u64) -> HeaderMap {
    stated("core", remaining, RESET)
}

fn answer(status: u16, headers: &HeaderMap) -> Answer<'_> {
    Answer {
        caller: CALLER,
        authorization: Authorization::Present,
        endpoint: Endpoint::Other,
        status: StatusCode::from_u16(status).unwrap(),
        headers,
    }
}

fn ledger() -> Ledger {
    Ledger::new(10)
}

#[test]
fn what_an_answer_costs() {
    use Authorization::{Absent, Present};
    #[track_caller]
    fn check(status: u16, authorization: Authorization, headers: HeaderMap, expected: Charge) {
        let answer = Answer {
            authorization,
            ..answer(status, &headers)
        };
        assert_eq!(ledger().observe(&answer, at(NOW)), expected, "{status}");
    }
    // Every status costs one unit, redirects and refusals among them.
    for status in [200, 201, 202, 301, 302, 307, 404, 410, 422, 451, 502, 503] {
        check(status, Present, core(10), Charge::Charged);
    }
    // Free for those who say who they are; edge or not, an anonymous one is charged.
    check(304, Present, core(10), Charge::NotModified);
    check(304, Absent, core(10), Charge::Charged);
    check(304, Present, HeaderMap::new(), Charge::NotModified);
    // An app's JWT has no bucket, and its answers no headers.
    check(200, Present, HeaderMap::new(), Charge::Unmetered);
    check(502, Present, HeaderMap::new(), Charge::Unmetered);
    // Primary limit: 403 or 429 with nothing left.
    check(403, Present, core(0), Charge::PrimaryLimit);
    check(429, Absent, core(0), Charge::PrimaryLimit);
    // The last unit may buy a normal answer.
    check(200, Present, core(0), Charge::Charged);
    // Secondary limit: with quota left, and by its `retry-after` also without.
    let said = |remaining| with(core(remaining), "retry-after", "60");
    check(403, Present, said(21), Charge::SecondaryLimit);
    check(429, Present, said(4840), Charge::SecondaryLimit);
    check(403, Present, said(0), Charge::SecondaryLimit);
    check(429, Present, core(4840), Charge::SecondaryLimit);
    check(429, Present, HeaderMap::new(), Charge::SecondaryLimit);
    // A permission denied is no limit; nor is trouble of GitHub's that says when to come back.
    check(403, Present, core(4840), Charge::Charged);
    check(503, Present, said(10), Charge::Charged);
    check(202, Present, said(10), Charge::Charged);
    // Headers that cannot be read are none.
    let broken = headers(&[
        ("x-ratelimit-limit", "many"),
        ("x-ratelimit-remaining", "1"),
        ("x-ratelimit-reset", "1"),
    ]);
    check(200, Present, broken, Charge::Unmetered);
}

#[test]
fn asking_for_the_rate_limit_is_free() {
    for (target, endpoint) in [
        ("/rate_limit", Endpoint::RateLimit),
        ("https://api.github.com/rate_limit?a", Endpoint::RateLimit),
        ("/rate_limits", Endpoint::Other),
        ("/repos/o/rate_limit", Endpoint::Other),
    ] {
        assert_eq!(Endpoint::of(&target.parse().unwrap()), endpoint, "{target}");
    }
    let headers = core(4999);
    let answer = Answer {
        endpoint: Endpoint::RateLimit,
        ..answer(200, &headers)
    };
    let mut ledger = ledger();
    assert_eq!(ledger.observe(&answer, at(NOW)), Charge::FreeEndpoint);
    assert_eq!(ledger.snapshot(at(NOW))[0].window.unwrap().remaining, 4999);
}

/// Answers of one bucket as (remaining, reset, seconds after NOW); then what is believed at the end.
#[track_caller]
fn check_window(answers: &[(u64, u64, u64)], remaining: u64, reset: u64) {
    let mut ledger = ledger();
    for (remaining, reset, after) in answers {
        let headers = stated("core", *remaining, *reset);
        ledger.observe(&answer(200, &headers), at(NOW + after));
    }
    let window = ledger.snapshot(at(NOW))[0].window.unwrap();
    assert_eq!((window.remaining, window.reset), (remaining, reset));
    assert_eq!((window.limit, window.used), (5000, 5000 - remaining));
}

#[test]
fn windows_waver_and_follow_each_other() {
    check_window(&[(4999, RESET, 0), (4998, RESET, 1)], 4998, RESET);
    // One second more or less is the same window, and it ends at the later second.
    check_window(&[(4999, RESET, 0), (4998, RESET + 1, 1)], 4998, RESET + 1);
    check_window(&[(4999, RESET + 1, 0), (4998, RESET, 1)], 4998, RESET + 1);
    check_window(
        &[(4999, RESET + 1, 0), (4998, RESET - 1, 1)],
        4998,
        RESET + 1,
    );
    // Regions count on their own: remaining may rise, also from nothing.
    check_window(&[(4990, RESET, 0), (4995, RESET, 1)], 4995, RESET);
    check_window(&[(0, RESET, 0), (21, RESET - 1, 1)], 21, RESET);
    // The next window.
    check_window(
        &[(0, RESET, 0), (4999, RESET + 3600, 1801)],
        4999,
        RESET + 3600,
    );
    // An answer of the old one that arrives after it.
    let next = (4999, RESET + 3600, 1801);
    check_window(&[next, (3, RESET, 1802)], 4999, RESET + 3600);
    // But when the newer one is over, an earlier end is news again (a server whose clock was set back).
    check_window(&[(3, NOW + 10, 0), (4999, NOW + 5, 11)], 4999, NOW + 5);
}

#[test]
fn the_primary_limit_lasts_to_the_end_of_its_window() {
    let mut ledger = ledger();
    let headers = stated("search", 0, RESET);
    ledger.observe(&answer(403, &headers), at(NOW));
    let standing = |resource, now| ledger.standing(CALLER, &resource, at(now));
    let exhausted = Standing::Exhausted { until: at(RESET) };
    assert_eq!(standing(Resource::Search, NOW), exhausted);
    assert_eq!(standing(Resource::Search, RESET - 1), exhausted);
    assert_eq!(standing(Resource::Search, RESET), Standing::Open);
    // Other buckets and other callers are not concerned.
    assert_eq!(standing(Resource::Core, NOW), Standing::Open);
    let other = CallerId([1; 16]);
    assert_eq!(
        ledger.standing(other, &Resource::Search, at(NOW)),
        Standing::Open
    );
    assert!(ledger.window(CALLER, &Resource::Search, at(NOW)).is_some());
    assert!(
        ledger
            .window(CALLER, &Resource::Search, at(RESET))
            .is_none()
    );
}

#[test]
fn graphql_says_it_with_200() {
    let mut ledger = ledger();
    let headers = stated("graphql", 0, RESET);
    ledger.observe(&answer(200, &headers), at(NOW));
    assert_eq!(
        ledger.standing(CALLER, &Resource::Graphql, at(NOW)),
        Standing::Exhausted { until: at(RESET) }
    );
}

#[track_caller]
fn cooldown(ledger: &Ledger, now: u64) -> Option<(u64, CooldownCause, u32)> {
    // Whatever the resource.
    match ledger.standing(CALLER, &Resource::DependencySbom, at(now)) {
        Standing::Cooling(cooldown) => {
            let until = cooldown.until.duration_since(UNIX_EPOCH).unwrap();
            Some((until.as_secs() - NOW, cooldown.cause, cooldown.strikes))
        }
        _ => None,
    }
}

#[test]
fn a_secondary_limit_concerns_the_caller_and_not_the_quota() {
    #[track_caller]
    fn check(headers: HeaderMap, expected: (u64, CooldownCause, u32)) {
        let mut ledger = ledger();
        ledger.observe(&answer(403, &headers), at(NOW));
        ledger.observe(&answer(429, &headers), at(NOW));
        assert_eq!(cooldown(&ledger, NOW), Some(expected));
        assert_eq!(cooldown(&ledger, NOW + expected.0), None);
    }
    let said = |value| with(core(4840), "retry-after", value);
    check(said("30"), (30, CooldownCause::RetryAfter, 1));
    // NOW is Thursday, 2026-05-28 20:26:40.
    check(
        said("Thu, 28 May 2026 20:28:00 GMT"),
        (80, CooldownCause::RetryAfter, 1),
    );
    // Unreadable, or absent: a minute.
    check(said("soon"), (60, CooldownCause::Status, 1));
    check(core(4840), (60, CooldownCause::Status, 1));
    // Out of all proportion: a day.
    check(
        said("99999999999999999999"),
        (86_400, CooldownCause::RetryAfter, 1),
    );
}

#[test]
fn limits_in_a_row_double_the_guess() {
    let mut ledger = ledger();
    let headers = core(4840);
    let mut now = NOW;
    for expected in [60, 120, 240, 480, 960, 1920, 3600, 3600] {
        ledger.secondary_limit_heard(CALLER, at(now));
        // The rest of the burst, a moment later: no further strike.
        ledger.secondary_limit_heard(CALLER, at(now));
        let (until, ..) = cooldown(&ledger, now).unwrap();
        assert_eq!(until + NOW - now, expected);
        now += expected;
    }
    // A refusal that is no limit, and trouble of GitHub's own, prove nothing.
    ledger.observe(&answer(403, &headers), at(now));
    ledger.observe(&answer(502, &headers), at(now));
    ledger.secondary_limit_heard(CALLER, at(now));
    assert_eq!(cooldown(&ledger, now).unwrap().2, 9);
    // An answer to a question from before the cool-down does not end it.
    ledger.observe(&answer(200, &headers), at(now + 1));
    assert_eq!(cooldown(&ledger, now + 1).unwrap().2, 9);
    // One from after it does.
    now += 3600;
    ledger.observe(&answer(200, &headers), at(now));
    ledger.secondary_limit_heard(CALLER, at(now));
    assert_eq!(
        cooldown(&ledger, now),
        Some((now - NOW + 60, CooldownCause::Text, 1))
    );
}

#[test]
fn a_refused_token_says_nothing_of_its_own_bucket() {
    let mut ledger = ledger();
    ledger.observe(&answer(200, &core(4000)), at(NOW));
    // 401 comes with the anonymous bucket of this address.
    let anonymous = with(core(0), "x-ratelimit-limit", "60");
    ledger.observe(&answer(401, &anonymous), at(NOW));
    assert_eq!(
        ledger.standing(CALLER, &Resource::Core, at(NOW)),
        Standing::Open
    );
    assert!(matches!(
        ledger.standing(CallerId::ANONYMOUS, &Resource::Core, at(NOW)),
        Standing::Exhausted { .. }
    ));
}

#[test]
fn callers_are_bounded_and_nothing_is_lost() {
    let mut ledger = Ledger::new(2);
    let ask = |ledger: &mut Ledger, caller: u8, resource: &str, status: u16, now: u64| {
        let headers = stated(resource, 4000, RESET);
        let answer = Answer {
            caller: CallerId([caller; 16]),
            ..answer(status, &headers)
        };
        ledger.observe(&answer, at(NOW + now));
    };
    ask(&mut ledger, 1, "core", 200, 0);
    ask(&mut ledger, 2, "core", 200, 1);
    ask(&mut ledger, 1, "search", 304, 2);
    // 2 was seen least recently, then 1.
    ask(&mut ledger, 3, "core", 200, 3);
    ask(&mut ledger, 4, "core", 200, 4);
    let lines: Vec<_> = ledger
        .snapshot(at(NOW))
        .into_iter()
        .map(|line| {
            let Counts { charged, free, .. } = line.counts;
            let resource = line.resource.unwrap().to_string();
            let caller = line.caller.map(|caller| caller.0[0]);
            (caller, resource, charged, free, line.window.is_some())
        })
        .collect();
    assert_eq!(
        lines,
        [
            (Some(3), "core".to_owned(), 1, 0, true),
            (Some(4), "core".to_owned(), 1, 0, true),
            (None, "core".to_owned(), 2, 0, false),
            (None, "search".to_owned(), 0, 1, false),
        ]
    );
}

#[test]
fn buckets_are_bounded_and_nothing_is_lost() {
    let mut ledger = ledger();
    for number in 0..100 {
        let headers = stated(&format!("bucket_{number}"), 10, RESET);
        ledger.observe(&answer(200, &headers), at(NOW));
    }
    let lines = ledger.snapshot(at(NOW));
    assert!(lines.len() <= 40, "{}", lines.len());
    let charged: u64 = lines.iter().map(|line| line.counts.charged).sum();
    assert_eq!(charged, 100);
    assert_eq!(lines[0].resource, None);
}

#[test]
fn callers_are_shown_by_their_beginning() {
    assert_eq!(CALLER.to_string(), "abababab");
    assert_eq!(CallerId::ANONYMOUS.to_string(), "anonymous");
    assert_eq!(format!("{CALLER:?}"), "CallerId(abababab)");
}
