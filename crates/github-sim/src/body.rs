//! The body of an answer: whole, cut off, or stalled.

use crate::secondary::Flight;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Why a body ended early; the connection ends with it.
#[derive(Debug, thiserror::Error)]
#[error("the body was cut off by order")]
pub(crate) struct CutOff;

#[derive(Debug)]
enum Rest {
    /// Nothing comes after the data.
    End,
    /// The data is flushed first, then the connection breaks.
    Flush,
    Break,
    Stall,
}

#[derive(Debug)]
pub(crate) struct SimBody {
    data: Option<Bytes>,
    rest: Rest,
    framing: Framing,
    /// In flight until the body is dropped.
    _flight: Option<Flight>,
}

/// Is the length told beforehand?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length,
    /// Chunked in HTTP/1.1, as GitHub sends compressed answers.
    Open,
}

impl SimBody {
    pub(crate) fn whole(data: Bytes, framing: Framing, flight: Option<Flight>) -> Self {
        let data = (!data.is_empty()).then_some(data);
        Self {
            data,
            rest: Rest::End,
            framing,
            _flight: flight,
        }
    }

    /// Ends with an error after the first `after_bytes`.
    pub(crate) fn truncated(data: &Bytes, after_bytes: usize, flight: Option<Flight>) -> Self {
        Self::partial(data, after_bytes, Rest::Flush, flight)
    }

    /// Never ends after the first `after_bytes`.
    pub(crate) fn stalled(data: &Bytes, after_bytes: usize, flight: Option<Flight>) -> Self {
        Self::partial(data, after_bytes, Rest::Stall, flight)
    }

    fn partial(data: &Bytes, after_bytes: usize, rest: Rest, flight: Option<Flight>) -> Self {
        let first = data.slice(..after_bytes.min(data.len()));
        let data = (!first.is_empty()).then_some(first);
        Self {
            data,
            rest,
            framing: Framing::Open,
            _flight: flight,
        }
    }
}

impl Body for SimBody {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        if let Some(data) = self.data.take() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        match self.rest {
            Rest::End => Poll::Ready(None),
            Rest::Flush => {
                // hyper flushes when a body is pending; breaking at once would lose the data.
                self.rest = Rest::Break;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Rest::Break => Poll::Ready(Some(Err(CutOff))),
            Rest::Stall => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && matches!(self.rest, Rest::End)
    }

    fn size_hint(&self) -> SizeHint {
        match self.framing {
            Framing::Length => {
                let length = self.data.as_ref().map_or(0, Bytes::len);
                SizeHint::with_exact(u64::try_from(length).unwrap_or(u64::MAX))
            }
            Framing::Open => SizeHint::default(),
        }
    }
}
