//! Several nodes over one Redis: one refresh for all of them, and Redis may come and go.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use github_sim::{FaultBody, FaultKind, FaultRule};
use http::Method;
use serde_json::{Value, json};

use crate::redis::Redis;
use crate::rig::{Node, Rig, file, until};

const REPOS: &str = "/orgs/Netflix/repos";
const CLIENTS: usize = 200;
const THINKING: Duration = Duration::from_millis(250);

async fn ages(rig: &Rig, node: &Node) -> Vec<Value> {
    let health = rig.get(node, "/healthcheck").await.json();
    let keys = health["keys"].as_array().unwrap();
    keys.iter().map(|key| key["age_seconds"].clone()).collect()
}

/// Waits until every node has what was confirmed at the present time.
async fn all_refreshed(rig: &Rig, nodes: &[Node]) {
    for node in nodes {
        until("every node is refreshed", async || {
            ages(rig, node).await.iter().all(|age| *age == 0.0)
        })
        .await;
    }
}

/// Clients read from all nodes while something happens; none of them may see an error.
async fn with_clients<T>(
    rig: &Rig,
    nodes: &[Node],
    happening: impl AsyncFnOnce(&AtomicUsize) -> T,
) -> T {
    let (ended, read) = (AtomicBool::new(false), AtomicUsize::new(0));
    let clients = (0..CLIENTS).map(|client| {
        let (ended, read) = (&ended, &read);
        async move {
            let mut number = client;
            while !ended.load(Ordering::Relaxed) {
                let path = ["/view/top/5/stars", "/orgs/Netflix/members", "/"][number % 3];
                let reply = rig.get(&nodes[number % nodes.len()], path).await;
                assert_eq!(reply.status, 200, "{path}: {}", reply.text());
                number += 1;
                read.fetch_add(1, Ordering::Relaxed);
                // As people do; and so that two cores are left for the nodes.
                tokio::time::sleep(THINKING).await;
            }
        }
    });
    let happened = async {
        let happened = happening(&read).await;
        ended.store(true, Ordering::Relaxed);
        happened
    };
    tokio::join!(join_all(clients), happened).1
}

/// Upstream requests and quota: to fill, and for each of three times that the data was due.
async fn cost(count: usize) -> Vec<(u64, u32)> {
    let redis = Redis::start().await;
    let rig = Rig::frozen().await;
    let nodes: Vec<Node> = (0..count).map(|_| rig.node(redis.settings())).collect();
    for node in &nodes {
        rig.wait_full(node).await;
    }
    let mut costs = vec![(rig.requests(), rig.quota_used())];
    with_clients(&rig, &nodes, async |_| {
        for _ in 0..3 {
            let before = (rig.requests(), rig.quota_used());
            rig.pass(1000, &nodes.iter().collect::<Vec<_>>());
            all_refreshed(&rig, &nodes).await;
            costs.push((rig.requests() - before.0, rig.quota_used() - before.1));
        }
    })
    .await;
    costs
}

