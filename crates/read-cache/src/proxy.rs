//! Everything that is not kept goes to GitHub through the conditional engine: method, query, body, status and headers as
//! they are.
//!
//! A request without `Authorization` is asked in the service's own name, if it only reads: a write that anybody may send
//! must not happen in somebody else's name. A client's own credential wins, and what it sees is never shown to others.

use std::sync::Arc;

use axum::body::Body;
use github_conditional::{Outcome, Report};
use github_upstream::RequestBody;
use http::header::{AGE, AUTHORIZATION};
use http::{HeaderValue, Method, Request, Response, Uri, Version};
use http_body::Body as _;
use tower_service::Service;

use crate::problem::Problem;
use crate::routes::CACHE_NAME;
use crate::service::Shared;
use service_runtime::front::Told;

const ROUTE: &str = "proxy";

/// Sends a request on.
pub(crate) async fn forward(shared: &Arc<Shared>, request: Request<Body>) -> Response<Body> {
    let Some(target) = target(request.uri()) else {
        return Problem::Target.answer(ROUTE);
    };
    let (mut parts, body) = request.into_parts();
    parts.uri = target;
    parts.version = Version::HTTP_11;
    let reads = matches!(parts.method, Method::GET | Method::HEAD);
    if reads && !parts.headers.contains_key(AUTHORIZATION) {
        let source = &shared.source;
        let best = source
            .tokens
            .best(source.upstream.ledger(), shared.clock.now());
        if let Some(authorization) = best.and_then(|best| best.authorization.clone()) {
            parts.headers.insert(AUTHORIZATION, authorization);
        }
    }
    let body = match body.is_end_stream() {
        true => RequestBody::default(),
        false => RequestBody::streamed(body),
    };
    let answer = shared
        .engine
        .clone()
        .call(Request::from_parts(parts, body))
        .await;
    match answer {
        Ok(answer) => {
            let (mut parts, body) = answer.into_parts();
            let Some(report) = parts.extensions.remove::<Report>() else {
                unreachable!("the engine puts a report into each answer");
            };
            let mut answer = if report.outcome == Outcome::NotCached {
                Problem::NotCached.answer(ROUTE)
            } else {
                Response::from_parts(parts, Body::new(body))
            };
            tell(&report, &mut answer);
            answer
        }
        Err(error) => {
            let now = shared.clock.now();
            let mut answer = Problem::Unreachable { error: &error, now }.answer(ROUTE);
            tell(error.report(), &mut answer);
            answer
        }
    }
}

/// Says how the answer was made.
fn tell(report: &Report, answer: &mut Response<Body>) {
    let status = report.cache_status(CACHE_NAME).to_header_value();
    answer
        .headers_mut()
        .append(github_headers::names::CACHE_STATUS, status);
    if let Some(age) = report.age {
        answer
            .headers_mut()
            .insert(AGE, HeaderValue::from(age.as_secs()));
    }
    let outcome = match report.outcome {
        Outcome::Revalidated(_) => "revalidated",
        Outcome::Fresh(_) => "fresh",
        Outcome::Stale(_) => "stale",
        Outcome::Fetched(_) | Outcome::Changed(_) => "fetched",
        Outcome::ClientConfirmed => "client-confirmed",
        Outcome::Bypassed(_) => "passed-through",
        Outcome::Refused(_) => "refused",
        Outcome::NotCached => "not-cached",
        _ => "failed",
    };
    answer.extensions_mut().insert(Told {
        route: ROUTE,
        outcome,
    });
}

/// Path and query as sent; `None` for what is no path, or one that dot segments would lead elsewhere.
fn target(uri: &Uri) -> Option<Uri> {
    let target = uri.path_and_query()?;
    let dots = |segment: &str| {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        plain == "." || plain == ".."
    };
    let path = target.path();
    (path.starts_with('/') && !path.split('/').any(dots)).then(|| Uri::from(target.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        #[track_caller]
        fn check(uri: &str, expected: Option<&str>) {
            let found = target(&uri.parse().unwrap()).map(|target| target.to_string());
            assert_eq!(found.as_deref(), expected, "{uri}");
        }
        check("/user?a=%2e%2e&b", Some("/user?a=%2e%2e&b"));
        check("http://other.example/zen", Some("/zen"));
        check(
            "/repos/o/r/contents/..hidden",
            Some("/repos/o/r/contents/..hidden"),
        );
        check("/a/../b", None);
        check("/a/%2E./b", None);
        check("/.", None);
        check("*", None);
    }
}
