//! The store on both databases: what is written is found again, and nothing is doubled or lost.

use std::collections::BTreeSet;
use std::time::Duration;

use super::developers::{DeveloperDetail, DeveloperRecord, Known, SyncMark, SyncState};
use super::*;
use crate::crawl::gap::GapReason;
use crate::moment::Moment;
use crate::store::testing::sqlite;

mod ages;
mod conflicts;
mod edges;
mod known;
mod runs;

/// Each case on SQLite as a test of its own; all of them on one PostgreSQL server.
macro_rules! cases {
    ($($module:ident::$case:ident),+ $(,)?) => {
        mod in_sqlite {
            $(#[tokio::test]
            async fn $case() {
                super::$module::$case(&super::sqlite().await.store).await;
            })+
        }

        #[tokio::test]
        async fn every_case_in_postgres() {
            let server = test_servers::Postgres::start().await;
            $({
                let url = server.database(stringify!($case));
                let store = Store::open(&url, 4).await.unwrap();
                $module::$case(&store).await;
                store.close().await;
            })+
        }
    };
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

cases! {
    known::accounts_are_known_by_their_ids,
    known::logins_that_are_swapped_are_followed,
    known::candidates_come_never_synced_first_then_by_due_time_then_by_id,
    known::a_changed_count_ends_the_back_off,
    known::gaps_are_replaced,
    known::rates_are_summed_and_never_go_back,
    edges::a_complete_pass_closes_what_it_did_not_see,
    edges::an_aborted_pass_closes_nothing,
    edges::both_ends_may_be_read_at_once,
    edges::a_pass_begun_earlier_at_the_other_end_protects_what_it_sees_later,
    edges::a_page_stored_twice_doubles_nothing,
    edges::whoever_gains_a_follower_is_due_unless_a_back_off_runs,
    edges::a_transferred_repository_has_one_owner,
    edges::lists_of_thousands_come_in_order_up_to_the_limit,
    ages::every_page_by_age_is_the_page_by_skipping,
    ages::what_is_loaded_without_ages_is_counted_by_the_migration,
    ages::writers_at_once_keep_the_ages_exact,
    runs::a_target_is_queued_once_while_it_lives,
    runs::a_run_is_held_by_one_worker_and_taken_over_at_its_cursor,
    runs::the_ends_of_a_run,
    runs::a_takeover_counts_until_the_run_gets_on,
    runs::many_workers_never_hold_the_same_run,
}

#[tokio::test]
async fn a_new_file_may_be_opened_by_several_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..10 {
        let path = folder.path().join(format!("{round}.db"));
        let address = path.to_str().unwrap();
        // Each has a thread of its own.
        let opening = (0..6).map(|_| Store::open(address, 2));
        for opened in futures_util::future::join_all(opening).await {
            opened.unwrap();
        }
    }
}
