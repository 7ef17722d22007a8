//! A server under test and a client that speaks in raw bytes.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use service_runtime::listener::{Limits, ListenAddress, Listener, Peer, serve};
use service_runtime::{Drain, DrainReport, Shutdown};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

/// A running server. `/slow` waits until it is released, `/boom` panics, everything else is
/// answered with method, path, body length and the kind of peer.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: Shutdown,
    pub(crate) release: Arc<Notify>,
    /// One message for every slow request that has arrived.
    pub(crate) arrived: mpsc::UnboundedReceiver<()>,
    pub(crate) ended: JoinHandle<DrainReport>,
}

impl Server {
    pub(crate) fn start() -> Server {
        Server::with(Limits::default(), Duration::ZERO, Duration::from_secs(30))
    }

    pub(crate) fn with(limits: Limits, grace: Duration, limit: Duration) -> Server {
        let listener = Listener::tcp(loopback()).unwrap();
        let ListenAddress::Tcp(address) = listener.address() else {
            unreachable!()
        };
        let shutdown = Shutdown::new();
        shutdown.readiness().set_ready();
        let release = Arc::new(Notify::new());
        let drain = Drain {
            shutdown: shutdown.clone(),
            grace,
            limit,
        };
        let (arrival, arrived) = mpsc::unbounded_channel();
        let ended = tokio::spawn(run(
            vec![listener],
            limits,
            drain,
            Arc::clone(&release),
            arrival,
        ));
        Server {
            address,
            shutdown,
            release,
            arrived,
            ended,
        }
    }

    pub(crate) async fn connect(&self) -> Client {
        Client(TcpStream::connect(self.address).await.unwrap())
    }

    /// Sends bytes on a connection of their own and reads until the server closes it.
    pub(crate) async fn exchange(&self, request: &str) -> String {
        let mut client = self.connect().await;
        client.send(request).await;
        client.rest().await
    }
}

pub(crate) fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

pub(crate) async fn run(
    listeners: Vec<Listener>,
    limits: Limits,
    drain: Drain,
    release: Arc<Notify>,
    arrival: mpsc::UnboundedSender<()>,
) -> DrainReport {
    let factory = move |peer: Peer| {
        let release = Arc::clone(&release);
        let arrival = arrival.clone();
        service_fn(move |request: Request<Incoming>| {
            let release = Arc::clone(&release);
            let arrival = arrival.clone();
            async move {
                assert_eq!(request.extensions().get::<Peer>(), Some(&peer));
                match request.uri().path() {
                    "/slow" => {
                        let _ = arrival.send(());
                        release.notified().await;
                    }
                    "/boom" => panic!("a broken service"),
                    _ => {}
                }
                let head = format!("{} {}", request.method(), request.uri().path());
                let length = request
                    .into_body()
                    .collect()
                    .await
                    .map(|body| body.to_bytes().len());
                let length = length.unwrap_or(usize::MAX);
                let text = format!("{head} {length} {:?} {:?}", peer.reach(), peer.transport);
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(text))))
            }
        })
    };
    serve(listeners, factory, limits, drain).await
}

/// A connection.
pub(crate) struct Client(pub(crate) TcpStream);

impl Client {
    pub(crate) async fn send(&mut self, bytes: &str) {
        self.0.write_all(bytes.as_bytes()).await.unwrap();
    }

    /// Everything until the server closes.
    pub(crate) async fn rest(&mut self) -> String {
        let mut answer = Vec::new();
        // A reset after the answer is a way of closing too.
        let _ = self.0.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }

    /// One answer with a Content-Length; the connection stays open.
    pub(crate) async fn answer(&mut self) -> String {
        let mut answer = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&answer).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: "));
                if body.len() >= length.expect("a length").parse::<usize>().unwrap() {
                    return text;
                }
            }
            let read = self.0.read_buf(&mut answer).await.unwrap();
            assert!(read > 0, "closed after {text:?}");
        }
    }
}

#[track_caller]
pub(crate) fn check_status(answer: &str, status: u16) {
    let line = format!("HTTP/1.1 {status} ");
    assert!(
        answer.starts_with(&line),
        "expected {status}, got {answer:?}"
    );
}
