//! How answers are made.

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use super::{Outcome, Told};

pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Outcome {
    let text = serde_json::to_vec(value)
        .map_err(|_| crate::problem::Problem::Broken("an answer is no JSON"))?;
    let mut answer = Response::new(Body::from(text));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}

pub(super) fn ok(value: &impl Serialize) -> Outcome {
    json(StatusCode::OK, value)
}

/// A file of ours, for a browser; what a page may load comes from this program alone.
pub(super) fn file(
    text: impl Into<Body>,
    kind: &'static str,
    policy: &'static str,
) -> Response<Body> {
    let mut answer = Response::new(text.into());
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(policy),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    answer
}

/// Gives an answer its route, for metrics and the log.
pub(super) fn told(route: &'static str, outcome: Outcome) -> Response<Body> {
    match outcome {
        Ok(mut answer) => {
            answer.extensions_mut().insert(Told {
                route,
                outcome: "served",
            });
            answer
        }
        Err(problem) => problem.answer(route),
    }
}
