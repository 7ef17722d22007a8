//! Answers made of what is stored or arriving, as this client may have them: whole, in part, as a 304, or without body.

use std::sync::Arc;
use std::time::SystemTime;

use github_headers::EntityTag;
use http::header::{
    ACCEPT_RANGES, AGE, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    LAST_MODIFIED, TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::Answer;
use super::controls::{Downstream, SURROGATE_CONTROL};
use super::keep::Incoming;
use super::range::{Wanted, wanted};
use super::read::Asked;
use super::stored::Stored;
use crate::body::ConditionalBody;
use crate::engine::answer::{answer, content_length};
use crate::outcome::Outcome;
use crate::policy::admission::Read;
use crate::policy::precondition::Transfer;
use crate::recording::Reader;

impl Asked {
    /// A stored answer.
    pub(super) fn stored<B>(
        &self,
        stored: &Stored,
        outcome: Outcome,
        now: SystemTime,
    ) -> Answer<B> {
        let age = stored.age(now);
        let mut report = self.report.clone();
        report.outcome = outcome;
        report.age = Some(age);
        let seconds = |span: std::time::Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
        report.ttl_seconds = Some(seconds(stored.times.fresh_for) - seconds(age));
        let mut headers = self.for_client(stored.headers.clone());
        headers.insert(AGE, HeaderValue::from(age.as_secs()));
        let mut made = self.transferred(stored, headers);
        made.extensions_mut().insert(report);
        made
    }

    fn transferred<B>(&self, stored: &Stored, mut headers: HeaderMap) -> Answer<B> {
        if self.has(stored.status, &stored.headers) == Transfer::NotModified {
            return not_modified(headers);
        }
        let length = stored.body.len();
        let range = match stored.status {
            StatusCode::OK if self.read == Read::Get => {
                wanted(self.headers(), &stored.headers, length)
            }
            _ => Wanted::Whole,
        };
        let (status, body) = match range {
            Wanted::Whole => (stored.status, stored.body.bytes()),
            Wanted::Part(part) => {
                let (first, last) = (part.start, part.end - 1);
                set(
                    &mut headers,
                    CONTENT_RANGE,
                    &format!("bytes {first}-{last}/{length}"),
                );
                (StatusCode::PARTIAL_CONTENT, stored.body.bytes().slice(part))
            }
            Wanted::Unsatisfiable => {
                set(&mut headers, CONTENT_RANGE, &format!("bytes */{length}"));
                for name in [CONTENT_TYPE, CONTENT_ENCODING] {
                    headers.remove(name);
                }
                (StatusCode::RANGE_NOT_SATISFIABLE, bytes::Bytes::new())
            }
        };
        if !(body.is_empty() && status == StatusCode::NO_CONTENT) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        if status == StatusCode::PARTIAL_CONTENT {
            headers
                .entry(ACCEPT_RANGES)
                .or_insert(HeaderValue::from_static("bytes"));
        }
        let body = match self.read {
            Read::Get => ConditionalBody::whole(body),
            Read::Head => ConditionalBody::empty(),
        };
        answer(status, headers, body)
    }

    /// An answer that arrives for somebody else and is this client's too.
    pub(super) fn streamed<B>(
        &self,
        stored: &Arc<Stored>,
        reader: Reader,
        outcome: Outcome,
        now: SystemTime,
    ) -> Answer<B> {
        let age = stored.age(now);
        let mut report = self.report.clone();
        report.outcome = outcome;
        report.upstream_status = Some(stored.status);
        report.age = Some(age);
        let mut headers = self.for_client(stored.headers.clone());
        headers.insert(AGE, HeaderValue::from(age.as_secs()));
        let length = content_length(&headers);
        let body = ConditionalBody::recording(reader, length);
        let mut made = answer(stored.status, headers, body);
        made.extensions_mut().insert(report);
        made
    }

    /// An answer that arrives for this client, and is recorded.
    pub(super) fn leading<B>(
        &self,
        outcome: Outcome,
        incoming: Incoming,
        reader: Option<Reader>,
    ) -> Answer<B> {
        let mut report = self.report.clone();
        report.outcome = outcome;
        report.upstream_status = Some(incoming.status);
        let unchanged = self.has(incoming.status, &incoming.headers) == Transfer::NotModified;
        let mut headers = self.for_client(incoming.headers);
        let mut made = match (unchanged, reader) {
            (true, _) => not_modified(headers),
            (false, Some(reader)) => {
                let length = content_length(&headers);
                headers.remove(TRANSFER_ENCODING);
                let body = ConditionalBody::recording(reader, length);
                answer(incoming.status, headers, body)
            }
            (false, None) => answer(incoming.status, headers, ConditionalBody::empty()),
        };
        made.extensions_mut().insert(report);
        made
    }

    /// An answer as it is.
    pub(super) fn relayed<B>(
        &self,
        outcome: Outcome,
        status: StatusCode,
        headers: HeaderMap,
        body: B,
    ) -> Answer<B> {
        let mut report = self.report.clone();
        report.outcome = outcome;
        report.upstream_status = Some(status);
        let headers = self.for_client(headers);
        let body = match self.read {
            Read::Get => ConditionalBody::upstream(body),
            Read::Head => ConditionalBody::empty(),
        };
        let mut made = answer(status, headers, body);
        made.extensions_mut().insert(report);
        made
    }

    /// Whether the client has this answer already; only a success can be unchanged (RFC 9110 §13.2.1).
    fn has(&self, status: StatusCode, headers: &HeaderMap) -> Transfer {
        if status != StatusCode::OK {
            return Transfer::Full;
        }
        let tag = headers.get(ETAG).and_then(|tag| EntityTag::parse(tag).ok());
        self.conditions
            .transfer(tag.as_ref(), || headers.get(LAST_MODIFIED))
    }

    /// What was said to surrogates is for surrogates.
    fn for_client(&self, mut headers: HeaderMap) -> HeaderMap {
        if self.downstream == Downstream::Client {
            headers.remove(SURROGATE_CONTROL);
        }
        headers
    }
}

fn not_modified<B>(mut headers: HeaderMap) -> Answer<B> {
    for name in [
        CONTENT_LENGTH,
        CONTENT_TYPE,
        CONTENT_ENCODING,
        CONTENT_RANGE,
        TRANSFER_ENCODING,
    ] {
        headers.remove(name);
    }
    answer(StatusCode::NOT_MODIFIED, headers, ConditionalBody::empty())
}

fn set(headers: &mut HeaderMap, name: http::HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}
