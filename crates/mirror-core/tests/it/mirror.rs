//! What a client sees: X-Cache, Cache-Status, rewriting, preconditions, HEAD, anonymous freshness, local paths.

use std::time::Duration;

use http::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::rig::Rig;

const REPO: &str = "/repos/octo/hello";

fn repo() -> serde_json::Value {
    json!({"id": 1, "url": "https://api.github.com/repos/octo/hello", "note": "see https://api.github.com/x"})
}

#[tokio::test]
async fn miss_hit_other_token_rotated_token() {
    let rig = Rig::new().await;
    rig.shelf.put(REPO, &repo());
    let (a, b) = (rig.sim.user_token("a"), rig.sim.user_token("b"));

    let miss = rig.get(REPO, &a).await;
    miss.check(200, "ONLINE_MISS", "fwd=miss; fwd-status=200; stored");
    let hit = rig.get(REPO, &a).await;
    hit.check(
        200,
        "ONLINE_HIT",
        "fwd=stale; fwd-status=304; detail=own-tag",
    );
    assert_eq!(hit.body, miss.body);
    assert_eq!(hit.header("etag"), miss.header("etag"));
    assert_eq!(
        hit.header("content-type"),
        "application/json; charset=utf-8"
    );
    assert_eq!(
        hit.header("x-ratelimit-used"),
        "1",
        "the headers are those of the 304"
    );
    assert_eq!(hit.header("age"), "0");

    let other = rig.get(REPO, &b).await;
    other.check(
        200,
        "ONLINE_HIT",
        "fwd=stale; fwd-status=304; detail=predicted",
    );
    assert_eq!(other.body, miss.body);
    assert_ne!(
        other.header("etag"),
        miss.header("etag"),
        "each token has its own tag"
    );
    let rotated = rig.sim.rotate_token(&b);
    rig.get(REPO, &rotated).await.check(
        200,
        "ONLINE_HIT",
        "fwd=stale; fwd-status=304; detail=predicted",
    );
    assert_eq!((rig.upstream(200), rig.quota_used()), (1, 1));
}

#[tokio::test]
async fn a_change_costs_one_request_for_all_tokens() {
    let rig = Rig::new().await;
    rig.shelf.put(REPO, &json!({"v": 1}));
    let tokens = [
        rig.sim.user_token("a"),
        rig.sim.user_token("b"),
        rig.sim.user_token("c"),
    ];
    for token in &tokens {
        rig.get(REPO, token).await;
    }
    rig.shelf.put(REPO, &json!({"v": 2}));
    let changed = rig.get(REPO, &tokens[1]).await;
    changed.check(200, "ONLINE_MISS", "fwd=stale; fwd-status=200; stored");
    for token in &tokens {
        let reply = rig.get(REPO, token).await;
        assert_eq!(
            (reply.json(), reply.header("x-cache")),
            (json!({"v": 2}), "ONLINE_HIT")
        );
    }
    assert_eq!(rig.upstream(200), 2);
}

#[tokio::test]
async fn urls_are_rewritten_on_the_way_out_only() {
    let rig = Rig::new().await;
    rig.shelf.put("/repos/octo/hello?page=1", &repo());
    rig.shelf.link(
        "/repos/octo/hello?page=1",
        vec![(
            "next",
            "https://api.github.com/repositories/1/x?page=2".to_owned(),
        )],
    );
    let token = rig.sim.user_token("a");
    for x_cache in ["ONLINE_MISS", "ONLINE_HIT", "ONLINE_HIT"] {
        let reply = rig.get("/repos/octo/hello?page=1", &token).await;
        assert_eq!(reply.header("x-cache"), x_cache);
        let url = format!("{}/repos/octo/hello", rig.url);
        assert_eq!(reply.json()["url"], url);
        assert_eq!(
            reply.json()["note"],
            "see https://api.github.com/x",
            "prose is left alone"
        );
        let link = format!("<{}/repositories/1/x?page=2>; rel=\"next\"", rig.url);
        assert_eq!(reply.header("link"), link);
        assert!(reply.header("etag").starts_with("W/\""));
        if let Some(length) = reply.headers.get("content-length") {
            assert_eq!(length.to_str().unwrap(), reply.body.len().to_string());
        }
    }
    let enterprise = rig.get("/api/v3/repos/octo/hello?page=1", &token).await;
    assert_eq!(
        enterprise.header("x-cache"),
        "ONLINE_HIT",
        "both dialects share one entry"
    );
    assert_eq!(
        enterprise.json()["url"],
        format!("{}/api/v3/repos/octo/hello", rig.url)
    );

    let plain = Rig::configured(|config| config.rewrite_bodies = false).await;
    plain.shelf.put(REPO, &repo());
    let reply = plain.get(REPO, &plain.sim.user_token("a")).await;
    assert_eq!(reply.json(), repo());

    let public =
        Rig::configured(|config| config.public_url = Some("https://gh.corp/".into())).await;
    public.shelf.put(REPO, &repo());
    let reply = public.get(REPO, &public.sim.user_token("a")).await;
    assert_eq!(reply.json()["url"], "https://gh.corp/repos/octo/hello");
}

