//! Messages come once and in order, to whichever process their listener comes.

use std::collections::BTreeSet;

use service_runtime::SystemClock;
use tempfile::TempDir;
use test_servers::Postgres;

use super::*;
use crate::event::{Event, parse_event};
use crate::gap::{Gap, GapReason};
use crate::policy::Policy;
use crate::store::{Adding, Begun, Kept, NewRepository, News, PollRequest, Standing, StoreOptions};
use crate::window::Extent;
use crate::{EventId, FullName};

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(1_767_225_600).after(Duration::from_secs(seconds))
}

fn event(id: u64) -> Event {
    let moment = at(id);
    parse_event(&format!(
        r#"{{"id":"{id}","type":"PushEvent","actor":{{"login":"a"}},"repo":{{"id":7,"name":"o/r"}},"created_at":"{moment}"}}"#
    ))
    .unwrap()
}

async fn opened(address: &str) -> Store {
    Store::open(address, StoreOptions::default()).await.unwrap()
}

async fn added(store: &Store, name: &str) -> RepositoryId {
    let new = NewRepository {
        full_name: FullName::parse(name).unwrap(),
        github_id: None,
        standing: Standing::Active,
    };
    match store.add(&[new], usize::MAX, at(0)).await.unwrap() {
        Adding::Done(added) => added[0].repository.id,
        Adding::LimitReached(_) => panic!("there is no limit"),
    }
}

/// Stores what a poll brought.
async fn bring(store: &Store, id: RepositoryId, events: &[u64], gap: Option<&Gap>) {
    let poll = PollRequest {
        id,
        now: at(0),
        // Due again at once.
        next_poll_at: at(0),
        allowed_at: at(0),
        interval_seconds: 1.0,
        policy: Policy::Fixed,
        holder: None,
    };
    let Begun::Yes(started) = store.begin_poll(&poll).await.unwrap() else {
        panic!("it is due");
    };
    let events: Vec<Event> = events.iter().copied().map(event).collect();
    let news = News {
        events: &events,
        gap,
        ..News::default()
    };
    let kept = store.finish_poll(id, started, &news).await.unwrap();
    assert!(matches!(kept, Kept::New(_)));
}

async fn herald(store: &Store, replay_messages: usize) -> Arc<Herald> {
    let parts = Parts {
        store: store.clone(),
        windows: Windows::new(Extent::default()),
        clock: Arc::new(SystemClock),
        replay_messages,
    };
    Arc::new(Herald::new(parts).await.unwrap())
}

/// A store in a file, with a repository.
async fn file() -> (TempDir, Store, RepositoryId) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("events.db");
    let store = opened(path.to_str().unwrap()).await;
    let id = added(&store, "o/r").await;
    (folder, store, id)
}

fn field<'a>(message: &'a Message, name: &str) -> &'a str {
    let line = message
        .text
        .lines()
        .find_map(|line| line.strip_prefix(name));
    line.unwrap()
}

/// The next message in short: an event's id, or the topic.
async fn next(listener: &mut Listener) -> String {
    let message = listener.next().await.unwrap();
    let topic = field(&message, "event: ");
    let data: serde_json::Value = serde_json::from_str(field(&message, "data: ")).unwrap();
    match topic {
        "event" => data["id"].as_str().unwrap().to_owned(),
        _ => {
            assert_eq!(data["repository"], "o/r");
            topic.to_owned()
        }
    }
}

