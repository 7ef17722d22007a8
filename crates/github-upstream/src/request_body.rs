//! The body of a request: none, bytes, or a stream.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Instant;

pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// The body of a request.
///
/// The default is empty. Bytes and hyper's own [`Incoming`] need no allocation.
#[derive(Default)]
pub struct RequestBody {
    kind: Kind,
    progress: Option<Arc<Progress>>,
}

#[derive(Default)]
enum Kind {
    #[default]
    Empty,
    Full(Bytes),
    Incoming(Incoming),
    Streamed(Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>),
}

impl RequestBody {
    /// A body of any type.
    pub fn streamed<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        use http_body_util::BodyExt;
        Self::from(Kind::Streamed(Box::pin(body.map_err(Into::into))))
    }

    /// Watches a body that arrives in parts; a body that is here already needs no watching.
    pub(crate) fn watch(&mut self) -> Option<Arc<Progress>> {
        if matches!(self.kind, Kind::Empty | Kind::Full(_)) || self.is_end_stream() {
            return None;
        }
        let progress = Arc::new(Progress::new());
        self.progress = Some(Arc::clone(&progress));
        Some(progress)
    }
}

impl From<Kind> for RequestBody {
    fn from(kind: Kind) -> Self {
        Self {
            kind,
            progress: None,
        }
    }
}

impl From<Bytes> for RequestBody {
    fn from(bytes: Bytes) -> Self {
        Self::from(Kind::Full(bytes))
    }
}

impl From<Incoming> for RequestBody {
    fn from(body: Incoming) -> Self {
        Self::from(Kind::Incoming(body))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let polled = match &mut this.kind {
            Kind::Empty => Poll::Ready(None),
            Kind::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Kind::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Kind::Incoming(body) => Pin::new(body).poll_frame(context).map_err(Into::into),
            Kind::Streamed(body) => body.as_mut().poll_frame(context),
        };
        if let Some(progress) = &this.progress {
            progress.note(&polled);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Empty => true,
            Kind::Full(bytes) => bytes.is_empty(),
            Kind::Incoming(body) => body.is_end_stream(),
            Kind::Streamed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Incoming(body) => body.size_hint(),
            Kind::Streamed(body) => body.size_hint(),
        }
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Empty => "RequestBody(empty)",
            Kind::Full(_) => "RequestBody(full)",
            Kind::Incoming(_) | Kind::Streamed(_) => "RequestBody(streamed)",
        })
    }
}

/// How far a streamed body has come, told to whoever waits for the answer: the answer is late only when GitHub has been
/// silent, not when the caller's upload is long or slow.
#[derive(Debug)]
pub(crate) struct Progress {
    started: Instant,
    last_step_milliseconds: AtomicU64,
    awaits_caller: AtomicBool,
}

impl Progress {
    fn new() -> Self {
        Self {
            started: Instant::now(),
            last_step_milliseconds: AtomicU64::new(0),
            awaits_caller: AtomicBool::new(false),
        }
    }

    fn note<T>(&self, polled: &Poll<T>) {
        if polled.is_ready() {
            let elapsed = self.started.elapsed().as_millis();
            let elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX);
            self.last_step_milliseconds
                .store(elapsed, Ordering::Relaxed);
        }
        self.awaits_caller
            .store(polled.is_pending(), Ordering::Relaxed);
    }

    /// When the last part was taken, or the end seen.
    pub(crate) fn last_step(&self) -> Instant {
        self.started + Duration::from_millis(self.last_step_milliseconds.load(Ordering::Relaxed))
    }

    /// Whether the next part was asked for and the caller has not brought it.
    pub(crate) fn awaits_caller(&self) -> bool {
        self.awaits_caller.load(Ordering::Relaxed)
    }
}
