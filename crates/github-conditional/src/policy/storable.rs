//! Whether an answer may be kept (RFC 9111 §3, stricter where GitHub gives reason).

use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    LAST_MODIFIED, VARY,
};
use http::{HeaderMap, StatusCode};

use crate::outcome::Storing;

/// What becomes of the body of an answer with this head; a body that turns out too large is dropped later.
pub(crate) fn storing(status: StatusCode, headers: &HeaderMap, max_body_bytes: u64) -> Storing {
    // 202 = statistics are being computed, 206 = a part, 3xx to 5xx = passed on as they are.
    if status != StatusCode::OK {
        return Storing::Status;
    }
    let event_stream = headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"));
    if event_stream
        || headers.contains_key(CONTENT_RANGE)
        || says(headers, CACHE_CONTROL, "no-store")
    {
        return Storing::Forbidden;
    }
    if says(headers, VARY, "*") {
        return Storing::Forbidden;
    }
    let encoded = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"));
    if encoded {
        return Storing::Encoded;
    }
    if !headers.contains_key(ETAG) && !headers.contains_key(LAST_MODIFIED) {
        return Storing::NoValidator;
    }
    let declared = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > max_body_bytes) {
        return Storing::TooLarge;
    }
    Storing::Recorded
}

/// Is `word` among the comma-separated members of the header?
fn says(headers: &HeaderMap, name: http::HeaderName, word: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .any(|member| member.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    #[track_caller]
    fn check(status: u16, headers: &[(&'static str, &'static str)], expected: Storing) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(
            storing(status, &map, 1000),
            expected,
            "{status} {headers:?}"
        );
    }

    #[test]
    fn table() {
        let tag = ("etag", "\"x\"");
        check(200, &[tag], Storing::Recorded);
        check(
            200,
            &[("last-modified", "Thu, 22 Jun 2023 07:16:46 GMT")],
            Storing::Recorded,
        );
        check(
            200,
            &[tag, ("cache-control", "private, max-age=60, s-maxage=60")],
            Storing::Recorded,
        );
        check(
            200,
            &[tag, ("cache-control", "no-cache")],
            Storing::Recorded,
        );
        check(200, &[tag, ("content-length", "1000")], Storing::Recorded);
        check(
            200,
            &[tag, ("content-encoding", "identity")],
            Storing::Recorded,
        );
        check(200, &[], Storing::NoValidator);
        check(200, &[tag, ("content-length", "1001")], Storing::TooLarge);
        check(200, &[tag, ("content-encoding", "gzip")], Storing::Encoded);
        check(
            200,
            &[tag, ("cache-control", "private, No-Store")],
            Storing::Forbidden,
        );
        check(200, &[tag, ("vary", "accept, *")], Storing::Forbidden);
        check(
            200,
            &[tag, ("content-range", "bytes 0-1/2")],
            Storing::Forbidden,
        );
        check(
            200,
            &[tag, ("content-type", "text/event-stream; charset=utf-8")],
            Storing::Forbidden,
        );
        for status in [
            201, 202, 203, 204, 206, 301, 302, 307, 400, 401, 403, 404, 410, 422, 429, 500, 502,
            503,
        ] {
            check(status, &[tag], Storing::Status);
        }
    }
}
