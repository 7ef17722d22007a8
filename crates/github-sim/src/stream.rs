//! A TCP stream whose end can be ordered from inside a request: reset, or bytes that are no HTTP.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

const GARBAGE: &[u8] = b"\x16\x03\x01 this is no HTTP \x00\xff\r\n\r\n";

/// How the connection is to end, where not orderly (0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Ending {
    Reset = 1,
    Garbage = 2,
}

/// Shared between a connection's stream and its requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Order(Arc<AtomicU8>);

impl Order {
    pub(crate) fn set(&self, ending: Ending) {
        self.0.store(ending as u8, Ordering::SeqCst);
    }

    fn is(&self, ending: Ending) -> bool {
        self.0.load(Ordering::SeqCst) == ending as u8
    }
}

#[derive(Debug)]
pub(crate) struct SimStream {
    tcp: TcpStream,
    order: Order,
    garbage_left: &'static [u8],
}

impl SimStream {
    pub(crate) fn new(tcp: TcpStream, order: Order) -> Self {
        Self {
            tcp,
            order,
            garbage_left: GARBAGE,
        }
    }

    /// Sends garbage in place of what hyper wrote, all of which counts as sent.
    fn poll_garbage(&mut self, cx: &mut Context<'_>, pretended: usize) -> Poll<io::Result<usize>> {
        while !self.garbage_left.is_empty() {
            let sent = ready!(Pin::new(&mut self.tcp).poll_write(cx, self.garbage_left))?;
            self.garbage_left = &self.garbage_left[sent..];
        }
        Poll::Ready(Ok(pretended))
    }
}

impl Drop for SimStream {
    fn drop(&mut self) {
        if self.order.is(Ending::Reset) {
            // Without lingering, closing sends RST in place of FIN. If it fails, the peer sees FIN.
            let _refused = self.tcp.set_zero_linger();
        }
    }
}

impl AsyncRead for SimStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(cx, buffer)
    }
}

impl AsyncWrite for SimStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.order.is(Ending::Reset) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if self.order.is(Ending::Garbage) {
            return self.poll_garbage(cx, bytes.len());
        }
        Pin::new(&mut self.tcp).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.order.is(Ending::Reset) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if self.order.is(Ending::Garbage) {
            let all = slices.iter().map(|slice| slice.len()).sum();
            return self.poll_garbage(cx, all);
        }
        Pin::new(&mut self.tcp).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
