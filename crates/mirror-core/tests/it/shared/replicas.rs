//! Mirrors that share a Redis: one upstream 200 per version for all of them, and what one was told the others know.

use std::time::Duration;

use github_sim::{FaultKind, FaultRule};
use serde_json::json;
use test_servers::{Plan, Programs, free_port};

use super::{at, path};
use crate::rig::{Instance, Rig};

const TOKENS: usize = 20;
const RESOURCES: usize = 200;

/// Reads every resource with several tokens, each through another instance.
async fn read_all(
    rig: &Rig,
    mirrors: &[Instance],
    tokens: &[String],
    version: impl Fn(usize) -> u32,
) {
    for resource in 0..RESOURCES {
        for reader in 0..4 {
            let mirror = &mirrors[(resource * 7 + reader * 3) % mirrors.len()];
            let token = &tokens[(resource + reader * 5) % tokens.len()];
            let reply = rig.get_at(mirror, &path(resource), token).await;
            assert_eq!(reply.json()["v"], version(resource), "{reply:?}");
            mirror.mirror.flush_store().await;
        }
    }
}

async fn one_200_per_version(instances: usize) {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let redis = Plan::plain(&programs).start().await;
    let rig = Rig::unhurried().await;
    let tokens: Vec<_> = (0..TOKENS)
        .map(|number| rig.sim.user_token(&format!("u{number}")))
        .collect();
    for resource in 0..RESOURCES {
        rig.shelf
            .put(&path(resource), &json!({"id": resource, "v": 1}));
    }
    let start = || {
        let settings = at(redis.address());
        (0..instances)
            .map(|_| {
                rig.another(|config| {
                    settings(config);
                    // What is tested here is not how a slow machine is borne.
                    config.redis.read_timeout_milliseconds = 5_000;
                })
            })
            .collect::<Vec<_>>()
    };
    let mirrors = start();
    read_all(&rig, &mirrors, &tokens, |_| 1).await;
    assert_eq!(rig.upstream(200), RESOURCES as u64, "{instances} instances");
    // All of them are restarted, and every second resource has changed.
    for mirror in mirrors {
        mirror.stop().await;
    }
    // Versions are ordered by the time at which they were asked for, and simulated time stands still.
    rig.sim.clock().advance(Duration::from_secs(1));
    for resource in (0..RESOURCES).step_by(2) {
        rig.shelf
            .put(&path(resource), &json!({"id": resource, "v": 2}));
    }
    let mirrors = start();
    read_all(&rig, &mirrors, &tokens, |resource| {
        if resource % 2 == 0 { 2 } else { 1 }
    })
    .await;
    let versions = RESOURCES + RESOURCES / 2;
    assert_eq!(rig.upstream(200), versions as u64, "{instances} instances");
    assert_eq!(rig.quota_used() as usize, versions, "{instances} instances");
}

#[tokio::test]
async fn one_instance() {
    one_200_per_version(1).await;
}

#[tokio::test]
async fn three_instances() {
    one_200_per_version(3).await;
}

#[tokio::test]
async fn a_hundred_instances() {
    one_200_per_version(100).await;
}

/// What GitHub confirmed to a caller through one mirror is enough for another to stand in for GitHub, and nothing else is.
#[tokio::test]
async fn confirmations_travel_with_the_entry() {
    let Some(programs) = Programs::redis() else {
        return;
    };
    let redis = Plan::plain(&programs).start().await;
    let rig = Rig::unhurried().await;
    let settings = at(redis.address());
    let start = || {
        rig.another(|config| {
            settings(config);
            config.redis.read_timeout_milliseconds = 5_000;
        })
    };
    let (one, other) = (start(), start());
    let (fetched, confirmed) = (rig.sim.user_token("a"), rig.sim.user_token("b"));
    let stranger = rig.sim.user_token("c");
    rig.shelf.put(&path(1), &json!({"id": 1}));
    for token in [&fetched, &confirmed] {
        assert_eq!(rig.get_at(&one, &path(1), token).await.status, 200);
    }
    one.mirror.flush_store().await;
    one.stop().await;

    rig.sim.fault(FaultRule::new(FaultKind::Outage));
    for token in [&fetched, &confirmed] {
        let stale = rig.get_at(&other, &path(1), token).await;
        assert_eq!(stale.status, 200, "{stale:?}");
        assert_eq!(stale.header("x-cache"), "API_CONNECTION_ERROR_HIT");
        assert_eq!(stale.json()["id"], 1);
    }
    let refused = rig.get_at(&other, &path(1), &stranger).await;
    assert_eq!(refused.status, 502, "{refused:?}");
    assert_eq!(refused.header("x-cache"), "API_CONNECTION_ERROR_MISS");
}

#[tokio::test]
async fn redis_that_is_away_from_the_start_is_no_reason_not_to_start() {
    let rig = Rig::unhurried().await;
    let mirror = rig.another(at(format!("127.0.0.1:{}", free_port())));
    rig.shelf.put(&path(1), &json!({"id": 1}));
    let token = rig.sim.user_token("a");
    rig.get_at(&mirror, &path(1), &token).await;
    let hit = rig.get_at(&mirror, &path(1), &token).await;
    hit.check(
        200,
        "ONLINE_HIT",
        "fwd=stale; fwd-status=304; detail=own-tag",
    );
}
