//! After a 304: what it confirms, to whom, and what follows from it.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use cache_backends::CacheStore;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::answer::Stored;
use super::call::{Call, Led};
use super::prepare::{PageBehind, Sent};
use super::probe::{Behind, look_behind};
use crate::entry::{BodyDigest, Confirmed, Entry, Received, Representation, Sharing, Standing};
use crate::outcome::ValidatorKind;
use crate::policy::freshness::fresh_until;
use crate::policy::pagination::{LastPage, Look, next_look, with_last, with_successor};
use crate::wrapped::{HttpService, ReceivedBody, SentBody};

/// Whether what is stored has to be handed to the store again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EntryIs {
    Unchanged,
    Changed,
}

impl<S, St: CacheStore<Entry>> Call<'_, S, St> {
    /// A 304 to our tag: the candidate body is confirmed to this caller.
    ///
    /// What is at hand is borrowed: this is the way of almost every hit, and what it owned would be moved once more.
    /// Nothing of the call changes; it is borrowed for itself because the client in it need not be `Sync`.
    pub(super) async fn refresh<ReqB, ResB>(
        &mut self,
        sent: &mut Sent,
        headers: &HeaderMap,
        requested_at: SystemTime,
    ) -> Stored
    where
        S: HttpService<ReqB, Body = ResB>,
        ReqB: SentBody,
        ResB: ReceivedBody,
    {
        let (Some(candidate), Some(entry)) = (sent.candidate.take(), &sent.found.entry) else {
            unreachable!("only a stored body is asked about by its tag or date");
        };
        let request = self.request;
        let mut representation = candidate.representation;
        let until = fresh_until(
            request.policy.freshness(),
            &sent.uri,
            headers,
            representation.headers().get(&CACHE_CONTROL),
            requested_at,
        );
        let mut entry_is = EntryIs::Unchanged;
        let tag = sent.tag.take();
        let confirmation = match candidate.standing {
            Standing::Confirmed(known) => {
                known.renew(requested_at, until);
                known
            }
            Standing::Predictable => {
                let own = self.engine.callers.keep(request.fingerprint, headers);
                let confirmed = Confirmed::new(tag.clone(), own, requested_at, until);
                entry_is = EntryIs::Changed;
                entry.confirm(
                    request.fingerprint,
                    request.class,
                    &representation,
                    confirmed,
                )
            }
        };
        if representation.headers_are_due(requested_at)
            && let Some(refreshed) = representation.refreshed_by(headers)
        {
            representation = entry.freshen(&representation, refreshed);
            entry_is = EntryIs::Changed;
        }
        if entry_is == EntryIs::Changed {
            self.engine.save(&request.key, entry.clone()).await;
        }
        if let Some(behind) = sent.behind.take() {
            // Boxed, because few hits look behind.
            let looked = self.ask_behind(*behind, representation, sent, requested_at);
            representation = Box::pin(looked).await;
        }
        Stored {
            representation,
            confirmation,
            tag,
        }
    }

    /// Asks for the page behind the one that was just confirmed; what that says may change the headers of this one.
    /// The call is borrowed as above.
    async fn ask_behind<ReqB, ResB>(
        &mut self,
        behind: PageBehind,
        mut representation: Arc<Representation>,
        sent: &Sent,
        requested_at: SystemTime,
    ) -> Arc<Representation>
    where
        S: HttpService<ReqB, Body = ResB>,
        ReqB: SentBody,
        ResB: ReceivedBody,
    {
        let PageBehind {
            sought,
            target,
            headers,
            extensions,
        } = behind;
        let engine = Arc::clone(&self.engine);
        let front = representation.body().bytes();
        let head = (headers, extensions);
        let found = look_behind(engine, self.inner.clone(), head, target, front).await;
        let look = match &found {
            Behind::Nothing | Behind::Page(_) => Look::Answered,
            Behind::Same | Behind::Unknown => Look::Failed,
        };
        representation.looked_behind(next_look(&sought, look, requested_at));
        if let (Behind::Page(successor), Some(entry)) = (found, &sent.found.entry) {
            let stored = &representation.headers().to_map();
            let grown = match sought {
                LastPage::Distant { last, .. } => with_last(stored, &successor, last),
                LastPage::Full { page, .. } => {
                    let origin = &self.engine.options.origin;
                    with_successor(stored, &successor, &sent.uri, origin, page)
                }
                LastPage::Conclusive => stored.clone(),
            };
            representation = entry.freshen(&representation, grown);
            self.engine.save(&self.request.key, entry.clone()).await;
        }
        representation
    }

    /// A 304 to the tag of `[]`: a list that nobody had seen is empty, and nothing was paid for knowing it.
    pub(super) async fn empty_list<B>(
        self,
        sent: Sent,
        headers: HeaderMap,
        requested_at: SystemTime,
    ) -> Led<B> {
        let request = self.request;
        let until = fresh_until(
            request.policy.freshness(),
            &sent.uri,
            &headers,
            None,
            requested_at,
        );
        let own = self.engine.callers.keep(request.fingerprint, &headers);
        let confirmed = Confirmed::new(sent.tag, own, requested_at, until);
        let body = Bytes::from_static(b"[]");
        let mut stored = headers.clone();
        stored.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/json; charset=utf-8"),
        );
        let digest = BodyDigest::of(&body);
        let representation = Arc::new(Representation::new(
            digest,
            StatusCode::OK,
            stored,
            body,
            Sharing::ByFormula,
            requested_at,
        ));
        let entry = sent
            .found
            .entry
            .unwrap_or_else(|| Entry::new(sent.uri.path()));
        let received = Received {
            fingerprint: request.fingerprint,
            class: request.class,
            representation: Arc::clone(&representation),
            confirmed: confirmed.clone(),
        };
        entry.absorb(received);
        let confirmation = match entry.confirmed(request.fingerprint) {
            Some((held, confirmation)) if held.digest() == digest => confirmation,
            // Somebody was sent something newer meanwhile; this caller was told of an empty list all the same.
            _ => entry.confirm(
                request.fingerprint,
                request.class,
                &representation,
                confirmed,
            ),
        };
        self.engine.save(&request.key, entry).await;
        let stored = Stored {
            representation,
            confirmation,
            tag: None,
        };
        self.land_confirmed(ValidatorKind::Speculative, stored, headers)
    }
}
