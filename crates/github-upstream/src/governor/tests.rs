//! The rules one by one, on a credential of their own; then many requests at once, on paused time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use github_headers::Resource;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::account::{Account, Ticket};
use super::*;
use crate::ledger::{Answer, Authorization, Cooldown, CooldownCause, Ledger, Outlook, Standing};

mod drill;
mod gate;

const CALLER: CallerId = CallerId([7; 16]);
const START: SystemTime = UNIX_EPOCH;

fn after(seconds: u64) -> Moment {
    Moment {
        wall: START + Duration::from_secs(1_780_000_000 + seconds),
        elapsed: Duration::from_secs(seconds),
    }
}

fn ask() -> Ask {
    Ask {
        caller: CALLER,
        resource: Resource::Core,
        endpoint: Endpoint::Other,
        api: Api::Rest,
        points: 1,
        intent: Intent::Read,
        client: ClientKey(0),
        priority: Priority::Normal,
        reserve: 0,
    }
}

fn write() -> Ask {
    Ask {
        points: 5,
        intent: Intent::Write,
        ..ask()
    }
}

fn open() -> Outlook {
    Outlook {
        standing: Standing::Open,
        left: None,
    }
}

fn cooling(until: u64) -> Outlook {
    let cooldown = Cooldown {
        until: after(until).wall,
        cause: CooldownCause::Status,
        strikes: 1,
    };
    Outlook {
        standing: Standing::Cooling(cooldown),
        left: None,
    }
}

fn strict() -> PacingOptions {
    PacingOptions {
        mode: PacingMode::Strict,
        ..PacingOptions::default()
    }
}

/// One credential, and what it is asked.
struct Case {
    account: Account,
    options: PacingOptions,
    outlook: Outlook,
    now: Moment,
}

impl Case {
    fn new(options: PacingOptions) -> Self {
        Self {
            account: Account::default(),
            options,
            outlook: open(),
            now: after(0),
        }
    }

    fn decide(&self, ask: &Ask) -> Decision {
        self.account.decide(
            ask,
            &self.outlook,
            &self.options,
            self.options.max_wait,
            self.now,
        )
    }

    #[track_caller]
    fn go(&mut self, ask: &Ask) -> Ticket {
        assert_eq!(self.decide(ask), Decision::Go);
        self.account.grant(ask, self.now)
    }

    #[track_caller]
    fn served(&mut self, mut ticket: Ticket, heard: Heard) {
        self.account
            .answered(&mut ticket, heard, &self.options, self.now);
        self.account.released(ticket, &self.options, self.now);
    }

    #[track_caller]
    fn waits(&self, ask: &Ask, until: Until, reason: WaitReason) {
        assert_eq!(self.decide(ask), Decision::Wait { until, reason });
    }

    #[track_caller]
    fn refuses(&self, ask: &Ask, reason: RefusalReason, retry_at: u64) {
        let retry_at = after(retry_at).wall;
        assert_eq!(self.decide(ask), Decision::Refuse { reason, retry_at });
    }
}

#[test]
fn a_spent_quota_lasts_to_the_latest_stated_reset_and_a_second() {
    let mut case = Case::new(PacingOptions::default());
    let until = after(1800).wall;
    case.outlook.standing = Standing::Exhausted { until };
    case.refuses(&ask(), RefusalReason::PrimaryLimit, 1801);
    // Near its end it is worth waiting for.
    case.now = after(1790);
    case.waits(&ask(), Until::Wall(after(1801).wall), WaitReason::Quota);
    // Asking how much is left is free.
    let state = Ask {
        endpoint: Endpoint::RateLimit,
        ..ask()
    };
    case.go(&state);
    case.options.mode = PacingMode::Off;
    case.options.max_wait = Duration::ZERO;
    case.refuses(&ask(), RefusalReason::PrimaryLimit, 1801);
}

