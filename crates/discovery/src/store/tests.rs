use std::collections::BTreeSet;
use std::time::Duration;

use super::developers::{DeveloperDetail, DeveloperRecord, Known, SyncMark, SyncState};
use super::*;
use crate::crawl::gap::GapReason;
use crate::moment::Moment;

mod edges;
mod runs;

/// A database that ends with the test.
pub(crate) struct Rig {
    pub(crate) store: Store,
    _directory: tempfile::TempDir,
}

pub(crate) async fn sqlite() -> Rig {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("discovery.db");
    let url = format!("sqlite://{}", path.display());
    Rig {
        store: Store::open(&url, 4).await.unwrap(),
        _directory: directory,
    }
}

pub(crate) fn at(seconds: i64) -> Moment {
    Moment::from_seconds(1_700_000_000 + seconds)
}

pub(crate) fn listed(github_id: i64, login: &str) -> DeveloperRecord {
    DeveloperRecord {
        github_id,
        login: login.to_owned(),
        detail: None,
    }
}

pub(crate) fn described(github_id: i64, login: &str, followers: i64) -> DeveloperRecord {
    DeveloperRecord {
        detail: Some(DeveloperDetail {
            created_at: Some(at(-github_id)),
            updated_at: Some(at(0)),
            followers_count: followers,
            ..DeveloperDetail::default()
        }),
        ..listed(github_id, login)
    }
}

pub(crate) fn synced(now: Moment, due: i64, back_off_seconds: i64) -> SyncMark {
    SyncMark {
        state: SyncState::Complete,
        last_full_sync: Some(now),
        due_at: Some(at(due)),
        back_off_seconds,
    }
}

#[tokio::test]
async fn accounts_are_known_by_their_ids() {
    let rig = sqlite().await;
    let store = &rig.store;
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

#[tokio::test]
async fn logins_that_are_swapped_are_followed() {
    let rig = sqlite().await;
    let store = &rig.store;
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

#[tokio::test]
async fn candidates_come_never_synced_first_then_by_due_time_then_by_id() {
    let rig = sqlite().await;
    let store = &rig.store;
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

#[tokio::test]
async fn a_changed_count_ends_the_back_off() {
    let rig = sqlite().await;
    let store = &rig.store;
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

#[tokio::test]
async fn gaps_are_replaced() {
    let rig = sqlite().await;
    let store = &rig.store;
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

#[tokio::test]
async fn rates_are_summed_and_never_go_back() {
    let rig = sqlite().await;
    let store = &rig.store;
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

#[tokio::test]
async fn an_opened_store_can_be_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("d.db").display().to_string();
    let store = Store::open(&path, 2).await.unwrap();
    store
        .upsert_developers(&[listed(1, "one")], 0, at(0))
        .await
        .unwrap();
    store.close().await;
    let store = Store::open(&format!("sqlite://{path}"), 2).await.unwrap();
    assert_eq!(store.developer_count().await.unwrap(), 1);
    let missing = directory
        .path()
        .join("no/such/place.db")
        .display()
        .to_string();
    let error = Store::open(&missing, 2).await.unwrap_err();
    assert!(error.to_string().contains(&missing), "{error}");
}
