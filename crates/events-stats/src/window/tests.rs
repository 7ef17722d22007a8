//! The window against a naive recomputation: expiry, ties, duplicates, late and out-of-order arrivals.

use proptest::prelude::*;

use super::*;
use crate::gap::GapReason;

const DAY: i64 = 86_400;
const KINDS: [&str; 3] = ["PushEvent", "WatchEvent", "IssuesEvent"];

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

/// All events ever seen, the first form of each.
fn naive(events: &[(u64, i64, usize)], extent: Extent, now: i64) -> Vec<(i64, u64, &'static str)> {
    let mut counted: Vec<(i64, u64, &'static str)> = Vec::new();
    for (id, at, kind) in events {
        if !counted.iter().any(|(_, known, _)| known == id) {
            counted.push((*at, *id, KINDS[*kind]));
        }
    }
    counted.retain(|(at, _, _)| *at > now - extent.seconds());
    counted.sort_unstable();
    let surplus = counted.len().saturating_sub(extent.max_events);
    counted.drain(..surplus);
    counted
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn naive_average(counted: &[(i64, u64, &str)], kind: &str) -> Option<f64> {
    let moments: Vec<i64> = counted
        .iter()
        .filter(|(_, _, other)| *other == kind)
        .map(|(at, _, _)| *at)
        .collect();
    let gaps: Vec<i64> = moments.windows(2).map(|pair| pair[1] - pair[0]).collect();
    if gaps.is_empty() {
        return None;
    }
    Some(gaps.iter().sum::<i64>() as f64 / gaps.len() as f64)
}

proptest! {
    #[test]
    fn averages_equal_a_naive_recomputation(
        // (id, created_at, kind, how much the clock advances before it arrives). An id always has the same moment and
        // kind, as at GitHub; it may arrive again and again.
        arrivals in prop::collection::vec((0_u64..60, 0_i64..20_000), 1..200),
        salt in 0_u64..1000,
        max_events in 1_usize..40,
    ) {
        let extent = Extent { days: 1, max_events };
        let mut window = Window::new(extent);
        let mut seen = Vec::new();
        let mut now = 3 * DAY;
        for (id, advance) in arrivals {
            now += advance;
            // Moments repeat (ties) and lie up to a day and a half back (late, or too old at once).
            let mixed = id.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(salt);
            let moment = 3 * DAY - DAY / 2 + i64::try_from(mixed % 97).unwrap() * 1_800;
            let kind = usize::try_from(mixed % 3).unwrap();
            if moment > now {
                continue;
            }
            let was = naive(&seen, extent, now);
            let result = window.insert(EventId(id), at(moment), KINDS[kind], at(now));
            seen.push((id, moment, kind));
            let counted = naive(&seen, extent, now);
            match result {
                Inserted::Counted => prop_assert!(counted.iter().any(|(_, other, _)| *other == id)),
                Inserted::Known => prop_assert_eq!(&was, &counted),
                Inserted::TooOld => prop_assert!(!counted.iter().any(|(_, other, _)| *other == id)),
            }
            prop_assert_eq!(window.len(), counted.len());
            for kind in KINDS {
                let expected = naive_average(&counted, kind);
                prop_assert_eq!(window.average_seconds(kind), expected);
                prop_assert_eq!(window.statistics(kind).average_seconds, expected);
            }
            let within = naive(&seen, Extent { days: 1, max_events: usize::MAX }, now).len();
            let report = window.report(Some(at(0)), &[], at(now));
            let limited_by = if within > max_events { LimitedBy::Count } else { LimitedBy::Age };
            prop_assert_eq!(report.limited_by, limited_by);
        }
        // Long after, nothing is left.
        window.expire(at(now + 2 * DAY));
        prop_assert!(window.is_empty());
        prop_assert_eq!(window.kinds().count(), 0);
    }
}

#[test]
fn ties_are_ordered_by_number_not_by_text() {
    let mut window = Window::new(Extent {
        days: 7,
        max_events: 2,
    });
    for id in [9, 10, 100] {
        window.insert(EventId(id), at(10), "PushEvent", at(20));
    }
    assert_eq!(
        window.insert(EventId(9), at(10), "PushEvent", at(20)),
        Inserted::TooOld
    );
    assert_eq!(
        window.insert(EventId(10), at(10), "PushEvent", at(20)),
        Inserted::Known
    );
}

#[test]
fn the_second_form_of_an_event_changes_nothing() {
    let mut window = Window::new(Extent::default());
    window.insert(EventId(1), at(10), "PushEvent", at(20));
    assert_eq!(
        window.insert(EventId(1), at(15), "WatchEvent", at(20)),
        Inserted::Known
    );
    assert_eq!(window.statistics("PushEvent").last_at, Some(at(10)));
    assert_eq!(window.statistics("WatchEvent").count, 0);
}

#[test]
fn an_event_of_exactly_the_windows_age_is_not_newer() {
    let mut window = Window::new(Extent {
        days: 1,
        max_events: 9,
    });
    assert_eq!(
        window.insert(EventId(1), at(0), "PushEvent", at(DAY)),
        Inserted::TooOld
    );
    assert_eq!(
        window.insert(EventId(2), at(1), "PushEvent", at(DAY)),
        Inserted::Counted
    );
}

#[test]
fn what_limits_a_window() {
    #[track_caller]
    fn check(events: u64, covered_from: Option<i64>, expected: (LimitedBy, bool, i64)) {
        let now = at(10 * DAY);
        let mut window = Window::new(Extent {
            days: 7,
            max_events: 3,
        });
        for id in 0..events {
            let moment = at(9 * DAY + i64::try_from(id).unwrap());
            window.insert(EventId(id), moment, "PushEvent", now);
        }
        let report = window.report(covered_from.map(at), &[], now);
        let (limited_by, complete, from) = expected;
        assert_eq!((report.limited_by, report.complete), (limited_by, complete));
        assert_eq!(report.from, at(from));
    }
    check(2, Some(DAY), (LimitedBy::Age, true, 3 * DAY));
    check(3, Some(DAY), (LimitedBy::Age, true, 3 * DAY));
    check(4, Some(DAY), (LimitedBy::Count, true, 9 * DAY + 1));
    check(2, Some(8 * DAY), (LimitedBy::History, false, 8 * DAY));
    check(0, None, (LimitedBy::History, false, 10 * DAY));
    // More events than fit: it does not matter how far the history goes.
    check(4, Some(8 * DAY), (LimitedBy::Count, true, 9 * DAY + 1));
}

#[test]
fn a_gap_makes_exactly_the_windows_that_it_touches_incomplete() {
    #[track_caller]
    fn check(gap_to: i64, max_events: usize, complete: bool) {
        let now = at(10 * DAY);
        let mut window = Window::new(Extent {
            days: 7,
            max_events,
        });
        for day in [4, 6, 8] {
            let id = EventId(day);
            window.insert(id, at(i64::try_from(day).unwrap() * DAY), "PushEvent", now);
        }
        let gap = Gap {
            from: at(DAY),
            to: at(gap_to),
            reason: GapReason::Overflow,
            events_missed_at_least: 0,
        };
        let report = window.report(Some(at(0)), std::slice::from_ref(&gap), now);
        assert_eq!(report.complete, complete);
        assert_eq!(report.gaps, if complete { vec![] } else { vec![gap] });
    }
    // By age the window begins on day 3.
    check(3 * DAY, 9, true);
    check(3 * DAY + 1, 9, false);
    // By count it begins with the event of day 6.
    check(6 * DAY, 2, true);
    check(6 * DAY + 1, 2, false);
}

/// One real hour: every event of every repository in it, in the order of the archive.
#[test]
fn averages_of_a_real_hour_equal_a_naive_recomputation() {
    let Some(folder) = std::env::var_os("SHARED_DATA_DIR") else {
        eprintln!("note: SHARED_DATA_DIR is not set: the real hour of events was not read");
        return;
    };
    let path = std::path::Path::new(&folder).join("gharchive/2015-01-01-15.json.gz");
    let file = std::fs::File::open(path).expect("the archive is in the folder of recorded data");
    let lines =
        std::io::BufRead::lines(std::io::BufReader::new(flate2::read::GzDecoder::new(file)));
    let mut windows: BTreeMap<u64, Window> = BTreeMap::new();
    let mut seen: BTreeMap<u64, Vec<crate::Event>> = BTreeMap::new();
    let now = Timestamp::parse("2015-01-01T16:00:00Z").unwrap();
    for line in lines {
        let event = crate::event::parse_event(&line.unwrap()).unwrap();
        let window = windows
            .entry(event.repository_id)
            .or_insert_with(|| Window::new(Extent::default()));
        window.insert(event.id, event.created_at, &event.kind, now);
        seen.entry(event.repository_id).or_default().push(event);
    }
    let mut averages = 0;
    for (repository, window) in &windows {
        let mut events: Vec<_> = seen[repository]
            .iter()
            .map(|event| (event.position(), &event.kind))
            .collect();
        events.sort_unstable();
        events.dedup_by_key(|((_, id), _)| *id);
        let surplus = events.len().saturating_sub(500);
        events.drain(..surplus);
        for kind in window.kinds() {
            let moments: Vec<i64> = events
                .iter()
                .filter(|(_, other)| &***other == kind)
                .map(|((at, _), _)| at.seconds())
                .collect();
            let gaps: Vec<i64> = moments.windows(2).map(|pair| pair[1] - pair[0]).collect();
            #[expect(clippy::cast_precision_loss, reason = "an hour has 3600 seconds")]
            let expected =
                (!gaps.is_empty()).then(|| gaps.iter().sum::<i64>() as f64 / gaps.len() as f64);
            assert_eq!(
                window.average_seconds(kind),
                expected,
                "{kind} of {repository}"
            );
            averages += usize::from(expected.is_some());
        }
    }
    assert!(
        averages > 100,
        "the hour has many repositories with several events of a type"
    );
}
