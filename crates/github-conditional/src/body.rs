//! The body of an answer: stored bytes, a recording in progress, or the upstream body itself.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::entry::{Derived, Representation};
use crate::error::{BodyError, BodyFailure, BoxError, SharedError};
use crate::recording::Reader;

/// The body of a response of [`Conditional`](crate::Conditional).
pub struct ConditionalBody<B>(Kind<B>);

enum Kind<B> {
    Stored { bytes: Bytes, derived: Derived },
    Recording { reader: Reader, length: Option<u64> },
    Upstream(Pin<Box<B>>),
}

impl<B> ConditionalBody<B> {
    pub(crate) fn empty() -> Self {
        Self::whole(Bytes::new())
    }

    /// A body that is here and nowhere else.
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self(Kind::Stored {
            bytes,
            derived: Derived::default(),
        })
    }

    pub(crate) fn stored(representation: &Representation) -> Self {
        let bytes = representation.body().bytes();
        Self(Kind::Stored {
            bytes,
            derived: representation.derived(),
        })
    }

    pub(crate) fn recording(reader: Reader, length: Option<u64>) -> Self {
        Self(Kind::Recording { reader, length })
    }

    pub(crate) fn upstream(body: B) -> Self {
        Self(Kind::Upstream(Box::pin(body)))
    }

    /// The whole body, where it is in memory and none of it has been read.
    ///
    /// Lets whoever transforms bodies do so without streaming.
    pub fn as_whole(&self) -> Option<&Bytes> {
        match &self.0 {
            Kind::Stored { bytes, .. } => Some(bytes),
            Kind::Recording { .. } | Kind::Upstream(_) => None,
        }
    }

    /// Something computed from the whole body, once for as long as the body is stored: later answers that show the
    /// same body find it there. `None` where the body is not in memory, or holds something of another type already.
    ///
    /// It is not weighed by the store, so it should be small.
    pub fn derive<T: Send + Sync + 'static>(
        &self,
        compute: impl FnOnce(&Bytes) -> T,
    ) -> Option<Arc<T>> {
        match &self.0 {
            Kind::Stored { bytes, derived } => derived.of(|| compute(bytes)),
            Kind::Recording { .. } | Kind::Upstream(_) => None,
        }
    }
}

impl<B> Body for ConditionalBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.get_mut().0 {
            Kind::Stored { bytes, .. } if bytes.is_empty() => Poll::Ready(None),
            Kind::Stored { bytes, .. } => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Kind::Recording { reader, length } => reader.poll_chunk(context).map(|chunk| {
                chunk.map(|chunk| {
                    let chunk = chunk?;
                    if let Some(left) = length {
                        *left = left.saturating_sub(chunk.len() as u64);
                    }
                    Ok(Frame::data(chunk))
                })
            }),
            Kind::Upstream(body) => body
                .as_mut()
                .poll_frame(context)
                .map_err(|error| BodyError(BodyFailure::Upstream(SharedError::new(error.into())))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Stored { bytes, .. } => bytes.is_empty(),
            Kind::Recording { reader, .. } => reader.is_finished(),
            Kind::Upstream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Stored { bytes, .. } => SizeHint::with_exact(bytes.len() as u64),
            Kind::Recording { length, .. } => {
                length.map_or_else(SizeHint::new, SizeHint::with_exact)
            }
            Kind::Upstream(body) => body.size_hint(),
        }
    }
}

impl<B> fmt::Debug for ConditionalBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Stored { .. } => "ConditionalBody(stored)",
            Kind::Recording { .. } => "ConditionalBody(recording)",
            Kind::Upstream(_) => "ConditionalBody(upstream)",
        })
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Empty};

    use super::*;
    use crate::recording::{Budget, Recording};

    #[tokio::test]
    async fn sizes_are_known_where_they_can_be() {
        let stored = ConditionalBody::<Empty<Bytes>>::whole(Bytes::from_static(b"abc"));
        assert_eq!(stored.size_hint().exact(), Some(3));
        assert_eq!(stored.collect().await.unwrap().to_bytes(), "abc");

        let recording = Recording::new(10, Budget::new(10));
        recording.push(Bytes::from_static(b"abc"));
        recording.finish(Ok(()));
        let reader = recording.attach().unwrap();
        let body = ConditionalBody::<Empty<Bytes>>::recording(reader, Some(3));
        assert_eq!(body.size_hint().exact(), Some(3));
        assert!(!body.is_end_stream());
        assert_eq!(body.collect().await.unwrap().to_bytes(), "abc");
    }
}
