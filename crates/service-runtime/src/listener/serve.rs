//! Accepting connections and running a service on each, until drained.
//!
//! hyper's connection types are used directly instead of hyper-util's `auto` builder: that one
//! waits without limit for the first bytes of a connection and cannot set the header limit.

use std::error::Error as StdError;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::connection::{Opening, Protocol, Watched, recognise};
use super::{Listener, Peer, PeerAddress, Socket, Tls};
use crate::drain::{Drain, DrainReport};

/// What one client, and all of them, may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Open connections over all listeners of one [`serve`]. At the limit accepting pauses: new
    /// connections wait in the kernel's queue until one closes. Idle HTTP/1 connections close after
    /// `header_read_timeout`; HTTP/2 ones stay as long as they answer pings.
    pub max_connections: usize,
    /// Request line and header fields. Above it: 431, and the connection closes.
    pub max_header_bytes: usize,
    /// From the start of a connection, or from the end of the previous answer, to the end of the
    /// next head; TLS handshake included. So this bounds idle connections too.
    pub header_read_timeout: Duration,
    /// How long a peer may take none of its answer, or (HTTP/1) pause within a request body.
    pub stall_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_connections: 10_000,
            max_header_bytes: 64 * 1024,
            header_read_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(30),
        }
    }
}

/// hyper refuses smaller read buffers.
const LEAST_BUFFER_BYTES: usize = 8 * 1024;

/// How often an idle HTTP/2 connection is asked whether it still lives, and how long it may take.
const HTTP2_PING_INTERVAL: Duration = Duration::from_secs(20);

/// What accepting waits after an error that is likely to stay for a while (no file descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Runs `factory(peer)`'s service on every connection of every listener, HTTP/1.1 and HTTP/2,
/// until `drain` is through. The [`Peer`] is in the extensions of every request too.
///
/// Panics of a service end their connection and nothing else.
pub async fn serve<F, S, B>(
    listeners: Vec<Listener>,
    factory: F,
    limits: Limits,
    drain: Drain,
) -> DrainReport
where
    F: Fn(Peer) -> S + Send + Sync + 'static,
    S: Service<Request<Incoming>, Response = Response<B>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn StdError + Send + Sync>>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let server = Arc::new(Server::new(factory, limits));
    let mut loops = JoinSet::new();
    for listener in listeners {
        loops.spawn(accept_loop(listener, Arc::clone(&server), drain.clone()));
    }
    let mut report = DrainReport::default();
    while let Some(finished) = loops.join_next().await {
        match finished {
            Ok(part) => report += part,
            Err(error) => tracing::error!(%error, "a listener has failed"),
        }
    }
    report
}

/// What answers the requests of a connection, said once. Nothing has to be implemented: whatever fits has it.
trait Answers:
    Service<
        Request<Incoming>,
        Response = Response<<Self as Answers>::Body>,
        Error: Into<BoxError>,
        Future: Send + 'static,
    > + Send
    + 'static
{
    /// The body of its answers.
    type Body: Body<Data: Send, Error: Into<BoxError>> + Send + 'static;
}

impl<S, B> Answers for S
where
    S: Service<Request<Incoming>, Response = Response<B>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Body = B;
}

type BoxError = Box<dyn StdError + Send + Sync>;

/// What all connections share.
struct Server<F> {
    factory: F,
    limits: Limits,
    slots: Arc<Semaphore>,
    http1: http1::Builder,
    http2: http2::Builder<Streams>,
    /// Cancelled when connections have to finish.
    finish: CancellationToken,
    /// Cancelled when they have to end.
    cut: CancellationToken,
}

