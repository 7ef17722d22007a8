//! The control API over HTTP, counters, the status page, and the life of the server.

use crate::client::{get, request};
use crate::tiny;
use github_sim::{Simulator, Switches};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn post(sim: &Simulator, path: &str, body: &Value) -> Value {
    request("POST", path)
        .body(&body.to_string())
        .send(sim)
        .await
        .expect(200)
        .json()
}

#[tokio::test]
async fn the_help_lists_every_control() {
    let sim = tiny::start().await;
    let help = get("/_sim/").send(&sim).await.expect(200).text();
    for control in [
        "change",
        "time",
        "faults",
        "counters",
        "counters/reset",
        "switches",
        "tokens",
        "tokens/rotate",
        "tokens/revoke",
        "quota",
        "oauth-apps",
        "installations",
        "jwt",
        "status",
        "state",
    ] {
        assert!(help.contains(&format!("/_sim/{control}")), "{control}");
    }
    get("/_sim/nothing").send(&sim).await.expect(404);
}

#[tokio::test]
async fn tokens_quota_and_faults_by_http() {
    let sim = tiny::start().await;
    let token = post(&sim, "/_sim/tokens", &json!({"login": "octo"})).await["token"].clone();
    let token = token.as_str().unwrap();
    get("/user").token(token).send(&sim).await.expect(200);
    post(
        &sim,
        "/_sim/quota",
        &json!({"bucket": "user:octo/core", "remaining": 0}),
    )
    .await;
    get("/user").token(token).send(&sim).await.expect(403);
    post(&sim, "/_sim/time", &json!({"advance_seconds": 3_600})).await;
    get("/user").token(token).send(&sim).await.expect(200);
    let fault = json!({"kind": "status", "code": 502, "path": "/user"});
    post(&sim, "/_sim/faults", &fault).await;
    get("/user").token(token).send(&sim).await.expect(502);
    request("DELETE", "/_sim/faults")
        .send(&sim)
        .await
        .expect(200);
    get("/user").token(token).send(&sim).await.expect(200);
    let new = post(&sim, "/_sim/tokens/rotate", &json!({"token": token})).await;
    get("/user").token(token).send(&sim).await.expect(401);
    let new = new["token"].as_str().unwrap();
    get("/user").token(new).send(&sim).await.expect(200);
    post(&sim, "/_sim/tokens/revoke", &json!({"token": new})).await;
    get("/user").token(new).send(&sim).await.expect(401);
}

#[tokio::test]
async fn apps_by_http() {
    let sim = tiny::start().await;
    post(
        &sim,
        "/_sim/installations",
        &json!({"id": 9, "account": "octo"}),
    )
    .await;
    let jwt = post(&sim, "/_sim/jwt", &json!({})).await["jwt"].clone();
    let bearer = format!("Bearer {}", jwt.as_str().unwrap());
    let list = get("/app/installations")
        .header("Authorization", &bearer)
        .send(&sim)
        .await;
    assert_eq!(list.expect(200).json()[0]["id"], 9);
}

#[tokio::test]
async fn what_is_wrong_with_an_order_is_said() {
    let sim = tiny::start().await;
    for (path, body, expected) in [
        ("/_sim/change", json!({}), "`stars` is missing"),
        (
            "/_sim/tokens",
            json!({"login": "nobody"}),
            "no login `nobody`",
        ),
        ("/_sim/tokens", json!({"logn": "octo"}), "unknown field"),
        (
            "/_sim/quota",
            json!({"bucket": "x", "remaining": 1}),
            "no bucket `x`",
        ),
        ("/_sim/faults", json!({"kind": "meteor"}), "unknown variant"),
        (
            "/_sim/status",
            json!({"component": "Tea", "status": "major_outage"}),
            "`Tea`",
        ),
    ] {
        let answer = request("POST", path)
            .body(&body.to_string())
            .send(&sim)
            .await
            .expect(400);
        let error = answer.json()["error"].as_str().unwrap().to_owned();
        assert!(error.contains(expected), "{path}: {error}");
    }
}

