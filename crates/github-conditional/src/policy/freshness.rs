//! Until when an answer may be reused without asking (RFC 9111 §4.2), computed by http-cache-semantics.

use std::time::{Duration, SystemTime};

use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue, Request, Response, Uri};
use http_cache_semantics::{CacheOptions, CachePolicy};

use super::before::Freshness;

/// The end of freshness of an answer received `now`, as a private cache for this one caller sees it.
///
/// `stored` fills in what a 304 lacks.
pub(crate) fn fresh_until(
    freshness: Freshness,
    uri: &Uri,
    received: &HeaderMap,
    stored: Option<&HeaderValue>,
    now: SystemTime,
) -> Option<SystemTime> {
    if freshness != Freshness::Rfc9111 {
        return None;
    }
    let mut headers = received.clone();
    if !headers.contains_key(CACHE_CONTROL)
        && let Some(value) = stored
    {
        headers.insert(CACHE_CONTROL, value.clone());
    }
    let mut request = Request::new(());
    *request.uri_mut() = uri.clone();
    let mut response = Response::new(());
    *response.headers_mut() = headers;
    let options = CacheOptions {
        shared: false,
        // GitHub always says how long; a guess from Last-Modified would be a guess about somebody's data.
        cache_heuristic: 0.0,
        immutable_min_time_to_live: Duration::ZERO,
        ..CacheOptions::default()
    };
    let policy = CachePolicy::new_options(&request, &response, now, options);
    let left = policy.time_to_live(now);
    (!left.is_zero()).then(|| now + left)
}

#[cfg(test)]
mod tests {
    use http::header::{AGE, HeaderName};

    use super::*;

    #[track_caller]
    fn check(freshness: Freshness, headers: &[(HeaderName, &'static str)], expected: Option<u64>) {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(name, HeaderValue::from_static(value));
        }
        let uri = Uri::from_static("https://api.github.com/events");
        let until = fresh_until(freshness, &uri, &map, None, now);
        let left = until.map(|until| until.duration_since(now).unwrap().as_secs());
        assert_eq!(left, expected, "{headers:?}");
    }

    #[test]
    fn table() {
        let private = (CACHE_CONTROL, "private, max-age=60, s-maxage=60");
        let public = (CACHE_CONTROL, "public, max-age=300, s-maxage=300");
        check(Freshness::Rfc9111, &[private], Some(60));
        check(Freshness::Rfc9111, std::slice::from_ref(&public), Some(300));
        check(
            Freshness::Rfc9111,
            &[public.clone(), (AGE, "250")],
            Some(50),
        );
        check(Freshness::Rfc9111, &[public.clone(), (AGE, "301")], None);
        check(Freshness::Rfc9111, &[(CACHE_CONTROL, "no-cache")], None);
        check(Freshness::Rfc9111, &[], None);
        check(Freshness::Revalidate, &[public], None);
    }
}
