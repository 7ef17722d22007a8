//! Whether the cache touches a request at all.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, Method};

use super::directives::Directives;
use crate::outcome::BypassReason;

/// The methods the cache answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    Get,
    Head,
}

/// What the cache does with a request before anything is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    Read(Read),
    Bypass(BypassReason),
}

/// Whether a request carries a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestBody {
    Empty,
    Present,
}

pub(crate) fn admit(
    method: &Method,
    headers: &HeaderMap,
    body: RequestBody,
    directives: &Directives,
) -> Admission {
    let read = match *method {
        Method::GET => Read::Get,
        Method::HEAD => Read::Head,
        _ => return Admission::Bypass(BypassReason::Method),
    };
    if body == RequestBody::Present {
        return Admission::Bypass(BypassReason::RequestBody);
    }
    if headers.get_all(AUTHORIZATION).iter().nth(1).is_some() {
        return Admission::Bypass(BypassReason::Authorization);
    }
    if let Some(reason) = headers.keys().find_map(bypassing) {
        return Admission::Bypass(reason);
    }
    if directives.no_store {
        return Admission::Bypass(BypassReason::NoStore);
    }
    Admission::Read(read)
}

/// What a field of this name says about the request. A glance at each name is cheaper than a look-up for each of these.
fn bypassing(name: &HeaderName) -> Option<BypassReason> {
    match name.as_str() {
        "range" | "if-range" => Some(BypassReason::Range),
        "cookie" => Some(BypassReason::Cookie),
        "x-github-otp" => Some(BypassReason::OneTimePassword),
        "x-requested-with" => Some(BypassReason::RequestedWith),
        "if-match" | "if-unmodified-since" => Some(BypassReason::OriginPrecondition),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(method: Method, headers: &[(&'static str, &str)], expected: Admission) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        let directives = Directives::of(&map);
        let admission = admit(&method, &map, RequestBody::Empty, &directives);
        assert_eq!(admission, expected, "{method} {headers:?}");
    }

    #[test]
    fn table() {
        use Admission::{Bypass, Read as Admit};
        check(Method::GET, &[], Admit(Read::Get));
        check(
            Method::HEAD,
            &[("authorization", "token x")],
            Admit(Read::Head),
        );
        check(
            Method::GET,
            &[("cache-control", "no-cache"), ("if-none-match", "\"x\"")],
            Admit(Read::Get),
        );
        for method in [
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::OPTIONS,
        ] {
            check(method, &[], Bypass(BypassReason::Method));
        }
        check(
            Method::GET,
            &[("range", "bytes=0-1")],
            Bypass(BypassReason::Range),
        );
        check(
            Method::GET,
            &[("if-range", "\"x\"")],
            Bypass(BypassReason::Range),
        );
        check(
            Method::GET,
            &[("cookie", "a=b")],
            Bypass(BypassReason::Cookie),
        );
        check(
            Method::GET,
            &[("x-github-otp", "123456")],
            Bypass(BypassReason::OneTimePassword),
        );
        check(
            Method::GET,
            &[("x-requested-with", "X")],
            Bypass(BypassReason::RequestedWith),
        );
        check(
            Method::GET,
            &[("if-match", "*")],
            Bypass(BypassReason::OriginPrecondition),
        );
        let since = "Thu, 22 Jun 2023 07:16:46 GMT";
        check(
            Method::GET,
            &[("accept", "*/*"), ("if-unmodified-since", since)],
            Bypass(BypassReason::OriginPrecondition),
        );
        check(
            Method::GET,
            &[("cache-control", "no-store")],
            Bypass(BypassReason::NoStore),
        );
        check(
            Method::GET,
            &[("authorization", "token a"), ("authorization", "token b")],
            Bypass(BypassReason::Authorization),
        );
        let with_body = admit(
            &Method::GET,
            &HeaderMap::new(),
            RequestBody::Present,
            &Directives::default(),
        );
        assert_eq!(with_body, Bypass(BypassReason::RequestBody));
    }
}
