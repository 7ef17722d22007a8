//! Nothing is here yet, and GitHub does not give it: what waiting clients hear, and when.

use github_sim::{FaultBody, FaultKind, FaultRule};
use serde_json::json;

use crate::rig::{Node, Rig, until};

const REPOS: &str = "/orgs/Netflix/repos";

fn status(code: u16) -> FaultKind {
    FaultKind::Status {
        code,
        body: FaultBody::Message,
    }
}

/// A node whose repositories meet this fault, and what a client hears that asks for them.
async fn cold(kind: FaultKind) -> (Rig, Node, crate::rig::Reply) {
    let rig = Rig::frozen().await;
    rig.sim.fault(FaultRule::new(kind).path(REPOS));
    let node = rig.node(|_| {});
    // The client waits up to two minutes: it is the failure that ends its waiting.
    let reply = rig.get(&node, REPOS).await;
    (rig, node, reply)
}

async fn check(kind: FaultKind, expected: u16) {
    let (rig, node, reply) = cold(kind.clone()).await;
    assert_eq!(reply.status, expected, "{kind:?}: {}", reply.text());
    assert_eq!(reply.json()["request_id"], reply.header("x-request-id"));
    let view = rig.get(&node, "/view/top/1/forks").await;
    assert_eq!(view.status, expected, "{kind:?}");
    let health = rig.get(&node, "/healthcheck").await;
    assert_eq!(health.status, 503, "no health before there is data");
    assert_eq!(health.json()["keys"][3]["state"], "missing");
    assert_eq!(rig.get(&node, "/healthcheck?live=1").await.status, 200);
    // It is not given up.
    rig.sim.clear_faults();
    rig.pass(61, &[&node]);
    rig.wait_full(&node).await;
    assert_eq!(
        rig.get(&node, REPOS).await.json().as_array().unwrap().len(),
        220
    );
}

#[tokio::test]
async fn an_organisation_that_does_not_exist_is_404() {
    check(status(404), 404).await;
}

#[tokio::test]
async fn a_token_that_is_not_accepted_is_502() {
    check(status(401), 502).await;
}

#[tokio::test]
async fn a_broken_github_is_502() {
    check(status(500), 502).await;
    check(FaultKind::Reset, 502).await;
    check(FaultKind::Garbage, 502).await;
    check(FaultKind::Truncate { after_bytes: 100 }, 502).await;
    check(
        FaultKind::Status {
            code: 502,
            body: FaultBody::Unicorn,
        },
        502,
    )
    .await;
}

#[tokio::test]
async fn rate_limits_are_503_with_retry_after_and_never_stored() {
    for kind in [
        FaultKind::PrimaryLimit,
        FaultKind::SecondaryLimit {
            retry_after: Some(30),
        },
        FaultKind::SecondaryLimit { retry_after: None },
    ] {
        let (rig, node, reply) = cold(kind.clone()).await;
        assert_eq!(reply.status, 503, "{kind:?}: {}", reply.text());
        let seconds: u64 = reply.header("retry-after").parse().unwrap();
        assert!((1..=61).contains(&seconds), "{seconds}");
        rig.sim.clear_faults();
        rig.pass(3700, &[&node]);
        rig.wait_full(&node).await;
        assert_eq!(
            rig.get(&node, REPOS).await.json().as_array().unwrap().len(),
            220
        );
    }
}

#[tokio::test]
async fn json_of_the_wrong_kind_is_502() {
    for (path, body, view) in [
        (REPOS, json!({"message": "sorry"}), "/view/top/1/forks"),
        (REPOS, json!([1, 2]), "/view/top/1/forks"),
        (REPOS, json!([{"id": 1}]), "/view/top/1/forks"),
        ("/orgs/Netflix", json!([]), "/orgs/Netflix"),
    ] {
        let rig = Rig::frozen().await;
        rig.sim
            .change(json!({"change": "set_json", "path": path, "body": body, "status": 200}))
            .unwrap();
        let node = rig.node(|_| {});
        for target in [path, view] {
            let reply = rig.get(&node, target).await;
            assert_eq!(reply.status, 502, "{target}: {body}");
        }
    }
}

#[tokio::test]
async fn a_github_that_hangs_is_504_after_the_hard_timeout() {
    let rig = Rig::frozen().await;
    rig.sim
        .fault(FaultRule::new(FaultKind::Stall { after_bytes: 10 }).path(REPOS));
    let node = rig.node(|config| config.cache.hard_timeout_milliseconds = 300);
    let reply = rig.get(&node, REPOS).await;
    assert_eq!(reply.status, 504, "{}", reply.text());
}

#[tokio::test]
async fn a_github_that_is_not_there_does_not_end_the_process() {
    let rig = Rig::frozen().await;
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let node = rig.node(|config| config.upstream = url);
    assert_eq!(rig.get(&node, "/").await.status, 502);
    until("it is tried again", async || {
        rig.pass(31, &[&node]);
        node.refreshes("/", "unreachable") >= 3.0
    })
    .await;
    assert_eq!(rig.get(&node, "/healthcheck?live=1").await.status, 200);
}

#[tokio::test]
async fn waiting_clients_get_the_data_when_it_comes() {
    let rig = Rig::frozen().await;
    let delay = FaultKind::Delay { milliseconds: 300 };
    rig.sim.fault(FaultRule::new(delay).path(REPOS));
    let node = rig.node(|_| {});
    let asked = (0..50).map(|_| rig.get(&node, REPOS));
    for reply in futures_util::future::join_all(asked).await {
        assert_eq!(reply.status, 200);
        let status = reply.header("cache-status");
        assert!(
            status.ends_with("detail=origin") || status.ends_with("detail=node"),
            "{status}"
        );
    }
    // Waiting nodes and clients ask nothing of their own.
    assert_eq!(rig.sim.counters().count_path(REPOS), 5);
}
