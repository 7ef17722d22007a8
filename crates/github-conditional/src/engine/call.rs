//! One upstream call on behalf of everybody who waits for it.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use cache_backends::{CacheStore, StoreKey};
use github_headers::EntityTag;
use http::header::{CONTENT_LENGTH, ETAG};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body::Body;
use tower_service::Service;

use super::answer::{Changed, Head, Landed, Stored, content_length, delivered};
use super::commit::{Commit, Recorder};
use super::probe::{Behind, look_behind};
use super::read::{ReadRequest, question};
use super::upstream::{ask_for_date, ask_for_tag, normalise, peek, send};
use super::{Engine, FlightKey};
use crate::entry::{
    BodyDigest, Candidate, Confirmed, Entry, Received, Representation, Sharing, Standing,
};
use crate::error::BoxError;
use crate::fingerprint::CredentialClass;
use crate::flight::{Landing, Lead, Seat};
use crate::formula::{Rule, Salt};
use crate::outcome::{Outcome, Storing, Trouble, ValidatorKind};
use crate::policy::after::{Verdict, judge};
use crate::policy::before::{Ask, ask};
use crate::policy::freshness::fresh_until;
use crate::policy::limits::{Refusal, classify, worth_a_look};
use crate::policy::pagination::{LastPage, last_page, with_successor};
use crate::recording::{Reader, Recording};

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
    fn landed(landed: Landed) -> Self {
        Self {
            landed,
            relayed: None,
            fresh: None,
            reader: None,
        }
    }

    fn relayed(outcome: Outcome, response: Response<B>) -> Self {
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
    engine: Arc<Engine<St>>,
    inner: S,
    request: &'a ReadRequest,
    parts: Parts,
    /// `None` for a caller that goes alone, because the answer it waited for could not be shared.
    lead: Option<FlightLead>,
    cold: Option<ColdLead>,
}

