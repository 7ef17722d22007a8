//! Pumping an upstream body into a recording, and keeping it at its clean end, then and only then.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt;

use super::Recording;
use crate::error::{BodyError, BodyFailure, BoxError, SharedError};
use crate::observer::{Dropped, Event, Observer};

/// What becomes of a body that was recorded whole.
pub(crate) trait Keep: Send + 'static {
    /// Another chunk has arrived.
    fn update(&mut self, chunk: &[u8]);

    /// The body has ended cleanly. Readers see its end after this.
    fn store(self, body: Bytes) -> impl Future<Output = ()> + Send;
}

/// Pumps an upstream body into a recording.
pub(crate) struct Recorder<K, L> {
    pub(crate) recording: Recording,
    /// `None` = the body is shared among those who wait, but not kept.
    ///
    /// It is dropped as soon as it is known that nothing will be kept, and with it what others wait for.
    pub(crate) keep: Option<K>,
    /// `Content-Length`, if there was one.
    pub(crate) announced: Option<u64>,
    /// How long the body may stall.
    pub(crate) idle_timeout: Duration,
    pub(crate) observer: Arc<dyn Observer>,
    /// Held until the body is kept, so that nobody asks again in between.
    pub(crate) lead: L,
}

impl<K: Keep, L: Send> Recorder<K, L> {
    /// Runs until the body has ended, has failed, or nobody wants the rest of one that is not kept.
    pub(crate) async fn run<B>(mut self, body: B)
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let mut body = Box::pin(body);
        let end = loop {
            if self.recording.room().await.is_none() {
                // Too large to be kept, and every reader is gone.
                return;
            }
            match self.next(&mut body).await {
                Ok(Some(chunk)) => {
                    if let Some(keep) = &mut self.keep {
                        keep.update(&chunk);
                    }
                    if body.is_end_stream() {
                        // The client can tell from the length that this is all; it is stored before it can.
                        break self.finish(Some(chunk)).await;
                    }
                    self.push(chunk);
                }
                Ok(None) => break self.finish(None).await,
                Err(error) => break Err(error),
            }
        };
        if end.is_err() {
            self.observer.observe(&Event::Dropped(Dropped::Broken));
        }
        self.recording.finish(end);
        drop(self.lead);
    }

    async fn next<B>(&self, body: &mut Pin<Box<B>>) -> Result<Option<Bytes>, BodyError>
    where
        B: Body<Data = Bytes> + Send,
        B::Error: Into<BoxError>,
    {
        loop {
            match tokio::time::timeout(self.idle_timeout, body.frame()).await {
                Err(_elapsed) => return Err(BodyError(BodyFailure::Stalled)),
                Ok(None) => return Ok(None),
                Ok(Some(Err(error))) => {
                    return Err(BodyError(BodyFailure::Upstream(SharedError::new(
                        error.into(),
                    ))));
                }
                // Trailers say nothing that is kept.
                Ok(Some(Ok(frame))) => {
                    if let Ok(chunk) = frame.into_data() {
                        return Ok(Some(chunk));
                    }
                }
            }
        }
    }

    fn push(&mut self, chunk: Bytes) {
        self.recording.push(chunk);
        if !self.recording.is_keeping() && self.keep.take().is_some() {
            self.observer.observe(&Event::Dropped(Dropped::TooLarge));
        }
    }

    async fn finish(&mut self, last: Option<Bytes>) -> Result<(), BodyError> {
        let last_length = last.as_ref().map_or(0, |chunk| chunk.len() as u64);
        let received = self.recording.received() + last_length;
        if self
            .announced
            .is_some_and(|announced| announced != received)
        {
            return Err(BodyError(BodyFailure::Truncated));
        }
        let kept = self.recording.kept_with(last.as_ref());
        match (self.keep.take(), kept) {
            (Some(keep), Some(body)) => keep.store(body).await,
            (Some(_), None) => self.observer.observe(&Event::Dropped(Dropped::TooLarge)),
            (None, _) => {}
        }
        if let Some(chunk) = last {
            self.recording.push(chunk);
        }
        Ok(())
    }
}
