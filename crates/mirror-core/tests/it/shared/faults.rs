//! A sick Redis hurts nobody: clients read through mirrors all the while, and see nothing but right answers.

use std::time::Duration;

use test_servers::{Cluster, Network, Plan, Programs, Sentinels, until};

use super::at;
use super::load::{RESOURCES, under_load};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_and_started_again_empty() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let mut redis = Plan::plain(&programs).start().await;
    under_load(3, at(redis.address()), async |load| {
        redis.kill();
        load.left_alone().await;
        assert!(load.loads("error") > 0.0);
        redis.start().await;
        until("what it has lost to be given back", async || {
            (redis.ask(&["DBSIZE"]) == RESOURCES.to_string()).then_some(())
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hanging() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let redis = Plan::plain(&programs).start().await;
    under_load(3, at(redis.address()), async |load| {
        redis.freeze();
        load.left_alone().await;
        assert!(load.loads("timeout") > 0.0, "reads are cut off");
        redis.thaw();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slower_than_a_read_may_be() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let redis = Plan::plain(&programs).start().await;
    let network = Network::to(redis.port());
    under_load(3, at(network.address()), async |load| {
        network.slow(Duration::from_secs(1));
        load.left_alone().await;
        assert!(load.loads("timeout") > 0.0, "reads are cut off");
        network.open();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_network_that_stalls() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let redis = Plan::plain(&programs).start().await;
    let network = Network::to(redis.port());
    under_load(3, at(network.address()), async |load| {
        for _ in 0..2 {
            network.stall();
            load.left_alone().await;
            assert!(load.loads("timeout") > 0.0, "reads are cut off");
            network.open();
            load.go_on().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let redis = Plan::plain(&programs).start().await;
    let most = |bytes: &str| {
        let set = ["CONFIG", "SET", "maxmemory", bytes];
        assert_eq!(redis.ask(&set), "OK");
    };
    under_load(3, at(redis.address()), async |load| {
        most("1");
        for resource in 0..RESOURCES {
            load.change(resource).await;
        }
        load.go_on().await;
        until("a write to be refused", async || {
            (load.writes("dropped") > 0.0).then_some(())
        })
        .await;
        load.go_on().await;
        most("0");
        let (written, resource) = (load.writes("done"), 0);
        load.change(resource).await;
        until("writes to be taken", async || {
            (load.writes("done") > written).then_some(())
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sentinel_primary_that_fails_over() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let mut servers = Sentinels::start(&programs).await;
    let sentinels: Vec<String> = (servers.ports().iter())
        .map(|port| format!("127.0.0.1:{port}"))
        .collect();
    let service = servers.service().to_owned();
    let settings = |config: &mut mirror_core::Config| {
        at(String::new())(config);
        config.redis.sentinel = sentinels.clone();
        config.redis.sentinel_service = service.clone();
    };
    under_load(3, settings, async |load| {
        servers.primary.kill();
        until("it to be noticed", async || {
            (load.loads("error") + load.loads("timeout") > 0.0).then_some(())
        })
        .await;
        load.go_on().await;
        until("the replica to take over", async || {
            let role = servers.replica.info("replication", "role")?;
            (role == "master").then_some(())
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_whose_slots_move() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let cluster = Cluster::start(&programs).await;
    let seeds = cluster.seeds();
    let settings = |config: &mut mirror_core::Config| {
        at(String::new())(config);
        config.redis.cluster = seeds.clone();
    };
    under_load(3, settings, async |load| {
        for from in 0..cluster.nodes.len() {
            let to = (from + 1) % cluster.nodes.len();
            let key = cluster.nodes[from].ask(&["RANDOMKEY"]);
            assert!(!key.is_empty(), "every node holds some");
            let slot = cluster.slot(&key);
            cluster.open_slot(slot, from, to);
            load.go_on().await;
            // Half moved: the key is at the new node, the slot at the old one.
            let failed = load.loads("error");
            cluster.move_key(&key, from, to);
            until("reads of the moved key fail", async || {
                (load.loads("error") > failed).then_some(())
            })
            .await;
            load.go_on().await;
            cluster.close_slot(slot, from, to);
            let moved = format!("slot {slot} is served");
            until(&moved, async || {
                let failed = load.loads("error");
                load.go_on().await;
                (load.loads("error") == failed).then_some(())
            })
            .await;
        }
    })
    .await;
}
