//! What goes up and comes down, byte for byte.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use github_upstream::RequestBody;
use http::{HeaderValue, Method, Request, Version};

use crate::client::{client, fetch, get, post, request, send};
use crate::peer::{Act, Peer, ok, write};

/// What a request looks like at the other end.
async fn on_the_wire(prefix: &str, request: Request<RequestBody>) -> (Peer, String) {
    let peer = Peer::start(vec![vec![Act::Read, ok("")]]).await;
    let client = client(&format!("{}{prefix}", peer.url()));
    fetch(&client, request).await.unwrap();
    let seen = peer.requests().remove(0);
    (peer, seen)
}

#[tokio::test]
async fn path_and_query_go_up_as_they_are() {
    for target in [
        "/",
        "/repos/o/r/contents/a%20b%2Fc/../d?ref=x%2Fy",
        "/search?q=a+b&q=c&&q=&x=%C3%A9&per_page=7",
        "/a?",
        "//double//slash",
    ] {
        let (_peer, seen) = on_the_wire("", get(target)).await;
        assert!(
            seen.starts_with(&format!("GET {target} HTTP/1.1\r\n")),
            "{seen}"
        );
    }
}

#[tokio::test]
async fn no_target_leads_to_another_host() {
    for (prefix, target, line) in [
        ("", "http://evil.example/zen?a", "GET /zen?a HTTP/1.1"),
        ("", "https://u:p@evil.example:444/zen", "GET /zen HTTP/1.1"),
        ("", "//evil.example/zen", "GET //evil.example/zen HTTP/1.1"),
        (
            "/api/v3",
            "http://evil.example/zen?a",
            "GET /api/v3/zen?a HTTP/1.1",
        ),
        ("/api/v3/", "/zen", "GET /api/v3/zen HTTP/1.1"),
    ] {
        let mut asked = get(target);
        asked
            .headers_mut()
            .insert("host", HeaderValue::from_static("evil.example"));
        asked
            .headers_mut()
            .append("host", HeaderValue::from_static("also.evil.example"));
        // As a client with HTTP/2 would have asked.
        *asked.version_mut() = Version::HTTP_2;
        let (peer, seen) = on_the_wire(prefix, asked).await;
        assert!(seen.starts_with(line), "{seen}");
        let host = format!("host: {}\r\n", peer.address);
        assert_eq!(seen.matches("host: ").count(), 1, "{seen}");
        assert!(seen.contains(&host), "{seen}");
        assert!(!seen.contains("u:p"), "{seen}");
    }
}

#[tokio::test]
async fn end_to_end_headers_go_up_and_hop_by_hop_headers_do_not() {
    let mut asked = post("/graphql", "{}");
    for (name, value) in [
        ("accept", "application/vnd.github.raw+json"),
        ("accept", "text/html"),
        ("authorization", "Bearer t"),
        ("x-github-api-version", "2026-03-10"),
        ("content-type", "application/json"),
        ("cookie", "a=b"),
        ("if-match", "\"x\""),
        ("x-own", "one"),
        ("x-own", "two"),
        ("x-high", "caf\u{e9}"),
        ("connection", "close, x-hop"),
        ("x-hop", "1"),
        ("keep-alive", "timeout=1"),
        ("proxy-authorization", "Basic s"),
        ("te", "trailers"),
        ("upgrade", "h2c"),
    ] {
        asked.headers_mut().append(
            http::HeaderName::from_static(name),
            HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
    }
    let (_peer, seen) = on_the_wire("", asked).await;
    for line in [
        "accept: application/vnd.github.raw+json\r\n",
        "accept: text/html\r\n",
        "authorization: Bearer t\r\n",
        "x-github-api-version: 2026-03-10\r\n",
        "content-type: application/json\r\n",
        "cookie: a=b\r\n",
        "if-match: \"x\"\r\n",
        "x-own: one\r\nx-own: two\r\n",
        "x-high: caf\u{e9}\r\n",
        "content-length: 2\r\n",
    ] {
        assert!(seen.contains(line), "{line} in {seen}");
    }
    for name in [
        "connection:",
        "x-hop:",
        "keep-alive:",
        "proxy-authorization:",
        "te:",
        "upgrade:",
    ] {
        assert!(!seen.contains(&format!("\r\n{name}")), "{name} in {seen}");
    }
    assert!(seen.ends_with("\r\n\r\n{}"), "{seen}");
}

#[tokio::test]
async fn answers_come_down_the_same_way() {
    const ANSWER: &str = "HTTP/1.1 302 Found\r\n\
        location: https://elsewhere.example/x\r\n\
        link: <a>; rel=\"next\"\r\n\
        link: <b>; rel=\"last\"\r\n\
        etag: W/\"e\"\r\n\
        x-github-request-id: A:B\r\n\
        retry-after: 7\r\n\
        connection: keep-alive, x-hop\r\n\
        x-hop: 1\r\n\
        keep-alive: timeout=5\r\n\
        proxy-authenticate: Basic\r\n\
        transfer-encoding: chunked\r\n\r\n\
        3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    let peer = Peer::start(vec![vec![Act::Read, write(ANSWER)]]).await;
    let whole = fetch(&client(&peer.url()), get("/zen")).await.unwrap();
    assert_eq!(whole.status, 302);
    let headers: Vec<String> = whole
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    assert_eq!(
        headers,
        [
            "location: https://elsewhere.example/x",
            "link: <a>; rel=\"next\"",
            "link: <b>; rel=\"last\"",
            "etag: W/\"e\"",
            "x-github-request-id: A:B",
            "retry-after: 7",
        ]
    );
    assert_eq!(whole.text(), "abcde");
}

#[tokio::test]
async fn bodies_of_known_length_keep_it() {
    let (_peer, seen) = on_the_wire(
        "",
        request(Method::PUT, "/x").map(|_| RequestBody::from(Bytes::from_static(b"12345"))),
    )
    .await;
    assert!(seen.contains("content-length: 5\r\n"), "{seen}");
    let (_peer, seen) = on_the_wire("", get("/x")).await;
    assert!(!seen.contains("content-length"), "{seen}");
}

#[tokio::test]
async fn nothing_of_hypers_own_is_left_in_the_extensions() {
    let peer = Peer::start(vec![vec![Act::Read, ok("")]]).await;
    let answer = send(&client(&peer.url()), get("/x")).await.unwrap();
    assert!(answer.extensions().is_empty(), "{:?}", answer.extensions());
}

/// A server of hyper's may leave hints for a client of hyper's in a request that is passed on.
#[tokio::test]
async fn hints_of_the_hop_before_do_not_reach_this_one() {
    let early = write("HTTP/1.1 103 Early Hints\r\n\r\n");
    let peer = Peer::start(vec![vec![Act::Read, early, ok("")]]).await;
    let mut asked = get("/x");
    let heard = Arc::new(AtomicBool::new(false));
    let hint = Arc::clone(&heard);
    hyper::ext::on_informational(&mut asked, move |_| hint.store(true, Ordering::Relaxed));
    let answer = send(&client(&peer.url()), asked).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(!heard.load(Ordering::Relaxed));
}
