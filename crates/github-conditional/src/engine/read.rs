//! The life of one request: admission, what may be served unasked, one flight per question.

use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use cache_backends::{CacheStore, StoreKey};
use github_headers::{GithubMedia, Route, Shape};
use http::request::Parts;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Body;
use tower_service::Service;

use super::Engine;
use super::answer::{Client, Followed, Head, Stored, answer as respond};
use super::call::{Call, Led};
use super::upstream::send;
use crate::absences::{Absence, AbsenceKey, is_absence};
use crate::body::ConditionalBody;
use crate::confidence::Prediction;
use crate::entry::{Entry, storable_headers};
use crate::error::{BoxError, Error};
use crate::fingerprint::{CredentialClass, Fingerprint};
use crate::flight::{Landing, Seat};
use crate::marks::Mark;
use crate::options::SpeculateEmptyLists;
use crate::outcome::{BypassReason, Collapse, FreshReason, Outcome, Report, Trouble};
use crate::policy::admission::{Admission, Read, RequestBody, admit};
use crate::policy::before::{Freshness, Held, Question, Speculation, Unasked, unasked};
use crate::policy::directives::Directives;
use crate::policy::origin::Addressee;
use crate::policy::precondition::ClientConditions;
use crate::routes::RoutePolicy;
use crate::variant::subject;
use crate::wrapped::{HttpService, ReceivedBody, SentBody};

/// What the engine knows of a read before it looks anything up.
pub(crate) struct ReadRequest {
    pub(crate) read: Read,
    pub(crate) key: StoreKey,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) class: CredentialClass,
    pub(crate) route: Route,
    pub(crate) policy: RoutePolicy,
    pub(crate) directives: Directives,
    pub(crate) conditions: ClientConditions,
    /// The last write that touched the resource, as far as is known before GitHub is asked; 0 = none.
    pub(crate) written: u64,
}

impl ReadRequest {
    pub(crate) fn report(&self, outcome: Outcome) -> Report {
        Report::new(outcome, self.route, self.fingerprint, self.class)
    }

    pub(crate) fn absence_key(&self) -> AbsenceKey {
        (self.key, self.fingerprint)
    }

    /// An answer that says that there is nothing, as it is remembered.
    pub(crate) fn absence(&self, head: Head, body: Option<Bytes>, at: SystemTime) -> Absence {
        let headers = storable_headers(head.headers);
        Absence {
            head: Arc::new(Head { headers, ..head }),
            body,
            at,
            written: self.written,
        }
    }

    pub(crate) fn subject(&self, headers: &HeaderMap) -> (&'static str, GithubMedia) {
        subject(&self.route, headers)
    }
}

pub(crate) type Answered<B> = Result<Response<ConditionalBody<B>>, Error>;

/// An answer under way.
pub(crate) type Answering<'s, B> = Pin<Box<dyn Future<Output = Answered<B>> + Send + 's>>;

/// Answers one request. Who asks for what is found out at once; the future is what may have to wait.
pub(crate) fn answer<'s, S, St, ReqB, ResB>(
    engine: Arc<Engine<St>>,
    mut inner: S,
    request: Request<ReqB>,
) -> Answering<'s, ResB>
where
    S: HttpService<ReqB, Body = ResB> + 's,
    St: CacheStore<Entry>,
    ReqB: SentBody,
    ResB: ReceivedBody,
{
    let directives = Directives::of(request.headers());
    let body = match request.body().is_end_stream() {
        true => RequestBody::Empty,
        false => RequestBody::Present,
    };
    let class = CredentialClass::of(request.headers());
    let path = request.uri().path();
    let policy = engine.policy(request.method(), path, class, request.extensions());
    let admission = match admit(request.method(), request.headers(), body, &directives) {
        Admission::Read(_) if engine.origin.addressee(request.uri()) == Addressee::Stranger => {
            Admission::Bypass(BypassReason::OtherOrigin)
        }
        Admission::Read(_) if policy == RoutePolicy::Deny => {
            Admission::Bypass(BypassReason::Denied)
        }
        admission => admission,
    };
    let read = match admission {
        Admission::Read(read) => read,
        Admission::Bypass(reason) => {
            if directives.only_if_cached && reason != BypassReason::Method {
                let fingerprint = engine.fingerprints.fingerprint(request.headers());
                let route = Route::of(path);
                let report = Report::new(Outcome::NotCached, route, fingerprint, class);
                return Box::pin(std::future::ready(Ok(not_cached(report))));
            }
            return Box::pin(async move { bypass(&engine, &mut inner, request, reason).await });
        }
    };
    let (mut parts, _body) = request.into_parts();
    let fingerprint = engine.fingerprints.fingerprint(&parts.headers);
    let request = ReadRequest {
        read,
        key: engine.keys.key(&parts.uri, &parts.headers),
        fingerprint,
        class,
        policy,
        route: Route::of(parts.uri.path()),
        directives,
        conditions: ClientConditions::take(&mut parts.headers),
        written: 0,
    };
    Box::pin(answer_read(engine, inner, request, parts))
}

