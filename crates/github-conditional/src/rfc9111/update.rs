//! What a 304, or the answer to a HEAD, changes of a stored answer (RFC 9111 §3.2, §4.3.4, §4.3.5).

use github_headers::hop_by_hop;
use http::header::{
    AGE, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, LAST_MODIFIED, TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderName};

use super::controls::Controls;

/// Fields about the stored bytes themselves: whatever a 304 says, these bytes are still the same.
const OF_THE_BYTES: [HeaderName; 9] = [
    AGE,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_RANGE,
    ETAG,
    TRANSFER_ENCODING,
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("repr-digest"),
];

/// The stored headers with those of a later answer about the same bytes in their place.
pub(crate) fn updated(stored: &HeaderMap, later: &HeaderMap) -> HeaderMap {
    let mut later = later.clone();
    hop_by_hop::strip(&mut later);
    let mut headers = stored.clone();
    for name in later.keys().filter(|name| !OF_THE_BYTES.contains(name)) {
        headers.remove(name);
        for value in later.get_all(name) {
            headers.append(name.clone(), value.clone());
        }
    }
    headers
}

/// What is stored of an answer's headers: none that belong to one connection (RFC 9111 §3.1), none that are withheld.
pub(crate) fn storable_headers(headers: &HeaderMap, controls: &Controls) -> HeaderMap {
    let mut headers = headers.clone();
    hop_by_hop::strip(&mut headers);
    headers.remove("proxy-authentication-info");
    headers.remove(AGE);
    for name in &controls.withheld {
        headers.remove(name);
    }
    headers
}

/// What the answer to a HEAD says about the stored answer to a GET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadSays {
    /// It is about the same bytes.
    Same,
    /// The bytes have changed.
    Changed,
}

pub(crate) fn compare_head(stored: &HeaderMap, body_length: usize, head: &HeaderMap) -> HeadSays {
    let differs = |name: &HeaderName| head.contains_key(name) && head.get(name) != stored.get(name);
    let other_length = head
        .get(CONTENT_LENGTH)
        .is_some_and(|length| length.as_bytes() != body_length.to_string().as_bytes());
    match differs(&ETAG) || differs(&LAST_MODIFIED) || other_length {
        true => HeadSays::Changed,
        false => HeadSays::Same,
    }
}

#[cfg(test)]
mod tests;
