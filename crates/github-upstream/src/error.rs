//! Why there is no answer, or no whole one.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use crate::dial::NameNotResolved;
use crate::governor::Refusal;
use crate::gunzip::GunzipError;
use crate::request_body::BoxError;

/// There is no answer: GitHub could not be reached, or did not answer in time.
///
/// Displayed it completes the sentence `Error reaching https://api.github.com: ...`, and holds nothing of the request.
/// For a time-out an [`io::Error`] of kind `TimedOut` is among its sources, for a request that was held back because of a
/// limit one of kind `QuotaExceeded`.
#[derive(Debug)]
pub struct UpstreamError {
    reason: Reason,
    source: Option<BoxError>,
    refusal: Option<Box<Refusal>>,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The request's target has no path: `CONNECT`, `OPTIONS *`. Nothing was sent.
    Target,
    /// The host's name has no address.
    NameResolution,
    /// Nobody listens.
    ConnectionRefused,
    /// No connection within the connect time-out.
    ConnectTimeout,
    /// No connection for another reason, such as no route, or a handshake that was cut off.
    Unreachable,
    /// The TLS handshake failed: certificate, protocol or name.
    Tls,
    /// No head of an answer within the response time-out.
    ResponseTimeout,
    /// The connection was reset before the answer.
    Reset,
    /// The connection was closed before the answer.
    Closed,
    /// What came is not HTTP.
    Protocol,
    /// The caller's own body failed while it was being sent.
    RequestBody,
    /// The caller's own body stalled while it was being sent.
    RequestBodyTimeout,
    /// Held back: a rate limit applies, or would if this were sent. Nothing was sent.
    RateLimited,
}

impl Reason {
    /// A few words, as displayed and as used in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Target => "target has no path",
            Self::NameResolution => "name not resolved",
            Self::ConnectionRefused => "connection refused",
            Self::ConnectTimeout => "connect timed out",
            Self::Unreachable => "no connection",
            Self::Tls => "tls handshake failed",
            Self::ResponseTimeout => "no answer in time",
            Self::Reset => "connection reset",
            Self::Closed => "connection closed before the answer",
            Self::Protocol => "answer is not valid http",
            Self::RequestBody => "request body failed",
            Self::RequestBodyTimeout => "request body stalled",
            Self::RateLimited => "rate limited",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl UpstreamError {
    pub(crate) fn new(reason: Reason, source: impl Into<BoxError>) -> Self {
        Self {
            reason,
            source: Some(source.into()),
            refusal: None,
        }
    }

    pub(crate) fn target() -> Self {
        Self {
            reason: Reason::Target,
            source: None,
            refusal: None,
        }
    }

    pub(crate) fn held_back(refusal: Refusal) -> Self {
        Self {
            reason: Reason::RateLimited,
            source: Some(io::Error::from(io::ErrorKind::QuotaExceeded).into()),
            refusal: Some(Box::new(refusal)),
        }
    }

    pub(crate) fn timeout(reason: Reason) -> Self {
        Self::new(reason, io::Error::from(io::ErrorKind::TimedOut))
    }

    pub(crate) fn from_client(error: hyper_util::client::legacy::Error) -> Self {
        let reason = if error.is_connect() {
            connect_reason(&error)
        } else {
            exchange_reason(&error)
        };
        Self::new(reason, error)
    }

    /// What went wrong.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// Something took too long: connecting, the answer, or the caller's own body.
    pub fn is_timeout(&self) -> bool {
        matches!(
            self.reason,
            Reason::ConnectTimeout | Reason::ResponseTimeout | Reason::RequestBodyTimeout
        )
    }

    /// No connection came about, so that certainly nothing of the request was seen.
    pub fn is_connect(&self) -> bool {
        matches!(
            self.reason,
            Reason::NameResolution
                | Reason::ConnectionRefused
                | Reason::ConnectTimeout
                | Reason::Unreachable
                | Reason::Tls
        )
    }

    /// The connection broke before the answer. A write may have taken effect.
    pub fn is_reset(&self) -> bool {
        matches!(self.reason, Reason::Reset | Reason::Closed)
    }

    /// Held back, because a rate limit applies. Nothing was sent.
    pub fn is_limited(&self) -> bool {
        self.refusal.is_some()
    }

    /// Which limit held the request back, and until when.
    pub fn refusal(&self) -> Option<&Refusal> {
        self.refusal.as_deref()
    }

    /// When a request that was held back may be sent, as far as is known.
    pub fn retry_at(&self) -> Option<SystemTime> {
        self.refusal().map(|refusal| refusal.retry_at)
    }

    /// The request itself is to blame, not GitHub or the way there.
    pub fn is_callers_fault(&self) -> bool {
        matches!(
            self.reason,
            Reason::Target | Reason::RequestBody | Reason::RequestBodyTimeout
        )
    }
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl StdError for UpstreamError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source
            .as_ref()
            .map(|source| &**source as &(dyn StdError + 'static))
    }
}

/// The body of an answer ended before its end. What was received so far has been handed on.
#[derive(Debug)]
pub struct BodyError(BodyFailure);

#[derive(Debug)]
pub(crate) enum BodyFailure {
    Stalled(io::Error),
    Broken(hyper::Error),
    Compressed(GunzipError),
}

impl BodyError {
    pub(crate) fn stalled() -> Self {
        Self(BodyFailure::Stalled(io::ErrorKind::TimedOut.into()))
    }

    pub(crate) fn broken(error: hyper::Error) -> Self {
        Self(BodyFailure::Broken(error))
    }

    pub(crate) fn compressed(error: GunzipError) -> Self {
        Self(BodyFailure::Compressed(error))
    }

    /// The next part did not come in time.
    pub fn is_timeout(&self) -> bool {
        matches!(self.0, BodyFailure::Stalled(_))
    }

    /// The connection broke.
    pub fn is_reset(&self) -> bool {
        matches!(self.0, BodyFailure::Broken(_))
    }

    /// The connection is fine, but the compressed data on it is cut short or damaged.
    pub fn is_decode(&self) -> bool {
        matches!(self.0, BodyFailure::Compressed(_))
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            BodyFailure::Stalled(_) => "the body stalled",
            BodyFailure::Broken(_) => "the connection broke in mid-body",
            BodyFailure::Compressed(_) => "the body cannot be decompressed",
        })
    }
}

