//! The averages of the store and of the window in memory equal a recomputation that does it all by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::command::backfill;
use crate::store::{EventFilter, Page, Store};
use crate::window::{Extent, Window};
use crate::{Event, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tempfile::TempDir;

use crate::drills::rig::{added, at, event, opened};

const DAY: i64 = 86_400;
const KINDS: [&str; 3] = ["PushEvent", "WatchEvent", "ForkEvent"];

/// By type, over all events that ever came: those of the window, and of each type the mean of the gaps, one by one.
fn by_hand(
    seen: &BTreeMap<u64, (Timestamp, String)>,
    extent: Extent,
    now: Timestamp,
) -> BTreeMap<String, (usize, Option<f64>)> {
    let start = now.seconds() - i64::from(extent.days) * DAY;
    let mut newest: Vec<(i64, u64, &str)> = seen
        .iter()
        .map(|(id, (at, kind))| (at.seconds(), *id, kind.as_str()))
        .filter(|(at, _, _)| *at > start)
        .collect();
    newest.sort_unstable();
    newest.reverse();
    newest.truncate(extent.max_events);
    let kinds: BTreeSet<&str> = newest.iter().map(|(_, _, kind)| *kind).collect();
    let of = |kind: &str| {
        let moments: Vec<i64> = newest
            .iter()
            .filter(|(_, _, other)| *other == kind)
            .map(|(at, _, _)| *at)
            .collect();
        let gaps: Vec<i64> = moments.windows(2).map(|pair| pair[0] - pair[1]).collect();
        let mean = gaps.iter().sum::<i64>() as f64 / gaps.len() as f64;
        (moments.len(), (!gaps.is_empty()).then_some(mean))
    };
    kinds
        .into_iter()
        .map(|kind| (kind.to_owned(), of(kind)))
        .collect()
}

fn of_window(window: &mut Window, now: Timestamp) -> BTreeMap<String, (usize, Option<f64>)> {
    window.expire(now);
    let kinds: Vec<String> = window.kinds().map(str::to_owned).collect();
    let of = |kind: &String| {
        let statistics = window.statistics(kind);
        assert_eq!(statistics.average_seconds, window.average_seconds(kind));
        (statistics.count, statistics.average_seconds)
    };
    kinds.iter().map(|kind| (kind.clone(), of(kind))).collect()
}

#[track_caller]
fn check(
    found: &BTreeMap<String, (usize, Option<f64>)>,
    expected: &BTreeMap<String, (usize, Option<f64>)>,
) {
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        expected.keys().collect::<Vec<_>>()
    );
    for (kind, (count, mean)) in expected {
        let (found_count, found_mean) = found[kind];
        assert_eq!(found_count, *count, "{kind}");
        match (found_mean, mean) {
            (None, None) => {}
            (Some(found), Some(mean)) => {
                assert!((found - mean).abs() < 1e-6, "{kind}: {found} {mean}")
            }
            (found, mean) => panic!("{kind}: {found:?} {mean:?}"),
        }
    }
}

/// Batches of polls: how much time passes before each, and its events by number, moment and type.
type Polls = Vec<(i64, Vec<(u64, i64, usize)>)>;

fn polls() -> impl Strategy<Value = Polls> {
    let events = prop::collection::vec((1_u64..80, 0_i64..2 * DAY, 0_usize..3), 0..25);
    prop::collection::vec((0_i64..DAY / 2, events), 1..12)
}

async fn one_case(store: &Store, number: u32, polls: Polls, max_events: usize) {
    let extent = Extent {
        days: 1,
        max_events,
    };
    let id = added(store, &format!("o/case-{number}")).await.id;
    let mut seen: BTreeMap<u64, (Timestamp, String)> = BTreeMap::new();
    let mut window = Window::new(extent);
    let mut now = at(3 * DAY);
    for (advance, batch) in polls {
        now = Timestamp::from_seconds(now.seconds() + advance);
        let made = |(event_id, age, kind): &(u64, i64, usize)| -> Event {
            // Moments of a few values: ties. Numbers of another case are others.
            let moment = now.seconds() - at(0).seconds() - age / 600 * 600;
            event(u64::from(number) * 1000 + event_id, KINDS[*kind], moment)
        };
        let events: Vec<Event> = batch.iter().map(made).collect();
        let new = store.insert(id, &events).await.unwrap();
        for event in &events {
            // An event that comes again, in whatever form, is the one that came first.
            let first = seen.entry(event.id.0);
            let (moment, kind) = first.or_insert((event.created_at, event.kind.to_string()));
            if new.contains(&event.id) {
                window.insert(event.id, *moment, kind, now);
            }
        }
        let expected = by_hand(&seen, extent, now);
        check(&of_window(&mut window, now), &expected);
        let mut rebuilt = store.window(id, extent, now).await.unwrap();
        check(&of_window(&mut rebuilt, now), &expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn averages_equal_a_recomputation_by_hand() {
    let folder = TempDir::new().unwrap();
    let store = opened(folder.path().join("events.db").to_str().unwrap()).await;
    tokio::task::spawn_blocking(move || {
        let mut runner = TestRunner::new(Config::with_cases(48));
        let number = std::cell::Cell::new(0);
        let cases = (polls(), 1_usize..60);
        let ran = runner.run(&cases, |(polls, max_events)| {
            number.set(number.get() + 1);
            let case = one_case(&store, number.get(), polls, max_events);
            tokio::runtime::Handle::current().block_on(case);
            Ok(())
        });
        ran.unwrap();
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn averages_of_a_real_hour_equal_a_recomputation_by_hand() {
    let Some(data) = std::env::var_os("SHARED_DATA_DIR") else {
        eprintln!("note: SHARED_DATA_DIR is not set: the real hour of events was not read");
        return;
    };
    let hour = PathBuf::from(data).join("gharchive/2015-01-01-15.json.gz");
    let histories = crate::command::histories(&hour, 40).unwrap();
    let folder = TempDir::new().unwrap();
    let store = opened(folder.path().join("events.db").to_str().unwrap()).await;
    for history in &histories {
        added(&store, history.name()).await;
    }
    let filled = backfill(&store, &[hour]).await.unwrap();
    assert_eq!(filled.read, 11_351);
    assert_eq!(filled.of_watched, filled.new);
    let (repositories, _) = store
        .repositories(Page {
            number: 1,
            size: 100,
        })
        .await
        .unwrap();
    let now = Timestamp::parse("2015-01-01T16:00:00Z").unwrap();
    for (repository, history) in repositories.iter().zip(&histories) {
        let everything = Page {
            number: 1,
            size: 5000,
        };
        let page = store
            .events(repository.id, &EventFilter::default(), everything)
            .await;
        let page = page.unwrap();
        assert_eq!(page.events.len(), history.len(), "{}", history.name());
        let mut seen = BTreeMap::new();
        for raw in &page.events {
            let event: serde_json::Value = serde_json::from_str(raw).unwrap();
            let text = |name: &str| event[name].as_str().unwrap().to_owned();
            let moment = Timestamp::parse(&text("created_at")).unwrap();
            seen.insert(text("id").parse().unwrap(), (moment, text("type")));
        }
        for max_events in [20, 500] {
            let extent = Extent {
                days: 7,
                max_events,
            };
            let mut window = store.window(repository.id, extent, now).await.unwrap();
            check(&of_window(&mut window, now), &by_hand(&seen, extent, now));
        }
    }
}
