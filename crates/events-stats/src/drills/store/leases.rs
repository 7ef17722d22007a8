//! A repository is polled by the process that holds its lease.

use crate::lease::Holder;
use crate::policy::Policy;
use crate::store::{Begun, LeaseClock, LeaseTerms, PollRequest};

use crate::drills::rig::{added, at, on_both};

#[tokio::test]
async fn a_lease_ends_when_it_is_not_renewed() {
    on_both(async |store| {
        let a = added(&store, "o/a").await.id;
        let terms = LeaseTerms::default();
        let (one, two) = (Holder::named("one"), Holder::named("two"));
        let lease = async |holder: &Holder, seconds: i64| {
            let clock = LeaseClock::Given(at(seconds));
            store.lease(holder, terms, clock).await.unwrap()
        };
        assert_eq!(lease(&one, 0).await, [a]);
        assert_eq!(lease(&two, 10).await, []);
        assert_eq!(lease(&one, 20).await, [a]);
        assert_eq!(lease(&two, 49).await, []);
        // A repository that comes later is free.
        let b = added(&store, "o/b").await.id;
        assert_eq!(lease(&two, 49).await, [b]);
        assert_eq!(lease(&two, 50).await, [a, b]);
        assert_eq!(lease(&one, 50).await, []);
        store.release(&two).await.unwrap();
        assert_eq!(lease(&one, 50).await, [a, b]);
        store.deactivate(a, None).await.unwrap();
        assert_eq!(lease(&one, 60).await, [b]);
    })
    .await;
}

#[tokio::test]
async fn without_the_lease_no_poll_begins() {
    on_both(async |store| {
        let id = added(&store, "o/r").await.id;
        let (one, two) = (Holder::named("one"), Holder::named("two"));
        let begin = async |holder: &Holder, seconds: i64| {
            let poll = PollRequest {
                id,
                now: at(seconds),
                next_poll_at: at(seconds + 60),
                allowed_at: at(seconds + 60),
                interval_seconds: 60.0,
                policy: Policy::Sqrt,
                holder: Some((holder, LeaseClock::Given(at(seconds)))),
            };
            matches!(store.begin_poll(&poll).await.unwrap(), Begun::Yes(_))
        };
        assert!(!begin(&one, 0).await, "nobody has the lease");
        let terms = LeaseTerms::default();
        let clock = LeaseClock::Given(at(0));
        store.lease(&one, terms, clock).await.unwrap();
        assert!(!begin(&two, 0).await);
        assert!(begin(&one, 0).await);
        assert!(!begin(&one, 100).await, "the lease has ended");
        // By the database's own clock, the same.
        let clock = LeaseClock::Database;
        assert_eq!(store.lease(&two, terms, clock).await.unwrap(), [id]);
        assert_eq!(store.lease(&one, terms, clock).await.unwrap(), []);
    })
    .await;
}
