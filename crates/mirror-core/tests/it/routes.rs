//! `[[routes]]` through the mirror, and settings that are taken over while it runs.

use mirror_core::Config;
use mirror_core::config::RouteConfig;
use serde_json::json;

use crate::rig::Rig;

fn rule(pattern: &str, policy: &str, ttl_seconds: Option<u64>) -> RouteConfig {
    let rule = json!({"match": pattern, "policy": policy, "ttl_seconds": ttl_seconds});
    serde_json::from_value(rule).unwrap()
}

/// The settings of a rig, but for its routes; the mirror listens already, so that only the upstream matters.
fn with_routes(rig: &Rig, routes: Vec<RouteConfig>) -> Config {
    Config {
        listen: ([127, 0, 0, 1], 0).into(),
        upstream: rig.sim.url(),
        routes,
        ..Config::default()
    }
}

#[tokio::test]
async fn rules_apply_whatever_way_the_client_writes_the_path() {
    let rig = Rig::configured(|config| {
        config.routes = vec![
            rule("/repos/o/r/git/commits/*", "immutable", None),
            rule("/repos/o/r/keys/**", "deny", None),
            rule("/repos/o/r/issues/**", "negative", Some(60)),
        ];
    })
    .await;
    let token = rig.sim.user_token("octo");
    let commit = "/repos/o/r/git/commits/1a2b";
    rig.shelf.put(commit, &json!({"sha": "1a2b"}));
    rig.get(commit, &token).await;
    rig.shelf.put(commit, &json!({"sha": "changed"}));
    for target in [commit, "/api/v3/repos/o/r/git/commits/1a2b"] {
        let again = rig.get(target, &token).await;
        again.check(200, "ONLINE_HIT", "hit; detail=immutable");
        assert_eq!(again.json()["sha"], "1a2b", "{target}");
    }

    rig.shelf.put("/repos/o/r/keys/1", &json!({}));
    for _ in 0..2 {
        let denied = rig.get("/repos/o/r/keys/1", &token).await;
        denied.check(
            200,
            "ONLINE_MISS",
            "fwd=bypass; fwd-status=200; detail=denied",
        );
    }

    let used = rig.quota_used();
    rig.get("/repos/o/r/issues/9", &token).await;
    for _ in 0..20 {
        let missing = rig.get("/api/v3/repos/o/r/issues/9", &token).await;
        missing.check(404, "ONLINE_HIT", "hit; ttl=60; detail=negative");
        assert_eq!(missing.json()["message"], "Not Found");
    }
    assert_eq!(rig.quota_used() - used, 1, "a 404 storm costs one request");
}

#[tokio::test]
async fn rules_are_replaced_while_the_mirror_runs() {
    let rig = Rig::new().await;
    let token = rig.sim.user_token("octo");
    let path = "/repos/o/r/git/commits/1a2b";
    rig.shelf.put(path, &json!({}));
    rig.get(path, &token).await;
    rig.get(path, &token).await.check(
        200,
        "ONLINE_HIT",
        "fwd=stale; fwd-status=304; detail=own-tag",
    );

    let immutable = with_routes(&rig, vec![rule("/repos/**", "immutable", None)]);
    let report = rig.mirror.reload(&immutable).unwrap();
    assert_eq!(report.applied, ["routes"]);
    assert_eq!(report.needs_restart, [""; 0]);
    rig.get(path, &token)
        .await
        .check(200, "ONLINE_HIT", "hit; detail=immutable");
    assert_eq!(rig.mirror.reload(&immutable).unwrap().applied, [""; 0]);

    // What is wrong is refused as a whole.
    let mut wrong = with_routes(
        &rig,
        vec![rule("/repos/**", "deny", None), rule("x", "deny", None)],
    );
    let problem = rig.mirror.reload(&wrong).unwrap_err();
    assert_eq!(
        problem.to_string(),
        "routes: number 2: match: must begin with /"
    );
    rig.get(path, &token)
        .await
        .check(200, "ONLINE_HIT", "hit; detail=immutable");

    // What cannot change is named, and what can changes.
    wrong.routes.truncate(1);
    wrong.limits.max_connections += 1;
    let report = rig.mirror.reload(&wrong).unwrap();
    assert_eq!(report.applied, ["routes"]);
    assert_eq!(report.needs_restart, ["limits.max_connections"]);
    rig.get(path, &token).await.check(
        200,
        "ONLINE_MISS",
        "fwd=bypass; fwd-status=200; detail=denied",
    );
}

/// A mistake in the file stops the start, and says which rule it is.
#[test]
fn a_wrong_rule_is_named() {
    let config = Config {
        routes: vec![rule("/a", "ttl", None)],
        ..Config::default()
    };
    let problem = config.check().unwrap_err().to_string();
    assert_eq!(
        problem,
        "routes: number 1: ttl_seconds: needed with policy ttl"
    );
}
