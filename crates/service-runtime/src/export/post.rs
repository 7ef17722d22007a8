//! One POST to a neighbour over plain HTTP/1.1, on the exporting thread.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use http::{Request, Response, StatusCode, Uri};
use opentelemetry_http::{Bytes, HttpClient, HttpError};

use super::ExportError;

/// A collector answers with a few bytes.
const MAX_ANSWER_BYTES: u64 = 64 << 10;

/// The client of the exporters: blocking, because each has a thread of its own and nothing else to do.
pub(super) struct Post {
    /// `host:port`.
    authority: String,
    timeout: Duration,
    /// Whether the last attempt failed: the log tells of changes only.
    failing: AtomicBool,
}

impl Post {
    pub(super) fn to(endpoint: &str, timeout: Duration) -> Result<Self, ExportError> {
        let uri: Uri = endpoint.parse().map_err(|_| ExportError::Endpoint)?;
        let authority = uri.authority().ok_or(ExportError::Endpoint)?;
        if uri.scheme_str() != Some("http") || authority.as_str().contains('@') {
            return Err(ExportError::Endpoint);
        }
        Ok(Self {
            authority: format!(
                "{}:{}",
                authority.host(),
                authority.port_u16().unwrap_or(80)
            ),
            timeout,
            failing: AtomicBool::new(false),
        })
    }

    fn send(&self, request: &Request<Bytes>) -> io::Result<Response<Bytes>> {
        let mut addresses = self.authority.to_socket_addrs()?;
        let address = addresses.next().ok_or(io::ErrorKind::AddrNotAvailable)?;
        let mut stream = TcpStream::connect_timeout(&address, self.timeout)?;
        stream.set_read_timeout(Some(self.timeout))?;
        stream.set_write_timeout(Some(self.timeout))?;
        let mut message = format!(
            "POST {} HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\nconnection: close\r\n",
            request.uri().path(),
            self.authority,
            request.body().len(),
        )
        .into_bytes();
        for (name, value) in request.headers() {
            message.extend_from_slice(name.as_str().as_bytes());
            message.extend_from_slice(b": ");
            message.extend_from_slice(value.as_bytes());
            message.extend_from_slice(b"\r\n");
        }
        message.extend_from_slice(b"\r\n");
        message.extend_from_slice(request.body());
        stream.write_all(&message)?;
        let mut answer = Vec::new();
        stream.take(MAX_ANSWER_BYTES).read_to_end(&mut answer)?;
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = status(&answer).ok_or(io::ErrorKind::InvalidData)?;
        Ok(response)
    }
}

/// The status of an HTTP/1 answer. Its body says nothing that is acted upon.
fn status(answer: &[u8]) -> Option<StatusCode> {
    let line = answer.split(|byte| *byte == b'\r').next()?;
    let rest = line.strip_prefix(b"HTTP/1.")?;
    StatusCode::from_bytes(rest.get(2..5)?).ok()
}

#[async_trait]
impl HttpClient for Post {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sent = self.send(&request);
        let failed = match &sent {
            Ok(response) => !response.status().is_success(),
            Err(_) => true,
        };
        if self.failing.swap(failed, Ordering::Relaxed) != failed {
            let collector = self.authority.as_str();
            match (&sent, failed) {
                (_, false) => tracing::info!(collector, "telemetry is taken again"),
                (Ok(response), true) => {
                    let status = response.status().as_u16();
                    tracing::warn!(collector, status, "telemetry is refused");
                }
                (Err(error), true) => {
                    tracing::warn!(collector, %error, "telemetry cannot be sent");
                }
            }
        }
        Ok(sent?)
    }
}

impl fmt::Debug for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Post").field(&self.authority).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_http_neighbour_is_an_endpoint() {
        let to = |endpoint| Post::to(endpoint, Duration::from_secs(1)).map(|post| post.authority);
        assert_eq!(to("http://127.0.0.1:4318").unwrap(), "127.0.0.1:4318");
        assert_eq!(to("http://collector/").unwrap(), "collector:80");
        for wrong in [
            "https://collector:4318",
            "collector:4318",
            "/x",
            "http://a:b@c",
            "",
        ] {
            assert!(to(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_status_is_read_from_the_first_line() {
        assert_eq!(status(b"HTTP/1.1 200 OK\r\n\r\n"), Some(StatusCode::OK));
        assert_eq!(
            status(b"HTTP/1.0 503\r\n"),
            Some(StatusCode::SERVICE_UNAVAILABLE)
        );
        assert_eq!(status(b"nonsense"), None);
        assert_eq!(status(b""), None);
    }
}