#[test]
fn no_more_requests_are_under_way_than_there_is_quota_left() {
    let mut case = Case::new(PacingOptions::default());
    case.outlook.left = Some(2);
    let first = case.go(&ask());
    let _second = case.go(&ask());
    case.waits(&ask(), Until::Released, WaitReason::LastUnits);
    let search = Ask {
        resource: Resource::Search,
        ..ask()
    };
    case.go(&search);
    // The answer tells what is left, whatever becomes of its body.
    let mut first = first;
    case.account
        .answered(&mut first, Heard::Served, &case.options, case.now);
    case.go(&ask());
}

#[test]
fn a_cool_down_concerns_the_credential_whatever_the_resource() {
    let mut case = Case::new(PacingOptions::default());
    case.outlook = cooling(60);
    for resource in [Resource::Core, Resource::Search, Resource::Graphql] {
        let ask = Ask { resource, ..ask() };
        case.refuses(&ask, RefusalReason::SecondaryLimit, 60);
    }
    let state = Ask {
        endpoint: Endpoint::RateLimit,
        ..ask()
    };
    case.refuses(&state, RefusalReason::SecondaryLimit, 60);
    case.now = after(40);
    case.waits(&ask(), Until::Wall(after(60).wall), WaitReason::Cooldown);
}

#[test]
fn after_a_cool_down_one_request_goes_alone() {
    let mut case = Case::new(PacingOptions::default());
    let before = case.go(&ask());
    case.account.signalled();
    let trial = case.go(&ask());
    case.waits(&ask(), Until::Released, WaitReason::Trial);
    // An answer to a question from before says nothing.
    case.served(before, Heard::Served);
    case.waits(&ask(), Until::Released, WaitReason::Trial);
    case.served(trial, Heard::Served);
    case.go(&ask());
    assert!(case.account.is_paced(&case.options, case.now.elapsed));
}

#[test]
fn a_trial_that_fails_is_followed_by_another() {
    let mut case = Case::new(PacingOptions::default());
    case.account.signalled();
    // No answer at all.
    let trial = case.go(&ask());
    case.account.released(trial, &case.options, case.now);
    // Limited again.
    let trial = case.go(&ask());
    case.account.signalled();
    let next = case.go(&ask());
    case.served(trial, Heard::Limited);
    case.waits(&ask(), Until::Released, WaitReason::Trial);
    // A refusal whose text is about something else, which is known at its end.
    let mut next = next;
    case.account
        .answered(&mut next, Heard::Unsure, &case.options, case.now);
    case.waits(&ask(), Until::Released, WaitReason::Trial);
    case.account.released(next, &case.options, case.now);
    case.go(&ask());
}

#[test]
fn points_and_not_requests_are_counted() {
    let mut case = Case::new(strict());
    case.options.points_per_minute = 12;
    let tickets = [case.go(&write()), case.go(&write())];
    let read = case.go(&ask());
    case.waits(&write(), Until::Released, WaitReason::Points);
    let _another = case.go(&ask());
    for ticket in tickets {
        case.served(ticket, Heard::Served);
    }
    case.now = after(7);
    case.served(read, Heard::Served);
    // A minute after the answers, not after the questions.
    case.now = after(40);
    let until = Until::Elapsed(Duration::from_secs(61));
    case.waits(&ask(), until, WaitReason::Points);
    case.now = after(61);
    case.go(&write());
}

#[test]
fn strict_counts_304s_and_adaptive_counts_nothing_before_a_signal() {
    for (mode, decision) in [
        (
            PacingMode::Strict,
            Decision::Wait {
                until: Until::Elapsed(Duration::from_secs(61)),
                reason: WaitReason::Points,
            },
        ),
        (PacingMode::Adaptive, Decision::Go),
        (PacingMode::Off, Decision::Go),
    ] {
        let mut case = Case::new(PacingOptions {
            mode,
            ..PacingOptions::default()
        });
        case.options.max_wait = Duration::from_secs(100);
        for _ in 0..900 {
            let ticket = case.go(&ask());
            case.served(ticket, Heard::Served);
        }
        assert_eq!(case.decide(&ask()), decision, "{mode:?}");
    }
}

