//! Which requests are sent twice, and which never.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::stream;
use github_upstream::{Reason, RequestBody, Upstream, UpstreamEvent};
use http::{HeaderValue, Method, Request};
use http_body::{Body, Frame};
use http_body_util::StreamBody;
use parking_lot::Mutex;

use crate::client::{client, fetch, get, options, post, request, send};
use crate::peer::{Act, Peer, answer, ok, write};

/// A connection that serves one request and then does this with the next.
fn serves_once_and(last: &[Act]) -> Vec<Act> {
    let mut script = vec![Act::Read, ok("first"), Act::Read];
    script.extend_from_slice(last);
    script
}

/// Asks twice, the second time on the connection of the first; what the peer saw.
async fn second_request(
    last: &[Act],
    second: Request<RequestBody>,
) -> (Result<String, Reason>, Vec<String>) {
    let peer = Peer::start(vec![
        serves_once_and(last),
        vec![Act::Read, ok("again"), Act::Read],
    ])
    .await;
    let client = client(&peer.url());
    fetch(&client, get("/first")).await.unwrap();
    let repeatable = second.body().is_end_stream() && second.method().is_safe();
    let outcome = fetch(&client, second).await;
    if !repeatable {
        assert_eq!(peer.connections(), 1);
    }
    let outcome = outcome
        .map(|whole| whole.text().to_owned())
        .map_err(|error| error.reason());
    let lines = peer.requests().into_iter();
    let lines = lines.map(|request| request.lines().next().unwrap().to_owned());
    (outcome, lines.collect())
}

#[tokio::test]
async fn a_read_on_a_connection_that_was_being_closed_is_repeated() {
    for last in [&[][..], &[Act::Reset]] {
        for method in [Method::GET, Method::HEAD] {
            let line = format!("{method} /second?q=1 HTTP/1.1");
            let (outcome, seen) =
                second_request(last, request(method.clone(), "/second?q=1")).await;
            let body = if method == Method::GET { "again" } else { "" };
            assert_eq!(outcome.as_deref(), Ok(body), "{last:?}");
            assert_eq!(seen, ["GET /first HTTP/1.1", &line, &line]);
        }
    }
}

#[tokio::test]
async fn a_write_is_sent_once() {
    for last in [&[][..], &[Act::Reset]] {
        for method in [Method::POST, Method::PATCH, Method::PUT, Method::DELETE] {
            let line = format!("{method} /second HTTP/1.1");
            let (outcome, seen) = second_request(last, request(method, "/second")).await;
            assert!(
                matches!(outcome, Err(Reason::Closed | Reason::Reset)),
                "{outcome:?}"
            );
            assert_eq!(seen, ["GET /first HTTP/1.1", &line]);
        }
        let (outcome, seen) = second_request(last, post("/second", "{}")).await;
        assert!(outcome.is_err());
        assert_eq!(seen.len(), 2);
    }
}

/// The connection is closed before the write gets onto it: nothing was sent, so sending it elsewhere is the first time.
#[tokio::test]
async fn a_write_that_finds_its_connection_closed_gets_its_one_try() {
    for _ in 0..20 {
        let peer = Peer::start(vec![
            vec![Act::Read, ok("first")],
            vec![Act::Read, ok("written"), Act::Read],
        ])
        .await;
        let client = client(&peer.url());
        fetch(&client, get("/first")).await.unwrap();
        let whole = fetch(&client, post("/second", "{}")).await.unwrap();
        assert_eq!(whole.text(), "written");
        assert_eq!(peer.requests().len(), 2);
    }
}

#[tokio::test]
async fn a_streamed_body_flows_once_whatever_the_method() {
    for method in [Method::GET, Method::POST] {
        let flowed = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&flowed);
        let parts = stream::once(async move {
            counter.fetch_add(1, Ordering::Relaxed);
            Ok::<_, std::io::Error>(Frame::data(Bytes::from_static(b"part")))
        });
        let body = RequestBody::streamed(StreamBody::new(Box::pin(parts)));
        let mut asked = request(method, "/second").map(|_| body);
        // Without it hyper sends no body with a GET (RFC 9110 §9.3.1 gives one no meaning).
        asked
            .headers_mut()
            .insert("content-length", HeaderValue::from_static("4"));
        let (outcome, seen) = second_request(&[], asked).await;
        assert!(outcome.is_err());
        assert_eq!(seen.len(), 2);
        assert_eq!(flowed.load(Ordering::Relaxed), 1);
    }
}

#[tokio::test]
async fn an_answer_that_had_begun_is_not_asked_for_again() {
    for begun in ["H", "HTTP/1.1 200 OK\r\ncontent-le"] {
        let (outcome, seen) = second_request(&[write(begun)], get("/second")).await;
        assert_eq!(outcome, Err(Reason::Closed), "{begun}");
        assert_eq!(seen.len(), 2);
    }
}

#[tokio::test]
async fn a_read_is_repeated_once_only() {
    let events = Arc::new(Mutex::new(Vec::new()));
    let peer = Peer::start(vec![
        // Two connections with a past, kept open side by side.
        vec![Act::Read, ok("a"), Act::Read],
        vec![Act::Read],
        vec![Act::Read, ok("never")],
    ])
    .await;
    let log = Arc::clone(&events);
    let client = Upstream::builder(options(&peer.url()))
        .observer(move |event: &UpstreamEvent<'_>| {
            log.lock().push(match event {
                UpstreamEvent::Answered { connection, .. } => connection.as_str(),
                UpstreamEvent::Retried { .. } => "retried",
                UpstreamEvent::Failed { reason, .. } => reason.as_str(),
                _ => "?",
            });
        })
        .build()
        .unwrap();
    fetch(&client, get("/1")).await.unwrap();
    let error = send(&client, get("/2")).await.unwrap_err();
    assert!(error.is_reset());
    assert_eq!(peer.connections(), 2);
    assert_eq!(
        *events.lock(),
        ["new", "retried", "connection closed before the answer"]
    );
}

#[tokio::test]
async fn connections_are_reused() {
    let mut script = Vec::new();
    for body in ["a", "b", "c"] {
        script.extend([Act::Read, ok(body)]);
    }
    // Even a 304 and an empty answer leave the connection usable.
    script.extend([Act::Read, write("HTTP/1.1 304 Not Modified\r\n\r\n")]);
    script.extend([Act::Read, answer("204 No Content", "", b"")]);
    script.extend([Act::Read, ok("f")]);
    let peer = Peer::start(vec![script]).await;
    let client = client(&peer.url());
    for _ in 0..6 {
        fetch(&client, get("/zen")).await.unwrap();
    }
    assert_eq!(peer.connections(), 1);
}