impl<F> Server<F> {
    fn new(factory: F, limits: Limits) -> Self {
        let cut = CancellationToken::new();
        let mut http1 = http1::Builder::new();
        http1
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_read_timeout)
            .max_header_size(limits.max_header_bytes)
            .max_buf_size(limits.max_header_bytes.max(LEAST_BUFFER_BYTES));
        let mut http2 = http2::Builder::new(Streams { cut: cut.clone() });
        http2
            .timer(TokioTimer::new())
            .max_header_list_size(u32::try_from(limits.max_header_bytes).unwrap_or(u32::MAX))
            .keep_alive_interval(HTTP2_PING_INTERVAL)
            .keep_alive_timeout(HTTP2_PING_INTERVAL);
        Server {
            factory,
            limits,
            slots: Arc::new(Semaphore::new(
                limits.max_connections.min(Semaphore::MAX_PERMITS),
            )),
            http1,
            http2,
            finish: CancellationToken::new(),
            cut,
        }
    }
}

/// Runs the streams of HTTP/2 connections. They are tasks of their own, so that cutting off a
/// connection has to reach them by another way.
#[derive(Clone)]
struct Streams {
    cut: CancellationToken,
}

impl<T> hyper::rt::Executor<T> for Streams
where
    T: Future + Send + 'static,
    T::Output: Send,
{
    fn execute(&self, stream: T) {
        let cut = self.cut.clone();
        tokio::spawn(async move { cut.run_until_cancelled_owned(stream).await.map(drop) });
    }
}

async fn accept_loop<F, S>(listener: Listener, server: Arc<Server<F>>, drain: Drain) -> DrainReport
where
    F: Fn(Peer) -> S + Send + Sync + 'static,
    S: Answers,
{
    let mut connections = JoinSet::new();
    {
        let mut stop = pin!(drain.stop_accepting());
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut stop => break,
                Some(ended) = connections.join_next() => {
                    note(ended);
                    continue;
                }
                accepted = accept(&listener, &server.slots) => accepted,
            };
            match accepted {
                Ok((stream, peer, slot)) => {
                    let tls = match &listener.tls {
                        Tls::Off => None,
                        Tls::On(acceptor) => Some(acceptor.clone()),
                    };
                    let server = Arc::clone(&server);
                    match stream {
                        Stream::Tcp(stream) => {
                            connections.spawn(connection(server, stream, tls, peer, slot))
                        }
                        Stream::Unix(stream) => {
                            connections.spawn(connection(server, stream, tls, peer, slot))
                        }
                    };
                }
                Err(error) => pause_after(&error).await,
            }
        }
    }
    drop(listener);
    server.finish.cancel();

    let mut report = DrainReport::default();
    let mut time_is_up = pin!(drain.time_is_up());
    loop {
        tokio::select! {
            biased;
            ended = connections.join_next() => match ended {
                Some(ended) => {
                    note(ended);
                    report.finished += 1;
                }
                None => return report,
            },
            () = &mut time_is_up => break,
        }
    }
    report.aborted = connections.len();
    server.cut.cancel();
    connections.shutdown().await;
    report
}

enum Stream {
    Tcp(tokio::net::TcpStream),
    Unix(tokio::net::UnixStream),
}

/// # Cancel safety
/// A slot that was taken is given back, no connection is lost.
async fn accept(
    listener: &Listener,
    slots: &Arc<Semaphore>,
) -> io::Result<(Stream, Peer, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (stream, address) = match &listener.socket {
        Socket::Tcp(socket) => {
            let (stream, address) = socket.accept().await?;
            // Answers are written in one piece; waiting for more to send would only delay them.
            stream.set_nodelay(true)?;
            (Stream::Tcp(stream), PeerAddress::Tcp(address))
        }
        Socket::Unix(socket) => {
            let (stream, _) = socket.listener().accept().await?;
            (Stream::Unix(stream), PeerAddress::Unix)
        }
    };
    Ok((
        stream,
        Peer {
            address,
            transport: listener.transport(),
        },
        slot,
    ))
}

async fn pause_after(error: &io::Error) {
    match error.kind() {
        // The peer left before we came: says nothing about the next one.
        io::ErrorKind::ConnectionAborted
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::InvalidInput
        | io::ErrorKind::NotConnected => {}
        _ => {
            tracing::warn!(%error, "cannot accept connections");
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
    }
}

fn note(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection has panicked");
    }
}

/// How a connection ended.
type Ended = Result<(), BoxError>;

