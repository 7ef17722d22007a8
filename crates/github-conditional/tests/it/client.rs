//! The small client against a simulated GitHub: values, what they cost, pages, refusals, other tokens, other stores.

use std::time::Duration;

use futures_util::TryStreamExt;
use github_conditional::stores::{DiskError, DiskOptions, DiskStore};
use github_conditional::{BuildError, Client, Cost, Entry, FingerprintKey, Outcome, ValidatorKind};
use github_sim::{FaultKind, FaultRule};
use http::StatusCode;
use serde::Deserialize;

use crate::real::{HELLO, STARGAZERS, github, resize_stargazers, settled, used};

#[derive(Debug, Deserialize, PartialEq)]
struct Repository {
    full_name: String,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Stargazer {
    login: String,
}

#[tokio::test]
async fn a_value_costs_one_request_once() {
    let github = github().await;
    let client = Client::builder()
        .base_url(github.url())
        .token(github.user_token("octocat"))
        .build()
        .unwrap();
    let first = client.get::<Repository>(HELLO).await.unwrap();
    assert_eq!(first.value.full_name, "octocat/Hello-World");
    assert_eq!(first.cost(), Cost::OneRequest);
    let left = first.rate_limit().unwrap().remaining;
    let inspect = client.service().inspect();
    settled(&*inspect).await;
    let again = client.get::<Repository>(HELLO).await.unwrap();
    assert_eq!((again.cost(), &again.value), (Cost::Nothing, &first.value));
    assert_eq!(again.rate_limit().unwrap().remaining, left);
    // Another token is confirmed what this one has fetched.
    let other = client.with_token(&github.user_token("hubot")).unwrap();
    let shared = other.get::<Stargazer>("users/octocat").await.unwrap();
    assert_eq!(shared.cost(), Cost::OneRequest);
    settled(&*inspect).await;
    let shared = client.get::<Stargazer>("/users/octocat").await.unwrap();
    assert_eq!(shared.cost(), Cost::Nothing);
    let how = Outcome::Revalidated(ValidatorKind::Predicted);
    assert_eq!(shared.report.outcome, how);
    // What the reports say is what GitHub counted.
    let counted: u32 = used(&github).values().sum();
    assert_eq!(counted, 2);
}

#[tokio::test]
async fn a_list_is_read_to_its_end_and_costs_nothing_again() {
    let github = github().await;
    let client = Client::builder()
        .base_url(github.url())
        .token(github.user_token("octocat"))
        .build()
        .unwrap();
    resize_stargazers(&github, 25);
    let target = format!("{STARGAZERS}?per_page=10");
    let read = async || {
        let pages = client.pages(&target).unwrap();
        let items: Vec<Stargazer> = pages.items().try_collect().await.unwrap();
        items
    };
    let first = read().await;
    assert_eq!(first.len(), 25);
    settled(&*client.service().inspect()).await;
    let before = used(&github);
    assert_eq!(read().await, first);
    assert_eq!(used(&github), before);
    // The first page is confirmed, with links that count the pages of before: that is no change while reading.
    for items in [31, 12, 25] {
        resize_stargazers(&github, items);
        assert_eq!(read().await.len(), items as usize);
        settled(&*client.service().inspect()).await;
    }
}

#[tokio::test]
async fn what_went_wrong_is_said() {
    let github = github().await;
    let token = github.user_token("octocat");
    let client = Client::builder()
        .base_url(github.url())
        .token(&token)
        .build()
        .unwrap();
    let get = async |target: &str| client.get::<Repository>(target).await.unwrap_err();
    let missing = get("/repos/octocat/nothing-here?q=confidential").await;
    assert_eq!(missing.status(), Some(StatusCode::NOT_FOUND));
    assert!(missing.is_caller());
    let wrong = get("/users/octocat").await;
    assert!(wrong.is_decode() && wrong.json_error().is_some());
    assert!(get("/spaces are no url").await.is_caller());
    github.fault(FaultRule::new(FaultKind::Outage));
    let down = get("/repos/octocat/other").await;
    assert!(down.is_network() && down.is_retryable());
    github.clear_faults();
    github.set_quota("user:octocat/core", 0);
    let limited = get("/repos/octocat/yet-another").await;
    assert!(limited.is_rate_limited(), "{limited:?}");
    let now = std::time::UNIX_EPOCH;
    assert!(limited.wait(now).is_some());
    for error in [missing, wrong, down, limited] {
        let told = format!("{error} {error:?}");
        assert!(
            !told.contains("confidential") && !told.contains(&token),
            "{told}"
        );
    }
}

/// The store before it may still be closing.
async fn open(path: &std::path::Path) -> DiskStore<Entry> {
    loop {
        match DiskStore::open(DiskOptions::new(path)) {
            Ok((store, _)) => return store,
            Err(DiskError::InUse { .. }) => tokio::time::sleep(Duration::from_millis(1)).await,
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn entries_on_disk_outlive_the_client() {
    let github = github().await;
    let folder = tempfile::tempdir().unwrap();
    for expected in [Cost::OneRequest, Cost::Nothing] {
        let client = Client::builder()
            .base_url(github.url())
            .token(github.user_token("octocat"))
            // Whoever is to recognise what was stored before needs the same key.
            .fingerprint_key(FingerprintKey::new(b"secret"))
            .store(open(&folder.path().join("github.cache")).await)
            .build()
            .unwrap();
        let answer = client.get::<Repository>(HELLO).await.unwrap();
        assert_eq!(answer.cost(), expected);
        settled(&*client.service().inspect()).await;
    }
}

#[test]
fn what_cannot_be_sent_cannot_be_built() {
    let error = Client::builder().base_url("nowhere").build().unwrap_err();
    assert!(matches!(error, BuildError::BaseUrl));
    let error = Client::builder().token("line\nbreak").build().unwrap_err();
    assert!(matches!(error, BuildError::HeaderValue));
    let debug = format!("{:?}", Client::builder().token("confidential"));
    assert!(!debug.contains("confidential"));
}