#[tokio::test]
async fn client_preconditions() {
    let rig = Rig::new().await;
    rig.shelf.put(REPO, &repo());
    let token = format!("token {}", rig.sim.user_token("a"));
    let first = rig
        .send(Method::GET, REPO, &[("authorization", &token)], "")
        .await;
    let tag = first.header("etag").to_owned();

    let headers = [
        ("authorization", token.as_str()),
        ("if-none-match", tag.as_str()),
    ];
    let same = rig.send(Method::GET, REPO, &headers, "").await;
    same.check(
        304,
        "ONLINE_HIT",
        "fwd=stale; fwd-status=304; detail=own-tag",
    );
    assert!(same.body.is_empty());
    assert_eq!(same.header("etag"), tag);

    rig.shelf.put(REPO, &json!({"id": 2}));
    let changed = rig.send(Method::GET, REPO, &headers, "").await;
    changed.check(200, "ONLINE_MISS", "fwd=stale; fwd-status=200; stored");
    assert_eq!(changed.json(), json!({"id": 2}));
}

#[tokio::test]
async fn a_client_that_is_ahead_of_the_mirror_pays_nothing() {
    let rig = Rig::new().await;
    rig.shelf.put("/users/octo", &repo());
    let token = format!("token {}", rig.sim.user_token("a"));
    let tag = rig
        .send(Method::GET, "/users/octo", &[("authorization", &token)], "")
        .await
        .header("etag")
        .to_owned();
    let fresh = Rig::new().await;
    fresh.shelf.put("/users/octo", &repo());
    let same = fresh.sim.add_token(github_sim::TokenSpec {
        login: Some("a".to_owned()),
        token: Some(token.trim_start_matches("token ").to_owned()),
        ..Default::default()
    });
    assert!(same.is_ok());
    let headers = [
        ("authorization", token.as_str()),
        ("if-none-match", tag.as_str()),
    ];
    let reply = fresh.send(Method::GET, "/users/octo", &headers, "").await;
    reply.check(
        304,
        "ONLINE_MISS",
        "fwd=miss; fwd-status=304; detail=client",
    );
    assert_eq!(fresh.quota_used(), 0);
}

#[tokio::test]
async fn head_is_answered_from_a_stored_get() {
    let rig = Rig::configured(|config| config.rewrite_bodies = false).await;
    rig.shelf.put(REPO, &repo());
    let token = format!("token {}", rig.sim.user_token("a"));
    let headers = [("authorization", token.as_str())];
    let cold = rig.send(Method::HEAD, REPO, &headers, "").await;
    cold.check(
        200,
        "ONLINE_MISS",
        "fwd=bypass; fwd-status=200; detail=cold-head",
    );
    let get = rig.send(Method::GET, REPO, &headers, "").await;
    let head = rig.send(Method::HEAD, REPO, &headers, "").await;
    head.check(
        200,
        "ONLINE_HIT",
        "fwd=stale; fwd-status=304; detail=own-tag",
    );
    assert!(head.body.is_empty());
    assert_eq!(head.header("content-length"), get.body.len().to_string());
}

