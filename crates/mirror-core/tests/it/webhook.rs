//! GitHub tells the mirror what has changed: what is served unasked until then, and what after that.

use std::time::Duration;

use http::Method;
use mirror_core::Config;
use serde_json::{Value, json};

use crate::rig::{Reply, Rig};

const SECRET: &str = "It's a Secret to Everybody";
const ISSUE: &str = "/repos/acme/app/issues/5";
const BY_NUMBER: &str = "/repositories/7/issues?page=2";
const HOUR: &str = "hit; ttl=3600; detail=covered";

fn covered(config: &mut Config) {
    config.webhook.secret = Some(SECRET.into());
    config.webhook.covered = vec!["/repos/acme/**".to_owned(), "/repositories/7/**".to_owned()];
}

fn sign(body: &str) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let code = mac.finalize().into_bytes();
    let hex: String = code.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={hex}")
}

/// Delivers an event as GitHub does.
async fn deliver(rig: &Rig, event: &str, number: &str, payload: &Value) -> Reply {
    let body = payload.to_string();
    let headers = [
        ("content-type", "application/json"),
        ("x-github-event", event),
        ("x-github-delivery", number),
        ("x-hub-signature-256", &sign(&body)),
    ];
    rig.send(Method::POST, "/_mirror/webhook", &headers, body)
        .await
}

fn issue_edited() -> Value {
    json!({
        "action": "edited",
        "issue": {"number": 5},
        "repository": {"id": 7, "full_name": "Acme/App", "owner": {"login": "Acme", "id": 1}},
    })
}

/// Without the hook a change is not seen for an hour, which is what coverage means; with it, at once.
#[tokio::test]
async fn a_covered_resource_is_served_unasked_until_its_event_comes() {
    let rig = Rig::configured(covered).await;
    let token = rig.sim.user_token("octo");
    let other = "/repos/acme/app/issues/6";
    for path in [ISSUE, other, BY_NUMBER] {
        rig.shelf.put(path, &json!({"title": "old"}));
        rig.get(path, &token).await;
    }
    let asked = rig.upstream(200) + rig.upstream(304);
    rig.shelf.put(ISSUE, &json!({"title": "new"}));
    let stale = rig.get(ISSUE, &token).await;
    stale.check(200, "ONLINE_HIT", HOUR);
    assert_eq!(stale.json()["title"], "old", "nobody has told the mirror");

    let told = deliver(&rig, "issues", "1", &issue_edited()).await;
    assert_eq!(
        (told.status.as_u16(), &told.json()["result"]),
        (200, &json!("marked"))
    );
    assert_eq!(rig.get(ISSUE, &token).await.json()["title"], "new");
    rig.get(BY_NUMBER, &token).await.check(
        200,
        "ONLINE_HIT",
        "fwd=stale; fwd-status=304; detail=own-tag",
    );
    // Exactly those: the issue beside it is left alone.
    rig.get(other, &token).await.check(200, "ONLINE_HIT", HOUR);
    assert_eq!(rig.upstream(200) + rig.upstream(304), asked + 2);
    // A stranger is asked about, whatever is covered.
    let stranger = rig.sim.user_token("stranger");
    rig.shelf.hide(other, "stranger");
    assert_eq!(rig.get(other, &stranger).await.status, 404);
}

/// GitHub's replicas lag behind its own event: a 304 in the first seconds proves nothing.
#[tokio::test]
async fn a_304_right_after_the_event_is_asked_about_once_more() {
    let rig = Rig::configured(covered).await;
    let token = rig.sim.user_token("octo");
    rig.shelf.put(ISSUE, &json!({"title": "old"}));
    rig.get(ISSUE, &token).await;
    rig.sim.clock().advance(Duration::from_secs(60));
    deliver(&rig, "issues", "1", &issue_edited()).await;
    // The replica that answers has not heard of the change.
    rig.get(ISSUE, &token).await.check(
        200,
        "ONLINE_HIT",
        "fwd=stale; fwd-status=304; detail=own-tag",
    );
    rig.shelf.put(ISSUE, &json!({"title": "new"}));
    rig.sim.clock().advance(Duration::from_secs(11));
    assert_eq!(rig.get(ISSUE, &token).await.json()["title"], "new");
    rig.get(ISSUE, &token).await.check(200, "ONLINE_HIT", HOUR);
}

#[tokio::test]
async fn only_github_can_tell() {
    let rig = Rig::configured(covered).await;
    let token = rig.sim.user_token("octo");
    rig.shelf.put(ISSUE, &json!({}));
    rig.get(ISSUE, &token).await;
    let body = issue_edited().to_string();
    let wrong = sign("another body");
    for signature in [None, Some("sha256=00"), Some(wrong.as_str())] {
        let mut headers = vec![
            ("content-type", "application/json"),
            ("x-github-event", "issues"),
        ];
        headers.extend(signature.map(|signature| ("x-hub-signature-256", signature)));
        let refused = rig
            .send(Method::POST, "/_mirror/webhook", &headers, body.clone())
            .await;
        assert_eq!(refused.status, 401, "{signature:?}");
    }
    rig.get(ISSUE, &token).await.check(200, "ONLINE_HIT", HOUR);
    let ping = deliver(&rig, "ping", "1", &json!({"zen": "x"})).await;
    assert_eq!(
        (ping.status.as_u16(), &ping.json()["result"]),
        (200, &json!("pong"))
    );
    for expected in ["marked", "repeated"] {
        let told = deliver(&rig, "issues", "2", &issue_edited()).await;
        assert_eq!(told.json()["result"], expected);
    }
    let metrics = rig.anonymous("/metrics").await;
    let text = String::from_utf8_lossy(&metrics.body).into_owned();
    let line = text.lines().find(|line| {
        line.starts_with("github_mirror_webhook_deliveries_total{") && line.contains("repeated")
    });
    assert!(
        line.is_some_and(|line| line.contains("event=\"issues\"")),
        "{text}"
    );
    assert!(!text.contains(SECRET));
}

