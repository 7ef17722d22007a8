//! Connections: name, TCP and TLS under one time-out, and what is known of a connection's past.
//!
//! Whether a broken request may be sent again depends on two facts that hyper keeps to itself: had the connection been
//! used before, and had any byte of the answer arrived. [`Tracked`] sees both go by.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::dns::{GaiAddrs, GaiFuture, GaiResolver, Name};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tower_service::Service;

use crate::observer::ConnectionUse;
use crate::options::Protocol;
use crate::request_body::BoxError;

/// Makes connections.
#[derive(Clone, Debug)]
pub(crate) struct Dialer {
    pub(crate) tls: HttpsConnector<HttpConnector<Names>>,
    pub(crate) timeout: Duration,
    pub(crate) protocol: Protocol,
}

impl Service<Uri> for Dialer {
    type Response = TokioIo<Tracked<TokioIo<MaybeHttpsStream<TokioIo<TcpStream>>>>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tls.poll_ready(context)
    }

    fn call(&mut self, address: Uri) -> Self::Future {
        let connecting = self.tls.call(address);
        let Self {
            timeout, protocol, ..
        } = *self;
        Box::pin(async move {
            let stream = tokio::time::timeout(timeout, connecting)
                .await
                .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
            let shared = protocol == Protocol::Http2 || stream.connected().is_negotiated_h2();
            let past = Past {
                shared,
                ..Past::default()
            };
            let stream = TokioIo::new(stream);
            Ok(TokioIo::new(Tracked { stream, past }))
        })
    }
}

/// The system's resolver, with an error that can be told from others.
#[derive(Clone, Debug)]
pub(crate) struct Names(pub(crate) GaiResolver);

impl Service<Name> for Names {
    type Response = GaiAddrs;
    type Error = NameNotResolved;
    type Future = Resolving;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), NameNotResolved>> {
        self.0.poll_ready(context).map_err(NameNotResolved)
    }

    fn call(&mut self, name: Name) -> Resolving {
        Resolving(self.0.call(name))
    }
}

/// A question to the resolver.
pub(crate) struct Resolving(GaiFuture);

impl Future for Resolving {
    type Output = Result<GaiAddrs, NameNotResolved>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map_err(NameNotResolved)
    }
}

impl fmt::Debug for Resolving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolving")
    }
}

/// The resolver knows no address.
#[derive(Debug)]
pub(crate) struct NameNotResolved(io::Error);

impl fmt::Display for NameNotResolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("name not resolved")
    }
}

impl StdError for NameNotResolved {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.0)
    }
}

/// What a connection has gone through, as far as a retry needs to know.
///
/// HTTP/1.1 takes turns: the client writes, the server answers.
/// The number counts the changes of direction: odd while the server is to speak, even while it has spoken last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Past {
    turns: Arc<AtomicU32>,
    shared: bool,
}

impl Past {
    /// Whether the current request is the connection's first.
    pub(crate) fn connection_use(&self) -> ConnectionUse {
        if self.shared {
            ConnectionUse::Shared
        } else if self.turns.load(Ordering::Relaxed) <= 2 {
            ConnectionUse::New
        } else {
            ConnectionUse::Reused
        }
    }

    /// Whether nothing has been read since the last request was written. Says nothing on a shared connection.
    pub(crate) fn is_silent(&self) -> bool {
        self.turns.load(Ordering::Relaxed) % 2 == 1
    }

    fn wrote(&self) {
        if !self.is_silent() {
            self.turns.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn read(&self) {
        if self.is_silent() {
            self.turns.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A stream that remembers its [`Past`], and hands it out with every answer and error.
///
/// It stands above TLS, where only HTTP is seen, and speaks tokio's traits because hyper's do not let safe code see how
/// much was read.
#[derive(Debug)]
pub(crate) struct Tracked<S> {
    stream: S,
    past: Past,
}

impl<S> Connection for Tracked<S> {
    fn connected(&self) -> Connected {
        // Built anew rather than taken from the stream, which would add the peer's addresses to every answer.
        let connected = Connected::new().extra(self.past.clone());
        if self.past.shared {
            connected.negotiated_h2()
        } else {
            connected
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tracked<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.past.read();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tracked<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.past.wrote();
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.past.wrote();
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
