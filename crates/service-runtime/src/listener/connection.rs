//! The bytes of one connection: which protocol they speak, who is too slow, what is ambiguous.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::framing::{Awaiting, Framing};

/// What an HTTP/2 client says first (RFC 9113 section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// Bytes that were read to find out the protocol.
#[derive(Debug, Default)]
pub(super) struct Opening {
    bytes: [u8; PREFACE.len()],
    start: usize,
    end: usize,
}

/// Reads just enough to tell the protocols apart: usually one byte decides.
///
/// # Errors
/// When the connection breaks or ends before.
pub(super) async fn recognise<S: AsyncRead + Unpin>(
    stream: &mut S,
) -> io::Result<(Protocol, Opening)> {
    let mut opening = Opening::default();
    while opening.bytes[..opening.end] == PREFACE[..opening.end] {
        if opening.end == PREFACE.len() {
            return Ok((Protocol::Http2, opening));
        }
        match stream.read(&mut opening.bytes[opening.end..]).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => opening.end += read,
        }
    }
    Ok((Protocol::Http1, opening))
}

/// A stream that gives up on a peer that stops in the middle of a body, or that does not take its
/// answer; and that lets [`Framing`] see the bytes first.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    opening: Opening,
    framing: Framing,
    reading: Patience,
    writing: Patience,
}

impl<S> Watched<S> {
    pub(super) fn new(
        stream: S,
        protocol: Protocol,
        opening: Opening,
        stall_timeout: Duration,
    ) -> Self {
        let framing = match protocol {
            Protocol::Http1 => Framing::new(),
            Protocol::Http2 => Framing::off(),
        };
        Watched {
            stream,
            opening,
            framing,
            reading: Patience::new(stall_timeout),
            writing: Patience::new(stall_timeout),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let rest = &this.opening.bytes[this.opening.start..this.opening.end];
        if !rest.is_empty() {
            let taken = rest.len().min(buffer.remaining());
            buffer.put_slice(&rest[..taken]);
            this.opening.start += taken;
        } else {
            match Pin::new(&mut this.stream).poll_read(cx, buffer) {
                Poll::Ready(result) => {
                    this.reading.satisfied();
                    result?;
                }
                Poll::Pending if this.framing.awaiting() == Awaiting::Body => {
                    return this.reading.wait(cx);
                }
                Poll::Pending => return Poll::Pending,
            }
        }
        this.framing.follow(&mut buffer.filled_mut()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_write(cx, bytes) {
            Poll::Pending => this.writing.wait(cx),
            ready => this.writing.passed(ready),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_write_vectored(cx, slices) {
            Poll::Pending => this.writing.wait(cx),
            ready => this.writing.passed(ready),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_flush(cx) {
            Poll::Pending => this.writing.wait(cx),
            ready => this.writing.passed(ready),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_shutdown(cx) {
            Poll::Pending => this.writing.wait(cx),
            ready => this.writing.passed(ready),
        }
    }
}

/// How long a peer has kept us waiting. The timer exists only once somebody did.
#[derive(Debug)]
struct Patience {
    limit: Duration,
    waiting: Waiting,
    timer: Option<Pin<Box<Sleep>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    No,
    Since,
}

impl Patience {
    fn new(limit: Duration) -> Self {
        Patience {
            limit,
            waiting: Waiting::No,
            timer: None,
        }
    }

    fn satisfied(&mut self) {
        self.waiting = Waiting::No;
    }

    fn passed<T>(&mut self, ready: Poll<T>) -> Poll<T> {
        self.satisfied();
        ready
    }

    fn wait<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let limit = self.limit;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        if self.waiting == Waiting::No {
            timer.as_mut().reset(Instant::now() + limit);
            self.waiting = Waiting::Since;
        }
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the peer has stalled",
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    const LIMIT: Duration = Duration::from_secs(10);

    async fn recognised(parts: &[&[u8]]) -> io::Result<(Protocol, usize)> {
        let (mut client, mut server) = tokio::io::duplex(1024);
        let send = async {
            for part in parts {
                client.write_all(part).await.unwrap();
                tokio::task::yield_now().await;
            }
            drop(client);
        };
        let (answer, ()) = tokio::join!(recognise(&mut server), send);
        answer.map(|(protocol, opening)| (protocol, opening.end))
    }

    #[tokio::test]
    async fn the_preface_decides() {
        assert_eq!(
            recognised(&[b"GET / HTTP/1.1"]).await.unwrap().0,
            Protocol::Http1
        );
        assert_eq!(recognised(&[PREFACE]).await.unwrap(), (Protocol::Http2, 24));
        let cut = recognised(&[&PREFACE[..5], &PREFACE[5..]]).await.unwrap();
        assert_eq!(cut, (Protocol::Http2, 24));
        assert_eq!(
            recognised(&[b"P", b"OST / HTTP/1.1"]).await.unwrap().0,
            Protocol::Http1
        );
        let ended = recognised(&[b"PRI"]).await.unwrap_err();
        assert_eq!(ended.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stops_is_given_up_but_a_quiet_connection_is_not() {
        let (mut client, server) = tokio::io::duplex(1024);
        let mut watched = Watched::new(server, Protocol::Http1, Opening::default(), LIMIT);
        let mut buffer = [0; 256];
        let quiet = tokio::time::timeout(LIMIT * 3, watched.read(&mut buffer)).await;
        assert!(
            quiet.is_err(),
            "between requests the header timeout decides"
        );

        client
            .write_all(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc")
            .await
            .unwrap();
        assert!(watched.read(&mut buffer).await.unwrap() > 0);
        let start = Instant::now();
        let error = watched.read(&mut buffer).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(start.elapsed().as_secs(), LIMIT.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_is_not_given_up() {
        let (mut client, server) = tokio::io::duplex(1024);
        let mut watched = Watched::new(server, Protocol::Http1, Opening::default(), LIMIT);
        let send = async {
            client
                .write_all(b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n")
                .await
                .unwrap();
            for _ in 0..4 {
                tokio::time::sleep(LIMIT - Duration::from_secs(1)).await;
                client.write_all(b"x").await.unwrap();
            }
            drop(client);
        };
        let mut text = String::new();
        let (read, ()) = tokio::join!(watched.read_to_string(&mut text), send);
        read.unwrap();
        assert!(text.ends_with("xxxx"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_is_given_up() {
        let (_client, server) = tokio::io::duplex(16);
        let mut watched = Watched::new(server, Protocol::Http2, Opening::default(), LIMIT);
        let error = watched.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
