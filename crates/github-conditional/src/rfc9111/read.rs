//! The life of one read: what is stored, what may be given of it, one upstream call for all who ask the same.

use std::sync::Arc;

use cache_backends::{CacheStore, StoreKey};
use http::header::{IF_MATCH, IF_UNMODIFIED_SINCE, RANGE};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::Body;

use super::ask::{self, Call};
use super::controls::{Downstream, is_for_surrogates};
use super::decide::{Decision, Standing, decide};
use super::engine::Engine;
use super::forward;
use super::resource::Resource;
use super::selection::Fit;
use super::stored::Stored;
use crate::body::ConditionalBody;
use crate::engine::read::Answered;
use crate::engine::upstream::CallFailure;
use crate::error::Error;
use crate::flight::{Landing, Seat};
use crate::outcome::{BypassReason, Collapse, FreshReason, Outcome, Report};
use crate::policy::admission::Read;
use crate::policy::before::ClientValidators;
use crate::policy::directives::Directives;
use crate::policy::precondition::ClientConditions;
use crate::recording::Recording;
use crate::wrapped::{HttpService, ReceivedBody, SentBody};

/// One read.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(super) read: Read,
    pub(super) key: StoreKey,
    pub(super) directives: Directives,
    pub(super) conditions: ClientConditions,
    pub(super) downstream: Downstream,
    /// The request without the client's validators.
    pub(super) parts: Parts,
    pub(super) report: Report,
}

/// What an upstream call has led to, for those who waited for it.
#[derive(Clone, Debug)]
pub(crate) enum Landed {
    /// A storable answer whose body streams and is recorded.
    Streaming {
        outcome: Outcome,
        answer: Arc<Stored>,
        recording: Recording,
    },
    /// What is stored was confirmed: it is worth another look.
    Confirmed,
    /// The server did not answer.
    Failed(CallFailure),
    /// An answer that only the leader can have.
    Unshared,
}

/// A stored answer that fits a request.
#[derive(Clone, Debug)]
pub(crate) struct Selected {
    pub(super) stored: Arc<Stored>,
    pub(super) standing: Standing,
}

impl Asked {
    pub(super) fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// The newest stored answer that fits; one whose selecting headers say the same before one in the right language.
    pub(super) fn select<St: CacheStore<Resource>>(
        &self,
        engine: &Engine<St>,
        resource: Option<&Resource>,
    ) -> Option<Selected> {
        let resource = resource?;
        let mut other = None;
        for stored in resource.answers() {
            match stored
                .selection()
                .fit(&engine.secret, self.headers(), &stored.headers)
            {
                Fit::Same => return Some(selected(stored, resource)),
                Fit::PreferredLanguage => other = other.or(Some(stored)),
                Fit::No => {}
            }
        }
        other.map(|stored| selected(stored, resource))
    }

    /// Whether somebody else's answer can be this request's: it asks for the whole, and not whether it has changed.
    fn sharing(&self) -> Sharing {
        let conditional = self.conditions.presence() == ClientValidators::Present;
        match self.read == Read::Head || conditional || self.headers().contains_key(RANGE) {
            true => Sharing::Alone,
            false => Sharing::Together,
        }
    }
}

