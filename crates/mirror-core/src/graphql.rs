//! GraphQL says in a 200 that the points are used up: a bounded look at such an answer, before it goes out.
//!
//! The look is taken only where the headers say that nothing is left, so that every other answer streams untouched.

use std::collections::VecDeque;

use bytes::Bytes;
use github_conditional::{BodyError, ConditionalBody};
use github_headers::names::X_RATELIMIT_REMAINING;
use github_upstream::ResponseBody;
use http::{HeaderMap, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt;
use memchr::memmem;

/// The path, as dotcom writes it.
const PATH: &str = "/graphql";

/// GitHub's refusal is some 150 bytes long.
const LOOK_BYTES: usize = 4096;

/// Whether a request is one for GraphQL.
pub(crate) fn is_graphql(path: &str) -> bool {
    path == PATH
}

/// Whether an answer may be a refusal in a 200.
pub(crate) fn worth_a_look(path: &str, status: StatusCode, headers: &HeaderMap) -> bool {
    is_graphql(path)
        && status == StatusCode::OK
        && headers
            .get(X_RATELIMIT_REMAINING)
            .is_some_and(|remaining| remaining == "0")
}

/// What a look has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// `errors[].type` is `RATE_LIMITED`.
    RateLimited,
    Other,
}

/// A body of which the beginning has been looked at.
pub(crate) struct LookedAt {
    pub(crate) beginning: VecDeque<Result<Frame<Bytes>, BodyError>>,
    pub(crate) rest: ConditionalBody<ResponseBody>,
}

/// Reads the beginning of a body and says what it is.
///
/// # Cancel safety
/// What was read is lost when the future is dropped; the client is gone then.
pub(crate) async fn look(mut body: ConditionalBody<ResponseBody>) -> (LookedAt, Found) {
    let mut beginning = VecDeque::new();
    let mut text = Vec::new();
    let mut found = Found::Other;
    while text.len() < LOOK_BYTES {
        let Some(frame) = body.frame().await else {
            break;
        };
        let data = frame.as_ref().ok().and_then(Frame::data_ref);
        text.extend_from_slice(data.map_or(&[], |data| &data[..data.len().min(LOOK_BYTES)]));
        let ended = frame.is_err();
        beginning.push_back(frame);
        if says_rate_limited(&text) {
            found = Found::RateLimited;
        }
        if ended || found == Found::RateLimited {
            break;
        }
    }
    let rest = body;
    (LookedAt { beginning, rest }, found)
}

/// Looks for `"type": "RATE_LIMITED"` behind `"errors"`; an answer that only speaks of it, as data, has no such member.
fn says_rate_limited(text: &[u8]) -> bool {
    let Some(errors) = memmem::find(text, b"\"errors\"") else {
        return false;
    };
    let text = &text[errors..];
    memmem::find_iter(text, b"\"type\"").any(|at| {
        let value = text[at + 6..].trim_ascii_start();
        value
            .strip_prefix(b":")
            .is_some_and(|value| value.trim_ascii_start().starts_with(b"\"RATE_LIMITED\""))
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn what_is_worth_a_look() {
        #[track_caller]
        fn check(path: &str, status: u16, remaining: Option<&'static str>, expected: bool) {
            let mut headers = HeaderMap::new();
            if let Some(remaining) = remaining {
                headers.insert(X_RATELIMIT_REMAINING, HeaderValue::from_static(remaining));
            }
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(
                worth_a_look(path, status, &headers),
                expected,
                "{path} {status}"
            );
        }
        check("/graphql", 200, Some("0"), true);
        check("/graphql", 200, Some("10"), false);
        check("/graphql", 200, None, false);
        check("/graphql", 502, Some("0"), false);
        check("/repos/o/graphql", 200, Some("0"), false);
    }

    #[test]
    fn words() {
        #[track_caller]
        fn check(text: &str, expected: bool) {
            assert_eq!(says_rate_limited(text.as_bytes()), expected, "{text}");
        }
        check(
            r#"{"errors":[{"type":"RATE_LIMITED","message":"x"}]}"#,
            true,
        );
        check(
            r#"{"errors": [{"path": ["a"], "type" : "RATE_LIMITED"}]}"#,
            true,
        );
        check(
            r#"{"data":null,"errors":[{"type":"NOT_FOUND"},{"type":"RATE_LIMITED"}]}"#,
            true,
        );
        check(r#"{"errors":[{"type":"NOT_FOUND"}]}"#, false);
        check(r#"{"data":{"type":"RATE_LIMITED"}}"#, false);
        check(r#"{"errors":[{"message":"RATE_LIMITED"}]}"#, false);
        check("", false);
    }
}
