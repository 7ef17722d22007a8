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
use super::{Engine, FlightKey};
use crate::absences::is_absence;
use crate::entry::Entry;
use crate::fingerprint::CredentialClass;
use crate::flight::{Landing, Lead, Seat};
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
pub(crate) struct Led<B> {
    pub(crate) landed: Landed,
    /// An answer that cannot be shared: it streams straight to the leader.
    pub(crate) relayed: Option<Box<(Outcome, Response<B>)>>,
    /// The headers of a 304, which the leader needs not copy.
    pub(crate) fresh: Option<HeaderMap>,
    /// The leader's place in a recording: taken before the pump started, which may have outrun newcomers already.
    pub(crate) reader: Option<Reader>,
}

impl<B> Led<B> {
    pub(super) fn landed(landed: Landed) -> Self {
        Self {
            landed,
            relayed: None,
            fresh: None,
            reader: None,
        }
    }

    pub(super) fn relayed(outcome: Outcome, response: Response<B>) -> Self {
        let relayed = Some(Box::new((outcome, response)));
        Self {
            landed: Landed::Unshared,
            relayed,
            fresh: None,
            reader: None,
        }
    }
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
    pub(crate) fn run<ReqB, ResB>(mut self, entry: Option<Entry>) -> impl Future<Output = Led<ResB>>
    where
        S: HttpService<ReqB, Body = ResB>,
        ReqB: SentBody,
        ResB: ReceivedBody,
    {
        async move {
            let entry = self.wait_for_first_fetch(entry).await;
            let requested_at = self.engine.now();
            let mut sent = self.prepare(entry, requested_at);
            let upstream = Request::from_parts(self.take_parts(), ReqB::default());
            let response = match send(&mut self.inner, upstream).await {
                Ok(response) => response,
                Err(failure) => return self.failed(&sent, failure),
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
                    Err(failure) => return self.failed(&sent, failure),
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
                    if let Some(stale) = self.stale(sent.entry.as_ref(), trouble, Some(head.status))
                    {
                        return self.land(stale);
                    }
                    if head.status == StatusCode::NOT_MODIFIED {
                        // It confirms nothing that is here; passed on it would tell the client something untrue.
                        Box::pin(forget(&self.engine, self.request, &sent, requested_at)).await;
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
                    Box::pin(forget(&self.engine, self.request, &sent, requested_at)).await;
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
    fn failed<B>(self, sent: &Sent, failure: CallFailure) -> Led<B> {
        let stale = self.stale(sent.entry.as_ref(), failure.trouble, None);
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
                Led::relayed(Outcome::ClientConfirmed, response)
            }
            Content::Here(_) => unreachable!("a 304 is never read to be understood"),
        }
    }

    /// A variant nobody has: let one caller fetch it; the others can then have it confirmed at no cost.
    async fn wait_for_first_fetch(&mut self, entry: Option<Entry>) -> Option<Entry> {
        let request = self.request;
        // Anonymous confirmations cost as much as a fetch.
        if entry.is_some() || request.class == CredentialClass::Anonymous {
            return entry;
        }
        match self.engine.cold.board(request.key) {
            Seat::Leader(cold) => {
                self.cold = Some(cold);
                // Somebody may have fetched it since this caller looked.
                self.engine.load(&request.key).await
            }
            Seat::Follower(waiting) => {
                let landing =
                    tokio::time::timeout(self.engine.options.cold_wait, waiting.landing());
                let _: Result<Landing<()>, _> = Box::pin(landing).await;
                self.engine.load(&request.key).await
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
        Led::landed(landed)
    }

    pub(super) fn land_confirmed<B>(
        self,
        kind: ValidatorKind,
        stored: Stored,
        headers: HeaderMap,
    ) -> Led<B> {
        let landed = |fresh_headers| Landed::Confirmed {
            kind,
            stored: stored.clone(),
            fresh_headers,
        };
        match &self.lead {
            Some(lead) if lead.is_followed() => {
                let landed = landed(Arc::new(headers.clone()));
                lead.land(landed.clone());
                Led {
                    fresh: Some(headers),
                    ..Led::landed(landed)
                }
            }
            _ => Led {
                fresh: Some(headers),
                ..Led::landed(landed(Arc::default()))
            },
        }
    }
}

/// Ends the caller's right to be shown what is stored.
async fn forget<St: CacheStore<Entry>>(
    engine: &Engine<St>,
    request: &ReadRequest,
    sent: &Sent,
    requested_at: SystemTime,
) {
    if let Some(entry) = &sent.entry {
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
