//! The state of polls is changed before anything is done.

use crate::gap::{Gap, GapReason};
use crate::policy::Policy;
use crate::poll::Silence;
use crate::store::{
    Begun, EventFilter, Kept, News, PollRequest, Repository, RepositoryId, Requested, Started,
    Store,
};
use crate::{EventId, Timestamp};

use crate::drills::rig::{EVERYTHING, added, at, event, on_both};

fn poll(id: RepositoryId, now: Timestamp, next: Timestamp) -> PollRequest<'static> {
    PollRequest {
        id,
        now,
        next_poll_at: next,
        allowed_at: now.after(std::time::Duration::from_secs(60)),
        interval_seconds: 300.0,
        policy: Policy::Sqrt,
        holder: None,
    }
}

async fn begun(store: &Store, poll: PollRequest<'_>) -> Started {
    match store.begin_poll(&poll).await.unwrap() {
        Begun::Yes(started) => started,
        Begun::No => panic!("it is due"),
    }
}

async fn repository(store: &Store, id: RepositoryId) -> Repository {
    store.repository_by_id(id).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_poll_begins_once_in_an_interval() {
    on_both(async |store| {
        let id = added(&store, "o/r").await.id;
        let first = poll(id, at(0), at(300));
        assert_eq!(begun(&store, first).await, Started(1));
        assert_eq!(store.begin_poll(&first).await.unwrap(), Begun::No);
        let early = poll(id, at(299), at(600));
        assert_eq!(store.begin_poll(&early).await.unwrap(), Begun::No);
        let stored = repository(&store, id).await;
        assert_eq!(stored.next_poll_at, Some(at(300)));
        assert_eq!(stored.interval_seconds, Some(300.0));
        assert_eq!(stored.policy, Some(Policy::Sqrt));
        assert_eq!(stored.last_poll_at, None);
        store.deactivate(id, None).await.unwrap();
        let inactive = poll(id, at(300), at(600));
        assert_eq!(store.begin_poll(&inactive).await.unwrap(), Begun::No);
    })
    .await;
}

#[tokio::test]
async fn what_a_poll_brought_is_stored_whole_unless_it_was_overtaken() {
    on_both(async |store| {
        let id = added(&store, "o/r").await.id;
        let slow = begun(&store, poll(id, at(0), at(300))).await;
        let quick = begun(&store, poll(id, at(300), at(600))).await;
        let gap = Gap {
            from: at(0),
            to: at(10),
            reason: GapReason::Overflow,
            events_missed_at_least: 3,
        };
        let events = [event(1, "PushEvent", 10), event(2, "PushEvent", 20)];
        let news = News {
            polled_at: Some(at(301)),
            events: &events,
            etag: Some("W/\"new\""),
            silence: Silence::default().doubted(at(301)),
            covered_from: Some(at(10)),
            gap: Some(&gap),
            poll_interval_seconds: Some(90),
            swept_at: Some(at(301)),
            github_id: Some(7),
            allowed_at: Some(at(700)),
            next_poll_at: Some(at(650)),
            trouble: Some("frozen"),
        };
        let kept = store.finish_poll(id, quick, &news).await.unwrap();
        assert_eq!(kept, Kept::New([EventId(1), EventId(2)].into()));
        let old = [event(3, "PushEvent", 1)];
        let overtaken = News {
            events: &old,
            etag: Some("\"old\""),
            ..News::default()
        };
        let kept = store.finish_poll(id, slow, &overtaken).await.unwrap();
        assert_eq!(kept, Kept::Overtaken);
        let stored = repository(&store, id).await;
        assert_eq!(stored.etag.as_deref(), Some("W/\"new\""));
        assert_eq!(stored.last_poll_at, Some(at(301)));
        assert_eq!(stored.next_poll_at, Some(at(700)));
        assert_eq!(stored.silence, Silence::default().doubted(at(301)));
        assert_eq!(stored.covered_from, Some(at(10)));
        assert_eq!(stored.poll_interval_seconds, Some(90));
        assert_eq!(stored.swept_at, Some(at(301)));
        assert_eq!(stored.github_id, Some(7));
        assert_eq!(stored.last_error.as_deref(), Some("frozen"));
        assert_eq!(stored.events_stored, 2);
        assert_eq!(store.gaps(id).await.unwrap(), [gap]);
        // A 304 without any header leaves what is known, and ends trouble.
        let third = begun(&store, poll(id, at(700), at(900))).await;
        let nothing = News {
            polled_at: Some(at(701)),
            covered_from: Some(at(15)),
            ..News::default()
        };
        store.finish_poll(id, third, &nothing).await.unwrap();
        let after = repository(&store, id).await;
        assert_eq!(after.etag.as_deref(), Some("W/\"new\""));
        assert_eq!(after.poll_interval_seconds, Some(90));
        assert_eq!(after.covered_from, Some(at(10)));
        assert_eq!(after.last_error, None);
        let page = store.events(id, &EventFilter::default(), EVERYTHING).await;
        assert_eq!(page.unwrap().total, 2);
    })
    .await;
}

#[tokio::test]
async fn a_poll_is_brought_forward_as_far_as_github_allows() {
    on_both(async |store| {
        let id = added(&store, "o/r").await.id;
        assert_eq!(
            store.request_poll(id, at(0)).await.unwrap(),
            Requested::At(at(0))
        );
        begun(&store, poll(id, at(0), at(300))).await;
        assert_eq!(
            store.request_poll(id, at(10)).await.unwrap(),
            Requested::NotBefore(at(60))
        );
        assert_eq!(repository(&store, id).await.next_poll_at, Some(at(60)));
        assert_eq!(
            store.request_poll(id, at(100)).await.unwrap(),
            Requested::At(at(100))
        );
        store.silence_all(at(500), "limited").await.unwrap();
        assert_eq!(
            store.request_poll(id, at(100)).await.unwrap(),
            Requested::NotBefore(at(500))
        );
        store.fail_poll(id, "502", None).await.unwrap();
        assert_eq!(
            repository(&store, id).await.last_error.as_deref(),
            Some("502")
        );
        store.deactivate(id, None).await.unwrap();
        assert_eq!(
            store.request_poll(id, at(900)).await.unwrap(),
            Requested::Inactive
        );
    })
    .await;
}