/// The life of one connection.
///
/// Thousands of these may be there at a time, so TLS and HTTP/2 are boxed: plain connections should carry no room for them.
#[expect(
    clippy::manual_async_fn,
    reason = "an `async fn` keeps room for its arguments twice"
)]
fn connection<F, S, I>(
    server: Arc<Server<F>>,
    mut stream: I,
    tls: Option<TlsAcceptor>,
    peer: Peer,
    slot: OwnedSemaphorePermit,
) -> impl Future<Output = ()> + Send
where
    F: Fn(Peer) -> S + Send + Sync + 'static,
    S: Answers,
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    async move {
        let _slot = slot;
        let service = WithPeer {
            service: (server.factory)(peer),
            peer,
        };
        let outcome = match tls {
            None => {
                let patience = server.limits.header_read_timeout;
                match opened(&server, patience, recognise(&mut stream)).await {
                    Ok((protocol, opening)) => {
                        requests(&server, stream, protocol, opening, service).await
                    }
                    Err(end) => Err(end),
                }
            }
            Some(acceptor) => Box::pin(secured(&server, stream, acceptor, service)).await,
        };
        if let Err(error) = outcome {
            tracing::debug!(peer = %peer.address, error = %error, "connection ended");
        }
    }
}

/// A connection with TLS.
async fn secured<F, S, I>(
    server: &Server<F>,
    stream: I,
    acceptor: TlsAcceptor,
    service: WithPeer<S>,
) -> Ended
where
    F: Sync,
    S: Answers,
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let handshake = async {
        let mut stream = acceptor.accept(stream).await?;
        let (protocol, opening) = match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => (Protocol::Http2, Opening::default()),
            Some(_) => (Protocol::Http1, Opening::default()),
            None => recognise(&mut stream).await?,
        };
        Ok((stream, protocol, opening))
    };
    let patience = server.limits.header_read_timeout;
    let (stream, protocol, opening) = opened(server, patience, handshake).await?;
    requests(server, stream, protocol, opening, service).await
}

/// A connection on which nothing has been asked yet ends with its time, or when draining.
async fn opened<F, T>(
    server: &Server<F>,
    patience: Duration,
    opening: impl Future<Output = io::Result<T>>,
) -> Result<T, BoxError> {
    tokio::select! {
        biased;
        opened = tokio::time::timeout(patience, opening) => Ok(opened??),
        () = server.finish.cancelled() => Err("draining".into()),
    }
}

/// Answers the requests of a connection; no `async fn`, which would keep room for its arguments twice.
fn requests<F, S, I>(
    server: &Server<F>,
    stream: I,
    protocol: Protocol,
    opening: Opening,
    service: WithPeer<S>,
) -> impl Future<Output = Ended> + Send
where
    F: Sync,
    S: Answers,
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stall_timeout = server.limits.stall_timeout;
    let io = TokioIo::new(Watched::new(stream, protocol, opening, stall_timeout));
    async move {
        match protocol {
            Protocol::Http1 => {
                let mut connection = pin!(server.http1.serve_connection(io, service));
                tokio::select! {
                    biased;
                    ended = connection.as_mut() => return Ok(ended?),
                    () = server.finish.cancelled() => connection.as_mut().graceful_shutdown(),
                }
                Ok(connection.await?)
            }
            Protocol::Http2 => {
                let mut connection = Box::pin(server.http2.serve_connection(io, service));
                tokio::select! {
                    biased;
                    ended = connection.as_mut() => return Ok(ended?),
                    () = server.finish.cancelled() => connection.as_mut().graceful_shutdown(),
                }
                Ok(connection.await?)
            }
        }
    }
}

/// Puts the peer into the extensions of every request.
struct WithPeer<S> {
    service: S,
    peer: Peer,
}

impl<S: Service<Request<Incoming>>> Service<Request<Incoming>> for WithPeer<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn call(&self, mut request: Request<Incoming>) -> S::Future {
        request.extensions_mut().insert(self.peer);
        self.service.call(request)
    }
}
