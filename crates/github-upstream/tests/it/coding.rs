//! Compression: asked for on the caller's behalf, undone on the way, and never at the price of a clean end.

use std::io::Write;

use flate2::write::GzEncoder;
use github_upstream::{Compression, Upstream};
use http::{HeaderValue, Method};
use http_body_util::BodyExt;

use crate::client::{client, fetch, get, options, request, send};
use crate::peer::{Act, Peer, answer, write};

pub(crate) fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

const CODED: &str = "content-encoding: gzip\r\netag: W/\"e\"\r\nvary: Accept-Encoding\r\n";

async fn peer(act: Act) -> Peer {
    Peer::start(vec![vec![Act::Read, act]]).await
}

#[tokio::test]
async fn asked_for_and_undone() {
    let text = r#"{"a":"b"}"#.repeat(10_000);
    for coding in ["gzip", "GZIP", "x-gzip"] {
        let headers = CODED.replace("gzip", coding);
        let peer = peer(answer("200 OK", &headers, &gzip(text.as_bytes()))).await;
        let whole = fetch(&client(&peer.url()), get("/zen")).await.unwrap();
        assert!(peer.requests()[0].contains("accept-encoding: gzip\r\n"));
        assert_eq!(whole.text(), text);
        assert!(!whole.headers.contains_key("content-encoding"));
        assert!(!whole.headers.contains_key("content-length"));
        assert_eq!(whole.headers["etag"], "W/\"e\"");
        assert_eq!(whole.headers["vary"], "Accept-Encoding");
    }
}

#[tokio::test]
async fn plain_answers_stay_as_they_are() {
    let peer = peer(answer("200 OK", "etag: \"e\"\r\n", b"[]")).await;
    let whole = fetch(&client(&peer.url()), get("/zen")).await.unwrap();
    assert_eq!(whole.text(), "[]");
    assert_eq!(whole.headers["content-length"], "2");
    assert_eq!(whole.headers["etag"], "\"e\"");
}

#[tokio::test]
async fn who_asks_for_a_coding_gets_it() {
    let coded = gzip(b"text");
    for (name, value, sent) in [
        ("accept-encoding", "gzip, br", Some("gzip, br")),
        ("accept-encoding", "identity", Some("identity")),
        ("range", "bytes=0-99", None),
    ] {
        let peer = peer(answer("200 OK", CODED, &coded)).await;
        let mut asked = get("/zen");
        asked
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
        let whole = fetch(&client(&peer.url()), asked).await.unwrap();
        let seen = peer.requests().remove(0);
        let line = seen
            .lines()
            .find_map(|line| line.strip_prefix("accept-encoding: "));
        assert_eq!(line, sent);
        assert_eq!(whole.body.unwrap(), coded);
        assert_eq!(whole.headers["content-encoding"], "gzip");
        assert_eq!(whole.headers["content-length"], coded.len().to_string());
    }
}

#[tokio::test]
async fn what_was_not_asked_for_is_not_undone() {
    for coding in ["br", "gzip, gzip", "deflate"] {
        let headers = format!("content-encoding: {coding}\r\n");
        let peer = peer(answer("200 OK", &headers, b"coded")).await;
        let whole = fetch(&client(&peer.url()), get("/zen")).await.unwrap();
        assert_eq!(whole.text(), "coded");
        assert_eq!(whole.headers["content-encoding"], coding);
    }
}

#[tokio::test]
async fn identity_adds_nothing() {
    let peer = peer(answer("200 OK", "", b"[]")).await;
    let mut options = options(&peer.url());
    options.compression = Compression::Identity;
    let client = Upstream::builder(options).build().unwrap();
    fetch(&client, get("/zen")).await.unwrap();
    assert!(!peer.requests()[0].contains("accept-encoding"));
}

/// The answer's own end is clean; what it holds is not whole.
#[tokio::test]
async fn cut_short_data_is_no_clean_end() {
    let text = r#"{"a":"b"}"#.repeat(1000);
    let coded = gzip(text.as_bytes());
    for length in [
        1,
        9,
        10,
        11,
        coded.len() / 2,
        coded.len() - 9,
        coded.len() - 1,
    ] {
        let peer = peer(answer("200 OK", CODED, &coded[..length])).await;
        let whole = fetch(&client(&peer.url()), get("/zen")).await.unwrap();
        let error = whole.body.unwrap_err();
        assert!(error.is_decode(), "{length} of {}", coded.len());
        assert!(!error.is_timeout() && !error.is_reset());
    }
}

#[tokio::test]
async fn a_chunked_body_without_data_is_cut_short_too() {
    let head = format!("HTTP/1.1 200 OK\r\n{CODED}transfer-encoding: chunked\r\n\r\n0\r\n\r\n");
    let peer = peer(write(head)).await;
    let whole = fetch(&client(&peer.url()), get("/zen")).await.unwrap();
    assert!(whole.body.unwrap_err().is_decode());
}

#[tokio::test]
async fn a_connection_that_breaks_inside_coded_data() {
    let coded = gzip(&[b'x'; 1000]);
    let mut bytes = format!("HTTP/1.1 200 OK\r\n{CODED}content-length: 1000\r\n\r\n").into_bytes();
    // Even when the data happens to be whole, the answer is not.
    bytes.extend_from_slice(&coded);
    let peer = peer(write(bytes)).await;
    let whole = fetch(&client(&peer.url()), get("/zen")).await.unwrap();
    assert!(whole.body.unwrap_err().is_reset());
}

#[tokio::test]
async fn data_after_the_end_and_damage_are_errors() {
    let coded = gzip(b"some text, some text, some text");
    let mut longer = coded.clone();
    longer.extend_from_slice(b"more");
    let mut damaged = coded.clone();
    let checksum = damaged.len() - 6;
    damaged[checksum] ^= 1;
    for coded in [longer, damaged, b"plain".to_vec()] {
        let peer = peer(answer("200 OK", CODED, &coded)).await;
        let whole = fetch(&client(&peer.url()), get("/zen")).await.unwrap();
        assert!(whole.body.unwrap_err().is_decode(), "{coded:?}");
    }
}

/// A 304 refreshes stored headers, and a HEAD stands for a GET: neither may speak of a coding that nobody sees.
#[tokio::test]
async fn answers_without_a_body_lose_the_coding_as_well() {
    for (method, status) in [(Method::HEAD, "200 OK"), (Method::GET, "304 Not Modified")] {
        let head = format!("HTTP/1.1 {status}\r\n{CODED}content-length: 77\r\n\r\n");
        let peer = peer(write(head)).await;
        let whole = fetch(&client(&peer.url()), request(method, "/zen"))
            .await
            .unwrap();
        assert_eq!(whole.text(), "");
        assert!(!whole.headers.contains_key("content-encoding"));
        assert!(!whole.headers.contains_key("content-length"));
        assert_eq!(whole.headers["etag"], "W/\"e\"");
    }
}

/// What decodes to a thousand times its size comes in portions.
#[tokio::test]
async fn a_little_that_becomes_much_is_portioned() {
    const PLAIN: usize = 64 << 20;
    let coded = gzip(&vec![0; PLAIN]);
    assert!(coded.len() < PLAIN / 900);
    let peer = peer(answer("200 OK", CODED, &coded)).await;
    let mut body = send(&client(&peer.url()), get("/zen"))
        .await
        .unwrap()
        .into_body();
    let mut total = 0;
    while let Some(frame) = body.frame().await {
        let data = frame.unwrap().into_data().unwrap();
        assert!(data.len() <= 32 * 1024 && !data.is_empty());
        total += data.len();
    }
    assert_eq!(total, PLAIN);
}
