//! Whether an answer may be stored, and whether that is of any use (RFC 9111 §3).

use http::header::{AUTHORIZATION, CONTENT_LENGTH, ETAG, LAST_MODIFIED, RANGE};
use http::{HeaderMap, StatusCode};

use super::controls::Controls;
use super::freshness::Lifetime;
use super::options::{Audience, Options};
use super::selection::Vary;
use crate::outcome::Storing;

/// Statuses whose meaning this cache knows, for `must-understand` (RFC 9111 §5.2.2.3). Not 206 and 304: it stores no
/// parts, and a 304 is no answer of its own.
const UNDERSTOOD: [u16; 31] = [
    200, 203, 204, 300, 301, 302, 303, 307, 308, 400, 401, 402, 403, 404, 405, 406, 408, 409, 410,
    411, 412, 414, 415, 421, 422, 426, 451, 500, 501, 502, 504,
];

/// What becomes of the body of an answer with this head; a body that turns out too large is dropped later.
pub(crate) fn storing(
    request: &HeaderMap,
    status: StatusCode,
    headers: &HeaderMap,
    controls: &Controls,
    lifetime: Lifetime,
    options: &Options,
) -> Storing {
    let understood = UNDERSTOOD.contains(&status.as_u16());
    if status.is_informational() || [206, 304, 416].contains(&status.as_u16()) {
        return Storing::Status;
    }
    if request.contains_key(RANGE) && status != StatusCode::OK {
        // It may be an answer to the range alone.
        return Storing::Status;
    }
    if controls.must_understand {
        // Whoever understands need not obey `no-store`, which is there for those who do not.
        if !understood {
            return Storing::Status;
        }
    } else if controls.no_store {
        return Storing::Forbidden;
    }
    if options.audience == Audience::Shared {
        if controls.private {
            return Storing::Private;
        }
        // RFC 9111 §3.5.
        let shareable = controls.public || controls.must_revalidate || controls.s_maxage.is_some();
        if request.contains_key(AUTHORIZATION) && !shareable {
            return Storing::Authorization;
        }
    }
    if Vary::of(headers) == Vary::Anything {
        return Storing::Varying;
    }
    let validator = headers.contains_key(ETAG) || headers.contains_key(LAST_MODIFIED);
    match lifetime {
        // Without a freshness of its own, only what may be guessed about can be stored at all.
        Lifetime::Unknown if !validator => return Storing::NoValidator,
        Lifetime::Unknown if !cacheable_by_default(status) && !controls.public => {
            return Storing::Status;
        }
        Lifetime::Explicit(duration) | Lifetime::Heuristic(duration)
            if duration.is_zero() && !validator =>
        {
            return Storing::NoValidator;
        }
        _ => {}
    }
    let declared = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > options.max_cacheable_body_bytes as u64) {
        return Storing::TooLarge;
    }
    Storing::Recorded
}

fn cacheable_by_default(status: StatusCode) -> bool {
    super::freshness::HEURISTICALLY_CACHEABLE.contains(&status.as_u16())
}

#[cfg(test)]
mod tests;