#[tokio::test]
async fn anonymous_callers_are_served_fresh_answers_unasked() {
    let rig = Rig::new().await;
    rig.shelf.put(REPO, &json!({"id": 1}));
    rig.anonymous(REPO)
        .await
        .check(200, "ONLINE_MISS", "fwd=miss; fwd-status=200; stored");
    rig.sim.clock().advance(Duration::from_secs(50));
    let fresh = rig.anonymous(REPO).await;
    fresh.check(200, "ONLINE_HIT", "hit; ttl=10");
    assert_eq!(fresh.header("age"), "50");
    rig.sim.clock().advance(Duration::from_secs(1));
    let later = rig.anonymous(REPO).await;
    later.check(200, "ONLINE_HIT", "hit; ttl=9");
    rig.sim.clock().advance(Duration::from_secs(10));
    let stale = rig.anonymous(REPO).await;
    stale.check(
        200,
        "ONLINE_HIT",
        "fwd=stale; fwd-status=304; detail=own-tag",
    );
    assert_eq!(rig.quota_used(), 2, "GitHub charges an anonymous 304");

    let asking = Rig::configured(|config| {
        config.anonymous_policy = mirror_core::config::AnonymousPolicy::Revalidate;
    })
    .await;
    asking.shelf.put(REPO, &json!({"id": 1}));
    asking.anonymous(REPO).await;
    asking.anonymous(REPO).await.check(
        200,
        "ONLINE_HIT",
        "fwd=stale; fwd-status=304; detail=own-tag",
    );
}

#[tokio::test]
async fn a_write_ends_freshness() {
    let rig = Rig::new().await;
    rig.shelf
        .put("/repos/octo/hello/issues", &json!([{"number": 1}]));
    let target = "/repos/octo/hello/issues";
    rig.anonymous(target).await;
    let token = format!("token {}", rig.sim.user_token("a"));
    let headers = [
        ("authorization", token.as_str()),
        ("content-type", "application/json"),
    ];
    let write = rig
        .send(Method::POST, target, &headers, "{\"title\":\"x\"}")
        .await;
    write.check(
        201,
        "ONLINE_MISS",
        "fwd=method; fwd-status=201; detail=method",
    );
    let asked = rig.anonymous(target).await;
    assert!(
        asked.header("cache-status").contains("fwd=stale"),
        "{asked:?}"
    );
}

#[tokio::test]
async fn an_empty_list_costs_nothing_and_grows() {
    let rig = Rig::new().await;
    let target = "/repos/octo/hello/issues?per_page=2";
    rig.shelf.put(target, &json!([]));
    let token = rig.sim.user_token("a");
    let empty = rig.get(target, &token).await;
    empty.check(
        200,
        "ONLINE_HIT",
        "fwd=stale; fwd-status=304; detail=speculative",
    );
    assert_eq!((empty.json(), rig.quota_used()), (json!([]), 0));
    rig.shelf.put(target, &json!([{"n": 1}]));
    let grown = rig.get(target, &token).await;
    grown.check(200, "ONLINE_MISS", "fwd=stale; fwd-status=200; stored");
    assert_eq!(grown.json(), json!([{"n": 1}]));
}

#[tokio::test]
async fn a_full_last_page_notices_that_the_list_has_grown() {
    let rig = Rig::new().await;
    let (one, two) = (
        "/repos/octo/hello/issues?per_page=2",
        "/repos/octo/hello/issues?per_page=2&page=2",
    );
    rig.shelf.put(one, &json!([{"n": 1}, {"n": 2}]));
    rig.shelf.put(two, &json!([]));
    let token = rig.sim.user_token("a");
    rig.get(one, &token).await;
    let last = rig.get(one, &token).await;
    last.check(
        200,
        "ONLINE_HIT",
        "fwd=stale; fwd-status=304; detail=own-tag",
    );
    assert!(!last.headers.contains_key("link"));
    assert_eq!(rig.quota_used(), 1, "looking behind the page was free");

    rig.shelf.put(two, &json!([{"n": 3}]));
    rig.shelf
        .link(one, vec![("next", format!("https://api.github.com{two}"))]);
    let grown = rig.get(one, &token).await;
    grown.check(
        200,
        "ONLINE_HIT",
        "fwd=stale; fwd-status=304; detail=own-tag",
    );
    let next = format!(
        "<{}{two}>; rel=\"next\", <{}{two}>; rel=\"last\"",
        rig.url, rig.url
    );
    assert_eq!(grown.header("link"), next);
    assert_eq!(rig.quota_used(), 2, "the new page itself");
    rig.get(two, &token).await.check(
        200,
        "ONLINE_HIT",
        "fwd=stale; fwd-status=304; detail=own-tag",
    );
    assert_eq!(rig.get(one, &token).await.header("link"), next);
    assert_eq!(rig.quota_used(), 2);
}

