//! Connections that cannot be made, and those that break.

use github_upstream::{BaseUrl, Reason};
use http::Method;

use crate::client::{chain, client, fetch, get, names_a_timeout, request, send};
use crate::peer::{Act, Peer, write};

#[track_caller]
fn check(error: &github_upstream::UpstreamError, reason: Reason) {
    assert_eq!(error.reason(), reason, "{}", chain(error));
    assert_eq!(names_a_timeout(error), error.is_timeout());
    let text = chain(error);
    assert!(!text.contains("secret"), "{text}");
}

#[tokio::test]
async fn nobody_listens() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", unused.local_addr().unwrap());
    drop(unused);
    let mut asked = get("/user?secret=1");
    asked
        .headers_mut()
        .insert("authorization", "token secret".parse().unwrap());
    let error = send(&client(&url), asked).await.unwrap_err();
    check(&error, Reason::ConnectionRefused);
    assert!(error.is_connect() && !error.is_timeout() && !error.is_reset());
    assert_eq!(error.to_string(), "connection refused");
}

#[tokio::test]
async fn a_name_without_address() {
    // No label may be longer than 63 bytes, so that no server needs to be asked.
    let url = format!("http://{}.invalid", "a".repeat(64));
    let error = send(&client(&url), get("/zen")).await.unwrap_err();
    check(&error, Reason::NameResolution);
    assert!(error.is_connect());
}

#[tokio::test]
async fn a_target_without_a_path_is_not_sent() {
    let peer = Peer::start(vec![]).await;
    let client = client(&peer.url());
    for (method, target) in [
        (Method::CONNECT, "evil.example:443"),
        (Method::OPTIONS, "*"),
    ] {
        let error = send(&client, request(method, target)).await.unwrap_err();
        check(&error, Reason::Target);
        assert!(error.is_callers_fault());
    }
    assert_eq!(peer.connections(), 0);
}

#[tokio::test]
async fn a_fresh_connection_that_breaks() {
    #[track_caller]
    fn head(text: &str) -> Act {
        write(text)
    }
    for (script, reason) in [
        (vec![Act::Read], Reason::Closed),
        (vec![Act::Read, Act::Reset], Reason::Reset),
        (vec![Act::Read, head("HTTP/1.1 200")], Reason::Closed),
        (vec![Act::Read, head("SSH-2.0-x\r\n\r\n")], Reason::Protocol),
    ] {
        let peer = Peer::start(vec![script.clone()]).await;
        let error = send(&client(&peer.url()), get("/zen?secret"))
            .await
            .unwrap_err();
        check(&error, reason);
        assert!(!error.is_connect());
        assert_eq!(peer.connections(), 1, "{script:?}");
    }
}

#[tokio::test]
async fn a_body_that_breaks_is_an_error() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345";
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n12345\r\n";
    for script in [
        vec![Act::Read, write(HEAD)],
        vec![Act::Read, write(HEAD), Act::Reset],
        vec![Act::Read, write(CHUNKED)],
    ] {
        let peer = Peer::start(vec![script.clone()]).await;
        // The reset may overtake the head.
        let Ok(whole) = fetch(&client(&peer.url()), get("/zen")).await else {
            assert!(script.len() == 3);
            continue;
        };
        let error = whole.body.unwrap_err();
        assert!(error.is_reset() && !error.is_timeout(), "{script:?}");
        assert!(!names_a_timeout(&error));
    }
}

#[test]
fn the_default_is_github() {
    assert_eq!(BaseUrl::default().to_string(), "https://api.github.com");
}
