//! GitHub, the network and clients failing: nothing wrong is stored, nobody sees what is not theirs.

use std::time::Duration;

use bytes::Bytes;
use github_sim::{FaultBody, FaultKind, FaultRule};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rig::Rig;

const REPO: &str = "/repos/octo/hello";

async fn warm(rig: &Rig) -> (String, String) {
    rig.shelf.put(REPO, &json!({"id": 1}));
    let (known, unknown) = (rig.sim.user_token("known"), rig.sim.user_token("unknown"));
    rig.get(REPO, &known)
        .await
        .check(200, "ONLINE_MISS", "fwd=miss; fwd-status=200; stored");
    (known, unknown)
}

#[track_caller]
fn rule(kind: FaultKind) -> FaultRule {
    FaultRule::new(kind)
}

#[tokio::test]
async fn trouble_serves_the_confirmed_and_nobody_else() {
    let status = |code, body| FaultKind::Status { code, body };
    let cases = [
        (
            status(503, FaultBody::Unicorn),
            "API_ERROR",
            "503",
            "server-error",
            503,
        ),
        (
            status(502, FaultBody::Message),
            "API_ERROR",
            "502",
            "server-error",
            502,
        ),
        (
            status(500, FaultBody::Empty),
            "API_ERROR",
            "500",
            "server-error",
            500,
        ),
        (
            FaultKind::PrimaryLimit,
            "RATE_LIMITED",
            "403",
            "rate-limited",
            403,
        ),
        (
            FaultKind::SecondaryLimit { retry_after: None },
            "RATE_LIMITED",
            "403",
            "rate-limited",
            403,
        ),
        (
            FaultKind::SecondaryLimit {
                retry_after: Some(60),
            },
            "RATE_LIMITED",
            "403",
            "rate-limited",
            403,
        ),
        (
            FaultKind::Reset,
            "API_CONNECTION_ERROR",
            "",
            "connection-error",
            502,
        ),
        (
            FaultKind::Garbage,
            "API_CONNECTION_ERROR",
            "",
            "connection-error",
            502,
        ),
        (
            FaultKind::Outage,
            "API_CONNECTION_ERROR",
            "",
            "connection-error",
            502,
        ),
    ];
    for (kind, x_cache, upstream, detail, relayed) in cases {
        let rig = Rig::new().await;
        let (known, unknown) = warm(&rig).await;
        rig.sim.fault(rule(kind.clone()));
        let status = if upstream.is_empty() {
            String::new()
        } else {
            format!("; fwd-status={upstream}")
        };
        let stale = rig.get(REPO, &known).await;
        stale.check(
            200,
            &format!("{x_cache}_HIT"),
            &format!("fwd=stale{status}; detail={detail}"),
        );
        assert_eq!(stale.json(), json!({"id": 1}), "{kind:?}");
        let refused = rig.get(REPO, &unknown).await;
        assert_eq!(refused.status.as_u16(), relayed, "{kind:?}");
        assert_eq!(refused.header("x-cache"), format!("{x_cache}_MISS"));
        assert!(
            !refused.body.windows(6).any(|window| window == b"\"id\":1"),
            "{kind:?}"
        );
        rig.sim.clear_faults();
        // Limits are waited out.
        rig.sim.clock().advance(Duration::from_secs(3_700));
        assert_eq!(
            rig.get(REPO, &known).await.header("x-cache"),
            "ONLINE_HIT",
            "{kind:?}"
        );
    }
}

#[tokio::test]
async fn an_unreachable_upstream_is_named_without_secrets() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let rig = Rig::configured(|config| config.upstream = format!("http://{gone}")).await;
    let reply = rig.get("/users/octo?secret=1", "ghp_x").await;
    assert_eq!(reply.status, 502);
    let message = format!("Error reaching http://{gone}: connection refused");
    assert_eq!(reply.json(), json!({"message": message}));
    assert_eq!(reply.header("x-cache"), "API_CONNECTION_ERROR_MISS");
}

