//! Events are kept byte for byte, and found by type, time and actor.

use crate::store::{EventFilter, Page, RepositoryId, Store};
use crate::window::Extent;
use crate::{Event, EventId};

use crate::drills::rig::{EVERYTHING, added, at, event, event_of, on_both};

async fn raw(store: &Store, id: RepositoryId, filter: &EventFilter) -> Vec<String> {
    let page = store.events(id, filter, EVERYTHING).await.unwrap();
    assert_eq!(page.events.len() as u64, page.total);
    page.events
}

fn json(events: &[&Event]) -> Vec<String> {
    events.iter().map(|event| event.raw.to_string()).collect()
}

#[tokio::test]
async fn order_filters_pages_and_the_very_bytes() {
    on_both(async |store| {
        let id = added(&store, "o/r").await.id;
        let other = added(&store, "o/other").await.id;
        let push = event(9, "PushEvent", 10);
        // Of one second: 10 comes after 9, whatever their digits say.
        let star = event_of(10, "WatchEvent", 10, "Hubot");
        let late = event(11, "IssuesEvent", 5);
        let all = [push.clone(), star.clone(), late.clone()];
        assert_eq!(store.insert(id, &all).await.unwrap().len(), 3);
        store
            .insert(other, &[event(1, "PushEvent", 7)])
            .await
            .unwrap();
        let everything = raw(&store, id, &EventFilter::default()).await;
        assert_eq!(everything, json(&[&star, &push, &late]));
        let types = |types: &[&str]| EventFilter {
            types: types.iter().map(|&kind| kind.to_owned()).collect(),
            ..EventFilter::default()
        };
        let some = raw(&store, id, &types(&["PushEvent", "IssuesEvent"])).await;
        assert_eq!(some, json(&[&push, &late]));
        assert!(raw(&store, id, &types(&["GollumEvent"])).await.is_empty());
        let within = EventFilter {
            since: Some(at(5)),
            until: Some(at(9)),
            ..EventFilter::default()
        };
        assert_eq!(raw(&store, id, &within).await, json(&[&late]));
        let by = EventFilter {
            actor: Some("hUBOT".to_owned()),
            until: Some(at(10)),
            ..types(&["WatchEvent"])
        };
        assert_eq!(raw(&store, id, &by).await, json(&[&star]));
        let second = Page { number: 2, size: 2 };
        let page = store.events(id, &EventFilter::default(), second).await;
        let page = page.unwrap();
        assert_eq!((page.total, page.events), (3, json(&[&late])));
    })
    .await;
}

#[tokio::test]
async fn the_first_form_of_an_event_stays() {
    on_both(async |store| {
        let id = added(&store, "o/r").await.id;
        let first = event(1, "PushEvent", 10);
        store
            .insert(id, std::slice::from_ref(&first))
            .await
            .unwrap();
        let mut trimmed = event_of(1, "PushEvent", 10, "ghost");
        trimmed.raw = trimmed.raw.replace("payload", "gone").into();
        let again = [trimmed.clone(), event(2, "PushEvent", 11)];
        let news = store.insert(id, &again);
        assert_eq!(news.await.unwrap(), [EventId(2)].into());
        let everything = raw(&store, id, &EventFilter::default()).await;
        assert_eq!(everything[1], &*first.raw);
        let known = store.known(&[trimmed, event(3, "PushEvent", 1)]).await;
        assert_eq!(known.unwrap(), [EventId(1)].into());
        let repository = store.repository_by_id(id).await.unwrap().unwrap();
        assert_eq!(repository.events_stored, 2);
        assert_eq!(repository.oldest_event_at, Some(at(10)));
        assert_eq!(repository.newest_event_at, Some(at(11)));
    })
    .await;
}

#[tokio::test]
async fn a_window_is_cut_from_the_store_and_old_events_can_go() {
    on_both(async |store| {
        let id = added(&store, "o/r").await.id;
        let many: Vec<Event> = (1..=1_200)
            .map(|n| event(n, "PushEvent", i64::try_from(n).unwrap()))
            .collect();
        assert_eq!(store.insert(id, &many).await.unwrap().len(), 1_200);
        let now = at(1_200);
        let extent = Extent {
            days: 7,
            max_events: 500,
        };
        let mut window = store.window(id, extent, now).await.unwrap();
        assert_eq!(window.len(), 500);
        assert_eq!(window.average_seconds("PushEvent"), Some(1.0));
        let report = window.report(Some(at(-10 * 86_400)), &[], now);
        assert_eq!(report.from, at(701));
        assert_eq!(
            store.newest_moments(id, 2).await.unwrap(),
            [at(1_200), at(1_199)]
        );
        assert_eq!(store.forget_before(at(1_000)).await.unwrap(), 999);
        let repository = store.repository_by_id(id).await.unwrap().unwrap();
        assert_eq!(repository.events_stored, 201);
        assert_eq!(raw(&store, id, &EventFilter::default()).await.len(), 201);
        store.remove(id).await.unwrap();
        assert!(raw(&store, id, &EventFilter::default()).await.is_empty());
    })
    .await;
}
