//! The administration: status, explanations, purge, log level, reload, and one page that shows the same live.
//!
//! | module | what it is responsible for |
//! |---|---|
//! | `access` | who may (pure) |
//! | `status` | what the mirror knows of itself |
//! | `page` | the same as a web page |
//! | `explain` | what is stored of a resource, and why it would or would not be used again |
//! | `operator` | what only the program around the mirror can do: log level, reading settings again |

use std::error::Error;

use bytes::Bytes;
use github_conditional::Purge;
use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Method, Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Limited};
use serde::Serialize;
use serde_json::json;
use service_runtime::listener::Peer;

use crate::body::MirrorBody;
use crate::mirror::Shared;
use crate::problem::Problem;

pub(crate) mod access;
mod explain;
mod operator;
mod page;
pub(crate) mod problem;
mod query;
mod status;

pub use operator::{Administration, Reloaded, SettingsProblem};

use problem::AdminProblem;
use query::Query;
use status::Status;

/// A log level is a line of text.
const MAX_BODY_BYTES: usize = 4096;

const JSON: &str = "application/json; charset=utf-8";
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");
const X_FRAME_OPTIONS: HeaderName = HeaderName::from_static("x-frame-options");

/// Nothing but this mirror's own script and style, and no page around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Page,
    Style,
    Script,
    Status,
    Explain,
    Purge,
    LogLevel,
    SetLogLevel,
    Reload,
}

/// The resources of the administration (pure).
fn action(method: &Method, path: &str) -> Result<Action, AdminProblem> {
    let read = matches!(*method, Method::GET | Method::HEAD);
    let only = |allowed, permitted, action| match permitted {
        true => Ok(action),
        false => Err(AdminProblem::Method { allowed }),
    };
    let reading = |action| only("GET", read, action);
    match path {
        "/_mirror" | "/_mirror/" => reading(Action::Page),
        "/_mirror/page.css" => reading(Action::Style),
        "/_mirror/page.js" => reading(Action::Script),
        "/_mirror/status" => reading(Action::Status),
        "/_mirror/explain" => reading(Action::Explain),
        "/_mirror/purge" => only("POST", *method == Method::POST, Action::Purge),
        "/_mirror/reload" => only("POST", *method == Method::POST, Action::Reload),
        "/_mirror/log-level" if read => Ok(Action::LogLevel),
        "/_mirror/log-level" => only("GET or PUT", *method == Method::PUT, Action::SetLogLevel),
        _ => Err(AdminProblem::NoSuchPage),
    }
}

/// Answers an administrative request.
pub(crate) async fn answer<B>(shared: &Shared, request: Request<B>) -> Response<MirrorBody>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let method = request.method().clone();
    let answer = match carried_out(shared, request).await {
        Ok(answer) => answer,
        Err(problem) => {
            let problem = Problem::Administration(&problem);
            shared.instruments.refused(&problem);
            problem.answer()
        }
    };
    let mut answer = match method {
        Method::HEAD => answer.map(|_body| MirrorBody::whole("")),
        _ => answer,
    };
    let headers = answer.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (X_FRAME_OPTIONS, "DENY"),
        (CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}

async fn carried_out<B>(
    shared: &Shared,
    request: Request<B>,
) -> Result<Response<MirrorBody>, AdminProblem>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (parts, body) = request.into_parts();
    let admitted = match parts.extensions.get::<Peer>() {
        Some(peer) => access::admit(
            shared.admin_token.read().as_deref(),
            *peer,
            &parts.method,
            &parts.uri,
            &parts.headers,
        ),
        // Whoever embeds the mirror without its listeners has not said who is at the other end.
        None => Err(access::Refusal::NotLocal),
    };
    admitted.map_err(AdminProblem::Refused)?;
    let query = parts.uri.query();
    match action(&parts.method, parts.uri.path())? {
        Action::Page => {
            Query::read(query, &[])?;
            Ok(text(
                "text/html; charset=utf-8",
                page::render(&Status::of(shared), shared.admin_place),
            ))
        }
        Action::Style => Ok(text("text/css; charset=utf-8", page::STYLE)),
        Action::Script => Ok(text("text/javascript; charset=utf-8", page::SCRIPT)),
        Action::Status => {
            Query::read(query, &[])?;
            Ok(json_of(&Status::of(shared)))
        }
        Action::Explain => {
            let query = Query::read(query, &["url", "accept", "api_version"])?;
            Ok(json_of(&explain::explain(shared, &query).await?))
        }
        Action::Purge => {
            let query = Query::read(query, &["path", "prefix"])?;
            purge(shared, &query)
        }
        Action::LogLevel => {
            Query::read(query, &[])?;
            let level = shared.administration()?.level();
            Ok(json_of(&json!({ "level": level })))
        }
        Action::SetLogLevel => {
            let query = Query::read(query, &["level"])?;
            let level = match query.one("level")? {
                Some(level) => level.into_owned(),
                None => level_of(body).await?,
            };
            shared.administration()?.set_level(&level)?;
            tracing::info!(level, "the log level was changed");
            Ok(json_of(&json!({ "level": level })))
        }
        Action::Reload => {
            Query::read(query, &[])?;
            let reloaded = shared.administration()?.reload()?;
            Ok(json_of(&reloaded))
        }
    }
}

