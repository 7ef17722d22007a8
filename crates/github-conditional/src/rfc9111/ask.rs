//! One upstream call on behalf of everybody who waits for it.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use cache_backends::CacheStore;
use http::{HeaderMap, Request, StatusCode};
use http_body::Body;

use super::controls::{Controls, announce};
use super::decide::{Failure, StandIn, stands_in};
use super::engine::{Engine, FlightKey};
use super::freshness::{age_on_arrival, lifetime};
use super::head;
use super::keep::Incoming;
use super::plan::{Meaning, Plan, apply, meaning, plan};
use super::read::{Asked, Landed, Selected};
use super::resource::Resource;
use super::selection::{Selection, Vary};
use super::storable::storing;
use super::stored::{Stored, Terms, Times};
use super::update::updated;
use crate::engine::read::Answered;
use crate::engine::upstream::{CallFailure, send};
use crate::error::{BoxError, Error};
use crate::flight::Lead;
use crate::outcome::{Outcome, Storing, Trouble, ValidatorKind};
use crate::policy::admission::Read;
use crate::wrapped::{HttpService, ReceivedBody, SentBody};

pub(crate) type FlightLead = Lead<FlightKey, Landed>;

/// A call in the making.
pub(crate) struct Call<S, St> {
    pub(super) engine: Arc<Engine<St>>,
    pub(super) inner: S,
    pub(super) asked: Asked,
    /// `None` for a request that goes alone.
    pub(super) lead: Option<FlightLead>,
}

impl<S, St> Call<S, St> {
    pub(crate) fn new(
        engine: Arc<Engine<St>>,
        inner: S,
        asked: Asked,
        lead: Option<FlightLead>,
    ) -> Self {
        Self {
            engine,
            inner,
            asked,
            lead,
        }
    }

    pub(super) fn land(&self, landed: Landed) {
        let Some(lead) = &self.lead else { return };
        match landed {
            Landed::Streaming { .. } => lead.land_passing(landed),
            _ => lead.land(landed),
        }
    }
}

/// Asks the server, and lands what comes of it.
pub(crate) async fn ask<S, St, ReqB, ResB>(
    mut call: Call<S, St>,
    resource: Option<Resource>,
) -> Answered<ResB>
where
    S: HttpService<ReqB, Body = ResB> + 'static,
    St: CacheStore<Resource>,
    ReqB: SentBody,
    ResB: ReceivedBody,
{
    let selected = call.asked.select(&call.engine, resource.as_ref());
    let selected = selected.as_ref();
    let mut plan = plan(&call.asked, selected, resource.as_ref());
    loop {
        let requested_at = call.engine.now();
        let request = upstream_request::<_, _, ReqB>(&call, &plan, selected);
        let response = match send(&mut call.inner, request).await {
            Ok(response) => response,
            Err(failure) => return call.failed(selected, failure),
        };
        let received_at = call.engine.now();
        let (parts, body) = response.into_parts();
        let incoming = Incoming {
            status: parts.status,
            headers: parts.headers,
            requested_at,
            received_at,
        };
        if call.asked.read == Read::Head {
            return head::answered(call, selected, incoming, body).await;
        }
        match meaning(&plan, incoming.status, &incoming.headers) {
            Meaning::Confirmed { kind } => {
                if let Some(selected) = selected {
                    let stored = Arc::clone(&selected.stored);
                    return Ok(call.confirmed(kind, &stored, &incoming).await);
                }
                return call.nonsense(&incoming);
            }
            Meaning::Adopted(stored) => {
                let kind = ValidatorKind::OtherVariant;
                return Ok(call.confirmed(kind, &stored, &incoming).await);
            }
            Meaning::Ambiguous => plan = Plan::Plain,
            Meaning::ClientConfirmed => {
                let outcome = Outcome::ClientConfirmed;
                return Ok(call.relayed(outcome, incoming, body));
            }
            Meaning::Nonsense => return call.nonsense(&incoming),
            Meaning::Answer => {
                if let Some(failure) = Failure::of(incoming.status)
                    && let Some(answer) = call.stand_in(selected, failure, Some(incoming.status))
                {
                    return Ok(answer);
                }
                return Ok(call.answered(&plan, incoming, body).await);
            }
        }
    }
}

fn upstream_request<S, St, ReqB>(
    call: &Call<S, St>,
    plan: &Plan,
    selected: Option<&Selected>,
) -> Request<ReqB>
where
    ReqB: Default,
{
    let mut parts = call.asked.parts.clone();
    apply(plan, &call.asked, selected, &mut parts.headers);
    announce(&mut parts.headers, &call.engine.options);
    // Whoever keeps accounts below wants to know who asks.
    parts.extensions.insert(call.asked.report.fingerprint);
    Request::from_parts(parts, ReqB::default())
}

impl<S, St: CacheStore<Resource>> Call<S, St> {
    /// What is stored stands in for an answer that the server did not give.
    pub(super) fn stand_in<B>(
        &self,
        selected: Option<&Selected>,
        failure: Failure,
        upstream_status: Option<StatusCode>,
    ) -> Option<super::Answer<B>> {
        let selected = selected?;
        let now = self.engine.now();
        let stands = stands_in(
            &selected.stored,
            selected.standing,
            &self.asked.directives,
            failure,
            now,
            &self.engine.options,
        );
        if stands == StandIn::Refused {
            return None;
        }
        // Who waits decides for itself: its request may accept less.
        self.land(Landed::Unshared);
        let outcome = Outcome::Stale(failure.trouble());
        let mut asked = self.asked.clone();
        asked.report.upstream_status = upstream_status;
        Some(asked.stored(&selected.stored, outcome, now))
    }

