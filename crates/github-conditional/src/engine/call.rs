//! One upstream call on behalf of everybody who waits for it.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use cache_backends::{CacheStore, StoreKey};
use github_headers::EntityTag;
use http::header::ETAG;
use http::request::Parts;
use http::{HeaderMap, Request, Response, StatusCode};

use super::answer::{Changed, Head, Landed, Stored, delivered};
use super::deliver::Content;
use super::prepare::Sent;
use super::read::ReadRequest;
use super::upstream::{CallFailure, read_whole, send};
use super::{Engine, FlightKey, Found};
use crate::absences::is_absence;
use crate::entry::Entry;
use crate::fingerprint::CredentialClass;
use crate::flight::{Lead, Seat};
use crate::outcome::{Outcome, Storing, Trouble, ValidatorKind};
use crate::policy::after::{Verdict, judge};
use crate::policy::before::Ask;
use crate::policy::limits::{Refusal, classify, worth_a_look};
use crate::recording::Reader;
use crate::routes::RoutePolicy;
use crate::wrapped::{HttpService, ReceivedBody, SentBody};

pub(crate) type FlightLead = Lead<FlightKey, Landed>;
pub(crate) type ColdLead = Lead<StoreKey, ()>;

/// What a call yields to its leader.
pub(crate) enum Led<B> {
    /// The same as to all who wait.
    Landed(Landed),
    /// GitHub confirmed the stored body; these headers the leader needs not copy.
    Confirmed {
        kind: ValidatorKind,
        stored: Stored,
        fresh_headers: HeaderMap,
    },
    /// An answer whose body streams. The leader's place in the recording was taken before the pump started, which may have
    /// outrun newcomers already.
    Streaming {
        outcome: Outcome,
        head: Arc<Head>,
        reader: Reader,
    },
    /// An answer that cannot be shared: it streams straight to the leader.
    Relayed(Box<(Outcome, Response<B>)>),
}

/// A call in the making.
pub(crate) struct Call<'a, S, St> {
    pub(super) engine: Arc<Engine<St>>,
    pub(super) inner: S,
    pub(super) request: &'a ReadRequest,
    pub(super) parts: Parts,
    /// `None` for a caller that goes alone, because the answer it waited for could not be shared.
    pub(super) lead: Option<FlightLead>,
    pub(super) cold: Option<ColdLead>,
}

impl<'a, S, St> Call<'a, S, St> {
    pub(crate) fn new(
        engine: Arc<Engine<St>>,
        inner: S,
        request: &'a ReadRequest,
        parts: Parts,
        lead: Option<FlightLead>,
    ) -> Self {
        Self {
            engine,
            inner,
            request,
            parts,
            lead,
            cold: None,
        }
    }
}