#[tokio::test]
async fn who_comes_back_gets_what_was_missed_once_from_whichever_process() {
    let (_folder, store, id) = file().await;
    let (one, two) = (herald(&store, 100).await, herald(&store, 100).await);
    // Nobody has listened, and nobody is told.
    bring(&store, id, &[1], None).await;
    let mut listener = one.listen(None).await.unwrap();
    bring(&store, id, &[2, 3], None).await;
    one.follow().await.unwrap();
    let first = listener.next().await.unwrap();
    assert!(field(&first, "data: ").contains(r#""id":"2""#), "{first:?}");
    for expected in ["3", "stats"] {
        assert_eq!(next(&mut listener).await, expected);
    }
    drop(listener);
    let gap = Gap {
        from: at(3),
        to: at(4),
        reason: GapReason::Overflow,
        events_missed_at_least: 1,
    };
    // 3 is known, and no news.
    bring(&store, id, &[3, 4], Some(&gap)).await;
    bring(&store, id, &[4], None).await;
    for herald in [&one, &two] {
        let mut again = herald.listen(Some(field(&first, "id: "))).await.unwrap();
        for expected in ["3", "stats", "4", "gap", "stats"] {
            assert_eq!(next(&mut again).await, expected);
        }
        assert!(again.coming.is_empty());
    }
    // What is stored while somebody reads what was missed comes after it.
    let mut again = two.listen(Some(field(&first, "id: "))).await.unwrap();
    bring(&store, id, &[5], None).await;
    two.follow().await.unwrap();
    let mut other = two.listen(None).await.unwrap();
    bring(&store, id, &[6], None).await;
    two.follow().await.unwrap();
    for expected in [
        "3", "stats", "4", "gap", "stats", "5", "stats", "6", "stats",
    ] {
        assert_eq!(next(&mut again).await, expected);
    }
    assert_eq!(next(&mut other).await, "6");
}

#[tokio::test]
async fn an_unknown_id_gets_all_that_may_be_had() {
    let (_folder, store, id) = file().await;
    let herald = herald(&store, 3).await;
    bring(&store, id, &[1, 2, 3], None).await;
    let future = format!("{}-1000", herald.epoch);
    let old = format!("{}-1", herald.epoch);
    for last in ["", "x", "00000000-99", &future, &old] {
        let mut listener = herald.listen(Some(last)).await.unwrap();
        for expected in ["2", "3", "stats"] {
            assert_eq!(next(&mut listener).await, expected, "{last}");
        }
    }
}

#[tokio::test]
async fn what_is_gone_is_told_no_more() {
    let (_folder, store, id) = file().await;
    let herald = herald(&store, 100).await;
    bring(&store, id, &[1, 2], None).await;
    store.forget_before(at(2)).await.unwrap();
    let mut listener = herald.listen(Some("")).await.unwrap();
    for expected in ["2", "stats"] {
        assert_eq!(next(&mut listener).await, expected);
    }
    store.remove(id).await.unwrap();
    let mut listener = herald.listen(Some("")).await.unwrap();
    let id = added(&store, "o/r").await;
    bring(&store, id, &[1], None).await;
    herald.follow().await.unwrap();
    assert_eq!(next(&mut listener).await, "1");
}

#[tokio::test]
async fn who_falls_behind_is_dropped() {
    let (_folder, store, id) = file().await;
    let herald = herald(&store, 4).await;
    let mut slow = herald.listen(None).await.unwrap();
    let many: Vec<u64> = (1..=100).collect();
    bring(&store, id, &many, None).await;
    herald.follow().await.unwrap();
    assert!(slow.next().await.is_none());
}

#[tokio::test]
async fn no_number_is_seen_before_a_smaller_one() {
    const POLLS: u64 = 25;
    let server = Postgres::start().await;
    let address = server.database("events");
    let store = opened(&address).await;
    let mut writers = Vec::new();
    for number in 1..=4 {
        let id = added(&store, &format!("o/{number}")).await;
        let own = opened(&address).await;
        writers.push(tokio::spawn(async move {
            for poll in 0..POLLS {
                let first = number * 1_000 + poll * 3;
                bring(&own, id, &[first, first + 1], None).await;
            }
        }));
    }
    // Two events and the statistics of each poll.
    let expected = 4 * POLLS * 3;
    let (mut after, mut events) = (0, BTreeSet::new());
    while after < expected {
        let stretch = Stretch {
            after,
            to: None,
            most: 7,
        };
        for one in store.announcements(stretch).await.unwrap() {
            assert_eq!(one.number, after + 1);
            after = one.number;
            if let Tidings::Event(raw) = one.tidings {
                let id: EventId = parse_event(&raw).unwrap().id;
                assert!(events.insert(id), "{raw} twice");
            }
        }
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(events.len() as u64, 4 * POLLS * 2);
    assert_eq!(store.announced().await.unwrap().newest, expected);
}
