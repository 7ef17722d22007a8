//! Which repositories are watched, and under which names.

use crate::FullName;
use crate::store::{
    Activation, Adding, Delivery, NewRepository, Novelty, Page, Standing, Store, StoreOptions,
};

use crate::drills::rig::{EVERYTHING, added, at, named, on_both, opened};

fn new(name: &str, standing: Standing) -> NewRepository {
    NewRepository {
        full_name: named(name),
        github_id: None,
        standing,
    }
}

async fn names(store: &Store) -> Vec<String> {
    let (all, total) = store.repositories(EVERYTHING).await.unwrap();
    assert_eq!(all.len() as u64, total);
    all.iter().map(|one| one.full_name.to_string()).collect()
}

#[tokio::test]
async fn a_list_is_added_whole_or_not_at_all() {
    on_both(async |store| {
        let list = [
            new("o/a", Standing::Active),
            new("o/b", Standing::Inactive),
            new("o/c", Standing::Active),
        ];
        let refused = store.add(&list, 1, at(0)).await.unwrap();
        assert_eq!(refused, Adding::LimitReached(vec![]));
        assert!(names(&store).await.is_empty());
        let Adding::Done(done) = store.add(&list, 2, at(0)).await.unwrap() else {
            panic!("two may be active");
        };
        assert!(done.iter().all(|one| one.novelty == Novelty::New));
        assert_eq!(names(&store).await, ["o/a", "o/b", "o/c"]);
        assert_eq!(done[1].repository.standing, Standing::Inactive);
        assert_eq!(done[1].repository.activated_at, None);
        assert_eq!(done[2].repository.activated_at, Some(at(0)));
        // Known ones are no news and take no place.
        let again = store
            .add(&[new("O/A", Standing::Active)], 2, at(9))
            .await
            .unwrap();
        let Adding::Done(again) = again else {
            panic!("it is active already");
        };
        assert_eq!(again[0].novelty, Novelty::Known);
        assert_eq!(again[0].repository, done[0].repository);
        let refused = store
            .add(&[new("o/d", Standing::Active)], 2, at(9))
            .await
            .unwrap();
        assert_eq!(
            refused,
            Adding::LimitReached(vec![named("o/a"), named("o/c")])
        );
        let second = Page { number: 2, size: 2 };
        let (page, total) = store.repositories(second).await.unwrap();
        assert_eq!(page[0].full_name, named("o/c"));
        assert_eq!((page.len(), total), (1, 3));
    })
    .await;
}

#[tokio::test]
async fn activating_keeps_the_limit_and_the_time_that_github_allows() {
    on_both(async |store| {
        let a = added(&store, "o/a").await;
        let b = added(&store, "o/b").await;
        store.silence_all(at(900), "limited").await.unwrap();
        store.deactivate(a.id, Some("gone (404)")).await.unwrap();
        let gone = store.repository_by_id(a.id).await.unwrap().unwrap();
        assert_eq!(gone.standing, Standing::Inactive);
        assert_eq!(gone.last_error.as_deref(), Some("gone (404)"));
        assert_eq!(
            store.activate(a.id, 1, at(5)).await.unwrap(),
            Activation::LimitReached(vec![named("o/b")])
        );
        // At the limit, an active one stays active.
        assert_eq!(
            store.activate(b.id, 1, at(5)).await.unwrap(),
            Activation::AlreadyActive
        );
        assert_eq!(
            store.activate(a.id, 2, at(5)).await.unwrap(),
            Activation::Activated
        );
        let back = store.repository_by_id(a.id).await.unwrap().unwrap();
        assert_eq!(back.last_error, None);
        assert_eq!(back.activated_at, Some(at(5)));
        assert_eq!(back.next_poll_at, Some(at(900)));
        store.activate(a.id, 2, at(6)).await.unwrap();
        let same = store.repository_by_id(a.id).await.unwrap().unwrap();
        assert_eq!(same.activated_at, Some(at(5)));
        store.remove(a.id).await.unwrap();
        assert_eq!(
            store.activate(a.id, 2, at(5)).await.unwrap(),
            Activation::Unknown
        );
    })
    .await;
}

#[tokio::test]
async fn an_old_name_leads_on_until_somebody_else_has_it() {
    on_both(async |store| {
        let old = added(&store, "o/Old").await;
        store
            .rename(old.id, &named("p/New"), 1_296_269)
            .await
            .unwrap();
        let found = async |name: &str| store.repository(&named(name)).await.unwrap();
        let renamed = found("P/new").await.unwrap();
        assert_eq!(renamed.id, old.id);
        assert_eq!(renamed.github_id, Some(1_296_269));
        assert_eq!(renamed.full_name, named("p/New"));
        assert_eq!(found("o/OLD").await.unwrap().id, old.id);
        // The number is the identity, whatever name is given.
        let mut known = new("o/old", Standing::Active);
        known.github_id = Some(1_296_269);
        let Adding::Done(done) = store.add(&[known], 9, at(1)).await.unwrap() else {
            panic!("nine may be active");
        };
        assert_eq!(done[0].novelty, Novelty::Known);
        // Another repository under the old name.
        let mut other = new("o/Old", Standing::Active);
        other.github_id = Some(42);
        let Adding::Done(done) = store.add(&[other], 9, at(1)).await.unwrap() else {
            panic!("nine may be active");
        };
        assert_eq!(done[0].novelty, Novelty::New);
        assert_ne!(found("o/old").await.unwrap().id, old.id);
        // And back again.
        store.remove(done[0].repository.id).await.unwrap();
        store
            .rename(old.id, &named("o/Old"), 1_296_269)
            .await
            .unwrap();
        assert_eq!(found("o/old").await.unwrap().id, old.id);
        assert_eq!(found("p/new").await.unwrap().id, old.id);
    })
    .await;
}

#[tokio::test]
async fn a_delivery_is_new_once() {
    on_both(async |store| {
        let guid = Delivery("72d3162e-cc78-11e3-81ab-4c9367dc0958");
        assert_eq!(store.deliver(guid, at(0)).await.unwrap(), Novelty::New);
        assert_eq!(store.deliver(guid, at(9)).await.unwrap(), Novelty::Known);
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_opened_says_why() {
    #[track_caller]
    fn check(problem: &str, expected: &str) {
        assert!(problem.contains(expected), "{problem}");
    }
    let open = async |address: &str| {
        let problem = Store::open(address, StoreOptions::default()).await;
        problem.unwrap_err().to_string()
    };
    check(
        &open("/nowhere/at/all.db").await,
        "cannot open the database /nowhere/at/all.db",
    );
    check(
        &open("mysql://h/d").await,
        "the scheme `mysql` is not known",
    );
    let port = test_servers::free_port();
    let problem = open(&format!("postgres://u:secret@127.0.0.1:{port}/d")).await;
    check(&problem, &format!("127.0.0.1:{port}/d"));
    assert!(!problem.contains("secret"));
}

#[tokio::test]
async fn a_new_database_may_be_opened_by_several_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.db");
    let address = path.to_str().unwrap();
    // Each has a thread of its own.
    let opening = (0..6).map(|_| Store::open(address, StoreOptions::default()));
    for opened in futures_util::future::join_all(opening).await {
        opened.unwrap();
    }
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.db");
    let address = format!("sqlite://{}", path.display());
    let store = opened(&address).await;
    let before = added(&store, "o/r").await;
    store.close().await;
    let store = opened(&address).await;
    let name: FullName = named("o/r");
    let after = store.repository(&name).await.unwrap().unwrap();
    assert_eq!(after, before);
}
