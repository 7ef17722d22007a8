use super::*;
use crate::store::repositories::RepositoryRecord;

async fn pass(
    store: &Store,
    kind: EdgeKind,
    anchor: Anchor,
    others: &[i64],
    now: Moment,
) -> PassResult {
    let pass = store.begin_pass(kind, anchor).await.unwrap();
    for page in others.chunks(2) {
        store.append_page(&pass, page, now).await.unwrap();
    }
    store
        .finish_pass(&pass, PassEnd::Complete, now)
        .await
        .unwrap()
}

async fn others(store: &Store, kind: EdgeKind, side: Side, id: i64) -> Vec<i64> {
    let edges = store.edges_of(kind, side, &[id], 100).await.unwrap();
    edges.into_iter().map(|(_, other)| other).collect()
}

pub(super) async fn a_complete_pass_closes_what_it_did_not_see(store: &Store) {
    let list = Anchor::To(1);
    let first = pass(store, EdgeKind::Follows, list, &[2, 3, 4], at(0)).await;
    assert_eq!((first.closed.len(), first.open), (0, 3));
    let second = pass(store, EdgeKind::Follows, list, &[2, 4, 5], at(1)).await;
    assert_eq!((second.closed, second.open), (vec![3], 3));
    assert_eq!(
        others(store, EdgeKind::Follows, Side::To, 1).await,
        [2, 4, 5]
    );
    assert_eq!(
        others(store, EdgeKind::Follows, Side::From, 3).await,
        Vec::<i64>::new()
    );
    // Followed again.
    let third = pass(store, EdgeKind::Follows, list, &[2, 3, 4, 5], at(2)).await;
    assert_eq!(third.open, 4);
    assert_eq!(store.counter("follows").await.unwrap(), 4);
}

pub(super) async fn an_aborted_pass_closes_nothing(store: &Store) {
    let list = Anchor::From(1);
    pass(store, EdgeKind::Stars, list, &[2, 3], at(0)).await;
    let aborted = store.begin_pass(EdgeKind::Stars, list).await.unwrap();
    store.append_page(&aborted, &[2], at(1)).await.unwrap();
    let result = store
        .finish_pass(&aborted, PassEnd::Aborted, at(1))
        .await
        .unwrap();
    assert_eq!((result.closed.len(), result.open), (0, 2));
}

pub(super) async fn both_ends_may_be_read_at_once(store: &Store) {
    // The followers of 1 are being read when 2, who has just followed, is read from the other end.
    let followers = store
        .begin_pass(EdgeKind::Follows, Anchor::To(1))
        .await
        .unwrap();
    store.append_page(&followers, &[3], at(0)).await.unwrap();
    pass(store, EdgeKind::Follows, Anchor::From(2), &[1], at(0)).await;
    let result = store
        .finish_pass(&followers, PassEnd::Complete, at(0))
        .await
        .unwrap();
    assert_eq!((result.closed.len(), result.open), (0, 2));
}

pub(super) async fn a_pass_begun_earlier_at_the_other_end_protects_what_it_sees_later(
    store: &Store,
) {
    let following = store
        .begin_pass(EdgeKind::Follows, Anchor::From(2))
        .await
        .unwrap();
    let followers = store
        .begin_pass(EdgeKind::Follows, Anchor::To(1))
        .await
        .unwrap();
    store.append_page(&following, &[1], at(0)).await.unwrap();
    let result = store
        .finish_pass(&followers, PassEnd::Complete, at(0))
        .await
        .unwrap();
    assert_eq!((result.closed.len(), result.open), (0, 1));
}