#[tokio::test]
async fn without_a_secret_there_is_no_receiver() {
    let rig = Rig::new().await;
    let refused = deliver(&rig, "ping", "1", &json!({})).await;
    assert_eq!(refused.status, 404);
    assert_eq!(rig.sim.counters().total, 0, "nothing of it reaches GitHub");
}

#[tokio::test]
async fn a_payload_above_the_limit_is_refused() {
    let rig = Rig::configured(|config| {
        covered(config);
        config.webhook.max_body_bytes = 100;
    })
    .await;
    let payload = json!({"padding": "x".repeat(200)});
    assert_eq!(deliver(&rig, "push", "1", &payload).await.status, 413);
}

/// What events do not tell of wholly is asked about, although the pattern names it; an explicit rule wins.
#[tokio::test]
async fn coverage_ends_where_events_are_silent_and_where_a_rule_says_otherwise() {
    let rig = Rig::configured(|config| {
        covered(config);
        let rule = json!({"match": "/repos/acme/app/labels", "policy": "revalidate"});
        config.routes = vec![serde_json::from_value(rule).unwrap()];
    })
    .await;
    let token = rig.sim.user_token("octo");
    for path in [
        "/repos/acme/app/releases",
        "/repos/acme/app/labels",
        "/repos/other/app/issues/5",
    ] {
        rig.shelf.put(path, &json!([{}]));
        rig.get(path, &token).await;
        rig.get(path, &token).await.check(
            200,
            "ONLINE_HIT",
            "fwd=stale; fwd-status=304; detail=own-tag",
        );
    }
}

mod graphql {
    use super::*;

    const QUERY: &str = r#"{"query":"{viewer{login}}"}"#;

    async fn ask(rig: &Rig, path: &str, token: &str) -> Reply {
        let authorization = format!("bearer {token}");
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-type", "application/json"),
        ];
        rig.send(Method::POST, path, &headers, QUERY).await
    }

    #[tokio::test]
    async fn it_is_passed_through_and_accounted_apart() {
        let rig = Rig::new().await;
        let token = rig.sim.user_token("octo");
        for path in ["/graphql", "/api/graphql", "/graphql"] {
            let answer = ask(&rig, path, &token).await;
            answer.check(
                200,
                "ONLINE_MISS",
                "fwd=method; fwd-status=200; detail=method",
            );
            assert_eq!(answer.json()["data"]["viewer"]["login"], "octo");
            assert_eq!(answer.header("x-ratelimit-resource"), "graphql");
        }
        assert_eq!(rig.mirror.inspect().usage().entries, 0);
        let metrics = rig.anonymous("/metrics").await;
        let text = String::from_utf8_lossy(&metrics.body).into_owned();
        let accounted = text.lines().any(|line| {
            line.starts_with("github_mirror_quota_remaining{")
                && line.contains("resource=\"graphql\"")
        });
        assert!(accounted, "{text}");
    }

    /// HTTP 200 with an error inside: the client gets GitHub's own words, and the mirror says what it was.
    #[tokio::test]
    async fn a_refusal_in_a_200_is_recognised() {
        let rig = Rig::new().await;
        rig.sim.user_token("octo");
        rig.sim.set_quota("user:octo/graphql", 0);
        for path in ["/graphql", "/api/graphql"] {
            let token = rig.sim.user_token("octo");
            let refused = ask(&rig, path, &token).await;
            refused.check(
                200,
                "RATE_LIMITED_MISS",
                "fwd=miss; fwd-status=200; detail=rate-limited",
            );
            assert_eq!(refused.json()["errors"][0]["type"], "RATE_LIMITED");
            // GitHub has said it once; it is not asked again until the window ends.
            let held_back = ask(&rig, path, &token).await;
            assert_eq!(held_back.status, 429);
            assert_eq!(held_back.header("x-ratelimit-resource"), "graphql");
        }
    }

    /// The last point that is paid is an answer like any other.
    #[tokio::test]
    async fn an_answer_that_used_the_last_point_is_no_refusal() {
        let rig = Rig::new().await;
        let token = rig.sim.user_token("octo");
        rig.sim.set_quota("user:octo/graphql", 1);
        let answer = ask(&rig, "/graphql", &token).await;
        answer.check(
            200,
            "ONLINE_MISS",
            "fwd=method; fwd-status=200; detail=method",
        );
        assert_eq!(answer.header("x-ratelimit-remaining"), "0");
        assert_eq!(answer.json()["data"]["viewer"]["login"], "octo");
    }

    /// Tools that insist on an enterprise host send release assets to `/api/uploads`.
    #[tokio::test]
    async fn uploads_are_told_where_to_go() {
        let rig = Rig::new().await;
        let path = "/api/uploads/repos/o/r/releases/1/assets?name=a.zip";
        let refused = rig.send(Method::POST, path, &[], "zip").await;
        assert_eq!(refused.status, 501);
        let message = refused.json()["message"].to_string();
        assert!(message.contains("https://uploads.github.com"), "{message}");
        assert_eq!(rig.sim.counters().total, 0);
    }
}
