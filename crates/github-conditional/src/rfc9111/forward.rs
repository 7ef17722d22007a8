//! Requests that the cache hands on: writes, which outdate what is stored, and reads that are not for a cache.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use cache_backends::CacheStore;
use http::{Method, Request, Response, Uri};
use http_body::Body;
use tower_service::Service;

use super::ask::Call;
use super::controls::{Controls, Source, announce, is_for_surrogates};
use super::engine::Engine;
use super::freshness::{Lifetime, lifetime};
use super::invalidate::{Effect, effect, is_about_itself, named};
use super::keep::Incoming;
use super::read::Asked;
use super::resource::Resource;
use crate::engine::read::Answered;
use crate::engine::upstream::send;
use crate::error::{BoxError, Error};
use crate::outcome::{BypassReason, Outcome, Storing};
use crate::policy::admission::Read;
use crate::policy::directives::Directives;
use crate::policy::precondition::ClientConditions;

pub(super) async fn forward<S, St, ReqB, ResB>(
    engine: Arc<Engine<St>>,
    mut inner: S,
    mut request: Request<ReqB>,
    reason: BypassReason,
) -> Answered<ResB>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    St: CacheStore<Resource>,
    ResB: Body<Data = Bytes> + Send + 'static,
    ResB::Error: Into<BoxError>,
{
    let method = request.method().clone();
    let target = engine.absolute(request.uri());
    let downstream = is_for_surrogates(request.headers());
    let report = engine.report(Outcome::Bypassed(reason), request.headers());
    let mut parts = Request::new(()).into_parts().0;
    // What decides about storing, in the rare case that it is a question.
    parts.headers = match method {
        Method::POST => request.headers().clone(),
        _ => http::HeaderMap::new(),
    };
    announce(request.headers_mut(), &engine.options);
    request.extensions_mut().insert(report.fingerprint);
    let requested_at = engine.now();
    let sent = send(&mut inner, request).await;
    let received_at = engine.now();
    let asked = Asked {
        read: match method {
            Method::HEAD => Read::Head,
            _ => Read::Get,
        },
        key: engine.key_of(&target),
        directives: Directives::of(&parts.headers),
        conditions: ClientConditions::default(),
        downstream,
        parts,
        report,
    };
    let response = match sent {
        Ok(response) => response,
        Err(failure) => {
            if !method.is_safe() {
                // Whether it took effect is not known; asking again is the safe side.
                outdate(&engine, &[target], received_at).await;
            }
            let mut report = asked.report;
            report.outcome = Outcome::Failed(failure.trouble);
            return Err(Error::new(report, failure.trouble, Some(failure.source)));
        }
    };
    let (head, body) = response.into_parts();
    let incoming = Incoming {
        status: head.status,
        headers: head.headers,
        requested_at,
        received_at,
    };
    if effect(&method, incoming.status) == Effect::Changed {
        let mut urls = named(&target, &incoming.headers);
        urls.push(target.clone());
        outdate(&engine, &urls, received_at).await;
    }
    let outcome = Outcome::Bypassed(reason);
    let call = Call::new(engine, inner, asked, None);
    if method == Method::POST && answers_for_get(&call, &target, &incoming) {
        let incoming = Incoming {
            // It is what the write has led to, so it holds from after it.
            requested_at: received_at + Duration::from_nanos(1),
            ..incoming
        };
        return Ok(call.record(outcome, incoming, body));
    }
    Ok(call.relayed(outcome, incoming, body))
}

/// Whether the answer to a POST may be stored as one to a GET (RFC 9110 §9.3.3): it says that it is, and how long.
fn answers_for_get<S, St>(call: &Call<S, St>, target: &Uri, incoming: &Incoming) -> bool {
    let options = &call.engine.options;
    let controls = Controls::of(&incoming.headers, options);
    let lifetime = lifetime(
        incoming.status,
        &incoming.headers,
        &controls,
        incoming.received_at,
        options,
    );
    incoming.status.is_success()
        && matches!(lifetime, Lifetime::Explicit(_))
        && controls.source == Source::Untargeted
        && is_about_itself(target, &incoming.headers)
        && !call.asked.directives.no_store
        && incoming.storing(call.asked.headers(), options) == Storing::Recorded
}

/// What is stored for these urls is from before `at`, and not to be reused without being asked about.
async fn outdate<St: CacheStore<Resource>>(engine: &Engine<St>, urls: &[Uri], at: SystemTime) {
    for url in urls {
        let outdated = Resource::invalidated(at, engine.options.max_variants);
        engine.save(&engine.key_of(url), outdated).await;
    }
}