#[test]
fn writes_keep_to_the_limit_of_content() {
    let mut case = Case::new(strict());
    case.options.writes_per_minute = 2;
    for _ in 0..2 {
        let ticket = case.go(&write());
        case.served(ticket, Heard::Served);
    }
    case.now = after(50);
    let until = Until::Elapsed(Duration::from_secs(61));
    case.waits(&write(), until, WaitReason::Writes);
    case.go(&ask());
}

#[test]
fn graphql_has_points_of_its_own() {
    let mut case = Case::new(strict());
    (
        case.options.points_per_minute,
        case.options.graphql_points_per_minute,
    ) = (1, 2);
    let graphql = Ask {
        resource: Resource::Graphql,
        api: Api::Graphql,
        ..ask()
    };
    case.go(&graphql);
    case.go(&graphql);
    case.waits(&graphql, Until::Released, WaitReason::Points);
    case.go(&ask());
    case.waits(&ask(), Until::Released, WaitReason::Points);
}

#[test]
fn as_many_are_under_way_as_github_allows() {
    for (mode, decision) in [
        (PacingMode::Strict, WaitReason::Concurrency),
        (PacingMode::Adaptive, WaitReason::Concurrency),
    ] {
        let mut case = Case::new(PacingOptions {
            mode,
            ..PacingOptions::default()
        });
        let first = case.go(&ask());
        for _ in 1..100 {
            case.go(&ask());
        }
        case.waits(&ask(), Until::Released, decision);
        case.account.released(first, &case.options, case.now);
        case.go(&ask());
    }
    let mut case = Case::new(PacingOptions {
        mode: PacingMode::Off,
        ..PacingOptions::default()
    });
    for _ in 0..300 {
        case.go(&ask());
    }
}

#[test]
fn storms_of_404_bring_pacing_about() {
    let storm = |case: &mut Case, number| {
        for _ in 0..number {
            let ticket = case.go(&ask());
            case.served(ticket, Heard::NotFound);
        }
    };
    let mut case = Case::new(PacingOptions::default());
    case.options.not_found_per_minute = 100;
    storm(&mut case, 100);
    assert!(!case.account.is_paced(&case.options, case.now.elapsed));
    storm(&mut case, 1);
    assert!(case.account.is_paced(&case.options, case.now.elapsed));
    // The storm so far counts.
    storm(&mut case, 799);
    case.now = after(1);
    case.options.max_wait = Duration::from_secs(60);
    let until = Until::Elapsed(Duration::from_secs(61));
    case.waits(&ask(), until, WaitReason::Points);
    // When it is over, so is pacing.
    case.now = after(61);
    case.go(&ask());
    assert!(!case.account.is_paced(&case.options, case.now.elapsed));
    // Fewer than GitHub's own points for an endpoint are none, unless it is said.
    let mut case = Case::new(PacingOptions::default());
    storm(&mut case, 900);
    assert!(!case.account.is_paced(&case.options, case.now.elapsed));
    storm(&mut case, 1);
    assert!(case.account.is_paced(&case.options, case.now.elapsed));
}

// ---- what the ledger makes of GitHub's refusals, as far as it decides about going on ----

fn quota(remaining: u64) -> HeaderMap {
    let reset = after(1800).wall.duration_since(UNIX_EPOCH).unwrap();
    let pairs = [
        ("x-ratelimit-limit", 5000),
        ("x-ratelimit-remaining", remaining),
        ("x-ratelimit-used", 5000 - remaining),
        ("x-ratelimit-reset", reset.as_secs()),
    ];
    pairs
        .into_iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from(value)))
        .collect()
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