#[tokio::test]
async fn switches_and_state_by_http() {
    let sim = tiny::start().await;
    let put = |body: &str| request("PUT", "/_sim/switches").body(body);
    put(r#"{"edge_cache": false}"#).send(&sim).await.expect(200);
    assert_eq!(
        sim.switches(),
        Switches {
            edge_cache: false,
            ..Switches::default()
        }
    );
    put(r#"{"edge": false}"#).send(&sim).await.expect(400);
    let state = get("/_sim/state").send(&sim).await.expect(200).json();
    assert_eq!(state["now"], github_sim::START);
    assert_eq!(state["switches"]["edge_cache"], false);
    assert_eq!(
        get("/_sim/switches").send(&sim).await.json(),
        state["switches"]
    );
}

#[tokio::test]
async fn counters_tell_callers_paths_and_statuses_apart() {
    let sim = tiny::builder().record_requests(2).start().await.unwrap();
    let token = sim.user_token("octo");
    get("/user").token(&token).send(&sim).await.expect(200);
    get("/repos/octo/hello?a=1&a=2")
        .header("Accept", "x/y")
        .send(&sim)
        .await
        .expect(200);
    get("/nowhere").send(&sim).await.expect(404);
    let counters = sim.counters();
    assert_eq!((counters.total, counters.connections), (3, 3));
    assert_eq!(counters.count(|one| one.token == "octo"), 1);
    assert_eq!(counters.count(|one| one.query == "a=1&a=2"), 1);
    assert_eq!(
        (counters.count_status(404), counters.count_path("/user")),
        (1, 1)
    );
    let seen = sim.requests();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].target, "/repos/octo/hello?a=1&a=2");
    assert_eq!(seen[0].headers["accept"], "x/y");
    let by_http = get("/_sim/counters").send(&sim).await.expect(200).json();
    assert_eq!(by_http["total"], 3);
    post(&sim, "/_sim/counters/reset", &json!({})).await;
    assert_eq!(sim.counters().total, 0);
}

#[tokio::test]
async fn the_status_page_can_break_and_can_lie() {
    let sim = tiny::start().await;
    let page = get("/api/v2/components.json").send(&sim).await.expect(200);
    assert_eq!(
        page.header("cache-control"),
        Some("max-age=0, private, must-revalidate")
    );
    assert!(page.etag().starts_with("W/\"gz["), "{}", page.etag());
    let again = get("/api/v2/components.json").header("If-None-Match", page.etag());
    again.send(&sim).await.expect(304);
    let order = json!({"component": "API Requests", "status": "major_outage"});
    post(&sim, "/_sim/status", &order).await;
    let body = get("/api/v2/components.json")
        .send(&sim)
        .await
        .expect(200)
        .json();
    let api = body["components"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["id"] == "brv1bkgrwx7q");
    assert_eq!(api.unwrap()["status"], "major_outage");
    sim.set_status("API Requests", "operational");
    let body = get("/api/v2/components.json")
        .send(&sim)
        .await
        .expect(200)
        .text();
    assert!(!body.contains("major_outage"));
    // The API itself goes on: the two are independent.
    get("/repos/octo/hello").send(&sim).await.expect(200);
}

#[tokio::test]
async fn a_kept_connection_serves_many_requests() {
    let sim = tiny::start().await;
    let mut stream = TcpStream::connect(sim.addr()).await.unwrap();
    for _ in 0..3 {
        let request = "HEAD /zen HTTP/1.1\r\nHost: x\r\nUser-Agent: t\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"\r\n\r\n") {
            assert_ne!(stream.read_buf(&mut seen).await.unwrap(), 0, "closed");
        }
        assert!(seen.starts_with(b"HTTP/1.1 200 OK"));
    }
    let counters = sim.counters();
    assert_eq!((counters.total, counters.connections), (3, 1));
}

#[tokio::test]
async fn shutdown_closes_kept_connections_and_frees_the_port() {
    let sim = tiny::start().await;
    let address = sim.addr();
    let mut kept = TcpStream::connect(address).await.unwrap();
    kept.write_all(b"HEAD /zen HTTP/1.1\r\nHost: x\r\nUser-Agent: t\r\n\r\n")
        .await
        .unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n") {
        assert_ne!(kept.read_buf(&mut seen).await.unwrap(), 0, "closed");
    }
    sim.shutdown().await;
    assert_eq!(kept.read(&mut [0; 1]).await.unwrap(), 0);
    let again = tiny::builder().listen(address).start().await.unwrap();
    get("/zen").send(&again).await.expect(200);
}
