//! Recording a body to its clean end, and storing it then and only then.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use cache_backends::{CacheStore, StoreKey};
use github_headers::{EntityTag, GithubMedia, Route};
use http::Uri;
use http::header::CONTENT_TYPE;
use sha2::{Digest, Sha256};

use super::answer::Head;
use super::call::{ColdLead, tag_of};
use super::read::ReadRequest;
use super::{Engine, Found};
use crate::confidence::Verification;
use crate::entry::{Absorbed, BodyDigest, Confirmed, Entry, Received, Representation, Sharing};
use crate::fingerprint::{CredentialClass, Fingerprint};
use crate::formula::{Rule, Salt, TagHash, Varying};
use crate::observer::{Dropped, Event};
use crate::policy::before::Freshness;
use crate::policy::freshness::fresh_until;
use crate::recording::pump::Keep;

/// What is needed to store an answer when its body has ended cleanly.
pub(crate) struct Commit<St> {
    engine: Arc<Engine<St>>,
    key: StoreKey,
    fingerprint: Fingerprint,
    class: CredentialClass,
    freshness: Freshness,
    route: Route,
    media: GithubMedia,
    found: Found,
    uri: Uri,
    head: Arc<Head>,
    requested_at: SystemTime,
    digest: Sha256,
    /// The formula's tag in the making, where a formula is known for this kind of answer.
    formula: Option<TagHash>,
    /// Others wait for the first fetch until this is dropped: when the body is stored, or will not be.
    cold: Option<ColdLead>,
}

impl<St> Commit<St> {
    pub(crate) fn new(
        engine: Arc<Engine<St>>,
        request: &ReadRequest,
        found: Found,
        salt: &Salt,
        uri: Uri,
        head: Arc<Head>,
        requested_at: SystemTime,
    ) -> Self {
        let media = salt.media();
        let rule = Rule::of(head.headers.get(CONTENT_TYPE));
        let formula = rule.map(|rule| TagHash::begin(salt, Varying::of(&head.headers), rule));
        Self {
            engine,
            key: request.key,
            fingerprint: request.fingerprint,
            class: request.class,
            freshness: request.policy.freshness(),
            route: request.route,
            media,
            found,
            uri,
            head,
            requested_at,
            digest: Sha256::new(),
            formula,
            cold: None,
        }
    }

    /// With those who wait for the body to be stored.
    pub(crate) fn awaited(self, cold: Option<ColdLead>) -> Self {
        Self { cold, ..self }
    }
}

impl<St: CacheStore<Entry>> Keep for Commit<St> {
    fn update(&mut self, chunk: &[u8]) {
        self.digest.update(chunk);
        if let Some(formula) = &mut self.formula {
            formula.update(chunk);
        }
    }

    async fn store(self, body: Bytes) {
        let engine = &self.engine;
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
        let until = fresh_until(self.freshness, &self.uri, headers, None, at);
        let received = Received {
            fingerprint: self.fingerprint,
            class: self.class,
            confirmed: Confirmed::new(
                tag,
                engine.callers.keep(self.fingerprint, headers),
                at,
                until,
            ),
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
        let asked_about = self.found.entry.clone();
        let found = engine.find_again(&self.key, self.found).await;
        let entry = found.entry.or(asked_about);
        let entry = entry.unwrap_or_else(|| Entry::new(self.uri.path()));
        let event = match entry.absorb(received) {
            Absorbed::Late => Event::Dropped(Dropped::Late),
            Absorbed::NewVersion | Absorbed::Known | Absorbed::Split => {
                Event::Committed { bytes: length }
            }
        };
        engine.save(&self.key, entry).await;
        engine.observer.observe(&event);
        drop(self.cold);
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