/// Filling: six pages and two confirmations; then six conditional requests that cost nothing.
const COST: [(u64, u32); 4] = [(8, 6), (6, 0), (6, 0), (6, 0)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_with_200_clients() {
    assert_eq!(cost(1).await, COST);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_nodes_with_200_clients_cost_what_one_costs() {
    assert_eq!(cost(4).await, COST);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_nodes_with_200_clients_cost_what_one_costs() {
    assert_eq!(cost(16).await, COST);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_reaches_every_node_for_one_request() {
    let redis = Redis::start().await;
    let rig = Rig::frozen().await;
    let nodes: Vec<Node> = (0..4).map(|_| rig.node(redis.settings())).collect();
    for node in &nodes {
        rig.wait_full(node).await;
    }
    let id = &file("repos.json")[0]["id"];
    for stars in [70_001, 70_002, 70_003] {
        rig.sim
            .change(json!({"change": "list_edit", "path": REPOS, "id": id, "set": {"stargazers_count": stars}}))
            .unwrap();
        let used = rig.quota_used();
        rig.pass(1000, &nodes.iter().collect::<Vec<_>>());
        all_refreshed(&rig, &nodes).await;
        assert_eq!(rig.quota_used(), used + 1);
        let mut tags = Vec::new();
        for node in &nodes {
            let view = rig.get(node, "/view/top/1/stars").await;
            assert_eq!(view.json()[0][1], stars);
            tags.push(rig.get(node, REPOS).await.header("etag").to_owned());
        }
        assert!(tags.windows(2).all(|pair| pair[0] == pair[1]), "{tags:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_node_takes_what_is_there() {
    let redis = Redis::start().await;
    let rig = Rig::frozen().await;
    let first = rig.full_node(redis.settings()).await;
    let requests = rig.requests();
    let second = rig.node(redis.settings());
    let waited = rig.get(&second, REPOS).await;
    assert_eq!(waited.status, 200);
    rig.wait_full(&second).await;
    assert_eq!(rig.requests(), requests);
    assert_eq!(waited.body, rig.get(&first, REPOS).await.body);
    // Also when the first is gone.
    first.stop().await;
    let third = rig.full_node(redis.settings()).await;
    assert_eq!(rig.requests(), requests);
    assert_eq!(rig.get(&third, "/view/top/1/forks").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_is_killed_and_comes_back_empty_under_load() {
    let mut redis = Redis::start().await;
    let rig = Rig::frozen().await;
    let nodes: Vec<Node> = (0..3).map(|_| rig.node(redis.settings())).collect();
    for node in &nodes {
        rig.wait_full(node).await;
    }
    with_clients(&rig, &nodes, async |read| {
        let goes_on = async || {
            let before = read.load(Ordering::Relaxed);
            until("clients read on", async || {
                read.load(Ordering::Relaxed) >= before + 400
            })
            .await;
        };
        goes_on().await;
        redis.kill();
        goes_on().await;
        // Due while Redis is away: each node refreshes for itself.
        rig.pass(1000, &nodes.iter().collect::<Vec<_>>());
        for node in &nodes {
            until("each node refreshes alone", async || {
                rig.pass(10, &[node]);
                node.refreshes("/orgs/{org}/repos", "kept-here") >= 1.0
            })
            .await;
        }
        redis.start_again().await;
        goes_on().await;
        until("the copies are put back", async || {
            rig.pass(50, &nodes.iter().collect::<Vec<_>>());
            redis.ask(&["KEYS", "*:shared:*"]).lines().count() == 4
        })
        .await;
        goes_on().await;
    })
    .await;
    // One cluster again: one refresh for all.
    let before = rig.quota_used();
    rig.pass(1000, &nodes.iter().collect::<Vec<_>>());
    all_refreshed(&rig, &nodes).await;
    assert_eq!(rig.quota_used(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_flush_removed_is_put_back_without_asking_github() {
    let redis = Redis::start().await;
    let rig = Rig::frozen().await;
    let node = rig.full_node(redis.settings()).await;
    let requests = rig.requests();
    redis.ask(&["FLUSHALL"]);
    rig.pass(50, &[&node]);
    until("it is put back", async || {
        redis.ask(&["KEYS", "*:shared:*"]).lines().count() == 4
    })
    .await;
    let other = rig.full_node(redis.settings()).await;
    assert_eq!(rig.requests(), requests);
    assert_eq!(rig.get(&other, REPOS).await.ids().len(), 220);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_nodes_failure_is_known_to_all() {
    let redis = Redis::start().await;
    let rig = Rig::frozen().await;
    rig.sim.fault(FaultRule::new(FaultKind::PrimaryLimit));
    let nodes: Vec<Node> = (0..4).map(|_| rig.node(redis.settings())).collect();
    let asked = nodes.iter().map(|node| rig.get(node, REPOS));
    for reply in join_all(asked).await {
        assert_eq!(reply.status, 503, "{}", reply.text());
        assert!(reply.headers.contains_key("retry-after"));
    }
    // One probe for the whole cluster.
    assert_eq!(rig.sim.counters().count_path(REPOS), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_nodes_never_turn_a_broken_github_into_more_than_an_error() {
    let redis = Redis::start().await;
    let rig = Rig::frozen().await;
    rig.sim.fault(FaultRule::new(FaultKind::Status {
        code: 500,
        body: FaultBody::Message,
    }));
    let nodes: Vec<Node> = (0..3).map(|_| rig.node(redis.settings())).collect();
    let asked = nodes.iter().map(|node| rig.get(node, REPOS));
    for reply in join_all(asked).await {
        assert_eq!(reply.status, 502, "{}", reply.text());
    }
    rig.sim.clear_faults();
    rig.pass(31, &nodes.iter().collect::<Vec<_>>());
    for node in &nodes {
        rig.wait_full(node).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrator_removes_and_refreshes_for_all_nodes() {
    let redis = Redis::start().await;
    let rig = Rig::frozen().await;
    let nodes: Vec<Node> = (0..2).map(|_| rig.node(redis.settings())).collect();
    for node in &nodes {
        rig.wait_full(node).await;
    }
    let used = rig.quota_used();
    let admin = [("authorization", "Bearer secret")];
    let target = format!("/admin/cache?path={REPOS}");
    let removed = rig
        .send(&nodes[0].url, Method::DELETE, &target, &admin, "")
        .await;
    assert_eq!(removed.status, 202);
    assert_eq!(removed.json(), json!({"paths": [REPOS]}));
    // Gathered anew, without validators: three pages, by one of the nodes.
    until("it is gathered again", async || {
        rig.quota_used() >= used + 3
    })
    .await;
    for node in &nodes {
        rig.wait_full(node).await;
        assert_eq!(rig.get(node, REPOS).await.ids().len(), 220);
    }
    assert_eq!(rig.quota_used(), used + 3);
}
