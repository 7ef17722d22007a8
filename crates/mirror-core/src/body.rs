//! The body that goes to the client: the engine's, rewritten or not, or a small one made here.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use github_conditional::{BodyError, ConditionalBody};
use http_body::{Body, Frame, SizeHint};

use crate::graphql::LookedAt;
use crate::rewrite::{Rewriter, Rewritten};

type Engine = ConditionalBody<github_upstream::ResponseBody>;

/// The body of an answer of the mirror.
pub struct MirrorBody {
    kind: Kind,
    /// Held until the answer has gone out.
    _place: Option<Place>,
}

enum Kind {
    Whole(Bytes),
    Engine(Engine),
    /// The engine's, of which the beginning was read before.
    LookedAt(LookedAt),
    /// A stored body, rewritten piece by piece as the client takes it.
    Rewritten(Rewritten),
    Rewriting {
        body: Engine,
        rewriter: Box<Rewriter>,
        state: State,
    },
}

enum State {
    Streaming,
    /// The last data is out; these trailers come after it.
    Trailing(Frame<Bytes>),
    Ended,
}

/// One request's place among those in flight.
#[derive(Debug)]
pub(crate) struct Place(Arc<AtomicUsize>);

impl Place {
    /// A place, if one of `most` is free.
    pub(crate) fn take(in_flight: &Arc<AtomicUsize>, most: usize) -> Option<Self> {
        let place = Self(Arc::clone(in_flight));
        (in_flight.fetch_add(1, Ordering::Relaxed) < most).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl MirrorBody {
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        Self {
            kind: Kind::Whole(bytes.into()),
            _place: None,
        }
    }

    pub(crate) fn engine(body: Engine) -> Self {
        Self {
            kind: Kind::Engine(body),
            _place: None,
        }
    }

    pub(crate) fn looked_at(body: LookedAt) -> Self {
        Self {
            kind: Kind::LookedAt(body),
            _place: None,
        }
    }

    pub(crate) fn rewritten(body: Rewritten) -> Self {
        Self {
            kind: Kind::Rewritten(body),
            _place: None,
        }
    }

    pub(crate) fn rewriting(body: Engine, rewriter: Rewriter) -> Self {
        let rewriter = Box::new(rewriter);
        Self {
            kind: Kind::Rewriting {
                body,
                rewriter,
                state: State::Streaming,
            },
            _place: None,
        }
    }

    pub(crate) fn holding(mut self, place: Place) -> Self {
        self._place = Some(place);
        self
    }
}

impl Body for MirrorBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.get_mut().kind {
            Kind::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Kind::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Kind::Engine(body) => Pin::new(body).poll_frame(context),
            Kind::LookedAt(body) => match body.beginning.pop_front() {
                Some(frame) => Poll::Ready(Some(frame)),
                None => Pin::new(&mut body.rest).poll_frame(context),
            },
            Kind::Rewritten(body) => {
                Poll::Ready(body.next_piece().map(|piece| Ok(Frame::data(piece))))
            }
            Kind::Rewriting {
                body,
                rewriter,
                state,
            } => loop {
                if !matches!(state, State::Streaming) {
                    return Poll::Ready(match std::mem::replace(state, State::Ended) {
                        State::Trailing(trailers) => Some(Ok(trailers)),
                        State::Streaming | State::Ended => None,
                    });
                }
                let rewritten = match ready!(Pin::new(&mut *body).poll_frame(context)) {
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(chunk) => rewriter.push(&chunk),
                        Err(trailers) => {
                            // No data may follow trailers, so what is held back goes first.
                            *state = State::Trailing(trailers);
                            rewriter.finish()
                        }
                    },
                    Some(Err(error)) => {
                        *state = State::Ended;
                        return Poll::Ready(Some(Err(error)));
                    }
                    None => {
                        *state = State::Ended;
                        rewriter.finish()
                    }
                };
                if !rewritten.is_empty() {
                    return Poll::Ready(Some(Ok(Frame::data(rewritten))));
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Whole(bytes) => bytes.is_empty(),
            Kind::Engine(body) => body.is_end_stream(),
            Kind::LookedAt(body) => body.beginning.is_empty() && body.rest.is_end_stream(),
            Kind::Rewritten(body) => body.left() == 0,
            Kind::Rewriting { state, .. } => matches!(state, State::Ended),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Engine(body) => body.size_hint(),
            Kind::Rewritten(body) => SizeHint::with_exact(body.left() as u64),
            Kind::LookedAt(_) | Kind::Rewriting { .. } => SizeHint::new(),
        }
    }
}

impl std::fmt::Debug for MirrorBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match &self.kind {
            Kind::Whole(_) => "MirrorBody(whole)",
            Kind::Engine(_) => "MirrorBody(engine)",
            Kind::LookedAt(_) => "MirrorBody(looked at)",
            Kind::Rewritten(_) => "MirrorBody(rewritten)",
            Kind::Rewriting { .. } => "MirrorBody(rewriting)",
        })
    }
}
