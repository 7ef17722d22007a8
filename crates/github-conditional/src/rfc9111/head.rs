//! The answer to a HEAD that the server was asked: it renews what is stored for a GET, or outdates it
//! (RFC 9111 §4.3.5).

use std::sync::Arc;

use cache_backends::CacheStore;
use http::StatusCode;

use super::ask::{Call, renew};
use super::decide::Failure;
use super::keep::Incoming;
use super::read::Selected;
use super::resource::Resource;
use super::update::{HeadSays, compare_head};
use crate::engine::read::Answered;
use crate::outcome::{BypassReason, Outcome, ValidatorKind};

pub(super) async fn answered<S, St: CacheStore<Resource>, B>(
    call: Call<S, St>,
    selected: Option<&Selected>,
    incoming: Incoming,
    body: B,
) -> Answered<B> {
    let forwarded = Outcome::Bypassed(BypassReason::ColdHead);
    let Some(selected) = selected else {
        return Ok(call.relayed(forwarded, incoming, body));
    };
    if let Some(failure) = Failure::of(incoming.status)
        && let Some(answer) = call.stand_in(Some(selected), failure, Some(incoming.status))
    {
        return Ok(answer);
    }
    let stored = &selected.stored;
    if incoming.status != StatusCode::OK || stored.status != StatusCode::OK {
        return Ok(call.relayed(forwarded, incoming, body));
    }
    match compare_head(&stored.headers, stored.body.len(), &incoming.headers) {
        HeadSays::Changed => {
            let most = call.engine.options.max_variants;
            let outdated = Resource::invalidated(incoming.requested_at, most);
            call.engine.save(&call.asked.key, outdated).await;
            Ok(call.relayed(forwarded, incoming, body))
        }
        HeadSays::Same => {
            let renewed = renew(&call.engine, &call.asked, stored, &incoming).await;
            let mut asked = call.asked;
            asked.report.upstream_status = Some(incoming.status);
            let outcome = Outcome::Revalidated(ValidatorKind::Head);
            let now = incoming.received_at;
            Ok(asked.stored(&Arc::clone(&renewed), outcome, now))
        }
    }
}
