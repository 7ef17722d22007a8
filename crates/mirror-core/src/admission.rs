//! What a request is, by its target alone: ours, GitHub's, or neither.
//!
//! Whatever form the target has, only its path and query go on, and only to the configured upstream.

use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, Method, Uri, Version, header};

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Answered here.
    Local(Local),
    /// Goes to the upstream under this target.
    Forward {
        target: PathAndQuery,
        dialect: Dialect,
    },
    /// Goes nowhere.
    Reject(Rejection),
}

/// The mirror's own resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Local {
    Health,
    Ready,
    Metrics,
    /// Below `/_mirror/`.
    Administration,
    /// GitHub tells of an event.
    Webhook,
}

/// How the client writes GitHub's paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `/repos/...`, as on api.github.com.
    Dotcom,
    /// `/api/v3/repos/...`, as on an enterprise server.
    Enterprise,
}

impl Dialect {
    /// What the urls in answers have before the path.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Dotcom => "",
            Self::Enterprise => "/api/v3",
        }
    }
}

/// Why a request goes nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// CONNECT, or `OPTIONS *`: not about a resource.
    Target,
    /// A `.` or `..` segment, plain or encoded: it could climb out of the upstream's base path.
    DotSegment,
    /// The `Host` header is missing, repeated or no authority.
    Host,
    /// Release assets are uploaded to a host of their own, which is not the configured upstream.
    Uploads,
}

impl Rejection {
    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::Target => "the request target is not a resource of the API",
            Self::DotSegment => "the path must not contain . or .. segments",
            Self::Host => "the Host header is missing, repeated or malformed",
            Self::Uploads => {
                "uploads do not go through the mirror: send them to https://uploads.github.com, the upload_url of the release"
            }
        }
    }
}

pub(crate) fn admit(
    method: &Method,
    version: Version,
    uri: &Uri,
    headers: &HeaderMap,
) -> Admission {
    if *method == Method::CONNECT {
        return Admission::Reject(Rejection::Target);
    }
    let Some(target) = uri
        .path_and_query()
        .filter(|target| target.path().starts_with('/'))
    else {
        return Admission::Reject(Rejection::Target);
    };
    if !host_is_sound(version, uri, headers) {
        return Admission::Reject(Rejection::Host);
    }
    admit_target(method, target)
}

/// What a target is, whoever asks for it.
pub(crate) fn admit_target(method: &Method, target: &PathAndQuery) -> Admission {
    if has_dot_segment(target.path()) {
        return Admission::Reject(Rejection::DotSegment);
    }
    if matches!(*method, Method::GET | Method::HEAD)
        && let Some(local) = local(target.path())
    {
        return Admission::Local(local);
    }
    if *method == Method::POST && target.path() == "/_mirror/webhook" {
        return Admission::Local(Local::Webhook);
    }
    if target.path() == "/_mirror" || target.path().starts_with("/_mirror/") {
        return Admission::Local(Local::Administration);
    }
    if target.path() == "/api/uploads" || target.path().starts_with("/api/uploads/") {
        return Admission::Reject(Rejection::Uploads);
    }
    let (target, dialect) = translate(target);
    Admission::Forward { target, dialect }
}

fn local(path: &str) -> Option<Local> {
    match path {
        "/healthz" => Some(Local::Health),
        "/readyz" => Some(Local::Ready),
        "/metrics" => Some(Local::Metrics),
        _ => None,
    }
}

