//! One HTTP request of a connection: reads it, applies ordered faults, counts it, hands it to GitHub's rules or to the
//! control API.

use crate::body::{Framing, SimBody};
use crate::control;
use crate::counters::SeenRequest;
use crate::exchange::{self, Incoming, Reply};
use crate::faults::WireFault;
use crate::front::Front;
use crate::secondary::Flight;
use crate::stream::{Ending, Order};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, Version, header};
use http_body_util::{BodyExt, Limited};
use std::sync::Arc;
use std::time::Duration;

/// GitHub refuses larger bodies.
const MAX_BODY_BYTES: usize = 25 * 1024 * 1024;

/// The connection ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection was ended by order")]
pub(crate) struct HungUp;

/// The connection that a request came on.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) front: Arc<Front>,
    pub(crate) peer: std::net::IpAddr,
    pub(crate) order: Order,
}

pub(crate) async fn serve(
    connection: Connection,
    request: Request<hyper::body::Incoming>,
) -> Result<Response<SimBody>, HungUp> {
    let Connection { front, peer, order } = connection;
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, MAX_BODY_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => {
            return Ok(respond(exchange::bare(
                StatusCode::PAYLOAD_TOO_LARGE,
                Bytes::new(),
            )));
        }
    };
    let now = front.clock.now();
    let (path, alias) = without_alias(parts.uri.path());
    if let Some(order) = path.strip_prefix("/_sim") {
        return Ok(respond(control::answer(
            &front,
            &parts.method,
            order,
            &body,
        )));
    }
    let identity = front.identify(&parts.headers, peer, now);
    let label = match &identity {
        Ok(caller) => Arc::clone(&caller.label),
        Err(_) => "bad-credentials".into(),
    };
    if front.recorder.wants_requests() {
        front.recorder.seen(SeenRequest {
            method: parts.method.clone(),
            target: parts
                .uri
                .path_and_query()
                .map_or("/", |target| target.as_str())
                .to_owned(),
            headers: parts.headers.clone(),
            body: body.clone(),
        });
    }
    let ordered = front.faults.ordered(parts.method.as_str(), path, &label);
    let reply = if path == "/api/v2/components.json" && ordered.answer_fault().is_none() {
        status_page(&front, &parts.headers)
    } else {
        let base = base(&front, alias);
        let incoming = Incoming {
            method: &parts.method,
            path,
            query: parts.uri.query(),
            headers: &parts.headers,
            body: &body,
            ip: peer,
            http: parts.version,
            base: &base,
            now,
        };
        let identity = identity.as_deref().map_err(|refusal| *refusal);
        exchange::answer(&front, incoming, identity, ordered.answer_fault())
    };
    if ordered.delay_milliseconds > 0 {
        tokio::time::sleep(Duration::from_millis(ordered.delay_milliseconds)).await;
    }
    let wire = ordered.wire_fault();
    match wire {
        Some(WireFault::Close | WireFault::Reset | WireFault::Garbage) => {
            front.recorder.unanswered();
        }
        _ => {
            let target = match parts.uri.query() {
                Some(query) => format!("{path}?{query}"),
                None => path.to_owned(),
            };
            front
                .recorder
                .answered(label, parts.method, &target, reply.status.as_u16());
        }
    }
    match wire {
        None => Ok(respond(reply)),
        Some(WireFault::Close) => Err(HungUp),
        Some(WireFault::Reset) => {
            order.set(Ending::Reset);
            Err(HungUp)
        }
        Some(WireFault::Garbage) => {
            order.set(Ending::Garbage);
            Ok(respond(closing(reply, parts.version)))
        }
        Some(WireFault::Truncate { after_bytes }) => Ok(with_length(reply, |reply| {
            SimBody::truncated(&reply.body, after_bytes, reply.flight)
        })),
        Some(WireFault::Stall { after_bytes }) => Ok(with_length(reply, |reply| {
            SimBody::stalled(&reply.body, after_bytes, reply.flight)
        })),
    }
}

/// An answer that came without a socket. The request is under way until it is dropped.
#[derive(Debug)]
#[non_exhaustive]
pub struct Direct {
    pub status: StatusCode,
    pub headers: http::HeaderMap,
    pub body: Bytes,
    _flight: Option<Flight>,
}