impl StdError for BodyError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(match &self.0 {
            BodyFailure::Stalled(error) => error,
            BodyFailure::Broken(error) => error,
            BodyFailure::Compressed(error) => error,
        })
    }
}

/// The stack cannot be built from its options.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The file of extra authorities cannot be read, or holds no certificate.
    #[error("cannot use root certificates from {path}", path = path.display())]
    RootCertificates {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: BoxError,
    },
    /// TLS cannot be set up.
    #[error("cannot set up tls")]
    Tls(#[source] rustls::Error),
    /// Time-outs of zero would fail every request.
    #[error("{option} must be more than zero")]
    Zero {
        /// The option in question.
        option: &'static str,
    },
}

/// Visits an error, its sources, and what its I/O errors wrap: `io::Error::source` skips the error it holds.
fn find_cause<T>(
    error: &(dyn StdError + 'static),
    look: &mut dyn FnMut(&(dyn StdError + 'static)) -> Option<T>,
) -> Option<T> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = look(error) {
            return Some(found);
        }
        cause = match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(held) => Some(held),
            None => error.source(),
        };
    }
    None
}

fn connect_reason(error: &(dyn StdError + 'static)) -> Reason {
    find_cause(error, &mut |cause| {
        if cause.is::<NameNotResolved>() {
            return Some(Reason::NameResolution);
        }
        if cause.is::<rustls::Error>() {
            return Some(Reason::Tls);
        }
        match cause.downcast_ref::<io::Error>()?.kind() {
            io::ErrorKind::TimedOut => Some(Reason::ConnectTimeout),
            io::ErrorKind::ConnectionRefused => Some(Reason::ConnectionRefused),
            _ => None,
        }
    })
    .unwrap_or(Reason::Unreachable)
}

/// What broke an exchange on a connection that had come about.
fn exchange_reason(error: &(dyn StdError + 'static)) -> Reason {
    find_cause(error, &mut |cause| {
        if let Some(error) = cause.downcast_ref::<hyper::Error>() {
            if error.is_user() {
                return Some(Reason::RequestBody);
            }
            if error.is_parse() {
                return Some(Reason::Protocol);
            }
            if error.is_incomplete_message() || error.is_closed() {
                return Some(Reason::Closed);
            }
            if error.is_timeout() {
                return Some(Reason::Reset);
            }
        }
        if let Some(error) = cause.downcast_ref::<h2::Error>()
            && !error.is_io()
        {
            return Some(h2_reason(error));
        }
        match cause.downcast_ref::<io::Error>()?.kind() {
            io::ErrorKind::UnexpectedEof => Some(Reason::Closed),
            _ => Some(Reason::Reset),
        }
    })
    .unwrap_or(Reason::Closed)
}

/// RFC 9113 §7: which HTTP/2 errors say that the other side went away, and which that it spoke nonsense.
fn h2_reason(error: &h2::Error) -> Reason {
    match error.reason() {
        Some(h2::Reason::NO_ERROR | h2::Reason::REFUSED_STREAM) => Reason::Closed,
        Some(h2::Reason::PROTOCOL_ERROR | h2::Reason::FRAME_SIZE_ERROR) if !error.is_remote() => {
            Reason::Protocol
        }
        _ => Reason::Reset,
    }
}
