//! Writers on PostgreSQL that stand in each other's way.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Barrier;

use super::*;
use crate::store::database::writing;
use crate::store::testing::postgres;

struct Two {
    /// Both hold their first row.
    both: Barrier,
    begun: AtomicUsize,
}

/// Writes both developers, in this order, and waits between the two for the other writer; but not when sent back.
async fn rename(
    store: &Store,
    two: &Two,
    ids: [i64; 2],
    isolation: &str,
) -> Result<(), StoreError> {
    let attempts = AtomicUsize::new(0);
    writing!(store.database, |transaction| {
        let first = attempts.fetch_add(1, Ordering::Relaxed) == 0;
        two.begun.fetch_add(1, Ordering::Relaxed);
        let level = format!("SET TRANSACTION ISOLATION LEVEL {isolation}");
        transaction.execute(Statement::new(level)).await?;
        for (at, id) in ids.into_iter().enumerate() {
            let update =
                "UPDATE developers SET bio = COALESCE(bio, '') || 'x' WHERE github_id = $1";
            if at == 1 && first {
                two.both.wait().await;
            }
            transaction.execute(Statement::new(update).bind(id)).await?;
        }
        Ok(())
    })
}

async fn check(isolation: &str, first: [i64; 2], second: [i64; 2]) {
    let rig = postgres().await;
    let store = &rig.store;
    let both = [listed(1, "one"), listed(2, "two"), listed(3, "three")];
    store.upsert_developers(&both, 0, at(0)).await.unwrap();
    let two = Two {
        both: Barrier::new(2),
        begun: AtomicUsize::new(0),
    };
    let (one, other) = tokio::join!(
        rename(store, &two, first, isolation),
        rename(store, &two, second, isolation)
    );
    one.unwrap();
    other.unwrap();
    assert_eq!(two.begun.into_inner(), 3, "one of them was sent back once");
    let select = Statement::new("SELECT bio FROM developers ORDER BY github_id");
    let rows = store.database.all(select).await.unwrap();
    let bios: Vec<_> = rows
        .iter()
        .map(|row| row.maybe_text("bio").unwrap())
        .collect();
    let times = |id: i64| {
        let writers = [first, second].concat();
        "x".repeat(writers.iter().filter(|one| **one == id).count())
    };
    let expected = [1, 2, 3].map(|id| Some(times(id)).filter(|text| !text.is_empty()));
    assert_eq!(bios, expected, "each wrote once");
}

#[tokio::test]
async fn two_writers_that_wait_for_each_other_both_write() {
    check("READ COMMITTED", [1, 2], [2, 1]).await;
}

#[tokio::test]
async fn a_writer_whose_snapshot_is_too_old_begins_anew() {
    check("REPEATABLE READ", [1, 3], [2, 3]).await;
}

#[tokio::test]
async fn what_stays_in_the_way_is_told_at_last() {
    let rig = sqlite().await;
    let begun = AtomicUsize::new(0);
    let written: Result<(), StoreError> = writing!(rig.store.database, |transaction| {
        begun.fetch_add(1, Ordering::Relaxed);
        transaction.count(&[("developers", 1)]).await?;
        Err(StoreError::Overtaken)
    });
    assert!(matches!(written, Err(StoreError::Overtaken)), "{written:?}");
    assert_eq!(begun.into_inner(), 6);
    assert_eq!(rig.store.developer_count().await.unwrap(), 0);
}

#[tokio::test]
async fn workers_that_store_swapped_logins_both_store_them() {
    let rig = postgres().await;
    let store = &rig.store;
    let old: Vec<_> = (1..=40).map(|id| listed(id, &format!("d{id}"))).collect();
    store.upsert_developers(&old, 0, at(0)).await.unwrap();
    // One writes the lower half and has to tell the upper half, and the other way round.
    let new: Vec<_> = (1..=40)
        .map(|id| listed(id, &format!("d{}", 41 - id)))
        .collect();
    let (lower, upper) = new.split_at(20);
    for round in 1..10 {
        let (one, other) = tokio::join!(
            store.upsert_developers(lower, 0, at(round)),
            store.upsert_developers(upper, 0, at(round))
        );
        one.unwrap();
        other.unwrap();
    }
    for record in &new {
        let stored = store.developer(record.github_id).await.unwrap().unwrap();
        assert_eq!(stored.login, record.login);
    }
}