    pub(super) fn failed<B>(
        self,
        selected: Option<&Selected>,
        failure: CallFailure,
    ) -> Answered<B> {
        let unreachable = Failure::Unreachable(failure.trouble);
        if let Some(answer) = self.stand_in(selected, unreachable, None) {
            return Ok(answer);
        }
        let mut report = self.asked.report.clone();
        report.outcome = Outcome::Failed(failure.trouble);
        match selected {
            // What is stored may stand in for others.
            Some(_) => self.land(Landed::Unshared),
            None => self.land(Landed::Failed(failure.clone())),
        }
        Err(Error::new(report, failure.trouble, Some(failure.source)))
    }

    fn nonsense<B>(self, incoming: &Incoming) -> Answered<B> {
        self.land(Landed::Unshared);
        let mut report = self.asked.report;
        report.outcome = Outcome::Failed(Trouble::ServerError);
        report.upstream_status = Some(incoming.status);
        Err(Error::new(report, Trouble::ServerError, None))
    }

    /// A 304: the stored body under renewed headers.
    async fn confirmed<B>(
        self,
        kind: ValidatorKind,
        stored: &Stored,
        incoming: &Incoming,
    ) -> super::Answer<B> {
        let renewed = renew(&self.engine, &self.asked, stored, incoming).await;
        self.land(Landed::Confirmed);
        let mut asked = self.asked;
        asked.report.upstream_status = Some(incoming.status);
        asked.stored(&renewed, Outcome::Revalidated(kind), incoming.received_at)
    }

    /// An answer in its own right.
    async fn answered<B>(self, plan: &Plan, incoming: Incoming, body: B) -> super::Answer<B>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let storing = incoming.storing(self.asked.headers(), &self.engine.options);
        let outcome = match plan {
            Plan::Own { .. } => Outcome::Changed(storing),
            _ => Outcome::Fetched(storing),
        };
        if storing == Storing::Recorded {
            return self.record(outcome, incoming, body);
        }
        let replaced = matches!(plan, Plan::Own { .. })
            && !incoming.status.is_server_error()
            && storing != Storing::Authorization;
        if replaced {
            // What is stored has been replaced by something that may not be stored.
            let outdated =
                Resource::invalidated(incoming.requested_at, self.engine.options.max_variants);
            self.engine.save(&self.asked.key, outdated).await;
        }
        self.relayed(outcome, incoming, body)
    }

    /// The server's answer as it is, to this client alone.
    pub(super) fn relayed<B>(
        self,
        outcome: Outcome,
        incoming: Incoming,
        body: B,
    ) -> super::Answer<B> {
        self.land(Landed::Unshared);
        self.asked
            .relayed(outcome, incoming.status, incoming.headers, body)
    }
}

/// Stores what a later answer has said about a stored body.
pub(super) async fn renew<St: CacheStore<Resource>>(
    engine: &Engine<St>,
    asked: &Asked,
    stored: &Stored,
    incoming: &Incoming,
) -> Arc<Stored> {
    let options = &engine.options;
    let headers = updated(&stored.headers, &incoming.headers);
    let controls = Controls::of(&headers, options);
    let received_at = incoming.received_at;
    let lifetime = lifetime(stored.status, &headers, &controls, received_at, options);
    let storing = storing(
        asked.headers(),
        stored.status,
        &headers,
        &controls,
        lifetime,
        options,
    );
    let selection = match Vary::of(&headers) {
        Vary::Names(names) => Selection::new(&engine.secret, names, asked.headers()),
        Vary::Anything => stored.selection().clone(),
    };
    let times = Times {
        as_of: incoming.requested_at,
        received_at,
        // The age is that of the 304, not of what was stored.
        age_on_arrival: age_on_arrival(&incoming.headers, incoming.requested_at, received_at),
        fresh_for: lifetime.duration(),
    };
    let renewed = stored.renewed(selection, headers, times, Terms::of(&controls, options));
    let most = options.max_variants;
    let resource = match storing {
        Storing::Recorded | Storing::Status | Storing::TooLarge => {
            Resource::holding(Arc::clone(&renewed), most)
        }
        // What was said to this caller alone changes nothing for others.
        Storing::Authorization => return renewed,
        // It may be kept no longer.
        _ => Resource::invalidated(incoming.requested_at, most),
    };
    engine.save(&asked.key, resource).await;
    renewed
}

/// The head of an answer that is arriving, and when.
impl Incoming {
    pub(super) fn storing(
        &self,
        request: &HeaderMap,
        options: &super::options::Options,
    ) -> Storing {
        let controls = Controls::of(&self.headers, options);
        let lifetime = lifetime(
            self.status,
            &self.headers,
            &controls,
            self.received_at,
            options,
        );
        storing(
            request,
            self.status,
            &self.headers,
            &controls,
            lifetime,
            options,
        )
    }
}

/// Where in time a stored answer stands.
pub(super) fn times(
    status: StatusCode,
    headers: &HeaderMap,
    controls: &Controls,
    (as_of, received_at): (SystemTime, SystemTime),
    options: &super::options::Options,
) -> Times {
    Times {
        as_of,
        received_at,
        age_on_arrival: age_on_arrival(headers, as_of.min(received_at), received_at),
        fresh_for: lifetime(status, headers, controls, received_at, options).duration(),
    }
}