#[tokio::test]
async fn local_paths() {
    let rig = Rig::new().await;
    let health = rig.anonymous("/healthz").await;
    assert_eq!(
        (health.status.as_u16(), &health.body[..]),
        (200, &b"OK"[..])
    );
    assert_eq!(rig.anonymous("/readyz").await.status, 200);
    assert_eq!(rig.anonymous("/_mirror/nothing").await.status, 404);
    rig.shelf.put(REPO, &repo());
    let token = rig.sim.user_token("a");
    rig.get(REPO, &token).await;
    rig.get(REPO, &token).await;
    let metrics = String::from_utf8(rig.anonymous("/metrics").await.body.to_vec()).unwrap();
    for line in [
        "http_request_total{cache=\"ONLINE_HIT\",method=\"GET\",status=\"200\",user=\"None\"} 1",
        "request_latency_seconds_count{cache=\"ONLINE_MISS\",method=\"GET\",status=\"200\",user=\"None\"} 1",
        "github_mirror_cached_objects 1",
        "github_mirror_quota_saved_total{by=\"own-tag\"} 1",
        "github_mirror_prediction{media=\"json\",route=\"/repos/{owner}/{repo}\"} 1",
    ] {
        assert!(metrics.contains(line), "no {line} in\n{metrics}");
    }
    assert!(
        metrics.contains("github_mirror_quota_remaining{fingerprint="),
        "{metrics}"
    );
}

#[tokio::test]
async fn sigterm_turns_readiness_off_and_finishes_what_is_in_flight() {
    let rig = Rig::configured(|config| config.drain_grace_seconds = 3600).await;
    rig.shutdown.begin();
    assert_eq!(rig.anonymous("/readyz").await.status, 503);
    rig.shelf.put(REPO, &repo());
    let reply = rig.get(REPO, &rig.sim.user_token("a")).await;
    assert_eq!(reply.status, 200, "still accepted during the grace");
    rig.shutdown.begin();
    let report = rig.serving.await.unwrap();
    assert_eq!(
        report.finished + report.aborted,
        1,
        "the client's one idle connection"
    );
}

#[tokio::test]
async fn a_link_that_is_not_about_pages_stays_and_hides_nothing() {
    let rig = Rig::with(|_| {}, |sim| sim.switches(github_sim::Switches::default())).await;
    let target = "/repos/octo/hello/issues?per_page=1";
    rig.shelf.put(target, &json!([{"n": 1}]));
    let behind = "/repos/octo/hello/issues?per_page=1&page=2";
    rig.shelf.put(behind, &json!([]));
    let token = rig.sim.user_token("a");
    rig.get(target, &token).await;
    assert!(
        rig.get(target, &token)
            .await
            .header("link")
            .contains("rel=\"deprecation\"")
    );
    rig.shelf.put(behind, &json!([{"n": 2}]));
    let grown = rig.get(target, &token).await;
    let lines: Vec<_> = grown.headers.get_all("link").iter().collect();
    let all = format!("{lines:?}");
    assert!(all.contains("next") && all.contains("deprecation"), "{all}");
}

/// Answers one request with these bytes, as they are.
async fn upstream_that_says(answer: &'static [u8]) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut head = [0; 4096];
        let read = socket.read(&mut head).await.unwrap();
        assert!(read > 0);
        socket.write_all(answer).await.unwrap();
        // Open until the mirror has gone, so that the end of the body is not the end of the connection.
        let _ = socket.read(&mut head).await;
    });
    format!("http://{address}")
}

#[tokio::test]
async fn a_file_that_looks_like_json_is_not_rewritten() {
    let upstream = upstream_that_says(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/vnd.github.raw+json; charset=utf-8\r\n\
          etag: \"x\"\r\ncontent-length: 35\r\n\r\n{\"base\":\"https://api.github.com/x\"}",
    )
    .await;
    let rig = Rig::configured(|config| config.upstream = upstream).await;
    let reply = rig.get("/repos/octo/hello/contents/a.json", "t").await;
    assert_eq!(reply.body, "{\"base\":\"https://api.github.com/x\"}");
    assert_eq!(reply.header("etag"), "\"x\"");
}

#[tokio::test]
async fn nothing_of_a_rewritten_body_is_lost_before_trailers() {
    let upstream = upstream_that_says(
        b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ntrailer: x-sum\r\n\
          transfer-encoding: chunked\r\n\r\n\
          23\r\n{\"base\":\"https://api.github.com/x\"}\r\n0\r\nx-sum: 1\r\n\r\n",
    )
    .await;
    let rig = Rig::configured(|config| config.upstream = upstream).await;
    let reply = rig
        .send(http::Method::POST, "/repos/octo/hello/issues", &[], "{}")
        .await;
    assert_eq!(reply.json()["base"], format!("{}/x", rig.url));
}
