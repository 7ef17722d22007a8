//! HTTP/2 by prior knowledge: one connection for all, and the same rules of retry.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use github_upstream::{Protocol, Reason, Upstream};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};

use crate::client::{fetch, get, options, post, request, send};

/// What to do with a stream.
#[derive(Clone, Copy)]
enum Do {
    Answer,
    Refuse,
    /// GOAWAY before any of the connection's streams, then close.
    GoAway,
}

struct Peer {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<Request<()>>>>,
}

impl Peer {
    /// The streams are met with these, in order of arrival over all connections; then all are answered.
    async fn start(plan: Vec<Do>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = Self {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            seen: Arc::default(),
        };
        let connections = Arc::clone(&peer.connections);
        let seen = Arc::clone(&peer.seen);
        let plan = Arc::new(Mutex::new(plan.into_iter()));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.fetch_add(1, Ordering::Relaxed);
                let (seen, plan) = (Arc::clone(&seen), Arc::clone(&plan));
                let next = move || plan.lock().next().unwrap_or(Do::Answer);
                tokio::spawn(serve(stream, seen, next));
            }
        });
        peer
    }

    fn client(&self) -> Upstream {
        let mut options = options(&format!("http://{}", self.address));
        options.protocol = Protocol::Http2;
        Upstream::builder(options).build().unwrap()
    }

    fn seen(&self) -> Vec<String> {
        let seen = self.seen.lock();
        let lines = seen
            .iter()
            .map(|request| format!("{} {}", request.method(), request.uri()));
        lines.collect()
    }
}

async fn serve(stream: TcpStream, seen: Arc<Mutex<Vec<Request<()>>>>, next: impl Fn() -> Do) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        seen.lock().push(request.map(drop));
        match next() {
            Do::Answer => {
                let mut body = respond.send_response(Response::new(()), false).unwrap();
                body.send_data(Bytes::from_static(b"hello"), true).unwrap();
            }
            Do::Refuse => respond.send_reset(h2::Reason::REFUSED_STREAM),
            Do::GoAway => {
                connection.abrupt_shutdown(h2::Reason::NO_ERROR);
            }
        }
    }
}

#[tokio::test]
async fn all_share_one_connection() {
    let peer = Peer::start(vec![]).await;
    let client = peer.client();
    let asked = (0..20).map(|_| fetch(&client, get("/zen?a=b")));
    for whole in futures_util::future::join_all(asked).await {
        assert_eq!(whole.unwrap().text(), "hello");
    }
    assert_eq!(peer.connections.load(Ordering::Relaxed), 1);
    assert_eq!(
        peer.seen()[0],
        format!("GET http://{}/zen?a=b", peer.address)
    );
    let seen = peer.seen.lock();
    assert!(!seen[0].headers().contains_key("host"));
}

#[tokio::test]
async fn foreign_targets_stay_here() {
    let peer = Peer::start(vec![]).await;
    let mut asked = get("https://evil.example/zen");
    asked
        .headers_mut()
        .insert("host", "evil.example".parse().unwrap());
    asked
        .headers_mut()
        .insert("connection", "keep-alive".parse().unwrap());
    fetch(&peer.client(), asked).await.unwrap();
    assert_eq!(peer.seen(), [format!("GET http://{}/zen", peer.address)]);
}

#[tokio::test]
async fn a_refused_read_is_repeated_and_a_refused_write_is_not() {
    for lost in [Do::Refuse, Do::GoAway] {
        let peer = Peer::start(vec![Do::Answer, lost]).await;
        let client = peer.client();
        fetch(&client, get("/1")).await.unwrap();
        assert_eq!(fetch(&client, get("/2")).await.unwrap().text(), "hello");
        assert_eq!(peer.seen().len(), 3);

        let peer = Peer::start(vec![Do::Answer, lost]).await;
        let client = peer.client();
        fetch(&client, get("/1")).await.unwrap();
        let error = send(&client, post("/2", "{}")).await.unwrap_err();
        assert!(error.is_reset(), "{:?}", error.reason());
        assert_eq!(peer.seen().len(), 2);
    }
}

#[tokio::test]
async fn a_read_that_is_refused_again_fails() {
    let peer = Peer::start(vec![Do::Refuse, Do::Refuse, Do::Answer]).await;
    let error = send(&peer.client(), request(Method::GET, "/1"))
        .await
        .unwrap_err();
    assert_eq!(error.reason(), Reason::Closed);
    assert_eq!(peer.seen().len(), 2);
}

const LARGE: usize = 4 << 20;

async fn large_or_small(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let length = if request.uri().path() == "/large" {
        LARGE
    } else {
        1
    };
    Ok(Response::new(Full::from(vec![7; length])))
}

#[tokio::test]
async fn callers_who_do_not_read_keep_nobody_else_waiting() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut options = options(&format!("http://{}", listener.local_addr().unwrap()));
    options.protocol = Protocol::Http2;
    let client = Upstream::builder(options).build().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(stream), service_fn(large_or_small))
            .await
            .unwrap();
    });
    let mut unread = Vec::new();
    for _ in 0..50 {
        unread.push(send(&client, get("/large")).await.unwrap().into_body());
        let whole = fetch(&client, get("/small")).await.unwrap();
        assert_eq!(whole.body.unwrap().len(), 1);
    }
    for body in unread {
        let whole = body.collect().await.unwrap();
        assert_eq!(whole.to_bytes().len(), LARGE);
    }
}
