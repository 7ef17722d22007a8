//! Rate limits through the whole mirror: what is sent, what is stale, what the mirror says by itself. Every count is exact.

use github_sim::{FaultKind, FaultRule, Switches};
use http::Method;
use mirror_core::config::PacingModeSetting;
use serde_json::json;
use std::time::Duration;

use crate::rig::{Reply, Rig};

const RESOURCES: usize = 20;

fn path(resource: usize) -> String {
    format!("/repos/octo/r{resource}")
}

/// Nothing waits, so that each answer is there at once, on a clock that stands still.
async fn impatient() -> Rig {
    Rig::configured(|config| config.pacing.max_wait_seconds = 0).await
}

/// A caller that has read everything, and one that has read nothing.
async fn warm(rig: &Rig) -> (String, String) {
    let tokens = (rig.sim.user_token("known"), rig.sim.user_token("unknown"));
    for resource in 0..RESOURCES {
        rig.shelf.put(&path(resource), &json!({"id": resource}));
        let reply = rig.get(&path(resource), &tokens.0).await;
        assert_eq!(reply.header("x-cache"), "ONLINE_MISS");
    }
    rig.sim.reset_counters();
    tokens
}

/// How many of the resources were answered how.
async fn read_all(rig: &Rig, token: &str, x_cache: &str, status: u16) {
    for resource in 0..RESOURCES {
        let reply = rig.get(&path(resource), token).await;
        assert_eq!(reply.header("x-cache"), x_cache, "{reply:?}");
        assert_eq!(reply.status, status);
        if status == 200 {
            assert_eq!(reply.json(), json!({"id": resource}));
        }
    }
}

#[track_caller]
fn check_synthetic(reply: &Reply, words: &str, retry_after: u64) {
    assert_eq!(reply.status, 429, "{reply:?}");
    assert_eq!(reply.header("x-cache"), "RATE_LIMITED_MISS");
    assert_eq!(
        reply.header("cache-status"),
        "github-mirror; fwd=miss; detail=rate-limited"
    );
    assert_eq!(reply.header("retry-after"), retry_after.to_string());
    let body = reply.json();
    let message = body["message"].as_str().unwrap();
    assert!(message.contains(words), "{message}");
    assert!(message.contains("github-mirror"), "{message}");
    assert_eq!(body["status"], "429");
    assert!(
        body["documentation_url"]
            .as_str()
            .unwrap()
            .contains("rate-limits")
    );
}

#[tokio::test]
async fn drill_quota_exhausted() {
    let rig = impatient().await;
    let (known, unknown) = warm(&rig).await;
    rig.sim.set_quota("user:known/core", 0);
    rig.sim.set_quota("user:unknown/core", 0);
    // GitHub says so once to each; the mirror does not ask again.
    for round in 0..5 {
        read_all(&rig, &known, "RATE_LIMITED_HIT", 200).await;
        assert_eq!(rig.sim.counters().total, 1, "round {round}");
    }
    let told = rig.get(&path(0), &unknown).await;
    assert_eq!(
        (told.status.as_u16(), told.header("x-cache")),
        (403, "RATE_LIMITED_MISS"),
        "GitHub's own words are passed on"
    );
    for resource in 0..RESOURCES {
        let reply = rig.get(&path(resource), &unknown).await;
        let reset: u64 = reply.header("x-ratelimit-reset").parse().unwrap();
        let now = rig.sim.clock().now().unsigned_abs();
        check_synthetic(&reply, "API rate limit exceeded", reset + 1 - now);
        assert_eq!(reply.header("x-ratelimit-remaining"), "0");
        assert_eq!(reply.header("x-ratelimit-limit"), "5000");
        assert_eq!(reply.header("x-ratelimit-resource"), "core");
    }
    assert_eq!(rig.sim.counters().total, 2);
    // Writes are refused as well, and not sent.
    let headers = [("authorization", "token ".to_owned() + &known)];
    let headers = headers
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let write = rig.send(Method::PATCH, &path(0), &headers, "{}").await;
    assert_eq!(write.status, 429);
    assert_eq!(rig.sim.counters().total, 2);
    // Others are not concerned, nor is what has a bucket of its own.
    let third = rig.sim.user_token("third");
    read_all(&rig, &third, "ONLINE_HIT", 200).await;
    assert_eq!(rig.get("/rate_limit", &known).await.status, 200);
    // The window is over.
    rig.sim.clock().advance(Duration::from_secs(3_602));
    read_all(&rig, &known, "ONLINE_HIT", 200).await;
    read_all(&rig, &unknown, "ONLINE_HIT", 200).await;
    let refused = rig.sim.counters().count_status(403);
    assert_eq!(refused, 2, "one for each caller");
}