impl<S, St: CacheStore<Entry>> Call<'_, S, St> {
    /// Asks GitHub, and lands the result for all who wait.
    #[expect(
        clippy::manual_async_fn,
        reason = "an `async fn` keeps room for its arguments twice"
    )]
    pub(crate) fn run<ReqB, ResB>(mut self, found: Found) -> impl Future<Output = Led<ResB>>
    where
        S: HttpService<ReqB, Body = ResB>,
        ReqB: SentBody,
        ResB: ReceivedBody,
    {
        async move {
            let found = self.wait_for_first_fetch(found).await;
            let requested_at = self.engine.now();
            let mut sent = self.prepare(found, requested_at);
            let upstream = Request::from_parts(self.take_parts(), ReqB::default());
            let response = match send(&mut self.inner, upstream).await {
                Ok(response) => response,
                Err(failure) => return Box::pin(self.failed(sent, failure)).await,
            };
            let (parts, body) = response.into_parts();
            let head = Head {
                status: parts.status,
                headers: parts.headers,
            };
            self.engine.marks.learn(sent.uri.path(), &head.headers);
            let negative = matches!(self.request.policy, RoutePolicy::Negative(_));
            let looked_at = worth_a_look(head.status) || (negative && is_absence(head.status));
            let (content, refusal) = if looked_at {
                // Boxed, as below: few answers are read before they are passed on.
                let whole = Box::pin(read_whole(body, self.engine.options.body_idle_timeout));
                match whole.await {
                    Ok(body) => {
                        let refusal = classify(head.status, &head.headers, &body);
                        (Content::Here(body), refusal)
                    }
                    Err(failure) => return Box::pin(self.failed(sent, failure)).await,
                }
            } else {
                (Content::Arriving(body), Refusal::Other)
            };
            if negative && !is_absence(head.status) && !head.status.is_server_error() {
                let key = self.request.absence_key();
                self.engine.absences.forget(&key);
            }
            let limit = self.engine.options.max_cacheable_body_bytes as u64;
            let tag = sent.tag.as_ref();
            match judge(sent.ask, tag, head.status, &head.headers, refusal, limit) {
                Verdict::Refresh(kind) => {
                    let stored = self.refresh(&mut sent, &head.headers, requested_at).await;
                    self.land_confirmed(kind, stored, head.headers)
                }
                Verdict::EmptyList => {
                    Box::pin(self.empty_list(sent, head.headers, requested_at)).await
                }
                Verdict::ClientConfirmed => self.client_confirmed(head, content),
                Verdict::Trouble(trouble) => {
                    Box::pin(look_once_more(&self.engine, self.request, &mut sent)).await;
                    let entry = sent.found.entry.as_ref();
                    if let Some(stale) = self.stale(entry, trouble, Some(head.status)) {
                        return self.land(stale);
                    }
                    if head.status == StatusCode::NOT_MODIFIED {
                        // It confirms nothing that is here; passed on it would tell the client something untrue.
                        Box::pin(forget(&self.engine, self.request, &mut sent, requested_at)).await;
                        let upstream_status = Some(head.status);
                        return self.land(Landed::Failed {
                            trouble,
                            upstream_status,
                            failure: None,
                        });
                    }
                    self.deliver(sent, Outcome::Refused(trouble), head, content, requested_at)
                }
                Verdict::RightsEnded => {
                    Box::pin(forget(&self.engine, self.request, &mut sent, requested_at)).await;
                    if negative && let Content::Here(body) = &content {
                        self.note_absence(&head, body, requested_at);
                    }
                    let outcome = delivered(changed(sent.ask), Storing::Status);
                    self.deliver(sent, outcome, head, content, requested_at)
                }
                Verdict::Deliver(storing) => {
                    let outcome = delivered(changed(sent.ask), storing);
                    self.deliver(sent, outcome, head, content, requested_at)
                }
            }
        }
    }

    fn note_absence(&self, head: &Head, body: &Bytes, requested_at: SystemTime) {
        if is_absence(head.status) {
            let absence = self
                .request
                .absence(head.clone(), Some(body.clone()), requested_at);
            let key = self.request.absence_key();
            self.engine.absences.note(key, absence);
        }
    }

    /// There is no answer: what the caller was confirmed for stands in, or the failure is told.
    async fn failed<B>(self, mut sent: Sent, failure: CallFailure) -> Led<B> {
        look_once_more(&self.engine, self.request, &mut sent).await;
        let stale = self.stale(sent.found.entry.as_ref(), failure.trouble, None);
        let landed = stale.unwrap_or(Landed::Failed {
            trouble: failure.trouble,
            upstream_status: None,
            failure: Some(failure),
        });
        self.land(landed)
    }

    /// GitHub's 304 to the client's own validators goes to this client alone.
    fn client_confirmed<B>(mut self, head: Head, content: Content<B>) -> Led<B> {
        match content {
            Content::Arriving(body) => {
                self.unshared();
                let mut response = Response::new(body);
                *response.status_mut() = head.status;
                *response.headers_mut() = head.headers;
                Led::Relayed(Box::new((Outcome::ClientConfirmed, response)))
            }
            Content::Here(_) => unreachable!("a 304 is never read to be understood"),
        }
    }

    /// A variant nobody has: let one caller fetch it; the others can then have it confirmed at no cost.
    async fn wait_for_first_fetch(&mut self, found: Found) -> Found {
        let request = self.request;
        // Anonymous confirmations cost as much as a fetch.
        if found.entry.is_some() || request.class == CredentialClass::Anonymous {
            return found;
        }
        match self.engine.cold.board(request.key) {
            Seat::Leader(cold) => {
                self.cold = Some(cold);
                // Somebody may have fetched it since this caller looked.
                self.engine.find_again(&request.key, found).await
            }
            Seat::Follower(waiting) => {
                let landing =
                    tokio::time::timeout(self.engine.options.cold_wait, waiting.landing());
                match Box::pin(landing).await {
                    Ok(_ended) => self.engine.find_again(&request.key, found).await,
                    // Another process may have been faster than this one.
                    Err(_elapsed) => self.engine.find(&request.key).await,
                }
            }
        }
    }

    fn take_parts(&mut self) -> Parts {
        let (parts, ()) = Request::new(()).into_parts();
        std::mem::replace(&mut self.parts, parts)
    }

    /// What the caller may be shown instead of an answer.
    fn stale(
        &self,
        entry: Option<&Entry>,
        trouble: Trouble,
        upstream_status: Option<StatusCode>,
    ) -> Option<Landed> {
        let (representation, confirmation) = entry?.confirmed(self.request.fingerprint)?;
        let stored = Stored {
            representation,
            confirmation,
            tag: None,
        };
        Some(Landed::Stale {
            trouble,
            stored,
            upstream_status,
        })
    }

    fn unshared(&mut self) {
        if let Some(lead) = self.lead.take() {
            lead.land(Landed::Unshared);
        }
    }

    pub(super) fn land<B>(self, landed: Landed) -> Led<B> {
        if let Some(lead) = &self.lead {
            lead.land(landed.clone());
        }
        Led::Landed(landed)
    }

    pub(super) fn land_confirmed<B>(
        self,
        kind: ValidatorKind,
        stored: Stored,
        fresh_headers: HeaderMap,
    ) -> Led<B> {
        if let Some(lead) = self.lead.as_ref().filter(|lead| lead.is_followed()) {
            lead.land(Landed::Confirmed {
                kind,
                stored: stored.clone(),
                fresh_headers: Arc::new(fresh_headers.clone()),
            });
        }
        Led::Confirmed {
            kind,
            stored,
            fresh_headers,
        }
    }
}