#[tokio::test]
async fn a_slow_upstream_is_a_timeout() {
    let rig = Rig::configured(|config| config.upstream_http.response_timeout_seconds = 1).await;
    let (known, unknown) = warm(&rig).await;
    rig.sim.fault(rule(FaultKind::Delay {
        milliseconds: 60_000,
    }));
    rig.get(REPO, &known)
        .await
        .check(200, "API_TIMEOUT_HIT", "fwd=stale; detail=timeout");
    let reply = rig.get(REPO, &unknown).await;
    assert_eq!(
        (reply.status.as_u16(), reply.header("x-cache")),
        (502, "API_TIMEOUT_MISS")
    );
}

#[tokio::test]
async fn lost_rights_end_at_once_for_this_caller_only() {
    let rig = Rig::new().await;
    let (known, other) = warm(&rig).await;
    rig.get(REPO, &other).await;
    rig.shelf.hide(REPO, "known");
    assert_eq!(rig.get(REPO, &known).await.status, 404);
    rig.sim.fault(rule(FaultKind::Outage));
    assert_eq!(
        rig.get(REPO, &known).await.status,
        502,
        "the stored body is no longer for this caller"
    );
    assert_eq!(
        rig.get(REPO, &other).await.header("x-cache"),
        "API_CONNECTION_ERROR_HIT"
    );
}

#[tokio::test]
async fn broken_bodies_are_not_stored_and_do_not_end_cleanly() {
    // Hardly compressible, so that the fault falls into the middle of what is sent.
    let numbers =
        (0..20_000_u64).map(|n| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20).to_string());
    let text = format!("[{}]", numbers.collect::<Vec<_>>().join(","));
    for kind in [
        FaultKind::Truncate { after_bytes: 5_000 },
        FaultKind::Stall { after_bytes: 5_000 },
    ] {
        let rig =
            Rig::configured(|config| config.upstream_http.body_idle_timeout_seconds = 1).await;
        rig.shelf.put_bytes(REPO, text.clone());
        let token = rig.sim.user_token("a");
        rig.sim.fault(rule(kind.clone()).times(1));
        let request = Request::get(format!("{}{REPO}", rig.url))
            .header("user-agent", "rig")
            .header("authorization", format!("token {token}"))
            .body(Full::<Bytes>::default())
            .unwrap();
        let broken = match rig.client.request(request).await {
            Ok(response) => response.into_body().collect().await.is_err(),
            Err(_) => true,
        };
        assert!(broken, "{kind:?} must not look complete");
        let whole = rig.get(REPO, &token).await;
        whole.check(200, "ONLINE_MISS", "fwd=miss; fwd-status=200; stored");
        assert_eq!(whole.body, text);
        assert_eq!(rig.get(REPO, &token).await.header("x-cache"), "ONLINE_HIT");
    }
}