pub(super) async fn a_page_stored_twice_doubles_nothing(store: &Store) {
    let list = store
        .begin_pass(EdgeKind::Follows, Anchor::From(1))
        .await
        .unwrap();
    assert_eq!(
        store.append_page(&list, &[2, 3, 2], at(0)).await.unwrap(),
        [2, 3]
    );
    assert!(
        store
            .append_page(&list, &[2, 3], at(0))
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(store.counter("follows").await.unwrap(), 2);
}

pub(super) async fn whoever_gains_a_follower_is_due_unless_a_back_off_runs(store: &Store) {
    for (id, back_off) in [(1, 0), (2, 86_400)] {
        store
            .upsert_developers(&[listed(id, &format!("d{id}"))], 0, at(0))
            .await
            .unwrap();
        store
            .mark_developer(id, &synced(at(0), 5_000, back_off))
            .await
            .unwrap();
    }
    pass(store, EdgeKind::Follows, Anchor::From(3), &[1, 2], at(10)).await;
    let due = store.candidates(None, 10, at(10)).await.unwrap();
    assert_eq!(due.iter().map(|due| due.github_id).collect::<Vec<_>>(), [1]);
}

pub(super) async fn a_transferred_repository_has_one_owner(store: &Store) {
    let record = |owner, full_name: &str| RepositoryRecord {
        github_id: 10,
        owner_github_id: owner,
        name: "r".to_owned(),
        full_name: full_name.to_owned(),
        ..RepositoryRecord::default()
    };
    let watched = RepositoryRecord {
        subscribers_count: Some(4),
        ..record(1, "ada/r")
    };
    store.upsert_repositories(&[watched], at(0)).await.unwrap();
    store
        .upsert_repositories(&[record(2, "bob/r")], at(1))
        .await
        .unwrap();
    assert_eq!(
        others(store, EdgeKind::Owns, Side::From, 1).await,
        Vec::<i64>::new()
    );
    assert_eq!(others(store, EdgeKind::Owns, Side::From, 2).await, [10]);
    assert_eq!(store.counter("owns").await.unwrap(), 1);
    assert_eq!(store.counter("repositories").await.unwrap(), 1);
    let stored = store
        .repository_by_full_name("BOB/R")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stored.record.subscribers_count, Some(4));
    assert_eq!(stored.fetched_at, Some(at(0)));
}

pub(super) async fn lists_of_thousands_come_in_order_up_to_the_limit(store: &Store) {
    // Opened backwards, and with ids of different lengths: neither the order of rows nor that of texts will do.
    for (owner, count) in [(7, 4_000), (5, 3), (60, 40)] {
        let followers: Vec<i64> = (1..=count).rev().map(|at| at * 37).collect();
        let list = Anchor::To(owner);
        let reading = store.begin_pass(EdgeKind::Follows, list).await.unwrap();
        store
            .append_page(&reading, &followers, at(0))
            .await
            .unwrap();
    }
    let others = |of: i64, count: i64| (of, (1..=count).map(|at| at * 37).collect::<Vec<i64>>());
    let found = async |ids: &[i64], limit| {
        let found = store.others_of(EdgeKind::Follows, Side::To, ids, limit);
        match found.await.unwrap() {
            Others::All(mut found) => {
                found.sort();
                Some(found)
            }
            Others::TooMany => None,
        }
    };
    let ids = [60, 7, 8, 5];
    let all = [(8, vec![]), others(5, 3), others(7, 4_000), others(60, 40)];
    let mut all = Vec::from(all);
    all.sort();
    // With room for many, and with none to spare: then the shares of those that have few go to those that have many.
    assert_eq!(found(&ids, i64::MAX).await, Some(all.clone()));
    assert_eq!(found(&ids, 4_043).await, Some(all));
    assert_eq!(found(&ids, 4_042).await, None);
    assert_eq!(found(&ids, 3).await, None);
    assert_eq!(
        found(&[5, 8], 3).await,
        Some(vec![others(5, 3), (8, vec![])])
    );
    assert_eq!(found(&[5, 8], 2).await, None);
    assert_eq!(found(&[8], 0).await, Some(vec![(8, vec![])]));
    assert_eq!(found(&[5], 0).await, None);
    assert_eq!(found(&[], 0).await, Some(vec![]));
    let pairs = store.edges_of(EdgeKind::Follows, Side::To, &[7, 5], 5);
    let pairs = pairs.await.unwrap();
    assert_eq!(pairs, [(5, 37), (5, 74), (5, 111), (7, 37), (7, 74)]);
}