#[tokio::test]
async fn drill_429_without_retry_after() {
    let rig = impatient().await;
    let (known, unknown) = warm(&rig).await;
    let switches = Switches {
        secondary_status: github_sim::LimitStatus::TooManyRequests,
        ..rig.sim.switches()
    };
    rig.sim.set_switches(switches);
    let limit = || FaultRule::new(FaultKind::SecondaryLimit { retry_after: None }).times(1);
    let mut sent = 0;
    // Each limit in a row doubles the rest.
    for rest in [60, 120, 240] {
        rig.sim.fault(limit());
        read_all(&rig, &known, "RATE_LIMITED_HIT", 200).await;
        sent += 1;
        assert_eq!(rig.sim.counters().total, sent);
        let unseen = rig.get("/repos/octo/unseen", &known).await;
        check_synthetic(&unseen, "secondary rate limit", rest);
        rig.sim.clock().advance(Duration::from_secs(rest - 1));
        read_all(&rig, &known, "RATE_LIMITED_HIT", 200).await;
        assert_eq!(rig.sim.counters().total, sent);
        rig.sim.clock().advance(Duration::from_secs(1));
    }
    read_all(&rig, &known, "ONLINE_HIT", 200).await;
    assert_eq!(rig.sim.counters().count_status(429), 3);
    // Nobody else was held up.
    read_all(&rig, &unknown, "ONLINE_HIT", 200).await;
    assert_eq!(rig.sim.counters().total, sent + 2 * RESOURCES as u64);
}

#[tokio::test]
async fn a_secondary_limit_with_remaining_0_does_not_block_for_an_hour() {
    let rig = impatient().await;
    let (known, _) = warm(&rig).await;
    // The last unit is spent by the request that meets the limit.
    rig.sim.set_quota("user:known/core", 1);
    rig.sim.fault(
        FaultRule::new(FaultKind::SecondaryLimit {
            retry_after: Some(60),
        })
        .times(1),
    );
    read_all(&rig, &known, "RATE_LIMITED_HIT", 200).await;
    rig.sim.set_quota("user:known/core", 100);
    rig.sim.clock().advance(Duration::from_secs(60));
    read_all(&rig, &known, "ONLINE_HIT", 200).await;
}

#[tokio::test]
async fn strict_pacing_refuses_before_github_does() {
    let rig = Rig::with(
        |config| {
            config.pacing.mode = PacingModeSetting::Strict;
            config.pacing.points_per_minute = 20;
            config.pacing.max_wait_seconds = 0;
        },
        |sim| {
            sim.switches(Switches {
                points_per_minute: 20,
                deprecation_headers: false,
                ..Switches::default()
            })
        },
    )
    .await;
    let token = rig.sim.user_token("a");
    rig.shelf.put(&path(0), &json!({"id": 0}));
    let mut by_status = std::collections::BTreeMap::new();
    for _ in 0..30 {
        // Free 304s are points too.
        let reply = rig.get(&path(0), &token).await;
        *by_status
            .entry(reply.header("x-cache").to_owned())
            .or_insert(0) += 1;
    }
    let expected = [
        ("ONLINE_HIT", 19),
        ("ONLINE_MISS", 1),
        ("RATE_LIMITED_HIT", 10),
    ];
    assert_eq!(
        by_status,
        expected
            .map(|(name, count)| (name.to_owned(), count))
            .into()
    );
    assert_eq!(rig.sim.counters().total, 20);
    assert_eq!(rig.sim.counters().count_status(403), 0);
    let metrics = rig.mirror.metrics().render().unwrap();
    assert!(
        metrics.contains("github_mirror_held_back_total{reason=\"pace\"} 10"),
        "{metrics}"
    );
    let account = rig.mirror.quota();
    assert_eq!(account.callers.len(), 1);
    assert_eq!(
        (account.callers[0].points, account.callers[0].in_flight),
        (20, 0)
    );
}

#[tokio::test]
async fn anonymous_304s_are_not_believed_free() {
    let rig = Rig::configured(|config| {
        config.pacing.max_wait_seconds = 0;
        config.anonymous_policy = mirror_core::config::AnonymousPolicy::Revalidate;
    })
    .await;
    rig.shelf.put(&path(0), &json!({"id": 0}));
    for _ in 0..60 {
        assert_eq!(rig.anonymous(&path(0)).await.status, 200);
    }
    let stale = rig.anonymous(&path(0)).await;
    assert_eq!(stale.header("x-cache"), "RATE_LIMITED_HIT");
    assert_eq!(
        rig.sim.counters().total,
        60,
        "the mirror knew that nothing was left"
    );
}

#[tokio::test]
async fn one_credential_at_its_limit_of_concurrency_holds_up_no_other() {
    let rig = Rig::configured(|config| config.pacing.max_concurrent = 1).await;
    let (a, b) = (rig.sim.user_token("a"), rig.sim.user_token("b"));
    for resource in 0..4 {
        rig.shelf.put(&path(resource), &json!({"id": resource}));
    }
    // Each answer is held back until the next request of another credential has come.
    rig.sim
        .fault(FaultRule::new(FaultKind::Delay { milliseconds: 50 }));
    let paths: Vec<String> = (0..4).map(path).collect();
    let replies = futures_util::future::join_all([
        rig.get(&paths[0], &a),
        rig.get(&paths[1], &a),
        rig.get(&paths[2], &a),
        rig.get(&paths[3], &b),
    ])
    .await;
    assert!(replies.iter().all(|reply| reply.status == 200));
    let metrics = rig.mirror.metrics().render().unwrap();
    let waited = "github_mirror_paced_wait_seconds_count{reason=\"concurrency\"}";
    assert!(metrics.contains(waited), "{metrics}");
    for state in rig.mirror.quota().callers {
        assert_eq!((state.in_flight, state.waiting), (0, 0));
    }
}
