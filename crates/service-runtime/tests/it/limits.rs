//! What one client may take.

use std::time::Duration;

use service_runtime::listener::Limits;

use super::client::{Server, check_status};

fn server(limits: Limits) -> Server {
    Server::with(limits, Duration::ZERO, Duration::from_secs(30))
}

#[tokio::test]
async fn a_head_above_the_limit_is_431() {
    let server = server(Limits {
        max_header_bytes: 10_000,
        ..Limits::default()
    });
    let request = |bytes: usize| {
        let filler = "x".repeat(bytes);
        format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: {filler}\r\n\r\n")
    };
    check_status(&server.exchange(&request(9_000)).await, 200);
    check_status(&server.exchange(&request(11_000)).await, 431);
    check_status(&server.exchange(&request(100_000)).await, 431);
}

#[tokio::test]
async fn a_small_limit_holds_too() {
    let server = server(Limits {
        max_header_bytes: 500,
        ..Limits::default()
    });
    let filler = "x".repeat(600);
    let request = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {filler}\r\n\r\n");
    check_status(&server.exchange(&request).await, 431);
}

#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_come_is_not_waited_for() {
    let limits = Limits {
        header_read_timeout: Duration::from_secs(10),
        ..Limits::default()
    };
    let server = server(limits);
    for begun in ["", "P", "GET / HTTP/1.1\r\nHost:"] {
        let start = tokio::time::Instant::now();
        assert_eq!(server.exchange(begun).await, "", "{begun:?}");
        // The clock of a paused runtime runs ahead only while everything waits for it.
        let waited = start.elapsed().as_secs();
        assert!((10..=21).contains(&waited), "{begun:?}: {waited}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stops_ends_the_connection() {
    let server = server(Limits {
        stall_timeout: Duration::from_secs(7),
        ..Limits::default()
    });
    let start = tokio::time::Instant::now();
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc";
    let answer = server.exchange(head).await;
    // The service saw the body break off; what it answers may or may not still get through.
    assert!(!answer.contains("POST / 3 "), "{answer}");
    assert!(start.elapsed() >= Duration::from_secs(7));
}

#[tokio::test]
async fn connections_above_the_limit_wait_for_a_free_place() {
    let mut server = server(Limits {
        max_connections: 1,
        ..Limits::default()
    });
    let mut first = server.connect().await;
    first
        .send("GET /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await;
    server.arrived.recv().await.unwrap();
    let mut second = server.connect().await;
    second
        .send("GET /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await;
    // Whatever the second has to say, nobody reads it while the first is there.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(server.arrived.try_recv().is_err());
    server.release.notify_one();
    check_status(&first.rest().await, 200);
    server.arrived.recv().await.unwrap();
    server.release.notify_one();
    check_status(&second.rest().await, 200);
}

#[tokio::test]
async fn a_service_that_panics_takes_only_its_connection_with_it() {
    let server = Server::start();
    assert_eq!(
        server
            .exchange("GET /boom HTTP/1.1\r\nHost: a\r\n\r\n")
            .await,
        ""
    );
    let answer = server
        .exchange("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await;
    check_status(&answer, 200);
}
