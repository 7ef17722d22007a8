//! Requests that two servers could read in two ways (RFC 9112 sections 6.1 to 6.3).

use super::client::{Server, check_status};

/// Refused with 400, closed, and what follows is not taken for a request.
async fn check_refused(server: &Server, fields: &str, body: &str) {
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    let request = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n{body}{smuggled}");
    let answer = server.exchange(&request).await;
    check_status(&answer, 400);
    assert_eq!(
        answer.matches("HTTP/1.1 ").count(),
        1,
        "{fields:?}: {answer}"
    );
    assert!(!answer.contains("smuggled"), "{fields:?}: {answer}");
}

#[tokio::test]
async fn content_length_with_transfer_encoding_is_refused() {
    let server = Server::start();
    let chunked = "5\r\nhello\r\n0\r\n\r\n";
    for fields in [
        "Content-Length: 15\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 15\r\n",
        "transfer-encoding: chunked\r\nX: y\r\nCONTENT-LENGTH: 15\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
    ] {
        check_refused(&server, fields, chunked).await;
    }
}

#[tokio::test]
async fn differing_content_lengths_are_refused() {
    let server = Server::start();
    check_refused(
        &server,
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "hello",
    )
    .await;
    check_refused(&server, "Content-Length: 5, 6\r\n", "hello").await;
    check_refused(&server, "Content-Length: +5\r\n", "hello").await;
}

#[tokio::test]
async fn codings_that_nobody_undoes_are_refused() {
    let server = Server::start();
    for coding in ["gzip, chunked", "chunked, identity", "identity", "xchunked"] {
        let fields = format!("Transfer-Encoding: {coding}\r\n");
        check_refused(&server, &fields, "0\r\n\r\n").await;
    }
    let twice = "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n";
    check_refused(&server, twice, "0\r\n\r\n").await;
    check_refused(&server, "Transfer-Encoding : chunked\r\n", "0\r\n\r\n").await;
}

#[tokio::test]
async fn a_later_request_of_the_connection_is_watched_too() {
    let server = Server::start();
    let mut client = server.connect().await;
    client
        .send("POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
        .await;
    assert!(client.answer().await.ends_with("POST /1 5 SameHost Plain"));
    let chunked = "POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    client
        .send(&format!("{chunked}5;x=y\r\nhello\r\n0\r\nT: u\r\n\r\n"))
        .await;
    assert!(client.answer().await.ends_with("POST /2 5 SameHost Plain"));
    let both = "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n";
    client
        .send(&format!(
            "POST /3 HTTP/1.1\r\nHost: a\r\n{both}\r\n0\r\n\r\n"
        ))
        .await;
    check_status(&client.rest().await, 400);
}

#[tokio::test]
async fn a_body_that_looks_like_a_bad_request_arrives_unchanged() {
    let server = Server::start();
    let body = "P / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut client = server.connect().await;
    let head = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    for _ in 0..2 {
        client.send(&head).await;
        client.send(body).await;
        let answer = client.answer().await;
        check_status(&answer, 200);
        assert!(
            answer.contains(&format!("POST / {} ", body.len())),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn equal_content_lengths_are_one_statement() {
    let server = Server::start();
    let fields = "Content-Length: 5\r\nContent-Length: 5\r\nConnection: close\r\n";
    let answer = server
        .exchange(&format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\nhello"))
        .await;
    check_status(&answer, 200);
}

#[tokio::test]
async fn a_lone_line_feed_does_not_end_the_trailers() {
    let server = Server::start();
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    let answer = server.exchange(&format!("{head}X: y\n\n{smuggled}")).await;
    assert!(!answer.contains("smuggled"), "{answer}");
    assert!(
        !answer.contains("POST / 0 "),
        "the body counts as broken: {answer}"
    );
}
