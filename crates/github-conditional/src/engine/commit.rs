//! Recording a body to its clean end, and storing it then and only then.

use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use cache_backends::{CacheStore, StoreKey};
use github_headers::{EntityTag, GithubMedia, Route};
use http::Uri;
use http_body::Body;
use http_body_util::BodyExt;
use sha2::{Digest, Sha256};

use super::Engine;
use super::answer::Head;
use super::call::{ColdLead, FlightLead, tag_of};
use super::read::ReadRequest;
use crate::confidence::Verification;
use crate::entry::{Absorbed, BodyDigest, Confirmed, Entry, Received, Representation, Sharing};
use crate::error::{BodyError, BodyFailure, BoxError, SharedError};
use crate::fingerprint::{CredentialClass, Fingerprint};
use crate::formula::{Rule, Salt, TagHash, Varying};
use crate::observer::{Dropped, Event};
use crate::policy::freshness::fresh_until;
use crate::recording::Recording;

/// What is needed to store an answer when its body has ended cleanly.
pub(crate) struct Commit {
    key: StoreKey,
    fingerprint: Fingerprint,
    class: CredentialClass,
    route: Route,
    media: GithubMedia,
    entry: Option<Entry>,
    uri: Uri,
    head: Arc<Head>,
    requested_at: SystemTime,
    digest: Sha256,
    /// The formula's tag in the making, where a formula is known for this kind of answer.
    formula: Option<TagHash>,
}

impl Commit {
    pub(crate) fn new(
        request: &ReadRequest,
        entry: Option<Entry>,
        salt: &Salt,
        uri: Uri,
        head: Arc<Head>,
        requested_at: SystemTime,
    ) -> Self {
        let media = salt.media();
        let rule = Rule::of(&head.headers);
        let formula = rule.map(|rule| TagHash::begin(salt, Varying::of(&head.headers), rule));
        Self {
            key: request.key,
            fingerprint: request.fingerprint,
            class: request.class,
            route: request.route,
            media,
            entry,
            uri,
            head,
            requested_at,
            digest: Sha256::new(),
            formula,
        }
    }

    fn update(&mut self, chunk: &[u8]) {
        self.digest.update(chunk);
        if let Some(formula) = &mut self.formula {
            formula.update(chunk);
        }
    }

    async fn store<St: CacheStore<Entry>>(self, engine: &Engine<St>, body: Bytes) {
        let length = body.len() as u64;
        let tag = tag_of(&self.head.headers);
        let computed = self.formula.map(TagHash::finish);
        let verification = verify(tag.as_ref(), computed.as_ref());
        engine
            .confidence
            .learn((self.route.template(), self.media), verification);
        engine.observer.observe(&Event::Verified {
            route: self.route,
            media: self.media,
            verification,
        });
        let sharing = match verification {
            Verification::Matched => Sharing::ByFormula,
            Verification::Mismatched | Verification::NotApplicable => Sharing::SameFingerprint,
        };
        let headers = &self.head.headers;
        // What GitHub says is as of the question: a write may have overtaken the answer.
        let at = self.requested_at;
        let until = fresh_until(engine.freshness(self.class), &self.uri, headers, None, at);
        let received = Received {
            fingerprint: self.fingerprint,
            class: self.class,
            confirmed: Confirmed::new(tag, headers, at, until),
            representation: Arc::new(Representation::new(
                BodyDigest::from_hash(self.digest),
                self.head.status,
                headers.clone(),
                body,
                sharing,
                self.requested_at,
            )),
        };
        // The entry that was asked about may be outdated by now; what is stored counts.
        let entry = match engine.load(&self.key).await.or(self.entry) {
            Some(entry) => entry,
            None => Entry::new(self.uri.path()),
        };
        let event = match entry.absorb(received) {
            Absorbed::Late => Event::Dropped(Dropped::Late),
            Absorbed::NewVersion | Absorbed::Known | Absorbed::Split => {
                Event::Committed { bytes: length }
            }
        };
        engine.save(&self.key, entry).await;
        engine.observer.observe(&event);
    }
}

/// Compares GitHub's tag with the formula's.
fn verify(tag: Option<&EntityTag>, computed: Option<&EntityTag>) -> Verification {
    let (Some(tag), Some(computed)) = (tag, computed) else {
        return Verification::NotApplicable;
    };
    if tag.weak_eq(computed) {
        return Verification::Matched;
    }
    // 40 hex digits are a git object id, 32 an MD5 of old times: other rules, not a failure of this one.
    match tag.opaque().len() {
        64 => Verification::Mismatched,
        _ => Verification::NotApplicable,
    }
}

/// Pumps an upstream body into a recording.
pub(crate) struct Recorder<St> {
    pub(crate) engine: Arc<Engine<St>>,
    pub(crate) recording: Recording,
    /// `None` = the body is shared among those who wait, but not stored.
    pub(crate) commit: Option<Commit>,
    /// `Content-Length`, if there was one.
    pub(crate) announced: Option<u64>,
    /// Held until the body is stored, so that nobody asks GitHub again in between.
    pub(crate) lead: FlightLead,
    pub(crate) cold: Option<ColdLead>,
}

impl<St: CacheStore<Entry>> Recorder<St> {
    /// Runs until the body has ended, has failed, or nobody wants the rest of one that is not stored.
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
                    if let Some(commit) = &mut self.commit {
                        commit.update(&chunk);
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
            self.engine
                .observer
                .observe(&Event::Dropped(Dropped::Broken));
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
            let frame = tokio::time::timeout(self.engine.options.body_idle_timeout, body.frame());
            match frame.await {
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
        if !self.recording.is_keeping() && self.commit.take().is_some() {
            // Nothing will be stored: let those go who wait for that.
            self.cold = None;
            self.engine
                .observer
                .observe(&Event::Dropped(Dropped::TooLarge));
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
        match (self.commit.take(), kept) {
            (Some(commit), Some(body)) => commit.store(&self.engine, body).await,
            (Some(_), None) => self
                .engine
                .observer
                .observe(&Event::Dropped(Dropped::TooLarge)),
            (None, _) => {}
        }
        self.cold = None;
        if let Some(chunk) = last {
            self.recording.push(chunk);
        }
        Ok(())
    }
}
