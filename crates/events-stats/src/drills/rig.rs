//! What these tests have in common: databases, moments, events.

#[path = "../../tests/it/github.rs"]
mod github;
mod monitor;

use crate::event::parse_event;
use crate::store::{Adding, NewRepository, Page, Repository, Standing, Store, StoreOptions};
use crate::{Event, FullName, Timestamp};
use tempfile::TempDir;
use test_servers::Postgres;

pub(crate) use github::{Github, SimTime};
pub(crate) use monitor::{Monitor, every_five_minutes, of_one, parts};

/// 2026-01-01T00:00:00Z.
pub(crate) const START: i64 = 1_767_225_600;

/// So many seconds after the tests' first moment.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(START + seconds)
}

pub(crate) fn named(text: &str) -> FullName {
    FullName::parse(text).unwrap()
}

/// A database of each kind, empty.
pub(crate) async fn on_both(check: impl AsyncFn(Store)) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("events.db");
    let file = path.to_str().unwrap().to_owned();
    check(opened(&file).await).await;
    let server = Postgres::start().await;
    check(opened(&server.database("events")).await).await;
}

pub(crate) async fn opened(address: &str) -> Store {
    Store::open(address, StoreOptions::default()).await.unwrap()
}

pub(crate) const EVERYTHING: Page = Page {
    number: 1,
    size: 1000,
};

pub(crate) fn event(id: u64, kind: &str, seconds: i64) -> Event {
    event_of(id, kind, seconds, "octocat")
}

pub(crate) fn event_of(id: u64, kind: &str, seconds: i64, actor: &str) -> Event {
    parse_event(&format!(
        r#"{{ "id":"{id}","type":"{kind}","actor":{{"login":"{actor}"}},"repo":{{"id":7,"name":"o/r"}},"payload":{{"x":1.50}},"created_at":"{}"}}"#,
        at(seconds)
    ))
    .unwrap()
}

/// Adds an active repository.
pub(crate) async fn added(store: &Store, name: &str) -> Repository {
    let new = NewRepository {
        full_name: named(name),
        github_id: None,
        standing: Standing::Active,
    };
    match store.add(&[new], usize::MAX, at(0)).await.unwrap() {
        Adding::Done(added) => added.into_iter().next().unwrap().repository,
        Adding::LimitReached(active) => panic!("{active:?} are too many"),
    }
}
