//! Stopping, with connections in every state.

use std::time::Duration;

use service_runtime::DrainReport;
use service_runtime::drain::ReadinessState;
use service_runtime::listener::Limits;
use tokio::net::TcpStream;

use super::client::{Server, check_status};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const SLOW: &str = "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn work_in_flight_is_finished_and_idle_connections_close() {
    let mut server = Server::start();
    let mut idle = server.connect().await;
    idle.send(GET).await;
    check_status(&idle.answer().await, 200);
    let mut busy = server.connect().await;
    busy.send(SLOW).await;
    server.arrived.recv().await.unwrap();

    assert_eq!(server.shutdown.readiness().state(), ReadinessState::Ready);
    server.shutdown.begin();
    assert_eq!(
        server.shutdown.readiness().state(),
        ReadinessState::Draining
    );
    assert_eq!(idle.rest().await, "");
    assert!(
        TcpStream::connect(server.address).await.is_err(),
        "the listener is closed"
    );

    server.release.notify_one();
    let answer = busy.rest().await;
    check_status(&answer, 200);
    assert!(answer.contains("connection: close"), "{answer}");
    assert_eq!(
        server.ended.await.unwrap(),
        DrainReport {
            finished: 2,
            aborted: 0
        }
    );
}

#[tokio::test]
async fn a_connection_that_has_said_nothing_does_not_hold_up() {
    let server = Server::start();
    let mut silent = server.connect().await;
    // A second connection that is answered proves that the first was accepted.
    let close = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    check_status(&server.exchange(close).await, 200);
    server.shutdown.begin();
    assert_eq!(silent.rest().await, "");
    assert_eq!(server.ended.await.unwrap().aborted, 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_finished_in_time_is_cut_off() {
    let mut server = Server::with(
        Limits::default(),
        Duration::from_secs(3),
        Duration::from_secs(30),
    );
    let mut busy = server.connect().await;
    busy.send(SLOW).await;
    server.arrived.recv().await.unwrap();
    let start = tokio::time::Instant::now();
    server.shutdown.begin();
    assert_eq!(
        server.ended.await.unwrap(),
        DrainReport {
            finished: 0,
            aborted: 1
        }
    );
    assert_eq!(start.elapsed().as_secs(), 33);
    assert_eq!(busy.rest().await, "");
}

#[tokio::test(start_paused = true)]
async fn during_the_grace_new_connections_are_served() {
    let mut server = Server::with(
        Limits::default(),
        Duration::from_secs(3),
        Duration::from_secs(30),
    );
    server.shutdown.begin();
    let mut late = server.connect().await;
    late.send(SLOW).await;
    server.arrived.recv().await.unwrap();
    server.release.notify_one();
    check_status(&late.answer().await, 200);
    assert_eq!(server.ended.await.unwrap().aborted, 0);
}

#[tokio::test(start_paused = true)]
async fn the_second_signal_means_at_once() {
    let mut server = Server::with(
        Limits::default(),
        Duration::from_secs(3),
        Duration::from_secs(30),
    );
    let mut busy = server.connect().await;
    busy.send(SLOW).await;
    server.arrived.recv().await.unwrap();
    let start = tokio::time::Instant::now();
    server.shutdown.begin();
    server.shutdown.begin();
    assert_eq!(
        server.ended.await.unwrap(),
        DrainReport {
            finished: 0,
            aborted: 1
        }
    );
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(busy.rest().await, "");
}