/// The level as text, or as `{"level": "debug"}`.
async fn level_of<B>(body: B) -> Result<String, AdminProblem>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let limited = Limited::new(body, MAX_BODY_BYTES);
    let whole = std::pin::pin!(limited).collect().await;
    let whole = whole.map_err(|_| AdminProblem::Body)?.to_bytes();
    let text = std::str::from_utf8(&whole).map_err(|_| AdminProblem::Level)?;
    let named = serde_json::from_str::<serde_json::Value>(text).ok();
    let named = named.as_ref().and_then(|value| match value {
        serde_json::Value::String(level) => Some(level.as_str()),
        value => value.get("level")?.as_str(),
    });
    Ok(named.unwrap_or(text.trim()).to_owned())
}

fn purge(shared: &Shared, query: &Query<'_>) -> Result<Response<MirrorBody>, AdminProblem> {
    let (path, prefix) = (query.one("path")?, query.one("prefix")?);
    let purge = match (&path, &prefix) {
        (Some(path), None) => Purge::Path(path),
        (None, Some(prefix)) => Purge::Prefix(prefix),
        _ => return Err(AdminProblem::PathOrPrefix),
    };
    let name = purge.as_str();
    let (Purge::Path(given) | Purge::Prefix(given)) = purge;
    if !given.starts_with('/') || given.contains(['?', '#']) {
        let problem = "must be a path of GitHub's API: begin with / and have no query (all queries of a path are purged together)";
        return Err(AdminProblem::Parameter { name, problem });
    }
    let at = status::rfc3339(shared.clock.now());
    shared.inspect.purge(purge);
    tracing::info!(kind = name, path = given, "purged");
    Ok(json_of(&json!({
        "purged": name,
        "path": given,
        "at": at,
        "effect": "nothing that was stored under it until now is served or asked about again by this mirror; the next read fetches it",
    })))
}

fn json_of(value: &impl Serialize) -> Response<MirrorBody> {
    match serde_json::to_string_pretty(value) {
        Ok(mut body) => {
            body.push('\n');
            text(JSON, body)
        }
        Err(error) => {
            tracing::error!(%error, "an administrative answer cannot be written");
            text(JSON, "{}")
        }
    }
}

fn text(content_type: &'static str, body: impl Into<Bytes>) -> Response<MirrorBody> {
    let body = body.into();
    let length = body.len();
    let mut answer = Response::new(MirrorBody::whole(body));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_page_has_its_methods() {
        #[track_caller]
        fn check(method: Method, path: &str, expected: Result<Action, AdminProblem>) {
            assert_eq!(action(&method, path), expected, "{method} {path}");
        }
        check(Method::GET, "/_mirror/", Ok(Action::Page));
        check(Method::HEAD, "/_mirror", Ok(Action::Page));
        check(Method::GET, "/_mirror/status", Ok(Action::Status));
        check(Method::PUT, "/_mirror/log-level", Ok(Action::SetLogLevel));
        check(Method::GET, "/_mirror/log-level", Ok(Action::LogLevel));
        let only = |allowed| Err(AdminProblem::Method { allowed });
        check(Method::GET, "/_mirror/purge", only("POST"));
        check(Method::POST, "/_mirror/status", only("GET"));
        check(Method::POST, "/_mirror/log-level", only("GET or PUT"));
        check(Method::GET, "/_mirror/x", Err(AdminProblem::NoSuchPage));
        check(Method::GET, "/_mirrorx", Err(AdminProblem::NoSuchPage));
    }
}
