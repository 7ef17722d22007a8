//! Why a test of the suite does not pass or does not apply. A test that fails without a reason here is an error.

const IMPOSSIBLE: &str = "No cache can pass it: the origin closes the connection without an answer, and the test wants a 200 that carries the number of this very request. We answer 502 and nothing stale, which is what the test is about.";
const BROWSER: &str =
    "For caches in browsers; the suite's own client does not run it against a proxy.";
const BROWSER_PRIVATE: &str = "For caches in browsers; the suite's own client does not run it against a proxy. A private cache of the library is tested for it: `a_private_cache_keeps_what_is_its_users`, `regression_a_private_cache_does_not_prefer_s_maxage`.";
const LENGTHS: &str = "The origin's part is not what it says: `Content-Range: bytes 4-9/10` is six bytes, the body has five. Such a part is not kept; we keep no parts at all.";

const REASONS: &[(&str, &str)] = &[
    ("stale-close-must-revalidate", IMPOSSIBLE),
    ("stale-close-proxy-revalidate", IMPOSSIBLE),
    ("stale-close-no-cache", IMPOSSIBLE),
    ("stale-close-s-maxage=2", IMPOSSIBLE),
    ("freshness-max-age-s-maxage-private", BROWSER_PRIVATE),
    (
        "freshness-max-age-s-maxage-private-multiple",
        BROWSER_PRIVATE,
    ),
    ("cc-resp-private-private", BROWSER_PRIVATE),
    ("cc-resp-immutable-fresh", BROWSER),
    ("cc-resp-immutable-stale", BROWSER),
    (
        "conditional-lm-fresh-no-lm",
        "It wants a 304 for a stored answer that is newer than the client's date and has no `Last-Modified`: RFC 9111 §4.3.2 compares with `Date` then, and the newer answer has to be sent.",
    ),
    ("partial-store-partial-reuse-partial", LENGTHS),
    ("partial-store-partial-reuse-partial-byterange", LENGTHS),
    ("partial-store-partial-reuse-partial-absent", LENGTHS),
    ("partial-store-partial-reuse-partial-suffix", LENGTHS),
    (
        "partial-store-partial-complete",
        "It wants a part completed by another request. Without a strong validator, as here, parts must not be combined (RFC 9110 §15.3.7.3), so the request would be in vain.",
    ),
];

pub(super) fn reason(id: &str) -> Option<&'static str> {
    REASONS
        .iter()
        .find(|(known, _)| *known == id)
        .map(|(_, reason)| *reason)
}