#[test]
fn a_429_is_recognised_as_a_limit() {
    for status in [403, 429] {
        let mut ledger = Ledger::new(1);
        ledger.observe(&answer(status, &quota(0)), after(0).wall);
        let outlook = ledger.outlook(CALLER, &Resource::Core, 0, after(0).wall);
        assert!(
            matches!(outlook.standing, Standing::Exhausted { .. }),
            "{status}"
        );
    }
    let mut ledger = Ledger::new(1);
    ledger.observe(&answer(429, &HeaderMap::new()), after(0).wall);
    let outlook = ledger.outlook(CALLER, &Resource::Core, 0, after(0).wall);
    assert!(matches!(outlook.standing, Standing::Cooling(_)));
}

#[test]
fn a_secondary_limit_with_remaining_0_does_not_block_for_an_hour() {
    // By `retry-after`.
    let mut ledger = Ledger::new(1);
    let mut headers = quota(0);
    headers.insert("retry-after", HeaderValue::from_static("60"));
    ledger.observe(&answer(403, &headers), after(0).wall);
    let standing = |ledger: &Ledger, now| {
        let outlook = ledger.outlook(CALLER, &Resource::Core, 0, after(now).wall);
        (outlook.standing.as_str(), outlook.left)
    };
    assert_eq!(standing(&ledger, 59), ("cooling", None));
    assert_eq!(standing(&ledger, 60), ("open", None));
    // By its text, which is heard a moment after a head that looks like the primary limit.
    for status in [403, 429] {
        let mut ledger = Ledger::new(1);
        ledger.observe(&answer(status, &quota(0)), after(0).wall);
        assert_eq!(standing(&ledger, 0), ("exhausted", None));
        ledger.secondary_limit_heard(CALLER, after(0).wall);
        assert_eq!(standing(&ledger, 59), ("cooling", None));
        assert_eq!(standing(&ledger, 60), ("open", None), "{status}");
    }
}

#[test]
fn a_reserve_is_left_for_others() {
    let mut ledger = Ledger::new(1);
    ledger.observe(&answer(200, &quota(110)), after(0).wall);
    let outlook = |reserve| ledger.outlook(CALLER, &Resource::Core, reserve, after(0).wall);
    assert_eq!(outlook(0).left, Some(110));
    assert_eq!(outlook(100).left, Some(10));
    let until = after(1800).wall;
    assert_eq!(outlook(110).standing, Standing::Exhausted { until });
    assert_eq!(outlook(200).standing, Standing::Exhausted { until });
}

#[test]
fn free_304s_are_not_charged_to_the_window() {
    let mut ledger = Ledger::new(1);
    ledger.observe(&answer(200, &quota(1)), after(0).wall);
    for _ in 0..1000 {
        ledger.observe(&answer(304, &quota(1)), after(0).wall);
    }
    let outlook = ledger.outlook(CALLER, &Resource::Core, 0, after(0).wall);
    assert_eq!(
        outlook,
        Outlook {
            standing: Standing::Open,
            left: Some(1)
        }
    );
    // Nor are they waited for as if they were: one at a time goes through on the last unit, for ever.
    let mut case = Case::new(PacingOptions::default());
    case.outlook = outlook;
    for _ in 0..1000 {
        let ticket = case.go(&ask());
        case.served(ticket, Heard::Served);
    }
}

#[test]
fn anonymous_304s_are_not_believed_free() {
    let mut ledger = Ledger::new(1);
    let headers = quota(0);
    let anonymous = Answer {
        authorization: Authorization::Absent,
        caller: CallerId::ANONYMOUS,
        ..answer(304, &headers)
    };
    let charge = ledger.observe(&anonymous, after(0).wall);
    assert_eq!(charge, crate::ledger::Charge::Charged);
    let outlook = ledger.outlook(CallerId::ANONYMOUS, &Resource::Core, 0, after(0).wall);
    assert!(matches!(outlook.standing, Standing::Exhausted { .. }));
}
