//! What an administrator may do: refresh a path now, or remove it everywhere. Without the token there is no such page.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, Response, StatusCode};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::Cache;
use super::health::json;
use crate::node::{Called, Calls, KeyNode};
use crate::problem::Problem;
use crate::service::Shared;

/// What was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Accepted {
    paths: Vec<String>,
}

/// Refreshes a kept path now, or all of them.
#[utoipa::path(
    post,
    path = "/admin/refresh",
    tag = "administration",
    params(("path" = Option<String>, Query, description = "Such as `/orgs/Netflix/repos`; all without it")),
    responses(
        (status = 202, description = "It will be done", body = Accepted),
        (status = 404, description = "No such path, or not the administrator's token", body = super::docs::Message),
    ),
    security(("admin_token" = []))
)]
pub(super) async fn refresh(
    State(shared): Cache,
    method: Method,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    let called = |calls: &mut Calls| calls.refresh = Some(Called);
    act(&shared, (&method, Method::POST), &headers, query, called)
}

/// Removes a kept path's data, or everything, on every node; it is gathered anew at once.
#[utoipa::path(
    delete,
    path = "/admin/cache",
    tag = "administration",
    params(("path" = Option<String>, Query, description = "Such as `/orgs/Netflix/repos`; all without it")),
    responses(
        (status = 202, description = "It will be done", body = Accepted),
        (status = 404, description = "No such path, or not the administrator's token", body = super::docs::Message),
    ),
    security(("admin_token" = []))
)]
pub(super) async fn cache(
    State(shared): Cache,
    method: Method,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    let called = |calls: &mut Calls| calls.forget = Some(Called);
    act(&shared, (&method, Method::DELETE), &headers, query, called)
}

fn act(
    shared: &Arc<Shared>,
    (method, wanted): (&Method, Method),
    headers: &HeaderMap,
    query: Option<String>,
    call: impl Fn(&mut Calls),
) -> Response<Body> {
    let nodes = nodes(shared, query.as_deref());
    let admitted = admit(shared.admin_token.expose(), headers) == Admission::Administrator;
    if *method != wanted || !admitted || nodes.is_empty() {
        return Problem::NoSuchPage.answer("admin");
    }
    for node in &nodes {
        node.call(&call);
    }
    let paths = nodes.iter().map(|node| node.key.path.clone()).collect();
    json(StatusCode::ACCEPTED, &Accepted { paths })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Admission {
    Administrator,
    Nobody,
}

/// Compares hashes, so that the time it takes tells nothing of the token.
fn admit(token: &str, headers: &HeaderMap) -> Admission {
    let sent = headers.get(AUTHORIZATION).and_then(|value| {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    match sent {
        Some(sent) if !token.is_empty() && Sha256::digest(sent) == Sha256::digest(token) => {
            Admission::Administrator
        }
        _ => Admission::Nobody,
    }
}

/// The keys that a query means: all of them without `path`.
fn nodes(shared: &Shared, query: Option<&str>) -> Vec<Arc<KeyNode>> {
    let pairs = query.into_iter().flat_map(|query| query.split('&'));
    let mut paths = pairs.filter_map(|pair| pair.strip_prefix("path="));
    match paths.next() {
        None => shared.nodes.to_vec(),
        Some(path) => {
            // Only slashes are ever encoded in the paths that are kept.
            let path = path.replace("%2F", "/").replace("%2f", "/");
            let node = shared.node(&path.to_ascii_lowercase());
            node.into_iter().cloned().collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_admits() {
        #[track_caller]
        fn check(token: &str, sent: &str, expected: Admission) {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, sent.parse().unwrap());
            assert_eq!(admit(token, &headers), expected, "{sent}");
        }
        check("secret", "Bearer secret", Admission::Administrator);
        check("secret", "bearer secret", Admission::Administrator);
        check("secret", "Bearer other", Admission::Nobody);
        check("secret", "secret", Admission::Nobody);
        check("secret", "Basic secret", Admission::Nobody);
        check("", "Bearer ", Admission::Nobody);
        assert_eq!(admit("secret", &HeaderMap::new()), Admission::Nobody);
    }
}
