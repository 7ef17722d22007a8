//! Ordered faults as a client meets them.

use crate::client::{get, request};
use crate::tiny;
use github_sim::{FaultBody, FaultKind, FaultRule, Simulator};
use std::io::ErrorKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const REPOSITORY: &str = "/repos/octo/hello";

async fn raw(sim: &Simulator) -> std::io::Result<Vec<u8>> {
    get(REPOSITORY)
        .header("Accept-Encoding", "gzip")
        .raw(sim.addr())
        .await
}

#[tokio::test]
async fn reset() {
    let sim = tiny::start().await;
    sim.fault(FaultRule::new(FaultKind::Reset).path("/repos/**").times(1));
    assert_eq!(
        raw(&sim).await.unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
    assert_eq!(sim.counters().unanswered, 1);
    get(REPOSITORY).send(&sim).await.expect(200);
}

#[tokio::test]
async fn outage_closes_new_connections_without_a_byte() {
    let sim = tiny::start().await;
    sim.fault(FaultRule::new(FaultKind::Outage));
    match raw(&sim).await {
        Ok(bytes) => assert!(bytes.is_empty(), "{bytes:?}"),
        Err(error) => assert_ne!(error.kind(), ErrorKind::ConnectionRefused),
    }
    sim.clear_faults();
    get(REPOSITORY).send(&sim).await.expect(200);
}

#[tokio::test]
async fn truncation_sends_some_bytes_and_closes() {
    let sim = tiny::start().await;
    sim.fault(FaultRule::new(FaultKind::Truncate { after_bytes: 10 }).times(1));
    let raw = get(REPOSITORY).raw(sim.addr()).await.unwrap();
    let text = String::from_utf8_lossy(&raw);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    let length = tiny::repository(0).len();
    assert!(
        head.contains(&format!("content-length: {length}\r\n")),
        "{head}"
    );
    assert_eq!(body, &tiny::repository(0)[..10]);
}

#[tokio::test]
async fn a_stalled_body_stays_open() {
    let sim = tiny::start().await;
    sim.fault(FaultRule::new(FaultKind::Stall { after_bytes: 10 }).times(1));
    let mut stream = TcpStream::connect(sim.addr()).await.unwrap();
    stream.write_all(&get(REPOSITORY).to_bytes()).await.unwrap();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).ends_with(&tiny::repository(0)[..10]) {
        assert_ne!(stream.read_buf(&mut seen).await.unwrap(), 0, "closed");
    }
    // Other connections are served while nothing more comes on this one.
    get(REPOSITORY).send(&sim).await.expect(200);
    let more = stream.try_read(&mut [0; 16]);
    assert_eq!(more.unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[tokio::test]
async fn garbage_is_no_http() {
    let sim = tiny::start().await;
    sim.fault(FaultRule::new(FaultKind::Garbage).times(1));
    let bytes = raw(&sim).await.unwrap();
    assert!(bytes.starts_with(b"\x16\x03\x01"), "{bytes:?}");
    get(REPOSITORY).send(&sim).await.expect(200);
}

#[tokio::test(start_paused = true)]
async fn a_delay_holds_the_answer_back() {
    let sim = tiny::start().await;
    sim.fault(
        FaultRule::new(FaultKind::Delay {
            milliseconds: 40_000,
        })
        .times(1),
    );
    let begin = tokio::time::Instant::now();
    get(REPOSITORY).send(&sim).await.expect(200);
    assert!(begin.elapsed().as_secs() >= 40);
}

#[tokio::test]
async fn statuses_with_their_bodies() {
    let sim = tiny::start().await;
    let token = sim.user_token("octo");
    let order = |code, body| {
        sim.fault(FaultRule::new(FaultKind::Status { code, body }).times(1));
        get(REPOSITORY).token(&token)
    };
    let unicorn = order(503, FaultBody::Unicorn).send(&sim).await.expect(503);
    assert!(
        unicorn
            .text()
            .contains("<title>Unicorn! &middot; GitHub</title>")
    );
    assert_eq!(
        unicorn.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(unicorn.number("x-ratelimit-limit"), 5_000);
    let gateway = order(502, FaultBody::Message).send(&sim).await.expect(502);
    assert_eq!(gateway.text(), r#"{"message":"Server Error"}"#);
    let bare = order(503, FaultBody::LoadBalancer)
        .send(&sim)
        .await
        .expect(503);
    assert_eq!(bare.header("x-ratelimit-limit"), None);
    assert!(
        order(500, FaultBody::Empty)
            .send(&sim)
            .await
            .expect(500)
            .wire
            .is_empty()
    );
}

#[tokio::test]
async fn limits_by_order_charge_nothing() {
    let sim = tiny::start().await;
    let token = sim.user_token("octo");
    sim.fault(
        FaultRule::new(FaultKind::PrimaryLimit)
            .token("octo")
            .times(1),
    );
    let primary = get(REPOSITORY).token(&token).send(&sim).await.expect(403);
    assert_eq!(primary.number("x-ratelimit-remaining"), 0);
    sim.fault(
        FaultRule::new(FaultKind::SecondaryLimit {
            retry_after: Some(7),
        })
        .times(1),
    );
    let secondary = get(REPOSITORY).token(&token).send(&sim).await.expect(403);
    assert_eq!(secondary.number("retry-after"), 7);
    assert_eq!(secondary.number("x-ratelimit-remaining"), 5_000);
    sim.fault(FaultRule::new(FaultKind::SecondaryLimit { retry_after: None }).times(1));
    let silent = get(REPOSITORY).token(&token).send(&sim).await.expect(403);
    assert_eq!(silent.header("retry-after"), None);
    get(REPOSITORY).token(&token).send(&sim).await.expect(200);
    assert_eq!(sim.counters().quota_used["user:octo/core"], 1);
}

#[tokio::test]
async fn filters_by_method_and_token() {
    let sim = tiny::start().await;
    let kind = FaultKind::Status {
        code: 500,
        body: FaultBody::Message,
    };
    sim.fault(FaultRule::new(kind).method("GET").token("mona"));
    get(REPOSITORY)
        .token(&sim.user_token("octo"))
        .send(&sim)
        .await
        .expect(200);
    get(REPOSITORY)
        .token(&sim.user_token("mona"))
        .send(&sim)
        .await
        .expect(500);
}

/// Whoever ordered an outage over HTTP must be able to end it the same way.
#[tokio::test]
async fn the_controls_are_reached_during_an_outage() {
    let sim = tiny::start().await;
    sim.fault(FaultRule::new(FaultKind::Outage));
    let ended = request("DELETE", "/_sim/faults").send(&sim).await;
    assert!(ended.status < 300, "{}", ended.text());
    get(REPOSITORY).send(&sim).await.expect(200);
}