#[tokio::test]
async fn a_client_that_leaves_in_mid_body_spoils_nothing() {
    let text = format!("[\"{}\"]", "x".repeat(4 << 20));
    let rig = Rig::new().await;
    rig.shelf.put_bytes(REPO, text.clone());
    let token = rig.sim.user_token("a");
    let mut socket = TcpStream::connect(rig.url.trim_start_matches("http://"))
        .await
        .unwrap();
    let request = format!(
        "GET {REPO} HTTP/1.1\r\nhost: m\r\nuser-agent: rig\r\nauthorization: token {token}\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut first = [0; 1024];
    assert!(socket.read(&mut first).await.unwrap() > 0);
    drop(socket);
    // The recording goes on without its reader; the next request joins it or finds it stored.
    let whole = rig.get(REPO, &token).await;
    assert_eq!((whole.status.as_u16(), whole.body.len()), (200, text.len()));
    assert_eq!(
        rig.upstream(200),
        1,
        "what was under way was not fetched again"
    );
    assert_eq!(rig.get(REPO, &token).await.header("x-cache"), "ONLINE_HIT");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_leader_fails_nobody() {
    let rig = Rig::unhurried().await;
    rig.shelf.put(REPO, &json!({"id": 1}));
    let token = rig.sim.user_token("a");
    rig.sim
        .fault(rule(FaultKind::Delay { milliseconds: 200 }).times(1));
    let mut leader = TcpStream::connect(rig.url.trim_start_matches("http://"))
        .await
        .unwrap();
    let request = format!(
        "GET {REPO} HTTP/1.1\r\nhost: m\r\nuser-agent: rig\r\nauthorization: token {token}\r\n\r\n"
    );
    leader.write_all(request.as_bytes()).await.unwrap();
    while rig.mirror.inspect().calls_in_flight() == 0 {
        tokio::task::yield_now().await;
    }
    let followers = futures_util::future::join_all((0..10).map(|_| rig.get(REPO, &token)));
    let (replies, ()) = tokio::join!(followers, async { drop(leader) });
    assert!(replies.iter().all(|reply| reply.json() == json!({"id": 1})));
    assert_eq!(
        rig.mirror.inspect().calls_in_flight(),
        0,
        "no flight is left over"
    );
    assert_eq!(rig.mirror.inspect().recording_bytes(), 0);
}

#[tokio::test]
async fn a_write_is_sent_exactly_once_whatever_happens() {
    for kind in [
        FaultKind::Reset,
        FaultKind::Outage,
        FaultKind::Status {
            code: 502,
            body: FaultBody::Message,
        },
    ] {
        let rig = Rig::new().await;
        rig.shelf.put("/repos/octo/hello/issues", &json!([]));
        let token = format!("token {}", rig.sim.user_token("a"));
        // A warm connection in the pool: the tempting case for a retry.
        rig.get(
            "/repos/octo/hello/issues",
            token.trim_start_matches("token "),
        )
        .await;
        rig.sim.reset_counters();
        rig.sim.fault(rule(kind.clone()).method("POST"));
        let headers = [("authorization", token.as_str())];
        let reply = rig
            .send(Method::POST, "/repos/octo/hello/issues", &headers, "{}")
            .await;
        assert_eq!(reply.status, 502, "{kind:?}");
        let counters = rig.sim.counters();
        assert!(
            counters.count(|seen| seen.method == "POST") + counters.unanswered <= 1,
            "{kind:?}"
        );
    }
}

#[tokio::test]
async fn error_answers_are_not_stored() {
    let rig = Rig::new().await;
    let token = rig.sim.user_token("a");
    for (status, target) in [(404, "/repos/octo/none"), (404, "/users/none")] {
        for _ in 0..2 {
            let reply = rig.get(target, &token).await;
            reply.check(
                status,
                "ONLINE_MISS",
                "fwd=miss; fwd-status=404; detail=status",
            );
        }
    }
    rig.shelf
        .put("/repos/octo/hello/stats/contributors", &json!({}));
    rig.shelf.status(
        "/repos/octo/hello/stats/contributors",
        http::StatusCode::ACCEPTED,
    );
    for _ in 0..2 {
        let reply = rig
            .get("/repos/octo/hello/stats/contributors", &token)
            .await;
        reply.check(
            202,
            "ONLINE_MISS",
            "fwd=miss; fwd-status=202; detail=status",
        );
    }
    assert_eq!(rig.mirror.inspect().usage().entries, 0);
}

#[tokio::test]
async fn an_outage_ends_without_a_restart() {
    // Below the threshold of offline mode, which has tests of its own.
    let rig = Rig::configured(|config| config.offline.min_samples = 100).await;
    let (known, _) = warm(&rig).await;
    rig.sim.fault(rule(FaultKind::Outage));
    for _ in 0..5 {
        rig.sim.clock().advance(Duration::from_secs(60));
        let stale = rig.get(REPO, &known).await;
        assert_eq!(stale.header("x-cache"), "API_CONNECTION_ERROR_HIT");
    }
    assert_eq!(rig.get(REPO, &known).await.header("age"), "300");
    rig.sim.clear_faults();
    rig.get(REPO, &known).await.check(
        200,
        "ONLINE_HIT",
        "fwd=stale; fwd-status=304; detail=own-tag",
    );
}