/// GitHub's rules alone: no connection, no ordered fault, no delay.
pub(crate) fn direct(front: &Front, request: &Request<Bytes>) -> Direct {
    let (path, alias) = without_alias(request.uri().path());
    let peer = std::net::IpAddr::from(std::net::Ipv4Addr::LOCALHOST);
    let now = front.clock.now();
    let identity = front.identify(request.headers(), peer, now);
    let label = match &identity {
        Ok(caller) => Arc::clone(&caller.label),
        Err(_) => "bad-credentials".into(),
    };
    let incoming = Incoming {
        method: request.method(),
        path,
        query: request.uri().query(),
        headers: request.headers(),
        body: request.body(),
        ip: peer,
        http: request.version(),
        base: &base(front, alias),
        now,
    };
    let identity = identity.as_deref().map_err(|refusal| *refusal);
    let reply = exchange::answer(front, incoming, identity, None);
    let target = request
        .uri()
        .path_and_query()
        .map_or(path, |target| target.as_str());
    let method = request.method().clone();
    front
        .recorder
        .answered(label, method, target, reply.status.as_u16());
    Direct {
        status: reply.status,
        headers: reply.headers,
        body: reply.body,
        _flight: reply.flight,
    }
}

fn base(front: &Front, alias: Alias) -> String {
    match alias {
        Alias::Enterprise if front.prints_own_urls() => format!("{}/api/v3", front.base),
        _ => front.base.clone(),
    }
}

/// How the path was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alias {
    None,
    Enterprise,
}

/// Clients that insist on an enterprise host put `/api/v3` before every path.
fn without_alias(path: &str) -> (&str, Alias) {
    if path == "/api/graphql" {
        return ("/graphql", Alias::Enterprise);
    }
    match path.strip_prefix("/api/v3") {
        Some("") => ("/", Alias::Enterprise),
        Some(rest) if rest.starts_with('/') => (rest, Alias::Enterprise),
        _ => (path, Alias::None),
    }
}

fn status_page(front: &Front, headers: &http::HeaderMap) -> Reply {
    let (body, tag) = front.status_page.document();
    let matches = headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|sent| sent.as_bytes() == tag.as_bytes());
    let mut reply = exchange::bare(StatusCode::OK, body.into());
    if matches {
        reply = Reply {
            status: StatusCode::NOT_MODIFIED,
            body: Bytes::new(),
            ..reply
        };
        reply.headers.remove(header::CONTENT_LENGTH);
    }
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    reply.headers.insert(header::CONTENT_TYPE, json);
    let caching = HeaderValue::from_static("max-age=0, private, must-revalidate");
    reply.headers.insert(header::CACHE_CONTROL, caching);
    if let Ok(tag) = HeaderValue::try_from(tag) {
        reply.headers.insert(header::ETAG, tag);
    }
    reply
        .headers
        .insert(header::DATE, front.clock.date(front.clock.now()));
    reply
}

fn closing(mut reply: Reply, version: Version) -> Reply {
    if version <= Version::HTTP_11 {
        reply
            .headers
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    reply
}

fn respond(reply: Reply) -> Response<SimBody> {
    let told = reply.headers.contains_key(header::CONTENT_LENGTH) || reply.body.is_empty();
    let framing = if told { Framing::Length } else { Framing::Open };
    let mut response = Response::new(SimBody::whole(reply.body, framing, reply.flight));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    response
}

/// A broken body promises its full length, so that the client can tell.
fn with_length(mut reply: Reply, body: impl FnOnce(Reply) -> SimBody) -> Response<SimBody> {
    reply
        .headers
        .insert(header::CONTENT_LENGTH, HeaderValue::from(reply.body.len()));
    let status = reply.status;
    let headers = std::mem::take(&mut reply.headers);
    let mut response = Response::new(body(reply));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_enterprise_prefix_is_an_alias() {
        assert_eq!(without_alias("/api/v3"), ("/", Alias::Enterprise));
        assert_eq!(without_alias("/api/v3/user"), ("/user", Alias::Enterprise));
        assert_eq!(
            without_alias("/api/graphql"),
            ("/graphql", Alias::Enterprise)
        );
        assert_eq!(without_alias("/api/v3x"), ("/api/v3x", Alias::None));
        assert_eq!(without_alias("/user"), ("/user", Alias::None));
    }
}