/// Answers a read. This future is made for every one, and the smaller it is the more of them fit into a processor's cache.
#[expect(
    clippy::manual_async_fn,
    reason = "an `async fn` keeps room for its arguments twice"
)]
fn answer_read<S, St, ReqB, ResB>(
    engine: Arc<Engine<St>>,
    mut inner: S,
    mut request: ReadRequest,
    mut parts: Parts,
) -> impl Future<Output = Answered<ResB>> + Send
where
    S: HttpService<ReqB, Body = ResB>,
    St: CacheStore<Entry>,
    ReqB: SentBody,
    ResB: ReceivedBody,
{
    async move {
        let (found, lead) = loop {
            let written = engine.marks.last(parts.uri.path());
            request.written = written.map_or(0, |mark| mark.sequence);
            if let Some(answer) = tell_absence(&engine, &request) {
                return Ok(answer);
            }
            let flight = (request.key, request.fingerprint, request.written);
            let landings = engine.flights.landings(&flight);
            let found = engine.find(&request.key).await;
            let entry = found.entry.as_ref();
            if let Some(answer) = serve_unasked(&engine, &request, entry, written) {
                return Ok(answer);
            }
            if request.read == Read::Head && !holds_candidate(&request, entry) {
                request.conditions.restore(&mut parts.headers);
                let cold = Request::from_parts(parts, ReqB::default());
                let asked_at = engine.now();
                // What few requests do is boxed: the others should not carry room for it.
                let asked = Box::pin(bypass(&engine, &mut inner, cold, BypassReason::ColdHead));
                let answered = asked.await;
                if let Ok(answer) = &answered {
                    note_absence(&engine, &request, answer, asked_at);
                }
                return answered;
            }
            match engine.flights.board(flight) {
                Seat::Leader(lead) => {
                    // What was read before another flight landed is outdated.
                    let found = match engine.flights.landings(&flight) == landings {
                        true => found,
                        false => engine.find_again(&request.key, found).await,
                    };
                    break (found, Some(lead));
                }
                Seat::Follower(waiting) => match waiting.landing().await {
                    Landing::Abandoned => {}
                    Landing::Landed(landed) => {
                        let client = client(&engine, &request);
                        let report = request.report(Outcome::NotCached);
                        match client.follow(&landed, report) {
                            Some(Followed::Answer(answer)) => return Ok(answer),
                            Some(Followed::Error(error)) => return Err(error),
                            None => break (found, None),
                        }
                    }
                },
            }
        };
        let call = Call::new(Arc::clone(&engine), inner, &request, parts, lead);
        let led = call.run(found).await;
        led_answer(&engine, &request, led)
    }
}

/// What a leader makes of what its own call has brought.
fn led_answer<St: CacheStore<Entry>, B>(
    engine: &Engine<St>,
    request: &ReadRequest,
    led: Led<B>,
) -> Answered<B> {
    let client = client(engine, request);
    let report = request.report(Outcome::NotCached);
    let landed = match led {
        Led::Landed(landed) => landed,
        Led::Confirmed {
            kind,
            stored,
            fresh_headers,
        } => return Ok(client.confirmed(kind, &stored, fresh_headers, report)),
        Led::Streaming {
            outcome,
            head,
            reader,
        } => return Ok(client.streaming(outcome, &head, reader, report)),
        Led::Relayed(relayed) => {
            let (outcome, response) = *relayed;
            let answer = relay(outcome, response, report);
            return Ok(match request.read {
                Read::Get => answer,
                Read::Head => answer.map(|_body| ConditionalBody::empty()),
            });
        }
    };
    match client.follow(&landed, report) {
        Some(Followed::Answer(mut answer)) => {
            if let Some(report) = answer.extensions_mut().get_mut::<Report>() {
                report.collapse = Collapse::Leader;
            }
            Ok(answer)
        }
        Some(Followed::Error(error)) => Err(error.led()),
        None => unreachable!("a call that lands nothing shareable relays its answer"),
    }
}

fn client<'a, St: CacheStore<Entry>>(engine: &Engine<St>, request: &'a ReadRequest) -> Client<'a> {
    Client {
        read: request.read,
        conditions: &request.conditions,
        now: engine.now(),
    }
}

/// Serves what may be served without asking GitHub.
fn serve_unasked<St: CacheStore<Entry>, B>(
    engine: &Engine<St>,
    request: &ReadRequest,
    entry: Option<&Entry>,
    written: Option<Mark>,
) -> Option<Response<ConditionalBody<B>>> {
    let freshness = request.policy.freshness();
    let directives = &request.directives;
    let may = freshness != Freshness::Revalidate
        || directives.only_if_cached
        || directives.max_stale.is_some();
    if !may {
        return None;
    }
    let stored = entry.and_then(|entry| entry.confirmed(request.fingerprint));
    let stored = stored.map(|(representation, confirmation)| Stored {
        representation,
        confirmation,
        tag: None,
    });
    let held = stored.as_ref().map(|stored| Held {
        validated_at: stored.confirmation.validated_at(),
        fresh_until: stored.confirmation.fresh_until(),
        settled_at: written.map(|mark| mark.settled_at),
    });
    let client = client(engine, request);
    let question = question(engine, request, Prediction::Off);
    match (unasked(&question, held, client.now)?, stored) {
        (Unasked::Serve(reason), Some(stored)) => {
            let report = request.report(Outcome::Fresh(reason));
            let left = held.and_then(|held| held.ttl_seconds(freshness, client.now));
            Some(client.fresh(reason, &stored, left, report))
        }
        _ => Some(not_cached(request.report(Outcome::NotCached))),
    }
}

