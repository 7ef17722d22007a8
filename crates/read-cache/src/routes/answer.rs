//! What answers from copies have in common: headers, conditions, `Cache-Status`.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::SystemTime;

use axum::body::{Body, Bytes};
use github_headers::names::CACHE_STATUS;
use github_headers::{CacheStatus, EntityTag, IfNoneMatch};
use http::header::{
    AGE, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    LAST_MODIFIED,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use http_body::{Frame, SizeHint};

use crate::node::{Detail, Served};
use crate::refresh::Freshness;
use crate::routes::CACHE_NAME;
use crate::service::Shared;
use service_runtime::front::Told;

/// How many elements the whole list has.
const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");

pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// Whether the caller has it already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    NotModified,
    Send,
}

/// Judges the caller's condition (RFC 9110 §13.2.2): a date counts only where there is no tag.
pub(super) fn judge(headers: &HeaderMap, tag: &HeaderValue, changed_at: SystemTime) -> Condition {
    if headers.contains_key(IF_NONE_MATCH) {
        // A condition that cannot be read is none.
        let wanted = IfNoneMatch::from_headers(headers).ok().flatten();
        let current = EntityTag::parse(tag.as_bytes()).ok();
        return match (wanted, current) {
            (Some(wanted), Some(current)) if wanted.matches(&current) => Condition::NotModified,
            _ => Condition::Send,
        };
    }
    let Some(since) = headers.get(IF_MODIFIED_SINCE) else {
        return Condition::Send;
    };
    let since = since.to_str().ok().map(httpdate::parse_http_date);
    match since {
        // Dates have seconds, clocks have more.
        Some(Ok(since)) if changed_at < since + std::time::Duration::from_secs(1) => {
            Condition::NotModified
        }
        _ => Condition::Send,
    }
}

/// What is answered from a copy.
pub(super) struct FromCopy<'a> {
    pub(super) route: &'static str,
    pub(super) served: &'a Served,
    pub(super) tag: &'a HeaderValue,
    pub(super) parts: [Bytes; 2],
}

/// Makes the answer: 200, or 304 where the caller has it already.
pub(super) fn respond(
    shared: &Shared,
    method: &Method,
    headers: &HeaderMap,
    from: FromCopy<'_>,
) -> Response<Body> {
    let FromCopy {
        route,
        served,
        tag,
        parts,
    } = from;
    let now = shared.clock.now();
    let snapshot = &served.copy.snapshot;
    let length: usize = parts.iter().map(Bytes::len).sum();
    let condition = judge(headers, tag, snapshot.changed_at);
    let mut answer = match condition {
        Condition::NotModified => Response::new(Body::empty()),
        Condition::Send if *method == Method::HEAD => Response::new(Body::empty()),
        Condition::Send => Response::new(Body::new(Pieces(parts))),
    };
    let out = answer.headers_mut();
    if condition == Condition::Send {
        out.insert(CONTENT_TYPE, JSON);
        out.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    out.insert(ETAG, tag.clone());
    out.insert(LAST_MODIFIED, served.copy.last_modified.clone());
    out.insert(AGE, HeaderValue::from(snapshot.times.age(now).as_secs()));
    out.insert(CACHE_CONTROL, shared.max_age.clone());
    out.insert(CACHE_STATUS, cache_status(served, now));
    out.insert(TOTAL_COUNT, served.copy.total_count.clone());
    if condition == Condition::NotModified {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
    }
    answer.extensions_mut().insert(Told {
        route,
        outcome: outcome(served),
    });
    answer
}

fn outcome(served: &Served) -> &'static str {
    match (served.freshness, served.detail) {
        (Freshness::Fresh, Detail::Node) => "node",
        (Freshness::Fresh, Detail::Master) => "master",
        (Freshness::Fresh, Detail::Origin) => "origin",
        (Freshness::Stale | Freshness::Missing, _) => "stale",
    }
}

/// `hit`, how long it stays fresh (negative: since when it is not), and where it came from.
fn cache_status(served: &Served, now: SystemTime) -> HeaderValue {
    let expires = served.copy.snapshot.times.expires;
    let seconds =
        |duration: std::time::Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    let ttl = match expires.duration_since(now) {
        Ok(left) => seconds(left),
        Err(past) => -seconds(past.duration()),
    };
    CacheStatus::new(CACHE_NAME)
        .hit()
        .ttl(ttl)
        .detail(served.detail.as_str())
        .to_header_value()
}

/// A body in at most two parts that are here.
struct Pieces([Bytes; 2]);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let next = self.0.iter_mut().find(|part| !part.is_empty());
        Poll::Ready(next.map(|part| Ok(Frame::data(std::mem::take(part)))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.iter().all(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.iter().map(|part| part.len() as u64).sum())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn conditions() {
        #[track_caller]
        fn check(sent: &[(HeaderName, &str)], expected: Condition) {
            let mut headers = HeaderMap::new();
            for (name, value) in sent {
                headers.insert(name, value.parse().unwrap());
            }
            let changed_at = UNIX_EPOCH + Duration::from_millis(784_111_777_500);
            let tag = HeaderValue::from_static("\"a\"");
            assert_eq!(judge(&headers, &tag, changed_at), expected, "{sent:?}");
        }
        use Condition::{NotModified, Send};
        let at = "Sun, 06 Nov 1994 08:49:37 GMT";
        let before = "Sun, 06 Nov 1994 08:49:36 GMT";
        check(&[], Send);
        check(&[(IF_NONE_MATCH, "\"a\"")], NotModified);
        check(&[(IF_NONE_MATCH, "W/\"a\"")], NotModified);
        check(&[(IF_NONE_MATCH, "\"b\", \"a\"")], NotModified);
        check(&[(IF_NONE_MATCH, "*")], NotModified);
        check(&[(IF_NONE_MATCH, "\"b\"")], Send);
        check(&[(IF_NONE_MATCH, "garbage")], Send);
        check(&[(IF_MODIFIED_SINCE, at)], NotModified);
        check(&[(IF_MODIFIED_SINCE, before)], Send);
        check(&[(IF_MODIFIED_SINCE, "yesterday")], Send);
        check(&[(IF_NONE_MATCH, "\"b\""), (IF_MODIFIED_SINCE, at)], Send);
    }
}
