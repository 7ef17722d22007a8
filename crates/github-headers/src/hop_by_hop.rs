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
    // The common case, no Connection header, allocates nothing.
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
