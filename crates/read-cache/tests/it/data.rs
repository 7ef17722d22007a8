//! What clients get from the kept paths and the views.

use std::io::Read;

use http::Method;
use serde_json::Value;

use crate::rig::{Rig, file};

/// JSON without the space between tokens, keys in order, numbers as printed: GitHub's own bytes.
fn compact(name: &str) -> String {
    let text = std::fs::read_to_string(crate::rig::data().join(name)).unwrap();
    let (mut kept, mut inside, mut escaped) = (String::new(), false, false);
    for letter in text.chars() {
        if inside || !letter.is_ascii_whitespace() {
            kept.push(letter);
        }
        if letter == '"' && !escaped {
            inside = !inside;
        }
        escaped = inside && letter == '\\' && !escaped;
    }
    kept
}

#[tokio::test]
async fn every_view_is_the_expected_one() {
    let rig = Rig::frozen().await;
    let node = rig.full_node(|_| {}).await;
    let expected = file("expected_views.json");
    let expected = expected.as_object().unwrap();
    assert_eq!(expected.len(), 50);
    for (path, view) in expected {
        let reply = rig.get(&node, path).await;
        assert_eq!(reply.status, 200, "{path}");
        assert_eq!(reply.json(), *view, "{path}");
        let of_org = rig.get(&node, &format!("/orgs/netflix{path}")).await;
        assert_eq!(of_org.body, reply.body, "{path}");
    }
}

#[tokio::test]
async fn views_are_printed_with_spaces_and_without_a_new_line() {
    let rig = Rig::frozen().await;
    let node = rig.full_node(|_| {}).await;
    let reply = rig.get(&node, "/view/top/3/forks").await;
    assert_eq!(
        reply.text(),
        r#"[["Netflix/Hystrix", 5000], ["Netflix/eureka", 5000], ["Netflix/zuul", 5000]]"#
    );
    let all = rig
        .get(&node, "/view/bottom/99999999999999999999/stars")
        .await;
    assert_eq!(all.json().as_array().unwrap().len(), 220);
    assert_eq!(all.header("x-total-count"), "220");
    let tag = reply.header("etag");
    let again = rig
        .get_with(&node, "/view/top/3/forks", &[("if-none-match", tag)])
        .await;
    assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
    let head = rig
        .send(&node.url, Method::HEAD, "/view/top/3/forks", &[], "")
        .await;
    assert_eq!(head.header("content-length"), reply.body.len().to_string());
}

#[tokio::test]
async fn wrong_views() {
    let rig = Rig::frozen().await;
    let node = rig.full_node(|_| {}).await;
    let before = rig.requests();
    for (path, status) in [
        ("/view/top/0/forks", 400),
        ("/view/top/-1/forks", 400),
        ("/view/top/+1/forks", 400),
        ("/view/top/1.5/forks", 400),
        ("/view/top/ten/forks", 400),
        ("/view/top/5/size", 404),
        ("/view/middle/5/forks", 404),
        ("/view/middle/x/forks", 404),
        ("/view/top/5", 404),
        ("/view", 404),
        ("/orgs/other/view/top/5/forks", 404),
        ("/orgs/Netflix/view/top", 404),
    ] {
        let reply = rig.get(&node, path).await;
        assert_eq!(reply.status, status, "{path}");
        assert!(reply.json()["message"].is_string());
        assert_eq!(reply.json()["request_id"], reply.header("x-request-id"));
    }
    for path in ["/view/top/5/forks", "/healthcheck"] {
        let reply = rig.send(&node.url, Method::POST, path, &[], "{}").await;
        assert_eq!(reply.status, 405, "{path}");
        assert!(reply.json()["message"].is_string());
    }
    assert_eq!(rig.requests(), before, "none of them goes to GitHub");
}

#[tokio::test]
async fn lists_are_flattened_byte_for_byte() {
    let rig = Rig::frozen().await;
    let node = rig.full_node(|_| {}).await;
    for (path, name, count) in [
        ("/", "root.json", "1"),
        ("/orgs/Netflix", "org.json", "1"),
        ("/orgs/Netflix/members", "members.json", "30"),
        ("/orgs/Netflix/repos", "repos.json", "220"),
        ("/ORGS/netflix/Repos", "repos.json", "220"),
    ] {
        let reply = rig.get(&node, path).await;
        assert_eq!(reply.status, 200, "{path}");
        assert!(reply.text() == compact(name), "{path} differs");
        assert_eq!(reply.header("x-total-count"), count);
        assert_eq!(
            reply.header("content-type"),
            "application/json; charset=utf-8"
        );
        assert_eq!(reply.header("age"), "0");
        assert_eq!(reply.header("cache-control"), "public, max-age=1000");
        assert_eq!(
            reply.header("cache-status"),
            "github-read-cache; hit; ttl=1000; detail=node"
        );
        assert!(!reply.headers.contains_key("link"));
        assert!(reply.headers.contains_key("last-modified"));
        let head = rig.send(&node.url, Method::HEAD, path, &[], "").await;
        assert_eq!(head.header("content-length"), reply.body.len().to_string());
        assert_eq!(head.header("etag"), reply.header("etag"));
        assert!(head.body.is_empty());
    }
}

