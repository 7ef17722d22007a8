//! Refreshing: what it costs, what it changes, and that no client hears of trouble.

use std::sync::atomic::{AtomicBool, Ordering};

use github_sim::{FaultBody, FaultKind, FaultRule};
use serde_json::json;

use crate::rig::{Node, Rig, file, until};

const REPOS: &str = "/orgs/Netflix/repos";

/// Waits until the copy of a path was confirmed at the present time.
async fn refreshed(rig: &Rig, node: &Node) {
    until("all keys are refreshed", async || {
        let health = rig.get(node, "/healthcheck").await.json();
        let keys = health["keys"].as_array().unwrap();
        keys.iter().all(|key| key["age_seconds"] == 0.0)
    })
    .await;
}

#[tokio::test]
async fn what_has_not_changed_costs_nothing() {
    let rig = Rig::frozen().await;
    let node = rig.full_node(|_| {}).await;
    let body = rig.get(&node, REPOS).await;
    for _ in 0..3 {
        let before = (rig.requests(), rig.quota_used());
        rig.pass(1000, &[&node]);
        refreshed(&rig, &node).await;
        assert_eq!((rig.requests(), rig.quota_used()), (before.0 + 6, before.1));
    }
    let after = rig.get(&node, REPOS).await;
    assert_eq!(after.header("etag"), body.header("etag"));
    assert_eq!(after.header("last-modified"), body.header("last-modified"));
}

#[tokio::test]
async fn a_full_last_page_is_looked_behind_for_free() {
    let rig = Rig::frozen().await;
    let node = rig.full_node(|config| config.cache.per_page = 55).await;
    assert_eq!(rig.get(&node, REPOS).await.ids().len(), 220);
    let used = rig.quota_used();
    let before = rig.sim.counters().count_path(REPOS);
    rig.pass(1000, &[&node]);
    refreshed(&rig, &node).await;
    assert_eq!(rig.quota_used(), used);
    assert_eq!(
        rig.sim.counters().count_path(REPOS),
        before + 5,
        "four pages and a look"
    );
    // Behind the last page something appears, which no 304 tells.
    let mut added = file("repos.json")[0].clone();
    added["id"] = json!(1);
    added["full_name"] = json!("Netflix/added");
    rig.sim
        .change(json!({"change": "list_append", "path": REPOS, "item": added}))
        .unwrap();
    rig.pass(1000, &[&node]);
    refreshed(&rig, &node).await;
    assert_eq!(rig.get(&node, REPOS).await.ids().len(), 221);
    assert_eq!(rig.quota_used(), used + 1);
}

#[tokio::test]
async fn a_changed_page_costs_one_and_the_views_follow() {
    let rig = Rig::frozen().await;
    let node = rig.full_node(|_| {}).await;
    let used = rig.quota_used();
    let repos = file("repos.json");
    let id = &repos[150]["id"];
    rig.sim
        .change(json!({"change": "list_edit", "path": REPOS, "id": id, "set": {"stargazers_count": 999_999}}))
        .unwrap();
    rig.pass(1000, &[&node]);
    refreshed(&rig, &node).await;
    assert_eq!(rig.quota_used(), used + 1);
    let view = rig.get(&node, "/view/top/1/stars").await.json();
    assert_eq!(view, json!([[repos[150]["full_name"], 999_999]]));
}

#[tokio::test]
async fn deleted_repositories_disappear() {
    let rig = Rig::frozen().await;
    let node = rig.full_node(|_| {}).await;
    let repos = file("repos.json");
    // From 220 to 200: the third page becomes empty.
    for number in 200..220 {
        let id = &repos[number]["id"];
        rig.sim
            .change(json!({"change": "list_remove", "path": REPOS, "id": id}))
            .unwrap();
    }
    rig.pass(1000, &[&node]);
    refreshed(&rig, &node).await;
    let left = rig.get(&node, REPOS).await;
    assert_eq!(left.ids().len(), 200);
    assert_eq!(left.header("x-total-count"), "200");
    let views = rig.get(&node, "/view/top/500/forks").await.json();
    assert_eq!(views.as_array().unwrap().len(), 200);
    // And the first of all: every page moves.
    let id = &repos[0]["id"];
    rig.sim
        .change(json!({"change": "list_remove", "path": REPOS, "id": id}))
        .unwrap();
    rig.pass(1000, &[&node]);
    refreshed(&rig, &node).await;
    assert_eq!(rig.get(&node, REPOS).await.ids().len(), 199);
}

#[tokio::test]
async fn tied_repositories_are_all_there() {
    let rig = Rig::frozen().await;
    let node = rig.full_node(|_| {}).await;
    let repos = file("repos.json");
    for repo in repos.as_array().unwrap() {
        rig.sim
            .change(json!({"change": "list_edit", "path": REPOS, "id": repo["id"], "set": {"forks_count": 7}}))
            .unwrap();
    }
    rig.pass(1000, &[&node]);
    refreshed(&rig, &node).await;
    let view = rig.get(&node, "/view/top/500/forks").await.json();
    let names: Vec<&str> = view
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row[0].as_str().unwrap())
        .collect();
    let mut expected: Vec<&str> = repos
        .as_array()
        .unwrap()
        .iter()
        .map(|repo| repo["full_name"].as_str().unwrap())
        .collect();
    expected.sort_unstable_by_key(|name| name.as_bytes());
    assert_eq!(names, expected);
}

