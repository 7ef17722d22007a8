//! A public document, fetched again and again: unchanged it is not sent twice, and no credential goes along.

use std::time::Duration;

use github_upstream::{Document, DocumentError, UpstreamOptions};
use http::HeaderValue;

use crate::peer::{Act, Peer, answer, write};

fn document(peer: &Peer) -> Document {
    let agent = HeaderValue::from_static("watcher/1");
    let url = format!("{}/api/v2/components.json", peer.url());
    Document::new(
        &url,
        agent,
        Duration::from_secs(10),
        UpstreamOptions::default(),
    )
    .unwrap()
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() {
    let peer = Peer::start(vec![vec![
        Act::Read,
        answer("200 OK", "etag: W/\"gz[1]\"\r\n", b"one"),
        Act::Read,
        write("HTTP/1.1 304 Not Modified\r\n\r\n"),
        Act::Read,
        answer("200 OK", "", b"two"),
        Act::Read,
        answer("200 OK", "", b"three"),
    ]])
    .await;
    let mut document = document(&peer);
    assert_eq!(document.fetch().await.unwrap(), b"one");
    assert_eq!(document.fetch().await.unwrap(), b"one");
    assert_eq!(document.fetch().await.unwrap(), b"two");
    assert_eq!(document.fetch().await.unwrap(), b"three");
    let requests = peer.requests();
    let lowered: Vec<String> = requests
        .iter()
        .map(|request| request.to_lowercase())
        .collect();
    let conditional = lowered
        .iter()
        .map(|request| request.contains("if-none-match: w/\"gz[1]\""));
    assert_eq!(
        conditional.collect::<Vec<_>>(),
        [false, true, true, false],
        "only a tag that was given is asked about"
    );
    for request in lowered {
        assert!(request.starts_with("get /api/v2/components.json http/1.1"));
        assert!(request.contains("user-agent: watcher/1"));
        assert!(!request.contains("authorization"));
    }
}

#[tokio::test]
async fn failures_are_errors_and_leave_what_is_held() {
    let large = vec![b' '; (1 << 20) + 1];
    let peer = Peer::start(vec![
        vec![
            Act::Read,
            answer("200 OK", "etag: \"1\"\r\n", b"one"),
            Act::Read,
            answer("503 Service Unavailable", "", b"<html>"),
            Act::Read,
            answer("200 OK", "", &large),
        ],
        vec![
            Act::Read,
            write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"),
        ],
        vec![Act::Read, write("HTTP/1.1 304 Not Modified\r\n\r\n")],
    ])
    .await;
    let mut document = document(&peer);
    assert_eq!(document.fetch().await.unwrap(), b"one");
    let status = document.fetch().await.unwrap_err();
    assert!(matches!(status, DocumentError::Status(status) if status == 503));
    let endless = document.fetch().await.unwrap_err();
    assert!(matches!(endless, DocumentError::Body(_)), "{endless:?}");
    let broken = document.fetch().await.unwrap_err();
    assert!(matches!(broken, DocumentError::Body(_)), "{broken:?}");
    assert_eq!(document.fetch().await.unwrap(), b"one");
}

#[tokio::test(start_paused = true)]
async fn a_fetch_has_one_time_limit_in_all() {
    let peer = Peer::start(vec![vec![
        Act::Read,
        write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"),
        Act::Pause(6),
        write("a"),
        Act::Pause(6),
        write("b"),
        Act::Stall,
    ]])
    .await;
    let started = tokio::time::Instant::now();
    let late = document(&peer).fetch().await.unwrap_err();
    assert!(matches!(late, DocumentError::Timeout), "{late:?}");
    assert!(started.elapsed() < Duration::from_secs(11));
}

#[tokio::test]
async fn an_address_has_a_scheme_and_a_host_and_no_credentials() {
    for url in ["", "/api", "ftp://x/y", "https://a:b@x/y", "x"] {
        let made = Document::new(
            url,
            HeaderValue::from_static("a"),
            Duration::from_secs(1),
            UpstreamOptions::default(),
        );
        assert!(made.is_err(), "{url}");
    }
}

#[tokio::test]
async fn a_gone_page_is_an_error() {
    let peer = Peer::start(Vec::new()).await;
    let error = document(&peer).fetch().await.unwrap_err();
    assert!(matches!(error, DocumentError::Upstream(_)), "{error:?}");
}
