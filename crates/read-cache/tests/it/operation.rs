//! Operating it: administration, pages for people and machines, metrics, limits, the end.

use http::Method;
use serde_json::json;

use crate::rig::{Rig, until};

const REPOS: &str = "/orgs/Netflix/repos";

#[tokio::test]
async fn administration_needs_its_token() {
    let rig = Rig::frozen().await;
    let node = rig.full_node(|_| {}).await;
    let requests = rig.requests();
    let refresh = format!("/admin/refresh?path={REPOS}");
    for (method, target, token) in [
        (Method::POST, refresh.as_str(), ""),
        (Method::POST, refresh.as_str(), "Bearer wrong"),
        (Method::GET, refresh.as_str(), "Bearer secret"),
        (Method::POST, "/admin/refresh?path=/other", "Bearer secret"),
        (Method::POST, "/admin/cache", "Bearer secret"),
        (Method::GET, "/admin/other", "Bearer secret"),
    ] {
        let headers = [("authorization", token)];
        let reply = rig.send(&node.url, method, target, &headers, "").await;
        assert_eq!(reply.status, 404, "{target} {token}");
    }
    assert_eq!(rig.requests(), requests);
    let headers = [("authorization", "Bearer secret")];
    let reply = rig
        .send(&node.url, Method::POST, &refresh, &headers, "")
        .await;
    assert_eq!(
        (reply.status.as_u16(), reply.json()),
        (202, json!({"paths": [REPOS]}))
    );
    until("it is refreshed", async || rig.requests() >= requests + 3).await;
    assert_eq!(rig.quota_used(), 6, "it was unchanged");
    let without = rig.full_node(|config| config.admin_token = "".into()).await;
    let headers = [("authorization", "Bearer ")];
    let reply = rig
        .send(&without.url, Method::POST, &refresh, &headers, "")
        .await;
    assert_eq!(reply.status, 404);
}

#[tokio::test]
async fn pages_for_people_need_nothing_from_elsewhere() {
    let rig = Rig::frozen().await;
    let node = rig.full_node(|_| {}).await;
    for (path, expected) in [
        ("/dashboard", "<span class=fresh>fresh</span>"),
        ("/dashboard", "/orgs/Netflix/view/top/5/stars"),
        ("/dashboard", "Hystrix"),
        ("/api/docs", "/view/{direction}/{count}/{metric}"),
    ] {
        let reply = rig.get(&node, path).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
        assert!(reply.text().contains(expected), "{path}: {}", reply.text());
        let foreign = ["<script", "src=", "@import", "url("];
        assert!(
            !foreign.iter().any(|text| reply.text().contains(text)),
            "{path}"
        );
    }
    let api = rig.get(&node, "/api/openapi.json").await.json();
    assert!(api["paths"]["/orgs/{org}/repos"]["get"].is_object());
}

#[tokio::test]
async fn what_is_counted() {
    let rig = Rig::frozen().await;
    let node = rig.full_node(|_| {}).await;
    rig.get(&node, "/view/top/1/stars").await;
    rig.get(&node, "/view/top/0/stars").await;
    let metrics = rig.get(&node, "/metrics").await;
    let text = metrics.text();
    for line in [
        r#"http_request_total{method="GET",outcome="node",route="/orgs/{org}/view",status="200"} 1"#,
        r#"http_request_total{method="GET",outcome="count",route="/orgs/{org}/view",status="400"} 1"#,
        r#"github_read_cache_items{key="/orgs/Netflix/repos"} 220"#,
        r#"github_read_cache_state{key="/",state="fresh"} 1"#,
        r#"github_read_cache_refreshes_total{end="published",route="/orgs/{org}/repos"} 1"#,
        r#"github_read_cache_upstream_requests_total{status="2xx"} 6"#,
        r#"github_read_cache_upstream_requests_total{status="304"} 2"#,
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains(&rig.token), "a token in the metrics");
}

#[tokio::test]
async fn beyond_the_limit_of_requests_in_flight_there_is_503() {
    let rig = Rig::frozen().await;
    let delay = github_sim::FaultKind::Delay {
        milliseconds: 2_000,
    };
    rig.sim
        .fault(github_sim::FaultRule::new(delay).path(REPOS).times(1));
    let node = rig.node(|config| config.limits.max_in_flight = 1);
    let waiting = rig.get(&node, REPOS);
    let refused = async {
        let mut refused = None;
        until("one is refused", async || {
            let reply = rig.get(&node, "/healthcheck?live=1").await;
            let found = reply.status == 503;
            refused = found.then_some(reply);
            found
        })
        .await;
        refused
    };
    let (waited, refused) = tokio::join!(waiting, refused);
    assert_eq!(refused.unwrap().header("retry-after"), "1");
    assert!(waited.status == 200 || waited.status == 503);
}

#[tokio::test]
async fn it_drains() {
    let rig = Rig::frozen().await;
    let node = rig.full_node(|_| {}).await;
    let url = node.url.clone();
    node.stop().await;
    let address = url.strip_prefix("http://").unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
