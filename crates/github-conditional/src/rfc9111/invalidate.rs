//! Which urls a write has changed (RFC 9111 §4.4): its target, and what `Location` and `Content-Location` of the answer
//! name, if it is of the same origin.

use http::header::{CONTENT_LOCATION, HeaderName, LOCATION};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, Method, StatusCode, Uri};

/// Whether a request can have changed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It is safe, or the server refused it.
    None,
    Changed,
}

pub(crate) fn effect(method: &Method, status: StatusCode) -> Effect {
    // RFC 9111 §4.4: unsafe methods and those that are not known; answered with 2xx or 3xx.
    match method.is_safe() || !(status.is_success() || status.is_redirection()) {
        true => Effect::None,
        false => Effect::Changed,
    }
}

/// The other urls that the answer to a write names as changed.
pub(crate) fn named(target: &Uri, headers: &HeaderMap) -> Vec<Uri> {
    [LOCATION, CONTENT_LOCATION]
        .iter()
        .filter_map(|name| resolved(target, headers, name))
        .collect()
}

/// Whether the answer to a POST is, by its own word, what a GET of the same url would give (RFC 9110 §9.3.3).
pub(crate) fn is_about_itself(target: &Uri, headers: &HeaderMap) -> bool {
    resolved(target, headers, &CONTENT_LOCATION)
        .is_some_and(|named| named.path_and_query() == target.path_and_query())
}

/// The url that a header names, if it is of the target's origin.
fn resolved(target: &Uri, headers: &HeaderMap, name: &HeaderName) -> Option<Uri> {
    let mut lines = headers.get_all(name).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return None;
    };
    let text = line.to_str().ok()?.trim();
    let text = text.split('#').next().unwrap_or_default();
    if text.starts_with("//") {
        // An authority of its own, in a form that is never ours.
        return None;
    }
    if text.starts_with('/') {
        return on_origin(target, text);
    }
    if text.contains("://") {
        let absolute: Uri = text.parse().ok()?;
        return same_origin(target, &absolute).then_some(absolute);
    }
    // Relative to the target (RFC 3986 §5.2), as far as that needs no dot segments.
    if text.split('/').any(|segment| matches!(segment, "." | "..")) || text.contains(':') {
        return None;
    }
    if let Some(query) = text.strip_prefix('?') {
        return on_origin(target, &format!("{}?{query}", target.path()));
    }
    let directory = target
        .path()
        .rsplit_once('/')
        .map_or("", |(above, _)| above);
    on_origin(target, &format!("{directory}/{text}"))
}

fn on_origin(target: &Uri, path_and_query: &str) -> Option<Uri> {
    let mut parts = target.clone().into_parts();
    parts.path_and_query = Some(path_and_query.parse().ok()?);
    Uri::from_parts(parts).ok()
}

fn same_origin(target: &Uri, other: &Uri) -> bool {
    let port = |uri: &Uri| {
        let default = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => 443,
            _ => 80,
        };
        uri.port_u16().unwrap_or(default)
    };
    let host = |uri: &Uri| {
        uri.authority()
            .map(Authority::host)
            .map(str::to_ascii_lowercase)
    };
    target.scheme() == other.scheme() && host(target) == host(other) && port(target) == port(other)
}

#[cfg(test)]
mod tests;