/// Clients read all the time while `trouble` happens; none of them may see an error, or something that never was.
async fn under_load(rig: &Rig, node: &Node, trouble: impl AsyncFnOnce()) {
    let ended = AtomicBool::new(false);
    let clients = (0..20).map(|client: usize| {
        let ended = &ended;
        async move {
            let mut reads = 0;
            while !ended.load(Ordering::Relaxed) {
                let path = [REPOS, "/view/top/5/stars", "/", "/healthcheck"][(client + reads) % 4];
                let reply = rig.get(node, path).await;
                assert_eq!(reply.status, 200, "{path}: {}", reply.text());
                if path == REPOS {
                    assert_eq!(reply.header("x-total-count"), "220");
                }
                reads += 1;
            }
        }
    });
    let troubled = async {
        trouble().await;
        ended.store(true, Ordering::Relaxed);
    };
    tokio::join!(futures_util::future::join_all(clients), troubled);
}

#[tokio::test]
async fn github_answers_500_for_as_long_as_stale_data_may_be_served() {
    let rig = Rig::frozen().await;
    let node = rig.full_node(|_| {}).await;
    let tag = rig.get(&node, REPOS).await.header("etag").to_owned();
    under_load(&rig, &node, async || {
        rig.sim.fault(FaultRule::new(FaultKind::Status {
            code: 500,
            body: FaultBody::Unicorn,
        }));
        // A day and the time for which it was fresh, in steps.
        for _ in 0..24 {
            let before = node.refreshes("/orgs/{org}/repos", "server-error");
            rig.pass(3600, &[&node]);
            until("it is tried", async || {
                node.refreshes("/orgs/{org}/repos", "server-error") > before
            })
            .await;
        }
        rig.pass(1000, &[&node]);
    })
    .await;
    let stale = rig.get(&node, REPOS).await;
    assert_eq!(stale.header("etag"), tag);
    assert_eq!(stale.header("age"), "87400");
    assert!(
        stale.header("cache-status").contains("ttl=-86400"),
        "{stale:?}"
    );
    // Then, and not before, it is an error.
    rig.pass(1, &[&node]);
    let over = rig.get(&node, REPOS).await;
    assert_eq!(over.status, 502);
    assert_eq!(rig.get(&node, "/healthcheck").await.status, 503);
    rig.sim.clear_faults();
    rig.pass(31, &[&node]);
    rig.wait_full(&node).await;
}

#[tokio::test]
async fn a_rate_limit_in_the_middle_of_a_refresh() {
    let rig = Rig::frozen().await;
    let node = rig
        .full_node(|config| config.cache.page_concurrency = 1)
        .await;
    let repos = file("repos.json");
    for number in [10, 110, 210] {
        let id = &repos[number]["id"];
        rig.sim
            .change(json!({"change": "list_edit", "path": REPOS, "id": id, "set": {"forks_count": 77_000 + number}}))
            .unwrap();
    }
    under_load(&rig, &node, async || {
        // One unit is left: the first page is given, the second is not.
        rig.sim.set_quota("user:reader/core", 1);
        rig.pass(1000, &[&node]);
        until("it was turned away", async || {
            node.refreshes("/orgs/{org}/repos", "rate-limited") > 0.0
        })
        .await;
        let view = rig.get(&node, "/view/top/3/forks").await.json();
        assert_eq!(
            view[0],
            json!(["Netflix/Hystrix", 5000]),
            "nothing of a part of the pages"
        );
        // One probe a minute, not more.
        let before = rig.sim.counters().count_path(REPOS);
        for _ in 0..4 {
            rig.pass(10, &[&node]);
        }
        assert!(rig.sim.counters().count_path(REPOS) <= before + 1);
        // The window ends.
        rig.pass(3600, &[&node]);
        until("it is refreshed", async || {
            let view = rig.get(&node, "/view/top/3/forks").await.json();
            view[0][1] == 77_210
        })
        .await;
    })
    .await;
    let view = rig.get(&node, "/view/top/3/forks").await.json();
    let values: Vec<u64> = (0..3).map(|row| view[row][1].as_u64().unwrap()).collect();
    assert_eq!(values, [77_210, 77_110, 77_010]);
}

#[tokio::test]
async fn another_token_is_used_when_one_is_used_up_and_unchanged_pages_stay_free() {
    let rig = Rig::frozen().await;
    rig.sim
        .change(json!({"change": "add_user", "login": "other"}))
        .unwrap();
    let other = rig.sim.user_token("other");
    let tokens = format!("{},{other}", rig.token);
    let node = rig.full_node(|config| config.tokens = tokens.into()).await;
    assert_eq!(rig.quota_used(), 6);
    rig.sim.set_quota("user:reader/core", 0);
    let used = rig.sim.counters().count_status(200);
    rig.pass(1000, &[&node]);
    refreshed(&rig, &node).await;
    // The other token's tags were never given: they are computed.
    assert_eq!(rig.sim.counters().count_status(200), used);
}