/// What is needed of a request after it has been sent.
struct Sent {
    ask: Ask,
    tag: Option<EntityTag>,
    candidate: Option<Candidate>,
    entry: Option<Entry>,
    salt: Salt,
    media: github_headers::GithubMedia,
    uri: Uri,
    /// The request once more, where the page behind this one may have to be asked for.
    behind: Option<HeaderMap>,
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
    pub(crate) async fn run<ReqB, ResB>(mut self, entry: Option<Entry>) -> Led<ResB>
    where
        S: Service<Request<ReqB>, Response = Response<ResB>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        ReqB: Body + Default + Send + 'static,
        ResB: Body<Data = Bytes> + Send + 'static,
        ResB::Error: Into<BoxError>,
    {
        let entry = self.wait_for_first_fetch(entry).await;
        let sent = self.prepare(entry);
        let requested_at = self.engine.now();
        let upstream = Request::from_parts(self.take_parts(), ReqB::default());
        let response = match send(&mut self.inner, upstream).await {
            Ok(response) => response,
            Err(failure) => {
                let landed = match self.stale(sent.entry.as_ref(), failure.trouble, None) {
                    Some(stale) => stale,
                    None => Landed::Failed {
                        trouble: failure.trouble,
                        upstream_status: None,
                        failure: Some(failure),
                    },
                };
                return self.land(landed);
            }
        };
        let (mut head, body) = response.into_parts();
        if worth_a_look(head.status) {
            let body = peek(body, self.engine.options.body_idle_timeout).await;
            if body.is_empty() {
                head.headers.remove(CONTENT_LENGTH);
            }
            let refusal = classify(head.status, &head.headers, &body);
            return self.refused(
                sent,
                Head {
                    status: head.status,
                    headers: head.headers,
                },
                body,
                refusal,
            );
        }
        let limit = self.engine.options.max_cacheable_body_bytes as u64;
        let verdict = judge(
            sent.ask,
            sent.tag.as_ref(),
            head.status,
            &head.headers,
            Refusal::Other,
            limit,
        );
        match verdict {
            Verdict::Refresh(kind) => self.refresh(kind, sent, head.headers, requested_at).await,
            Verdict::EmptyList => self.empty_list(sent, head.headers, requested_at).await,
            Verdict::ClientConfirmed => {
                self.unshared();
                Led::relayed(Outcome::ClientConfirmed, Response::from_parts(head, body))
            }
            Verdict::Trouble(trouble) => {
                if let Some(stale) = self.stale(sent.entry.as_ref(), trouble, Some(head.status)) {
                    return self.land(stale);
                }
                if head.status == StatusCode::NOT_MODIFIED {
                    // It confirms nothing that is here; passed on it would tell the client something untrue.
                    self.forget(&sent);
                    let upstream_status = Some(head.status);
                    return self.land(Landed::Failed {
                        trouble,
                        upstream_status,
                        failure: None,
                    });
                }
                let head = Head {
                    status: head.status,
                    headers: head.headers,
                };
                self.deliver(sent, Outcome::Refused(trouble), head, body, requested_at)
            }
            Verdict::RightsEnded => {
                self.forget(&sent);
                let outcome = delivered(changed(sent.ask), Storing::Status);
                let head = Head {
                    status: head.status,
                    headers: head.headers,
                };
                self.deliver(sent, outcome, head, body, requested_at)
            }
            Verdict::Deliver(storing) => {
                let outcome = delivered(changed(sent.ask), storing);
                let head = Head {
                    status: head.status,
                    headers: head.headers,
                };
                self.deliver(sent, outcome, head, body, requested_at)
            }
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
                let _: Result<Landing<()>, _> = landing.await;
                self.engine.load(&request.key).await
            }
        }
    }

    /// Chooses the validator and puts it into the request.
    fn prepare(&mut self, entry: Option<Entry>) -> Sent {
        let request = self.request;
        // A HEAD for something stored is asked as a GET: a 304 costs the same, and a 200 brings the new body.
        self.parts.method = Method::GET;
        self.parts.extensions.insert(request.fingerprint);
        let headers = &mut self.parts.headers;
        normalise(headers, &self.engine.options.plain_user_agent);
        let salt = Salt::of(headers);
        let subject = request.subject(headers);
        let prediction = self.engine.confidence.prediction(subject);
        let candidate = entry
            .as_ref()
            .and_then(|entry| entry.candidate(request.fingerprint, request.class));
        let ask = ask(
            &question(&self.engine, request, prediction),
            candidate.as_ref(),
        );
        let behind = match &candidate {
            Some(candidate) if candidate.representation.may_have_grown_behind() => {
                Some(headers.clone())
            }
            _ => None,
        };
        let tag = match (ask, &candidate) {
            (
                Ask::OwnTag,
                Some(Candidate {
                    standing: Standing::Confirmed(known),
                    ..
                }),
            ) => known.tag().cloned(),
            (Ask::Predicted, Some(candidate)) => {
                let body = &candidate.representation;
                let rule = Rule::of(body.headers()).unwrap_or(Rule::Json);
                Some(salt.predict(request.class, rule, body.body()))
            }
            (Ask::EmptyList, _) => Some(salt.predict(request.class, Rule::Json, b"[]")),
            _ => None,
        };
        match (&tag, ask, &candidate) {
            (Some(tag), _, _) => ask_for_tag(headers, tag),
            (None, Ask::LastModified, Some(candidate)) => {
                if let Some(date) = candidate.representation.last_modified() {
                    ask_for_date(headers, date);
                }
            }
            (None, Ask::Client, _) => request.conditions.restore(headers),
            _ => {}
        }
        Sent {
            ask,
            tag,
            candidate,
            entry,
            salt,
            media: subject.1,
            uri: self.parts.uri.clone(),
            behind,
        }
    }

    fn take_parts(&mut self) -> Parts {
        let (parts, ()) = Request::new(()).into_parts();
        std::mem::replace(&mut self.parts, parts)
    }

    /// A 304 to our tag: the candidate body is confirmed to this caller.
    async fn refresh<ReqB, ResB>(
        self,
        kind: ValidatorKind,
        sent: Sent,
        headers: HeaderMap,
        requested_at: SystemTime,
    ) -> Led<ResB>
    where
        S: Service<Request<ReqB>, Response = Response<ResB>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        ReqB: Body + Default + Send + 'static,
        ResB: Body<Data = Bytes> + Send + 'static,
        ResB::Error: Into<BoxError>,
    {
        let (Some(candidate), Some(entry)) = (sent.candidate, sent.entry) else {
            unreachable!("only a stored body is asked about by its tag or date");
        };
        let request = self.request;
        let mut representation = candidate.representation;
        let until = fresh_until(
            self.engine.freshness(request.class),
            &sent.uri,
            &headers,
            Some(representation.headers()),
            requested_at,
        );
        let confirmation = match candidate.standing {
            Standing::Confirmed(known) => {
                known.renew(requested_at, until);
                known
            }
            Standing::Predictable => {
                let confirmed = Confirmed::new(sent.tag, &headers, requested_at, until);
                let known = entry.confirm(
                    request.fingerprint,
                    request.class,
                    &representation,
                    confirmed,
                );
                self.engine.save(&request.key, entry.clone()).await;
                known
            }
        };
        if let Some(refreshed) = representation.refreshed_by(&headers) {
            representation = entry.freshen(&representation, refreshed);
        }
        if let Some(behind) = sent.behind
            && request.class != CredentialClass::Anonymous
            && let LastPage::Full { page, next } =
                last_page(request.route, &sent.uri, &representation)
        {
            let engine = Arc::clone(&self.engine);
            let front = representation.body().clone();
            if let Behind::Page(successor) =
                look_behind(engine, self.inner.clone(), behind, next, front).await
            {
                let origin = &self.engine.options.origin;
                let headers = with_successor(
                    representation.headers(),
                    &successor,
                    &sent.uri,
                    origin,
                    page,
                );
                representation = entry.freshen(&representation, headers);
            }
        }
        let stored = Stored {
            representation,
            confirmation,
        };
        self.land_confirmed(kind, stored, headers)
    }

    /// A 304 to the tag of `[]`: a list that nobody had seen is empty, and nothing was paid for knowing it.
    async fn empty_list<B>(
        self,
        sent: Sent,
        headers: HeaderMap,
        requested_at: SystemTime,
    ) -> Led<B> {
        let request = self.request;
        let until = fresh_until(
            self.engine.freshness(request.class),
            &sent.uri,
            &headers,
            None,
            requested_at,
        );
        let confirmed = Confirmed::new(sent.tag, &headers, requested_at, until);
        let body = Bytes::from_static(b"[]");
        let mut stored = headers.clone();
        stored.insert(
            http::header::CONTENT_TYPE,
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
        let entry = sent.entry.unwrap_or_else(|| Entry::new(sent.uri.path()));
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
        };
        self.land_confirmed(ValidatorKind::Speculative, stored, headers)
    }

    /// A 403 or 429, whose body has been read.
    fn refused<B>(self, sent: Sent, head: Head, body: Bytes, refusal: Refusal) -> Led<B> {
        let outcome = if refusal == Refusal::Other {
            if head.status == StatusCode::FORBIDDEN {
                self.forget(&sent);
            }
            delivered(changed(sent.ask), Storing::Status)
        } else {
            let trouble = Trouble::RateLimited;
            if let Some(stale) = self.stale(sent.entry.as_ref(), trouble, Some(head.status)) {
                return self.land(stale);
            }
            Outcome::Refused(trouble)
        };
        self.land(Landed::Whole {
            outcome,
            head: Arc::new(head),
            body,
        })
    }

    /// GitHub's answer goes to the client, and is recorded where that is of use to somebody else.
    fn deliver<B>(
        mut self,
        sent: Sent,
        outcome: Outcome,
        head: Head,
        body: B,
        requested_at: SystemTime,
    ) -> Led<B>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let storing = match outcome {
            Outcome::Fetched(storing) | Outcome::Changed(storing) => storing,
            _ => Storing::Status,
        };
        let announced = content_length(&head.headers);
        let too_large = announced
            .is_some_and(|length| length > self.engine.options.max_cacheable_body_bytes as u64);
        let alone = matches!(
            storing,
            Storing::TooLarge | Storing::Encoded | Storing::Forbidden
        );
        if alone || too_large || self.lead.is_none() {
            self.unshared();
            let mut response = Response::new(body);
            *response.status_mut() = head.status;
            *response.headers_mut() = head.headers;
            return Led::relayed(outcome, response);
        }
        let head = Arc::new(head);
        if body.is_end_stream() && storing != Storing::Recorded {
            return self.land(Landed::Whole {
                outcome,
                head,
                body: Bytes::new(),
            });
        }
        let commit = (storing == Storing::Recorded).then(|| {
            let head = Arc::clone(&head);
            Commit::new(
                self.request,
                sent.entry,
                &sent.salt,
                sent.media,
                sent.uri,
                head,
                requested_at,
            )
        });
        if commit.is_none() {
            // Whoever waits for a first fetch need not wait for a body that will not be stored.
            self.cold = None;
        }
        let recording = Recording::new(
            self.engine.options.max_cacheable_body_bytes,
            self.engine.budget.clone(),
        );
        let landed = Landed::Streaming {
            outcome,
            head,
            recording: recording.clone(),
        };
        let reader = recording.attach();
        let Some(lead) = self.lead.take() else {
            unreachable!("checked above")
        };
        lead.land(landed.clone());
        let engine = Arc::clone(&self.engine);
        let recorder = Recorder {
            engine,
            recording,
            commit,
            announced,
            lead,
            cold: self.cold.take(),
        };
        tokio::spawn(recorder.run(body));
        Led {
            reader,
            ..Led::landed(landed)
        }
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

    /// Ends the caller's right to be shown what is stored.
    fn forget(&self, sent: &Sent) {
        if let Some(entry) = &sent.entry {
            entry.revoke(self.request.fingerprint);
        }
    }

    fn unshared(&mut self) {
        if let Some(lead) = self.lead.take() {
            lead.land(Landed::Unshared);
        }
    }

    fn land<B>(self, landed: Landed) -> Led<B> {
        if let Some(lead) = &self.lead {
            lead.land(landed.clone());
        }
        Led::landed(landed)
    }

    fn land_confirmed<B>(self, kind: ValidatorKind, stored: Stored, headers: HeaderMap) -> Led<B> {
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