#[tokio::test]
async fn conditions_and_codings() {
    let rig = Rig::frozen().await;
    let node = rig.full_node(|_| {}).await;
    let path = "/orgs/Netflix/repos";
    let plain = rig.get(&node, path).await;
    let tag = plain.header("etag").to_owned();
    let modified = plain.header("last-modified").to_owned();
    for condition in [("if-none-match", &tag), ("if-modified-since", &modified)] {
        let reply = rig
            .get_with(&node, path, &[(condition.0, condition.1)])
            .await;
        assert_eq!((reply.status.as_u16(), reply.body.len()), (304, 0));
        assert_eq!(reply.header("etag"), tag);
        assert!(!reply.headers.contains_key("content-type"));
    }
    let gzip = rig
        .get_with(&node, path, &[("accept-encoding", "gzip")])
        .await;
    assert_eq!(gzip.header("content-encoding"), "gzip");
    assert_eq!(gzip.header("vary"), "Accept-Encoding");
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&*gzip.body)
        .read_to_end(&mut unpacked)
        .unwrap();
    assert!(unpacked == plain.body);
    let zstd = rig
        .get_with(&node, path, &[("accept-encoding", "gzip, zstd")])
        .await;
    assert_eq!(zstd.header("content-encoding"), "zstd");
    assert!(zstd::decode_all(&*zstd.body).unwrap() == plain.body);
    let tags = [&tag, gzip.header("etag"), zstd.header("etag")];
    assert!(
        tags[0] != tags[1] && tags[1] != tags[2] && tags[0] != tags[2],
        "{tags:?}"
    );
    let both = [("accept-encoding", "gzip"), ("if-none-match", tags[1])];
    assert_eq!(rig.get_with(&node, path, &both).await.status, 304);
    let other = [("accept-encoding", "gzip"), ("if-none-match", tags[0])];
    assert_eq!(rig.get_with(&node, path, &other).await.status, 200);
}

#[tokio::test]
async fn health_tells_of_every_key() {
    let rig = Rig::frozen().await;
    let node = rig.full_node(|_| {}).await;
    let health = rig.get(&node, "/healthcheck").await.json();
    assert_eq!(health["status"], "ok");
    let keys: Vec<(&str, &str, u64, u64)> = health["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| {
            let number = |name: &str| key[name].as_u64().unwrap();
            let text = |name: &str| key[name].as_str().unwrap();
            (
                text("path"),
                text("state"),
                number("items"),
                number("pages"),
            )
        })
        .collect();
    assert_eq!(
        keys,
        [
            ("/", "fresh", 1, 1),
            ("/orgs/Netflix", "fresh", 1, 1),
            ("/orgs/Netflix/members", "fresh", 30, 1),
            ("/orgs/Netflix/repos", "fresh", 220, 3),
        ]
    );
    assert_eq!(health["keys"][0]["age_seconds"], Value::from(0.0));
    // Stale is healthy.
    rig.sim
        .fault(github_sim::FaultRule::new(github_sim::FaultKind::Status {
            code: 500,
            body: github_sim::FaultBody::Message,
        }));
    rig.pass(1001, &[&node]);
    let reply = rig.get(&node, "/healthcheck").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json()["keys"][3]["state"], "stale");
}

#[tokio::test]
async fn filling_costs_six_units_of_quota_and_two_free_confirmations() {
    let rig = Rig::frozen().await;
    let _node = rig.full_node(|_| {}).await;
    assert_eq!(rig.quota_used(), 6);
    assert_eq!(rig.sim.counters().count_status(200), 6);
    assert_eq!(rig.sim.counters().count_status(304), 2);
    assert_eq!(rig.requests(), 8);
}

#[tokio::test]
async fn several_organisations() {
    let rig = Rig::with(|sim| sim.data(crate::rig::data())).await;
    // Generated beside the frozen one.
    let other = "octo-org";
    let node = rig
        .full_node(|config| config.orgs = vec!["Netflix".to_owned(), other.to_owned()])
        .await;
    let list = rig.get(&node, &format!("/orgs/{other}/repos")).await;
    let view = rig
        .get(&node, &format!("/orgs/{other}/view/top/1000/stars"))
        .await;
    assert_eq!(
        list.json().as_array().unwrap().len(),
        view.json().as_array().unwrap().len()
    );
    assert!(!list.json().as_array().unwrap().is_empty());
    // Without a name, the first one's.
    let first = rig.get(&node, "/view/top/1/forks").await.json();
    assert_eq!(first[0][0], "Netflix/Hystrix");
}