fn selected(stored: &Arc<Stored>, resource: &Resource) -> Selected {
    Selected {
        stored: Arc::clone(stored),
        standing: Standing::of(stored, resource.invalidated_at()),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sharing {
    Together,
    Alone,
}

/// Answers one request.
pub(crate) async fn answer<S, St, ReqB, ResB>(
    engine: Arc<Engine<St>>,
    inner: S,
    request: Request<ReqB>,
) -> Answered<ResB>
where
    S: HttpService<ReqB, Body = ResB> + 'static,
    St: CacheStore<Resource>,
    ReqB: SentBody,
    ResB: ReceivedBody,
{
    let directives = Directives::of(request.headers());
    let read = match admit(&request, &directives) {
        Ok(read) => read,
        Err(reason) => return forward::forward(engine, inner, request, reason).await,
    };
    let (mut parts, _body) = request.into_parts();
    let asked = Asked {
        read,
        key: engine.key_of(&engine.absolute(&parts.uri)),
        directives,
        conditions: ClientConditions::take(&mut parts.headers),
        downstream: is_for_surrogates(&parts.headers),
        report: engine.report(Outcome::NotCached, &parts.headers),
        parts,
    };
    read_through(engine, inner, asked).await
}

/// Whether the cache has a part in a request.
fn admit<B: Body>(request: &Request<B>, directives: &Directives) -> Result<Read, BypassReason> {
    let read = match *request.method() {
        Method::GET => Read::Get,
        Method::HEAD => Read::Head,
        _ => return Err(BypassReason::Method),
    };
    let headers = request.headers();
    if !request.body().is_end_stream() {
        return Err(BypassReason::RequestBody);
    }
    if headers.contains_key(IF_MATCH) || headers.contains_key(IF_UNMODIFIED_SINCE) {
        return Err(BypassReason::OriginPrecondition);
    }
    if directives.no_store {
        return Err(BypassReason::NoStore);
    }
    Ok(read)
}

async fn read_through<S, St, ReqB, ResB>(
    engine: Arc<Engine<St>>,
    inner: S,
    mut asked: Asked,
) -> Answered<ResB>
where
    S: HttpService<ReqB, Body = ResB> + 'static,
    St: CacheStore<Resource>,
    ReqB: SentBody,
    ResB: ReceivedBody,
{
    loop {
        let resource = engine.load(&asked.key, asked.parts.uri.path()).await;
        let flight = flight(&asked, resource.as_ref());
        let landings = engine.flights.landings(&flight);
        if let Some(answer) = serve_stored(&engine, &inner, &asked, resource.as_ref()) {
            return Ok(answer);
        }
        // One wait is enough: what it brought is not for this request.
        let waited = asked.report.collapse == Collapse::Follower;
        if waited || asked.sharing() == Sharing::Alone {
            asked.report.collapse = Collapse::Leader;
            return ask::ask(Call::new(engine, inner, asked, None), resource).await;
        }
        match engine.flights.board(flight) {
            Seat::Leader(lead) => {
                // What was read before another flight landed is outdated.
                let resource = match engine.flights.landings(&flight) == landings {
                    true => resource,
                    false => engine.load(&asked.key, asked.parts.uri.path()).await,
                };
                if let Some(answer) = serve_stored(&engine, &inner, &asked, resource.as_ref()) {
                    return Ok(answer);
                }
                return ask::ask(Call::new(engine, inner, asked, Some(lead)), resource).await;
            }
            Seat::Follower(waiting) => match waiting.landing().await {
                Landing::Abandoned => {}
                Landing::Landed(landed) => {
                    asked.report.collapse = Collapse::Follower;
                    if let Some(answer) = follow(&engine, &asked, landed) {
                        return answer;
                    }
                }
            },
        }
    }
}

fn flight(asked: &Asked, resource: Option<&Resource>) -> (StoreKey, Option<std::time::SystemTime>) {
    (asked.key, resource.and_then(Resource::invalidated_at))
}

/// What a follower makes of a landed call; `None` = it looks again, and then asks for itself.
fn follow<St: CacheStore<Resource>, B>(
    engine: &Engine<St>,
    asked: &Asked,
    landed: Landed,
) -> Option<Answered<B>> {
    match landed {
        Landed::Streaming {
            outcome,
            answer,
            recording,
        } => {
            let fits = answer
                .selection()
                .fit(&engine.secret, asked.headers(), &answer.headers);
            let now = engine.now();
            let fresh = decide(Some((&answer, Standing::Valid)), &asked.directives, now);
            if fits != Fit::Same || fresh != Decision::Serve(FreshReason::Fresh) {
                return None;
            }
            // The beginning of a body that has outgrown its limits is gone.
            let reader = recording.attach()?;
            Some(Ok(asked.streamed(&answer, reader, outcome, now)))
        }
        Landed::Failed(failure) => {
            let mut report = asked.report.clone();
            report.outcome = Outcome::Failed(failure.trouble);
            let error = Error::new(report, failure.trouble, Some(failure.source));
            Some(Err(error))
        }
        Landed::Confirmed | Landed::Unshared => None,
    }
}

/// Gives what is stored, if that may be done without asking first.
fn serve_stored<S, St, ReqB, ResB>(
    engine: &Arc<Engine<St>>,
    inner: &S,
    asked: &Asked,
    resource: Option<&Resource>,
) -> Option<Response<ConditionalBody<ResB>>>
where
    S: HttpService<ReqB, Body = ResB> + 'static,
    St: CacheStore<Resource>,
    ReqB: SentBody,
    ResB: ReceivedBody,
{
    let now = engine.now();
    let selected = asked.select(engine, resource);
    let held = selected
        .as_ref()
        .map(|selected| (&*selected.stored, selected.standing));
    match (decide(held, &asked.directives, now), &selected) {
        (Decision::Serve(reason), Some(selected)) => {
            Some(asked.stored(&selected.stored, Outcome::Fresh(reason), now))
        }
        (Decision::ServeAndRevalidate, Some(selected)) => {
            revalidate_behind(engine, inner, asked, resource);
            let outcome = Outcome::Fresh(FreshReason::WhileRevalidating);
            Some(asked.stored(&selected.stored, outcome, now))
        }
        (Decision::NotCached, _) => {
            let mut answer = Response::new(ConditionalBody::empty());
            *answer.status_mut() = StatusCode::GATEWAY_TIMEOUT;
            answer.extensions_mut().insert(asked.report.clone());
            Some(answer)
        }
        _ => None,
    }
}

/// Asks the server behind an answer that was given, unless somebody is asking already.
fn revalidate_behind<S, St, ReqB, ResB>(
    engine: &Arc<Engine<St>>,
    inner: &S,
    asked: &Asked,
    resource: Option<&Resource>,
) where
    S: HttpService<ReqB, Body = ResB> + 'static,
    St: CacheStore<Resource>,
    ReqB: SentBody,
    ResB: ReceivedBody,
{
    let Seat::Leader(lead) = engine.flights.board(flight(asked, resource)) else {
        return;
    };
    let mut asked = asked.clone();
    // The whole is asked for, whatever part of it the client wanted.
    asked.read = Read::Get;
    asked.parts.method = Method::GET;
    asked.parts.headers.remove(RANGE);
    asked.conditions = ClientConditions::default();
    let call = Call::new(Arc::clone(engine), inner.clone(), asked, Some(lead));
    let resource = resource.cloned();
    // Whoever asked has an answer; what this brings is in the store.
    tokio::spawn(async move { ask::ask::<S, St, ReqB, ResB>(call, resource).await.is_ok() });
}
