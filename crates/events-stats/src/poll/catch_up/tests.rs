//! Reading a feed page by page, against feeds that grow, overflow, end and move while they are read.

use super::*;

const NOW: i64 = 40 * 86_400;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

/// The event number `id` of a feed with one event a minute, the newest of which is number 1000.
fn event(id: u64) -> Event {
    Event {
        id: EventId(id),
        kind: "PushEvent".into(),
        created_at: at(NOW - (1000 - i64::try_from(id).unwrap()) * 60),
        actor: "octocat".into(),
        repository_id: 1,
        repository: "o/r".into(),
        raw: "{}".into(),
    }
}

/// Reads a feed, newest first, 100 to a page, of which `known` is stored; also how many pages it took.
fn read(depth: Depth, feed: &[u64], known: &[u64]) -> (Found, u32) {
    let known: HashSet<EventId> = known.iter().copied().map(EventId).collect();
    let mut reading = CatchUp::new(depth);
    let pages: Vec<&[u64]> = feed.chunks(100).collect();
    loop {
        let number = reading.wanted();
        let Some(page) = pages.get(number as usize - 1) else {
            return (reading.at_end(), number);
        };
        // GitHub names a next page behind the third one too; asking for it is a 422.
        let more = match (number as usize) < pages.len() || pages.len() == 3 {
            true => More::Next,
            false => More::Last,
        };
        let events = page.iter().map(|id| event(*id)).collect();
        match reading.page(events, &known, more) {
            Progress::Wants(next) => reading = next,
            Progress::Done(found) => return (found, number),
        }
    }
}

fn feed(newest: u64, count: u64) -> Vec<u64> {
    (newest + 1 - count..=newest).rev().collect()
}

fn ids(found: &Found) -> Vec<u64> {
    found.new.iter().map(|event| event.id.0).collect()
}

fn before(newest: u64) -> Before {
    Before {
        newest: Some(event(newest).created_at),
        polled_at: Some(at(NOW - 3600)),
        running: Running::Polled,
        feed: FeedState::Moving,
    }
}

#[test]
fn one_page_is_enough_where_it_meets_what_is_known() {
    let (found, pages) = read(Depth::Overlap, &feed(1000, 300), &feed(995, 300));
    assert_eq!((ids(&found), pages), (vec![996, 997, 998, 999, 1000], 1));
    assert_eq!(found.gap(&before(995), at(NOW)), None);
}

#[test]
fn late_events_between_known_ones_are_found() {
    let mut known = feed(1000, 300);
    known.retain(|id| ![990, 950].contains(id));
    let (found, pages) = read(Depth::Overlap, &feed(1000, 300), &known);
    assert_eq!((ids(&found), pages), (vec![950, 990], 1));
    known.retain(|id| *id != 750);
    assert_eq!(
        ids(&read(Depth::Overlap, &feed(1000, 300), &known).0),
        [950, 990]
    );
    // Deeper down only a sweep finds them; it ends with the 422 for page 4.
    let (found, pages) = read(Depth::Everything, &feed(1000, 300), &known);
    assert_eq!((ids(&found), pages), (vec![750, 950, 990], 4));
}

#[test]
fn no_overlap_is_a_gap_with_its_reason() {
    let (found, pages) = read(Depth::Overlap, &feed(1000, 300), &feed(600, 300));
    assert_eq!((found.new.len(), pages), (300, 4));
    let gap = found.gap(&before(600), at(NOW)).unwrap();
    assert_eq!(
        (gap.from, gap.to),
        (event(600).created_at, event(701).created_at)
    );
    assert_eq!(gap.reason, GapReason::Overflow);
    let started = Before {
        running: Running::FirstPoll,
        ..before(600)
    };
    assert_eq!(
        found.gap(&started, at(NOW)).unwrap().reason,
        GapReason::Downtime
    );
    let silent = Before {
        feed: FeedState::Silent,
        ..before(600)
    };
    assert_eq!(
        found.gap(&silent, at(NOW)).unwrap().reason,
        GapReason::Upstream
    );
}

#[test]
fn a_first_poll_is_no_gap_and_a_short_feed_covers_its_thirty_days() {
    let first = Before {
        newest: None,
        polled_at: None,
        running: Running::FirstPoll,
        feed: FeedState::Moving,
    };
    let (full, _) = read(Depth::Overlap, &feed(1000, 300), &[]);
    assert_eq!(full.gap(&first, at(NOW)), None);
    assert_eq!(full.covers_from(at(NOW)), Some(event(701).created_at));
    let (short, pages) = read(Depth::Overlap, &feed(1000, 120), &[]);
    assert_eq!(pages, 2);
    assert_eq!(short.covers_from(at(NOW)), Some(at(NOW - KEPT_SECONDS)));
    let (empty, pages) = read(Depth::Overlap, &[], &[]);
    assert_eq!((empty.read, pages), (0, 1));
    assert_eq!(empty.covers_from(at(NOW)), Some(at(NOW - KEPT_SECONDS)));
}

#[test]
fn known_events_that_aged_out_are_no_gap_if_polls_went_on() {
    let (found, _) = read(Depth::Overlap, &feed(1000, 10), &feed(100, 10));
    assert_eq!(found.gap(&before(100), at(NOW)), None);
    let long_ago = Before {
        polled_at: Some(at(NOW - KEPT_SECONDS - 1)),
        ..before(100)
    };
    assert!(found.gap(&long_ago, at(NOW)).is_some());
}

#[test]
fn an_event_that_moves_to_the_next_page_meanwhile_counts_once() {
    let known = HashSet::from([EventId(1)]);
    let first = (901..=1000).rev().map(event).collect();
    let Progress::Wants(reading) = CatchUp::new(Depth::Overlap).page(first, &known, More::Next)
    else {
        panic!("nothing known yet");
    };
    assert_eq!(reading.wanted(), 2);
    let second = (850..=905).rev().map(event).collect();
    let Progress::Done(found) = reading.page(second, &known, More::Last) else {
        panic!("it was the last page");
    };
    assert_eq!(found.read, 151);
    assert_eq!(ids(&found), (850..=1000).collect::<Vec<_>>());
    assert_eq!(found.end, FeedEnd::Reached);
}
