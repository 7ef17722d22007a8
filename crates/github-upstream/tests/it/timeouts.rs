//! Nothing waits for ever. Time is paused: it jumps ahead when everybody waits.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use github_upstream::{Reason, RequestBody, Upstream};
use http::Method;
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::net::TcpSocket;
use tokio::time::Instant;

use crate::client::{client, fetch, get, names_a_timeout, options, request, send};
use crate::peer::{Act, Peer, ok, write};

/// Allows for timers' granularity of a millisecond.
#[track_caller]
fn took(since: Instant, seconds: u64) {
    let elapsed = since.elapsed();
    let expected = Duration::from_secs(seconds);
    let slack = Duration::from_millis(20);
    assert!(
        elapsed + slack > expected && elapsed < expected + slack,
        "{elapsed:?}, not {expected:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn connecting() {
    // A listener that accepts nothing drops further greetings once its queue is full.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    for _ in 0..3 {
        let connecting = tokio::net::TcpStream::connect(address);
        match tokio::time::timeout(Duration::from_secs(1), connecting).await {
            Ok(stream) => queued.push(stream.unwrap()),
            Err(_) => break,
        }
    }
    let started = Instant::now();
    let error = send(&client(&format!("http://{address}")), get("/zen"))
        .await
        .unwrap_err();
    took(started, 5);
    assert_eq!(error.reason(), Reason::ConnectTimeout);
    assert!(error.is_timeout() && error.is_connect() && names_a_timeout(&error));
}

#[tokio::test(start_paused = true)]
async fn a_tls_handshake_counts_as_connecting() {
    let peer = Peer::start(vec![vec![Act::Stall]]).await;
    let started = Instant::now();
    let error = send(&client(&format!("https://{}", peer.address)), get("/zen"))
        .await
        .unwrap_err();
    took(started, 5);
    assert_eq!(error.reason(), Reason::ConnectTimeout);
}

#[tokio::test(start_paused = true)]
async fn the_answer() {
    let peer = Peer::start(vec![vec![Act::Read, Act::Stall]; 2]).await;
    let client = client(&peer.url());
    for method in [Method::GET, Method::POST] {
        let started = Instant::now();
        let error = send(&client, request(method, "/zen")).await.unwrap_err();
        took(started, 10);
        assert_eq!(error.reason(), Reason::ResponseTimeout);
        assert!(error.is_timeout() && names_a_timeout(&error));
    }
    // A time-out is no reason to ask again.
    assert_eq!(peer.requests().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_first_and_a_later_part_of_a_body() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n";
    for body in ["", "12345"] {
        let script = vec![Act::Read, write(format!("{HEAD}{body}")), Act::Stall];
        let peer = Peer::start(vec![script]).await;
        let started = Instant::now();
        let whole = fetch(&client(&peer.url()), get("/zen")).await.unwrap();
        let error = whole.body.unwrap_err();
        took(started, 30);
        assert!(error.is_timeout() && names_a_timeout(&error));
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_body_that_keeps_coming_is_not_late() {
    let mut script = vec![
        Act::Read,
        write("HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n"),
    ];
    for _ in 0..5 {
        script.extend([Act::Pause(20), write("part")]);
    }
    let peer = Peer::start(vec![script]).await;
    let started = Instant::now();
    let whole = fetch(&client(&peer.url()), get("/zen")).await.unwrap();
    took(started, 100);
    assert_eq!(whole.text(), "part".repeat(5));
}

/// Parts of an upload, so many seconds apart.
fn upload(parts: usize, seconds: u64) -> RequestBody {
    let parts = stream::iter(0..parts).then(move |_| async move {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        Ok::<_, std::io::Error>(Frame::data(Bytes::from_static(b"part")))
    });
    RequestBody::streamed(StreamBody::new(parts))
}

#[tokio::test(start_paused = true)]
async fn a_long_upload_is_not_late() {
    let peer = Peer::start(vec![vec![Act::Read, ok("stored")]]).await;
    let asked = request(Method::PUT, "/blob").map(|_| upload(8, 4));
    let started = Instant::now();
    let whole = fetch(&client(&peer.url()), asked).await.unwrap();
    took(started, 32);
    assert_eq!(whole.text(), "stored");
    assert_eq!(peer.requests()[0].matches("part").count(), 8);
}

#[tokio::test(start_paused = true)]
async fn after_the_upload_the_answer_has_its_own_time() {
    let peer = Peer::start(vec![vec![Act::Read, Act::Stall]]).await;
    let asked = request(Method::PUT, "/blob").map(|_| upload(3, 4));
    let started = Instant::now();
    let error = send(&client(&peer.url()), asked).await.unwrap_err();
    took(started, 12 + 10);
    assert_eq!(error.reason(), Reason::ResponseTimeout);
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_stalls_is_the_callers() {
    let peer = Peer::start(vec![vec![Act::Read, Act::Stall]]).await;
    let asked = request(Method::PUT, "/blob").map(|_| upload(2, 1000));
    let started = Instant::now();
    let error = send(&client(&peer.url()), asked).await.unwrap_err();
    took(started, 10);
    assert_eq!(error.reason(), Reason::RequestBodyTimeout);
    assert!(error.is_callers_fault() && error.is_timeout());
}

#[tokio::test(start_paused = true)]
async fn an_unused_connection_is_dropped_before_github_would() {
    for (pause, connections) in [(45, 1), (55, 2)] {
        let script = vec![Act::Read, ok("a"), Act::Read, ok("b")];
        let peer = Peer::start(vec![script.clone(), script]).await;
        let client = client(&peer.url());
        assert_eq!(fetch(&client, get("/1")).await.unwrap().text(), "a");
        tokio::time::sleep(Duration::from_secs(pause)).await;
        fetch(&client, get("/2")).await.unwrap();
        assert_eq!(peer.connections(), connections, "after {pause} s");
    }
}

#[tokio::test]
async fn time_outs_of_zero_are_refused() {
    let mut zero = options("http://127.0.0.1:1");
    zero.response_timeout = Duration::ZERO;
    let error = Upstream::builder(zero).build().unwrap_err();
    assert_eq!(error.to_string(), "response_timeout must be more than zero");
}
