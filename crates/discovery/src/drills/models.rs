//! The store does in SQL, page by page, what the pure modules say.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::crawl::edges::{Reading, diff};
use crate::crawl::selection::{Due, pick};
use crate::moment::Moment;
use crate::store::{Anchor, DeveloperRecord, EdgeKind, PassEnd, Side, Store, SyncMark, SyncState};

/// proptest's cases are not asynchronous.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}

async fn store(folder: &TempDir) -> Store {
    let path = folder.path().join("store.db").display().to_string();
    Store::open(&path, 2).await.unwrap()
}

fn at(seconds: i64) -> Moment {
    Moment::from_seconds(seconds)
}

async fn picked_by_store(known: &[(i64, bool)], count: u32) -> Vec<i64> {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    for (id, (due_at, synced)) in (1..).zip(known) {
        let record = DeveloperRecord {
            github_id: id,
            login: format!("login-{id}"),
            detail: None,
        };
        store.upsert_developers(&[record], 0, at(0)).await.unwrap();
        let mark = SyncMark {
            state: SyncState::Partial,
            last_full_sync: synced.then(|| at(0)),
            due_at: Some(at(*due_at)),
            back_off_seconds: 0,
        };
        store.mark_developer(id, &mark).await.unwrap();
    }
    let picked = store.pick_candidates(None, count, at(50)).await.unwrap();
    let again = store.pick_candidates(None, 100, at(50)).await.unwrap();
    let ids: Vec<i64> = picked.iter().map(|one| one.github_id).collect();
    assert!(
        again.iter().all(|one| !ids.contains(&one.github_id)),
        "picked twice"
    );
    let tomorrow = at(50).after(Duration::from_secs(86_400));
    let all = store.pick_candidates(None, 100, tomorrow).await.unwrap();
    assert!(
        all.len() >= ids.len(),
        "and due again when nothing came of it"
    );
    ids
}

async fn edges_by_store(open: &BTreeSet<i64>, pages: &[Vec<i64>], end: PassEnd) -> BTreeSet<i64> {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let anchor = Anchor::To(1_000);
    for (at_seconds, (pages, end)) in [
        (1, (vec![open.iter().copied().collect()], PassEnd::Complete)),
        (2, (pages.to_vec(), end)),
    ] {
        let pass = store.begin_pass(EdgeKind::Follows, anchor).await.unwrap();
        for page in &pages {
            store
                .append_page(&pass, page, at(at_seconds))
                .await
                .unwrap();
            // As after a crash between storing a page and moving the cursor on.
            store
                .append_page(&pass, page, at(at_seconds))
                .await
                .unwrap();
        }
        let unseen = store.unseen_edges(&pass).await.unwrap();
        let ended = store.finish_pass(&pass, end, at(at_seconds)).await.unwrap();
        if end == PassEnd::Complete {
            assert_eq!(i64::try_from(ended.closed.len()).unwrap(), unseen);
        }
    }
    let edges = store.edges_of(EdgeKind::Follows, Side::To, &[1_000], i64::MAX);
    edges
        .await
        .unwrap()
        .into_iter()
        .map(|(_, fan)| fan)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_store_picks_whom_selection_picks(
        known in vec((0_i64..100, any::<bool>()), 1..20),
        count in 1_u32..8,
    ) {
        let model: Vec<Due> = (1..)
            .zip(&known)
            .map(|(id, (due_at, synced))| Due {
                id,
                last_full_sync: synced.then(|| at(0)),
                due_at: at(*due_at),
            })
            .collect();
        let expected: Vec<i64> = pick(&model, count as usize, at(50)).iter().map(|due| due.id).collect();
        prop_assert_eq!(block_on(picked_by_store(&known, count)), expected);
    }

    #[test]
    fn a_pass_leaves_the_edges_that_the_diff_leaves(
        open in btree_set(1_i64..40, 0..20),
        pages in vec(vec(1_i64..40, 0..8), 0..4),
        complete in any::<bool>(),
    ) {
        let listed: BTreeSet<i64> = pages.iter().flatten().copied().collect();
        let (reading, end) = match complete {
            true => (Reading::Complete, PassEnd::Complete),
            false => (Reading::Incomplete, PassEnd::Aborted),
        };
        let model = diff(&open, &listed, reading);
        let expected: BTreeSet<i64> = model.kept.union(&model.opened).copied().collect();
        prop_assert_eq!(block_on(edges_by_store(&open, &pages, end)), expected);
    }
}