/// A store that does not answer looks like one that holds nothing. Where it matters what it holds, it is asked once more.
async fn look_once_more<St: CacheStore<Entry>>(
    engine: &Engine<St>,
    request: &ReadRequest,
    sent: &mut Sent,
) {
    if sent.found.entry.is_none() {
        sent.found = engine.find(&request.key).await;
    }
}

/// Ends the caller's right to be shown what is stored.
async fn forget<St: CacheStore<Entry>>(
    engine: &Engine<St>,
    request: &ReadRequest,
    sent: &mut Sent,
    requested_at: SystemTime,
) {
    look_once_more(engine, request, sent).await;
    if let Some(entry) = &sent.found.entry {
        entry.revoke(request.fingerprint, requested_at);
        engine.save(&request.key, entry.clone()).await;
    }
}

fn changed(ask: Ask) -> Changed {
    match ask {
        Ask::OwnTag | Ask::Predicted | Ask::LastModified => Changed::Yes,
        Ask::EmptyList | Ask::Client | Ask::Plain => Changed::No,
    }
}

/// The tag of an answer, if it has one.
pub(super) fn tag_of(headers: &HeaderMap) -> Option<EntityTag> {
    headers
        .get(ETAG)
        .and_then(|value| EntityTag::parse(value).ok())
}
