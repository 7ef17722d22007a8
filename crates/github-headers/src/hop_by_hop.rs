//! Hop-by-hop headers: what an intermediary must not pass on (RFC 9110 §7.6.1).

use http::header::{
    CONNECTION, HeaderMap, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};

use crate::syntax::trim_ows;

/// The headers that [`strip`] removes even when `Connection` does not name them.
///
/// `Keep-Alive` and `Proxy-Connection` are removed because old peers send them without naming them in `Connection`
/// (RFC 9110 §7.6.1); `Proxy-Authenticate` and `Proxy-Authorization` because they are addressed to the next proxy only
/// (RFC 9110 §11.7), and forwarding them leaks a proxy's credentials to GitHub.
pub const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// End-to-end headers that a message cannot do without; naming them in `Connection` does not remove them.
///
/// RFC 9110 §7.6.1 forbids a sender to list such fields.
/// A client that does so anyway would turn its own authorised request into an anonymous one half-way, or drop the
/// length that frames a body, so the option is ignored.
const KEPT: [HeaderName; 5] = [
    http::header::AUTHORIZATION,
    http::header::CACHE_CONTROL,
    http::header::CONTENT_LENGTH,
    http::header::HOST,
    http::header::SET_COOKIE,
];

/// Removes every hop-by-hop header: those of [`HOP_BY_HOP`] and those that `Connection` names, on any of its lines.
///
/// Connection options that are no header names, like `close`, remove nothing.
/// Call it once for the request on its way up and once for the response on its way down.
///
/// ```
/// use http::{HeaderMap, HeaderValue, header};
///
/// let mut headers = HeaderMap::new();
/// headers.insert(header::CONNECTION, HeaderValue::from_static("close, X-Trace"));
/// headers.insert("x-trace", HeaderValue::from_static("1"));
/// headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
/// github_headers::hop_by_hop::strip(&mut headers);
/// assert_eq!(headers.len(), 1);
/// ```
pub fn strip(headers: &mut HeaderMap) {
    // The common case: a glance at each name is cheaper than a look-up for each of these.
    if !headers.keys().any(is_hop_by_hop) {
        return;
    }
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|line| line.as_bytes().split(|&byte| byte == b','))
        .filter_map(|option| HeaderName::from_bytes(trim_ows(option)).ok())
        .filter(|name| !KEPT.contains(name))
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// Whether it is one of [`HOP_BY_HOP`]; comparing texts of different length costs nothing.
fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::{ACCEPT, AUTHORIZATION, ETAG};
    use proptest::prelude::*;

    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(
                name.parse::<HeaderName>().unwrap(),
                value.parse::<HeaderValue>().unwrap(),
            );
        }
        headers
    }

    #[test]
    fn the_names_are_told_apart() {
        assert!(HOP_BY_HOP.iter().all(is_hop_by_hop));
        let others = [ACCEPT, AUTHORIZATION, ETAG];
        assert!(!others.iter().chain(&KEPT).any(is_hop_by_hop));
    }

    #[track_caller]
    fn check(before: &[(&str, &str)], after: &[(&str, &str)]) {
        let mut stripped = headers(before);
        strip(&mut stripped);
        assert_eq!(stripped, headers(after), "{before:?}");
    }

    #[test]
    fn the_usual_ones_go_on_their_own() {
        for name in HOP_BY_HOP {
            check(
                &[
                    (name.as_str(), "x"),
                    (name.as_str(), "y"),
                    ("etag", "\"a\""),
                ],
                &[("etag", "\"a\"")],
            );
        }
    }

    #[test]
    fn those_that_connection_names_go_too() {
        check(
            &[
                ("connection", "close , X-One,,x-two"),
                ("connection", "X-Three"),
                ("x-one", "1"),
                ("x-one", "2"),
                ("X-Two", "2"),
                ("x-three", "3"),
                ("x-four", "4"),
            ],
            &[("x-four", "4")],
        );
        check(
            &[
                ("connection", "keep-alive, upgrade"),
                ("upgrade", "h2c"),
                ("keep-alive", "timeout=5"),
            ],
            &[],
        );
        check(&[("connection", "not a name, \"x\", (")], &[]);
    }

    #[test]
    fn end_to_end_headers_stay() {
        let kept = [
            ("accept", "*/*"),
            ("etag", "W/\"a\""),
            ("link", "<a>; rel=\"next\""),
            ("via", "1.1 x"),
            ("x-ratelimit-limit", "60"),
            ("x-github-request-id", "A:B"),
            ("content-encoding", "gzip"),
            ("age", "0"),
        ];
        check(&kept, &kept);
    }

    /// A client must not be able to make its own request anonymous, or unframed, half-way.
    #[test]
    fn connection_cannot_remove_what_a_message_needs() {
        for name in KEPT {
            check(
                &[("connection", name.as_str()), (name.as_str(), "x")],
                &[(name.as_str(), "x")],
            );
        }
        assert!(KEPT.contains(&AUTHORIZATION));
        check(
            &[
                ("connection", "etag"),
                (ETAG.as_str(), "\"a\""),
                (ACCEPT.as_str(), "*/*"),
            ],
            &[("accept", "*/*")],
        );
    }

    proptest! {
        #[test]
        fn stripping_is_complete_and_stable(options: Vec<Vec<u8>>, named in "[a-z]{1,4}") {
            let mut headers = headers(&[("x", "1"), (&named, "2"), ("te", "trailers")]);
            headers.append(CONNECTION, named.parse().unwrap());
            for option in options {
                if let Ok(value) = HeaderValue::from_bytes(&option) {
                    headers.append(CONNECTION, value);
                }
            }
            strip(&mut headers);
            prop_assert!(HOP_BY_HOP.iter().all(|name| !headers.contains_key(name)));
            prop_assert!(KEPT.iter().any(|name| name.as_str() == named) || !headers.contains_key(&named));
            let once = headers.clone();
            strip(&mut headers);
            prop_assert_eq!(headers, once);
        }
    }
}
