//! The master cache on what Redis is run as: behind Sentinel, as a cluster, and several independent servers for the
//! lease. Clients read all the while.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures_util::future::join_all;
use read_cache::Config;
use serde_json::json;
use test_servers::{Cluster, Plan, Programs, Sentinels, Server};

use crate::redis::patient;
use crate::rig::{Node, Rig, file, until};

const REPOS: &str = "/orgs/Netflix/repos";
const NODES: usize = 3;
const CLIENTS: usize = 20;

fn programs() -> Programs {
    Programs::redis().expect("`cargo xtask test` installs Redis")
}

/// Three nodes that have everything.
async fn nodes(rig: &Rig, settings: impl Fn(&mut Config)) -> Vec<Node> {
    let nodes: Vec<Node> = (0..NODES).map(|_| rig.node(&settings)).collect();
    for node in &nodes {
        rig.wait_full(node).await;
    }
    nodes
}

/// Clients read from all nodes while something happens to Redis; none of them may see an error or a part of a list.
async fn under_load(rig: &Rig, nodes: &[Node], happening: impl AsyncFnOnce(&AtomicUsize)) {
    let (ended, read) = (AtomicBool::new(false), AtomicUsize::new(0));
    let clients = (0..CLIENTS).map(|client| {
        let (ended, read) = (&ended, &read);
        async move {
            let mut number = client;
            while !ended.load(Ordering::Relaxed) {
                let path = ["/view/top/5/stars", REPOS, "/"][number % 3];
                let reply = rig.get(&nodes[number % nodes.len()], path).await;
                assert_eq!(reply.status, 200, "{path}: {}", reply.text());
                if path == REPOS {
                    assert_eq!(reply.header("x-total-count"), "220");
                }
                number += 1;
                read.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
    });
    let happened = async {
        happening(&read).await;
        ended.store(true, Ordering::Relaxed);
    };
    tokio::join!(join_all(clients), happened);
}

async fn go_on(read: &AtomicUsize) {
    let before = read.load(Ordering::Relaxed);
    until("clients read on", async || {
        read.load(Ordering::Relaxed) >= before + 100
    })
    .await;
}

/// Changes a repository, lets the data become due, and waits until every node shows the change. Time passes meanwhile:
/// nodes that cannot agree on one of them do not refresh all at once.
async fn a_change_reaches_all(rig: &Rig, nodes: &[Node], stars: u64) {
    let id = &file("repos.json")[0]["id"];
    rig.sim
        .change(json!({"change": "list_edit", "path": REPOS, "id": id, "set": {"stargazers_count": stars}}))
        .unwrap();
    let all: Vec<&Node> = nodes.iter().collect();
    rig.pass(1000, &all);
    for node in nodes {
        until("the change is on every node", async || {
            rig.pass(1, &all);
            let view = rig.get(node, "/view/top/1/stars").await;
            view.status == 200 && view.json()[0][1] == stars
        })
        .await;
    }
}

/// Pages that GitHub has sent. (Quota would not do: more than an hour passes in these tests.)
fn pages_sent(rig: &Rig) -> u64 {
    rig.sim.counters().count_status(200)
}

/// The same, and that one node has read it for all of them.
async fn one_refreshes_for_all(rig: &Rig, nodes: &[Node], stars: u64) {
    let sent = pages_sent(rig);
    a_change_reaches_all(rig, nodes, stars).await;
    assert_eq!(pages_sent(rig), sent + 1, "one page has changed");
}

/// Waits until one node refreshes for all of them again.
async fn one_cluster_again(rig: &Rig, nodes: &[Node]) {
    until("one refreshes for all again", async || {
        let sent = pages_sent(rig);
        // More than any before.
        a_change_reaches_all(rig, nodes, 80_000 + sent).await;
        pages_sent(rig) == sent + 1
    })
    .await;
}

/// Whether the nodes reach the master cache, with their breakers closed.
fn connected(node: &Node) -> bool {
    node.metric("github_read_cache_master_up") == 1.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sentinel_primary_fails_over_under_load() {
    let mut servers = Sentinels::start(&programs()).await;
    let sentinels: Vec<String> = (servers.ports().iter())
        .map(|port| format!("127.0.0.1:{port}"))
        .collect();
    let url = format!(
        "redis-sentinel://{}/{}",
        sentinels.join(","),
        servers.service()
    );
    let rig = Rig::frozen().await;
    let nodes = nodes(&rig, patient(url)).await;
    one_refreshes_for_all(&rig, &nodes, 70_001).await;
    under_load(&rig, &nodes, async |read| {
        go_on(read).await;
        servers.primary.kill();
        go_on(read).await;
        // Due while nobody is primary: whoever cannot publish serves what it has read.
        a_change_reaches_all(&rig, &nodes, 70_002).await;
        until("the replica has taken over", async || {
            servers.replica.info("replication", "role").as_deref() == Some("master")
        })
        .await;
        one_cluster_again(&rig, &nodes).await;
        go_on(read).await;
    })
    .await;
    one_refreshes_for_all(&rig, &nodes, 90_001).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_with_a_user_of_their_own() {
    let servers = Sentinels::guarded(&programs(), "watcher", "guard").await;
    let sentinels: Vec<String> = (servers.ports().iter())
        .map(|port| format!("127.0.0.1:{port}"))
        .collect();
    let url = format!(
        "redis-sentinel://{}/{}",
        sentinels.join(","),
        servers.service()
    );
    let rig = Rig::frozen().await;
    let known = |config: &mut Config| {
        patient(url.clone())(config);
        config.master.sentinel_username = Some("watcher".to_owned());
        config.master.sentinel_password = Some("guard".into());
    };
    let first = rig.full_node(known).await;
    let shared = || servers.primary.ask(&["KEYS", "*:shared:*"]);
    until("it is published", async || shared().lines().count() == 4).await;
    assert!(connected(&first));
    let stranger = rig
        .full_node(|config| {
            known(config);
            config.master.sentinel_password = Some("wrong".into());
            config.master.read_timeout_milliseconds = 500;
        })
        .await;
    assert!(!connected(&stranger), "the sentinels tell it nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clusters_slots_move_under_load() {
    let cluster = Cluster::start(&programs()).await;
    let url = format!("redis-cluster://{}", cluster.seeds().join(","));
    let rig = Rig::frozen().await;
    let nodes = nodes(&rig, patient(url)).await;
    one_refreshes_for_all(&rig, &nodes, 70_001).await;
    let holder = |key: &str| {
        let slot = cluster.slot(key);
        let held = |node: &Server| {
            let count = node.ask(&["CLUSTER", "COUNTKEYSINSLOT", &slot.to_string()]);
            count != "0"
        };
        cluster.nodes.iter().position(held)
    };
    let published: Vec<String> = (cluster.nodes.iter())
        .flat_map(|node| {
            let keys = node.ask(&["KEYS", "*:shared:*"]);
            keys.lines().map(str::to_owned).collect::<Vec<_>>()
        })
        .filter(|key| !key.is_empty())
        .collect();
    assert_eq!(published.len(), 4, "one for each kept path: {published:?}");
    under_load(&rig, &nodes, async |read| {
        for key in &published {
            let from = holder(key).expect("a node holds it");
            let to = (from + 1) % cluster.nodes.len();
            let slot = cluster.slot(key);
            cluster.open_slot(slot, from, to);
            go_on(read).await;
            cluster.close_slot(slot, from, to);
            assert_eq!(holder(key), Some(to));
            go_on(read).await;
        }
        one_cluster_again(&rig, &nodes).await;
    })
    .await;
    one_refreshes_for_all(&rig, &nodes, 90_001).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_majority_of_independent_lock_servers_is_enough() {
    let programs = programs();
    let master = Plan::plain(&programs).start().await;
    let mut locks = Vec::new();
    for _ in 0..3 {
        locks.push(Plan::plain(&programs).start().await);
    }
    let urls: Vec<String> = (locks.iter())
        .map(|server| format!("redis://{}", server.address()))
        .collect();
    let master_url = format!("redis://{}", master.address());
    let settings = |config: &mut Config| {
        patient(master_url.clone())(config);
        config.lease.servers = urls.iter().map(|url| url.as_str().into()).collect();
    };
    let rig = Rig::frozen().await;
    let nodes = nodes(&rig, settings).await;
    let fenced = |server: &Server| server.ask(&["DBSIZE"]) != "0";
    until("every server to have voted", async || {
        locks.iter().all(fenced)
    })
    .await;
    assert_eq!(master.ask(&["KEYS", "*:lease:*"]), "");
    one_refreshes_for_all(&rig, &nodes, 70_001).await;
    under_load(&rig, &nodes, async |read| {
        go_on(read).await;
        locks[0].kill();
        one_refreshes_for_all(&rig, &nodes, 70_002).await;
        // Two of three are no longer a majority: the nodes cannot agree, and each reads for itself.
        locks[1].kill();
        a_change_reaches_all(&rig, &nodes, 70_003).await;
        go_on(read).await;
        locks[1].start().await;
        // A server that has lost its memory does not lower the numbers: what is published stays in order.
        one_cluster_again(&rig, &nodes).await;
    })
    .await;
}
