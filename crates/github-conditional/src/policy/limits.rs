//! Telling GitHub's rate limits from its other refusals (github-behaviour section 2).
//!
//! Both kinds come as 403 or 429.
//! A primary limit has `x-ratelimit-remaining: 0`; a secondary one usually has requests left, often no `Retry-After`,
//! and is recognised by its message.

use http::{HeaderMap, StatusCode, header};

/// Bytes of a refusal's body that are read to understand it; GitHub's messages are a few hundred bytes long.
pub(crate) const READ_WHOLE_BYTES: usize = 1 << 20;

/// What a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Refusal {
    PrimaryLimit,
    SecondaryLimit,
    /// The caller's rights, or anything else that is no limit.
    Other,
}

/// May the answer be a rate limit, so that its body must be looked at?
pub(crate) fn worth_a_look(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS
    )
}

/// What a 403 or 429 is about.
pub(crate) fn classify(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Refusal {
    if !worth_a_look(status) {
        return Refusal::Other;
    }
    if mentions(body, b"secondary rate") || mentions(body, b"abuse detection") {
        return Refusal::SecondaryLimit;
    }
    let remaining = headers
        .get("x-ratelimit-remaining")
        .map(|value| value.as_bytes());
    if remaining == Some(b"0") || mentions(body, b"rate limit exceeded") {
        return Refusal::PrimaryLimit;
    }
    if status == StatusCode::TOO_MANY_REQUESTS || headers.contains_key(header::RETRY_AFTER) {
        return Refusal::SecondaryLimit;
    }
    Refusal::Other
}

fn mentions(body: &[u8], phrase: &[u8]) -> bool {
    body.windows(phrase.len())
        .any(|window| window.eq_ignore_ascii_case(phrase))
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    #[track_caller]
    fn check(status: u16, headers: &[(&'static str, &'static str)], body: &str, expected: Refusal) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(
            classify(status, &map, body.as_bytes()),
            expected,
            "{status} {headers:?} {body}"
        );
    }

    #[test]
    fn github_refusals() {
        use Refusal::{Other, PrimaryLimit, SecondaryLimit};
        let none_left = ("x-ratelimit-remaining", "0");
        let some_left = ("x-ratelimit-remaining", "4840");
        check(
            403,
            &[none_left],
            "API rate limit exceeded for user ID 12345.",
            PrimaryLimit,
        );
        check(429, &[none_left], "", PrimaryLimit);
        check(
            403,
            &[],
            "API rate limit exceeded for 1.2.3.4.",
            PrimaryLimit,
        );
        let secondary = "You have exceeded a secondary rate limit. Please wait a few minutes";
        check(403, &[some_left], secondary, SecondaryLimit);
        check(403, &[none_left], secondary, SecondaryLimit);
        check(429, &[some_left], secondary, SecondaryLimit);
        check(
            403,
            &[],
            "You have triggered an abuse detection mechanism.",
            SecondaryLimit,
        );
        check(403, &[some_left, ("retry-after", "60")], "", SecondaryLimit);
        check(429, &[some_left], "", SecondaryLimit);
        check(
            403,
            &[some_left],
            "Resource not accessible by integration",
            Other,
        );
        check(403, &[], "Must have admin rights to Repository.", Other);
        check(404, &[none_left], "Not Found", Other);
    }
}
