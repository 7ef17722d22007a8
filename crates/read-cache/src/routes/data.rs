//! The kept paths: all pages as one JSON document.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use http::header::{CONTENT_ENCODING, VARY};
use http::{HeaderMap, HeaderValue, Method, Response};

use super::answer::{FromCopy, respond};
use crate::node::KeyNode;
use crate::problem::Problem;
use crate::service::Shared;

/// Serves a kept path in the coding that the client prefers.
pub(super) async fn serve(
    shared: &Arc<Shared>,
    node: &KeyNode,
    method: &Method,
    headers: &HeaderMap,
) -> Response<Body> {
    let route = node.key.kind.template();
    let clock = &shared.clock;
    let served = match node.serve(&shared.patience, || clock.now()).await {
        Ok(served) => served,
        Err(unserved) => return Problem::of(unserved, clock.now()).answer(route),
    };
    let form = served.copy.snapshot.content.form(headers);
    let from = FromCopy {
        route,
        served: &served,
        tag: &form.tag,
        parts: [form.bytes.clone(), Bytes::new()],
    };
    let mut answer = respond(shared, method, headers, from);
    let out = answer.headers_mut();
    out.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    if let Some(token) = form.coding.token() {
        out.insert(CONTENT_ENCODING, HeaderValue::from_static(token));
    }
    answer
}
