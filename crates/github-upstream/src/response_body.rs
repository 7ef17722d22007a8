//! The body of an answer: under an idle time-out, decoded if the stack itself asked for gzip.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use crate::error::BodyError;
use crate::governor::Permit;
use crate::gunzip::Gunzip;
use crate::secondary::Listener;

/// The most that is decoded at a time, so that a small input that decodes to much cannot fill memory.
const PORTION_BYTES: usize = 32 * 1024;
const SMALLEST_PORTION_BYTES: usize = 1024;

/// The body of an answer.
///
/// Ends cleanly only if GitHub's did: a broken connection, a stall and cut-short gzip data are errors.
/// Dropped before its end it closes its connection (HTTP/1.1) or resets its stream (HTTP/2).
pub struct ResponseBody {
    source: Source,
    idle: Idle,
    listener: Option<Box<Listener>>,
    /// The request's turn, which ends with its answer.
    permit: Option<Permit>,
}

enum Source {
    Plain(Incoming),
    Gzip(Box<Decoding>),
}

struct Decoding {
    body: Incoming,
    gunzip: Gunzip,
    input: Bytes,
    output: Output,
}

/// Whether the decoder holds output for which there was no room.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Output {
    Drained,
    Waiting,
    Ended,
}

impl ResponseBody {
    pub(crate) fn plain(body: Incoming, idle: Duration) -> Self {
        Self {
            source: Source::Plain(body),
            idle: Idle::new(idle),
            listener: None,
            permit: None,
        }
    }

    pub(crate) fn gzip(body: Incoming, idle: Duration) -> Self {
        Self {
            source: Source::Gzip(Box::new(Decoding {
                body,
                gunzip: Gunzip::new(),
                input: Bytes::new(),
                output: Output::Drained,
            })),
            idle: Idle::new(idle),
            listener: None,
            permit: None,
        }
    }

    /// Lets someone listen to the plain text on its way.
    pub(crate) fn listened_by(mut self, listener: Listener) -> Self {
        self.listener = Some(Box::new(listener));
        self
    }

    /// Gives the request's turn back at the end of the body.
    pub(crate) fn holding(mut self, permit: Permit) -> Self {
        self.permit = (!self.is_end_stream()).then_some(permit);
        self
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Self {
            source,
            idle,
            listener,
            permit,
        } = self.get_mut();
        let frame = match source {
            Source::Plain(body) => ready!(idle.poll_frame(body, context)),
            Source::Gzip(decoding) => ready!(decoding.poll_frame(idle, context)),
        };
        if let Some(listener) = listener
            && let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            listener.hear(data);
        }
        if matches!(frame, None | Some(Err(_))) {
            drop(permit.take());
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Plain(body) => body.is_end_stream(),
            Source::Gzip(decoding) => decoding.output == Output::Ended,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Plain(body) => body.size_hint(),
            Source::Gzip(_) => SizeHint::default(),
        }
    }
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.source {
            Source::Plain(_) => "ResponseBody(plain)",
            Source::Gzip(_) => "ResponseBody(gzip)",
        })
    }
}

impl Decoding {
    fn poll_frame(
        &mut self,
        idle: &mut Idle,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            if self.output == Output::Ended {
                return Poll::Ready(None);
            }
            if self.output == Output::Waiting || !self.input.is_empty() {
                match self.decode() {
                    Ok(portion) if portion.is_empty() => continue,
                    decoded => return Poll::Ready(Some(decoded.map(Frame::data))),
                }
            }
            match ready!(idle.poll_frame(&mut self.body, context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.input = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                Some(Err(error)) => {
                    self.output = Output::Ended;
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    self.output = Output::Ended;
                    let finished = self.gunzip.finish().map_err(BodyError::compressed);
                    return Poll::Ready(finished.err().map(Err));
                }
            }
        }
    }

    fn decode(&mut self) -> Result<Bytes, BodyError> {
        // JSON shrinks to a fifth or less; a portion that turns out too small is followed by another.
        let room = (self.input.len() * 8).clamp(SMALLEST_PORTION_BYTES, PORTION_BYTES);
        let mut portion = Vec::with_capacity(room);
        if let Err(error) = self.gunzip.decode(&mut self.input, &mut portion) {
            self.output = Output::Ended;
            return Err(BodyError::compressed(error));
        }
        self.output = if portion.len() == portion.capacity() {
            Output::Waiting
        } else {
            Output::Drained
        };
        // Whoever keeps the bytes keeps the allocation.
        if portion.len() < portion.capacity() / 2 {
            portion.shrink_to_fit();
        }
        Ok(portion.into())
    }
}

/// The time-out between two parts of a body. Its timer exists only once something had to be waited for.
struct Idle {
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

impl Idle {
    fn new(limit: Duration) -> Self {
        Self {
            limit,
            timer: None,
            waiting: false,
        }
    }

    fn poll_frame(
        &mut self,
        body: &mut Incoming,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Poll::Ready(frame) = Pin::new(body).poll_frame(context) {
            self.waiting = false;
            return Poll::Ready(frame.map(|frame| frame.map_err(BodyError::broken)));
        }
        let limit = self.limit;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        if !self.waiting {
            self.waiting = true;
            timer.as_mut().reset(Instant::now() + limit);
        }
        ready!(timer.as_mut().poll(context));
        Poll::Ready(Some(Err(BodyError::stalled())))
    }
}