/// Enterprise paths to dotcom ones: `/api/v3/x` is `/x`, `/api/graphql` is `/graphql`.
fn translate(target: &PathAndQuery) -> (PathAndQuery, Dialect) {
    let text = target.as_str();
    let rest = text
        .strip_prefix("/api/v3")
        .filter(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    let translated = match rest {
        Some("") => Some("/".to_owned()),
        Some(rest) if rest.starts_with('?') => Some(format!("/{rest}")),
        Some(rest) => Some(rest.to_owned()),
        None => text
            .strip_prefix("/api/graphql")
            .filter(|rest| rest.is_empty() || rest.starts_with('?'))
            .map(|rest| format!("/graphql{rest}")),
    };
    match translated.and_then(|text| PathAndQuery::try_from(text).ok()) {
        Some(target) => (target, Dialect::Enterprise),
        None => (target.clone(), Dialect::Dotcom),
    }
}

/// Encoded dots and slashes count as well: whoever is behind the upstream's front may decode before it resolves.
fn has_dot_segment(path: &str) -> bool {
    // The common case has no such thing at all.
    if memchr::memchr2(b'.', b'%', path.as_bytes()).is_none() {
        return false;
    }
    let mut rest = path.as_bytes();
    let mut segment = Segment::Empty;
    loop {
        let (kind, tail) = match rest {
            [] => return segment.is_dots(),
            [b'/' | b'\\', tail @ ..] => (Kind::Separator, tail),
            [b'%', b'2', b'f' | b'F', tail @ ..] => (Kind::Separator, tail),
            [b'%', b'5', b'c' | b'C', tail @ ..] => (Kind::Separator, tail),
            [b'.', tail @ ..] => (Kind::Dot, tail),
            [b'%', b'2', b'e' | b'E', tail @ ..] => (Kind::Dot, tail),
            [_, tail @ ..] => (Kind::Other, tail),
        };
        rest = tail;
        segment = match (kind, segment) {
            (Kind::Separator, segment) if segment.is_dots() => return true,
            (Kind::Separator, _) => Segment::Empty,
            (Kind::Dot, Segment::Empty) => Segment::Dots(1),
            (Kind::Dot, Segment::Dots(1)) => Segment::Dots(2),
            _ => Segment::Other,
        };
    }
}

/// One character of a path, however it is written.
#[derive(Clone, Copy)]
enum Kind {
    Separator,
    Dot,
    Other,
}

/// What a path segment consists of so far.
#[derive(Clone, Copy)]
enum Segment {
    Empty,
    Dots(u8),
    Other,
}

impl Segment {
    fn is_dots(self) -> bool {
        matches!(self, Self::Dots(_))
    }
}

fn host_is_sound(version: Version, uri: &Uri, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (first, second) = (hosts.next(), hosts.next());
    if second.is_some() {
        return false;
    }
    match first {
        Some(host) if is_plain_host(host.as_bytes()) => true,
        Some(host) => {
            Authority::try_from(host.as_bytes()).is_ok_and(|host| !host.as_str().contains('@'))
        }
        // HTTP/2 names the authority in the target; HTTP/1.0 needs none.
        None => version != Version::HTTP_11 || uri.authority().is_some(),
    }
}

/// Whether it is a name or an IPv4 address, and perhaps a port: what nearly all are, told without parsing.
fn is_plain_host(host: &[u8]) -> bool {
    let (name, port) = match memchr::memchr(b':', host) {
        Some(colon) => (&host[..colon], Some(&host[colon + 1..])),
        None => (host, None),
    };
    let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    let is_port = |port: &[u8]| !port.is_empty() && port.iter().all(u8::is_ascii_digit);
    !name.is_empty() && name.iter().all(is_of_name) && port.is_none_or(is_port)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(method: Method, target: &str, expected: Result<(&str, Dialect), Admission>) {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("mirror:8080"));
        let uri: Uri = target.parse().unwrap();
        let admission = admit(&method, Version::HTTP_11, &uri, &headers);
        let expected = match expected {
            Ok((target, dialect)) => Admission::Forward {
                target: target.parse().unwrap(),
                dialect,
            },
            Err(admission) => admission,
        };
        assert_eq!(admission, expected, "{method} {target}");
    }

    #[test]
    fn targets() {
        use Dialect::{Dotcom, Enterprise};
        let get = Method::GET;
        check(get.clone(), "/", Ok(("/", Dotcom)));
        check(
            get.clone(),
            "/repos/o/r?b=1&b=%31",
            Ok(("/repos/o/r?b=1&b=%31", Dotcom)),
        );
        check(
            get.clone(),
            "http://evil.example/repos/o/r",
            Ok(("/repos/o/r", Dotcom)),
        );
        check(
            get.clone(),
            "//evil.example/repos",
            Ok(("//evil.example/repos", Dotcom)),
        );
        check(
            get.clone(),
            "/repos/o/r/contents/a%2Fb",
            Ok(("/repos/o/r/contents/a%2Fb", Dotcom)),
        );
        check(
            get.clone(),
            "/repos/o/.github",
            Ok(("/repos/o/.github", Dotcom)),
        );
        check(
            get.clone(),
            "/repos/o/r...x",
            Ok(("/repos/o/r...x", Dotcom)),
        );
        check(
            get.clone(),
            "/repos/o/r/compare/a...b",
            Ok(("/repos/o/r/compare/a...b", Dotcom)),
        );
        check(
            get.clone(),
            "/api/v3/repos/o/r?x=y",
            Ok(("/repos/o/r?x=y", Enterprise)),
        );
        check(get.clone(), "/api/v3", Ok(("/", Enterprise)));
        check(get.clone(), "/api/v3?x", Ok(("/?x", Enterprise)));
        check(get.clone(), "/api/v35", Ok(("/api/v35", Dotcom)));
        check(Method::POST, "/api/graphql", Ok(("/graphql", Enterprise)));
        check(Method::POST, "/healthz", Ok(("/healthz", Dotcom)));
        check(
            Method::POST,
            "/api/graphql?x",
            Ok(("/graphql?x", Enterprise)),
        );
        check(Method::POST, "/graphql", Ok(("/graphql", Dotcom)));
        // As go-github writes them, with its trailing slash on the base.
        check(get.clone(), "/api/v3/", Ok(("/", Enterprise)));
        check(
            get.clone(),
            "/api/v3/repositories/7/issues?page=2",
            Ok(("/repositories/7/issues?page=2", Enterprise)),
        );
        check(get.clone(), "/api/uploadsx", Ok(("/api/uploadsx", Dotcom)));
    }

    #[test]
    fn what_is_answered_here_or_refused() {
        let local = |local| Err(Admission::Local(local));
        let reject = |rejection| Err(Admission::Reject(rejection));
        check(Method::GET, "/healthz", local(Local::Health));
        check(Method::HEAD, "/readyz?x", local(Local::Ready));
        check(Method::GET, "/metrics", local(Local::Metrics));
        check(
            Method::GET,
            "/_mirror/nothing",
            local(Local::Administration),
        );
        check(Method::POST, "/_mirror/webhook", local(Local::Webhook));
        for method in [Method::POST, Method::GET] {
            let uploads = "/api/uploads/repos/o/r/releases/1/assets?name=a.zip";
            check(method, uploads, reject(Rejection::Uploads));
        }
        check(
            Method::CONNECT,
            "evil.example:443",
            reject(Rejection::Target),
        );
        check(Method::OPTIONS, "*", reject(Rejection::Target));
        for path in [
            "/..",
            "/a/../b",
            "/a/./b",
            "/%2e%2E/b",
            "/%2e%2e%2fadmin",
            "/a%2F..%5Cb",
            "/a/.%2e",
            "/api/v3/../../admin",
        ] {
            check(Method::GET, path, reject(Rejection::DotSegment));
        }
    }

    #[test]
    fn hosts() {
        #[track_caller]
        fn check(version: Version, hosts: &[&'static str], target: &'static str, sound: bool) {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(header::HOST, HeaderValue::from_static(host));
            }
            let admission = admit(&Method::GET, version, &Uri::from_static(target), &headers);
            let rejected = admission == Admission::Reject(Rejection::Host);
            assert_eq!(!rejected, sound, "{version:?} {hosts:?} {target}");
        }
        check(Version::HTTP_11, &["api.github.com"], "/", true);
        check(Version::HTTP_11, &["[::1]:80"], "/", true);
        check(Version::HTTP_11, &[], "/", false);
        check(Version::HTTP_11, &["a", "b"], "/", false);
        check(Version::HTTP_11, &["a/b"], "/", false);
        check(Version::HTTP_11, &["user@a"], "/", false);
        check(Version::HTTP_11, &["mirror:8080"], "/", true);
        check(Version::HTTP_11, &["127.0.0.1"], "/", true);
        check(Version::HTTP_11, &["a:b:1"], "/", false);
        check(Version::HTTP_11, &["a b"], "/", false);
        check(Version::HTTP_11, &[""], "/", false);
        check(Version::HTTP_10, &[], "/", true);
        check(Version::HTTP_2, &[], "https://mirror/", true);
    }

    proptest! {
        #[test]
        fn a_plain_host_is_an_authority(host in "[a-z0-9.:@%\\[\\]_ -]{0,12}") {
            let sound = Authority::try_from(&*host).is_ok_and(|host| !host.as_str().contains('@'));
            prop_assert!(sound || !is_plain_host(host.as_bytes()), "{host:?}");
        }
    }
}
