use super::*;

pub(super) async fn accounts_are_known_by_their_ids(store: &Store) {
    let first = [listed(1, "one"), described(2, "Two", 3)];
    let upserted = store.upsert_developers(&first, 1, at(0)).await.unwrap();
    assert_eq!(upserted.inserted, 2);
    let again = store.upsert_developers(&first, 0, at(1)).await.unwrap();
    assert_eq!(again.inserted, 0);
    assert_eq!(store.developer_count().await.unwrap(), 2);
    let known = store.known_developers(&[2, 3, 1]).await.unwrap();
    assert_eq!(
        known,
        [Known::Described(at(1)), Known::Unknown, Known::Listed]
    );
    let two = store.developer_by_login("tWO").await.unwrap().unwrap();
    assert_eq!((two.github_id, two.depth), (2, 0));
    assert_eq!(two.detail.unwrap().followers_count, 3);
    // A list tells less than the description: nothing is lost.
    store
        .upsert_developers(&[listed(2, "Two")], 5, at(2))
        .await
        .unwrap();
    let two = store.developer(2).await.unwrap().unwrap();
    assert_eq!((two.depth, two.detail.unwrap().followers_count), (0, 3));
}

pub(super) async fn logins_that_are_swapped_are_followed(store: &Store) {
    let before = [described(1, "ada", 0), described(2, "bob", 0)];
    store.upsert_developers(&before, 0, at(0)).await.unwrap();
    for id in [1, 2] {
        store
            .mark_developer(id, &synced(at(0), 1_000, 0))
            .await
            .unwrap();
    }
    // The list of someone else shows that 1 is bob now; 2 still bears that login here, and becomes due.
    store
        .upsert_developers(&[listed(1, "bob")], 0, at(10))
        .await
        .unwrap();
    assert_eq!(
        store
            .developer_by_login("bob")
            .await
            .unwrap()
            .unwrap()
            .github_id,
        1
    );
    let due = store.candidates(None, 10, at(10)).await.unwrap();
    assert_eq!(due.iter().map(|due| due.github_id).collect::<Vec<_>>(), [2]);
    store
        .upsert_developers(&[listed(2, "ada")], 0, at(11))
        .await
        .unwrap();
    assert_eq!(
        store
            .developer_by_login("ADA")
            .await
            .unwrap()
            .unwrap()
            .github_id,
        2
    );
    assert_eq!(
        store
            .developer_by_login("bob")
            .await
            .unwrap()
            .unwrap()
            .github_id,
        1
    );
    // What was seen earlier and arrives later changes nothing.
    store
        .upsert_developers(&[listed(2, "bob")], 0, at(5))
        .await
        .unwrap();
    assert_eq!(store.developer(2).await.unwrap().unwrap().login, "ada");
}

pub(super) async fn candidates_come_never_synced_first_then_by_due_time_then_by_id(store: &Store) {
    for (id, seen) in [(5, 3), (4, 3), (9, 1)] {
        store
            .upsert_developers(&[listed(id, &format!("d{id}"))], 2, at(seen))
            .await
            .unwrap();
    }
    for (id, due) in [(1, 0), (2, 0), (3, -5), (6, 1_000)] {
        store
            .upsert_developers(&[listed(id, &format!("d{id}"))], 0, at(0))
            .await
            .unwrap();
        store
            .mark_developer(id, &synced(at(-10), due, 0))
            .await
            .unwrap();
    }
    let gone = SyncMark {
        state: SyncState::Unavailable,
        due_at: None,
        ..synced(at(0), 0, 0)
    };
    store
        .upsert_developers(&[listed(7, "d7")], 0, at(0))
        .await
        .unwrap();
    store.mark_developer(7, &gone).await.unwrap();
    let ids = async |depth, limit| {
        let due = store.candidates(depth, limit, at(100)).await.unwrap();
        due.iter().map(|due| due.github_id).collect::<Vec<_>>()
    };
    assert_eq!(ids(None, 10).await, [9, 4, 5, 3, 1, 2]);
    assert_eq!(ids(None, 4).await, [9, 4, 5, 3]);
    assert_eq!(ids(Some(1), 10).await, [3, 1, 2]);
    assert_eq!(store.candidate_count(None, at(100)).await.unwrap(), 6);
}

pub(super) async fn a_changed_count_ends_the_back_off(store: &Store) {
    store
        .upsert_developers(&[described(1, "ada", 7)], 0, at(0))
        .await
        .unwrap();
    store
        .mark_developer(1, &synced(at(0), 86_400, 86_400))
        .await
        .unwrap();
    store
        .upsert_developers(&[described(1, "ada", 7)], 0, at(1))
        .await
        .unwrap();
    let same = store.developer(1).await.unwrap().unwrap().sync;
    assert_eq!(
        (same.due_at, same.back_off_seconds),
        (Some(at(86_400)), 86_400)
    );
    store
        .upsert_developers(&[described(1, "ada", 8)], 0, at(2))
        .await
        .unwrap();
    let changed = store.developer(1).await.unwrap().unwrap().sync;
    assert_eq!((changed.due_at, changed.back_off_seconds), (Some(at(2)), 0));
}

pub(super) async fn gaps_are_replaced(store: &Store) {
    let gap = |relation, stored| Gap {
        subject: Subject::Developer,
        subject_id: 1,
        relation,
        reason: GapReason::DeletedAccounts,
        reported: 9,
        stored,
        recorded_at: at(0),
    };
    let both = [gap(Relation::Followers, 8), gap(Relation::Following, 7)];
    store
        .replace_gaps(Subject::Developer, 1, &both)
        .await
        .unwrap();
    store
        .replace_gaps(Subject::Repository, 1, &[])
        .await
        .unwrap();
    let gaps = store.gaps_of(Subject::Developer, &[1, 2]).await.unwrap();
    assert_eq!(gaps, both);
    store
        .replace_gaps(Subject::Developer, 1, &both[..1])
        .await
        .unwrap();
    assert_eq!(
        store.gaps_of(Subject::Developer, &[1]).await.unwrap().len(),
        1
    );
}

pub(super) async fn rates_are_summed_and_never_go_back(store: &Store) {
    assert_eq!(store.rate_sum().await.unwrap(), None);
    let rate = |token: &str, remaining, reset, seen| Rate {
        token: token.to_owned(),
        masked: "ghp_…1234".to_owned(),
        limit: 5_000,
        remaining,
        reset_at: at(reset),
        blocked_until: None,
        seen_at: at(seen),
    };
    store.record_rate(&rate("a", 4_000, 50, 2)).await.unwrap();
    store.record_rate(&rate("a", 4_999, 40, 1)).await.unwrap();
    store.record_rate(&rate("b", 10, 30, 1)).await.unwrap();
    let sum = store.rate_sum().await.unwrap().unwrap();
    assert_eq!(
        (sum.limit, sum.remaining, sum.reset_at),
        (10_000, 4_010, at(30))
    );
}
