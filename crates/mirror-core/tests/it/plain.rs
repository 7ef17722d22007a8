//! The mirror as a plain reverse-proxy cache: `default_policy` rfc9111.

use http::Method;
use mirror_core::config::DefaultPolicy;
use serde_json::json;

use crate::rig::Rig;

const REPO: &str = "/repos/octo/hello";

async fn plain() -> Rig {
    let rig = Rig::configured(|config| config.default_policy = DefaultPolicy::Rfc9111).await;
    rig.shelf.put(
        REPO,
        &json!({"url": "https://api.github.com/repos/octo/hello"}),
    );
    rig
}

#[tokio::test]
async fn what_is_fresh_is_served_unasked_and_nothing_is_rewritten() {
    let rig = plain().await;
    let first = rig.anonymous(REPO).await;
    first.check(200, "ONLINE_MISS", "fwd=miss; fwd-status=200; stored");
    assert_eq!(
        first.json()["url"],
        "https://api.github.com/repos/octo/hello"
    );
    let second = rig.anonymous(REPO).await;
    assert_eq!(second.header("x-cache"), "ONLINE_HIT");
    assert!(
        second
            .header("cache-status")
            .starts_with("github-mirror; hit; ttl=")
    );
    assert_eq!(
        (&second.body, second.header("etag")),
        (&first.body, first.header("etag"))
    );
    assert_eq!((rig.upstream(200), rig.upstream(304)), (1, 0));
}

#[tokio::test]
async fn what_is_private_to_a_token_is_stored_for_nobody() {
    let rig = plain().await;
    let (a, b) = (rig.sim.user_token("a"), rig.sim.user_token("b"));
    for token in [&a, &b, &a] {
        rig.get(REPO, token).await.check(
            200,
            "ONLINE_MISS",
            "fwd=miss; fwd-status=200; detail=private",
        );
    }
    assert_eq!(rig.upstream(200), 3);
}

#[tokio::test]
async fn a_write_outdates_what_is_stored() {
    let rig = plain().await;
    let asked = || rig.sim.counters().count_path(REPO);
    rig.anonymous(REPO).await;
    rig.anonymous(REPO).await;
    assert_eq!(asked(), 1, "the second one is served unasked");
    let authorization = format!("token {}", rig.sim.user_token("a"));
    let headers = [("authorization", authorization.as_str())];
    let written = rig.send(Method::PATCH, REPO, &headers, "{}").await;
    written.check(
        201,
        "ONLINE_MISS",
        "fwd=method; fwd-status=201; detail=method",
    );
    rig.anonymous(REPO).await;
    assert_eq!(asked(), 3, "the write, and the question after it");
}

#[tokio::test]
async fn urls_are_rewritten_if_somebody_says_to_what() {
    let rig = Rig::configured(|config| {
        config.default_policy = DefaultPolicy::Rfc9111;
        config.public_url = Some("https://mirror.example".to_owned());
    })
    .await;
    rig.shelf.put(
        REPO,
        &json!({"url": "https://api.github.com/repos/octo/hello"}),
    );
    for _ in 0..2 {
        let seen = rig.anonymous(REPO).await;
        assert_eq!(
            seen.json()["url"],
            "https://mirror.example/repos/octo/hello"
        );
    }
    assert_eq!(rig.upstream(200), 1);
}