/// The client wants a stored answer or none (RFC 9111 §5.2.1.7).
fn not_cached<B>(report: Report) -> Response<ConditionalBody<B>> {
    let mut answer = respond(
        StatusCode::GATEWAY_TIMEOUT,
        HeaderMap::new(),
        ConditionalBody::empty(),
    );
    answer.extensions_mut().insert(report);
    answer
}

/// Tells that there is nothing, where GitHub said so to this caller a moment ago.
fn tell_absence<St: CacheStore<Entry>, B>(
    engine: &Engine<St>,
    request: &ReadRequest,
) -> Option<Response<ConditionalBody<B>>> {
    let RoutePolicy::Negative(lasts) = request.policy else {
        return None;
    };
    let absence = engine.absences.find(&request.absence_key())?;
    let client = client(engine, request);
    let left = absence.ttl_seconds(
        request.read,
        lasts,
        request.written,
        &request.directives,
        client.now,
    )?;
    let report = request.report(Outcome::Fresh(FreshReason::Negative));
    Some(client.absent(&absence, left, report))
}

/// Remembers that a HEAD found nothing; its answer has no body that a GET could be given.
fn note_absence<St: CacheStore<Entry>, B>(
    engine: &Engine<St>,
    request: &ReadRequest,
    answer: &Response<ConditionalBody<B>>,
    asked_at: SystemTime,
) {
    if !matches!(request.policy, RoutePolicy::Negative(_)) || !is_absence(answer.status()) {
        return;
    }
    let head = Head {
        status: answer.status(),
        headers: answer.headers().clone(),
    };
    engine
        .absences
        .note(request.absence_key(), request.absence(head, None, asked_at));
}

/// The facts that decide about asking.
pub(crate) fn question<St: CacheStore<Entry>>(
    engine: &Engine<St>,
    request: &ReadRequest,
    prediction: Prediction,
) -> Question {
    let list = request.route.shape() == Shape::List;
    let speculation = match engine.options.speculate_empty_lists {
        SpeculateEmptyLists::Yes if list => Speculation::EmptyList,
        _ => Speculation::Off,
    };
    Question {
        directives: request.directives,
        freshness: request.policy.freshness(),
        class: request.class,
        client_validators: request.conditions.presence(),
        prediction,
        speculation,
    }
}

fn holds_candidate(request: &ReadRequest, entry: Option<&Entry>) -> bool {
    entry.is_some_and(|entry| {
        entry
            .candidate(request.fingerprint, request.class)
            .is_some()
    })
}

/// Hands a request on untouched, and the answer back; notes what a successful write has touched.
async fn bypass<S, St, ReqB, ResB>(
    engine: &Engine<St>,
    inner: &mut S,
    mut request: Request<ReqB>,
    reason: BypassReason,
) -> Answered<ResB>
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
    S::Error: Into<BoxError>,
    St: CacheStore<Entry>,
    ResB: Body<Data = Bytes>,
{
    let route = Route::of(request.uri().path());
    let fingerprint = engine.fingerprints.fingerprint(request.headers());
    let class = CredentialClass::of(request.headers());
    request.extensions_mut().insert(fingerprint);
    let written = (reason == BypassReason::Method && !request.method().is_safe())
        .then(|| request.uri().path().to_owned());
    let report = Report::new(Outcome::Bypassed(reason), route, fingerprint, class);
    match send(inner, request).await {
        Ok(response) => {
            if let Some(path) = written
                && !response.status().is_client_error()
            {
                engine.marks.mark(&path, engine.now());
            }
            Ok(relay(Outcome::Bypassed(reason), response, report))
        }
        Err(failure) => {
            if let Some(path) = written.filter(|_| failure.trouble != Trouble::RateLimited) {
                // Whether it took effect is not known; asking again is the safe side.
                engine.marks.mark(&path, engine.now());
            }
            let mut report = report;
            report.outcome = Outcome::Failed(failure.trouble);
            Err(Error::new(report, failure.trouble, Some(failure.source)))
        }
    }
}

/// GitHub's answer as it is.
fn relay<B>(
    outcome: Outcome,
    response: Response<B>,
    mut report: Report,
) -> Response<ConditionalBody<B>> {
    report.outcome = outcome;
    report.upstream_status = Some(response.status());
    let mut response = response.map(ConditionalBody::upstream);
    response.extensions_mut().insert(report);
    response
}
