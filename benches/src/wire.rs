//! Reading HTTP/1.1 answers at the least cost: where they end, and what their status is.

use std::io;

use memchr::memmem;
use tokio::io::{AsyncRead, AsyncReadExt};

/// One answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Bytes of its body.
    pub body_bytes: usize,
}

/// How the body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    Length(usize),
    Chunked,
}

/// The answers on one connection.
#[derive(Debug)]
pub struct Answers {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            buffer: vec![0; 64 * 1024],
            start: 0,
            end: 0,
        }
    }
}

impl Answers {
    /// Reads the next answer to its end.
    ///
    /// # Errors
    /// When the connection ends before, or what comes is not HTTP/1.1.
    pub async fn next(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Answer> {
        let head = loop {
            let seen = &self.buffer[self.start..self.end];
            if let Some(length) = memmem::find(seen, b"\r\n\r\n") {
                break length + 4;
            }
            self.more(stream).await?;
        };
        let (status, body) = parse(&self.buffer[self.start..self.start + head])?;
        self.start += head;
        let body_bytes = match body {
            Body::Length(length) => {
                self.skip(stream, length).await?;
                length
            }
            Body::Chunked => self.chunks(stream).await?,
        };
        Ok(Answer { status, body_bytes })
    }

    async fn more(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == self.buffer.len() {
            return Err(io::Error::other("a head that is too long"));
        }
        match stream.read(&mut self.buffer[self.end..]).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                self.end += read;
                Ok(())
            }
        }
    }

    async fn skip(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        mut length: usize,
    ) -> io::Result<()> {
        loop {
            let here = length.min(self.end - self.start);
            self.start += here;
            length -= here;
            if length == 0 {
                return Ok(());
            }
            self.more(stream).await?;
        }
    }

    async fn chunks(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
        let mut total = 0;
        loop {
            let line = loop {
                if let Some(length) = memmem::find(&self.buffer[self.start..self.end], b"\r\n") {
                    break self.start..self.start + length;
                }
                self.more(stream).await?;
            };
            let size = std::str::from_utf8(&self.buffer[line.clone()])
                .ok()
                .and_then(|text| usize::from_str_radix(text.trim(), 16).ok())
                .ok_or_else(|| io::Error::other("a chunk without a size"))?;
            self.start = line.end + 2;
            self.skip(stream, size + 2).await?;
            if size == 0 {
                return Ok(total);
            }
            total += size;
        }
    }
}

fn parse(head: &[u8]) -> io::Result<(u16, Body)> {
    let wrong = || io::Error::other("not an HTTP/1.1 answer");
    let status = head.get(9..12).ok_or_else(wrong)?;
    let status = std::str::from_utf8(status).map_err(|_| wrong())?;
    let status: u16 = status.parse().map_err(|_| wrong())?;
    if status == 304 || status == 204 {
        return Ok((status, Body::Length(0)));
    }
    for end in memchr::memchr_iter(b'\n', head) {
        let line = &head[end + 1..];
        // Only lines that begin like one of the two are worth a closer look.
        match line.first() {
            Some(b'c' | b'C') => {
                if let Some(value) = value(line, b"content-length:") {
                    let length = std::str::from_utf8(value).ok();
                    let length = length.and_then(|text| text.trim().parse().ok());
                    return Ok((status, Body::Length(length.ok_or_else(wrong)?)));
                }
            }
            Some(b't' | b'T') if value(line, b"transfer-encoding:").is_some() => {
                return Ok((status, Body::Chunked));
            }
            _ => {}
        }
    }
    Err(io::Error::other("a body without an end"))
}

fn value<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (found, rest) = line.split_at_checked(name.len())?;
    let end = memchr::memchr(b'\r', rest)?;
    found.eq_ignore_ascii_case(name).then_some(&rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn answers_follow_one_another_in_any_pieces() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nx: y\r\n\r\nhello\
            HTTP/1.1 304 Not Modified\r\nEtag: \"a\"\r\n\r\n\
            HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n\
            HTTP/1.1 204 No Content\r\n\r\n";
        for piece in [1, 7, 1000] {
            let mut stream = tokio_test_reader(bytes, piece);
            let mut answers = Answers::default();
            let mut seen = Vec::new();
            for _ in 0..4 {
                let answer = answers.next(&mut stream).await.unwrap();
                seen.push((answer.status, answer.body_bytes));
            }
            assert_eq!(seen, [(200, 5), (304, 0), (200, 5), (204, 0)], "{piece}");
            let end = answers.next(&mut stream).await.unwrap_err();
            assert_eq!(end.kind(), io::ErrorKind::UnexpectedEof);
        }
    }

    #[tokio::test]
    async fn a_body_without_an_end_is_an_error() {
        let mut stream = &b"HTTP/1.1 200 OK\r\n\r\nhello"[..];
        assert!(Answers::default().next(&mut stream).await.is_err());
    }

    /// Yields so many bytes at a time.
    fn tokio_test_reader(bytes: &'static [u8], piece: usize) -> impl AsyncRead + Unpin {
        let (mut sender, receiver) = tokio::io::duplex(piece);
        tokio::spawn(async move {
            let sent = tokio::io::AsyncWriteExt::write_all(&mut sender, bytes).await;
            sent.unwrap();
        });
        receiver
    }
}
