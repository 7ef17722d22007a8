//! Who may administer the mirror (pure).
//!
//! With a token configured, whoever brings it. Without one, whoever sits on this machine: and that must be the sender
//! itself, not a proxy on this machine that speaks for somebody elsewhere, nor a web page that a browser on this machine
//! happens to show.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, FORWARDED, HOST, ORIGIN, VIA};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, Method, Uri};
use service_runtime::listener::{Peer, PeerAddress, Reach};
use subtle::ConstantTimeEq;

/// Headers by which a proxy says that it speaks for somebody else.
const BY_PROXY: [HeaderName; 5] = [
    FORWARDED,
    VIA,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-real-ip"),
];
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Longer ones are nobody's.
const LONGEST_CREDENTIALS: usize = 4096;

/// The token that opens the administration.
pub(crate) struct AdminToken(Box<[u8]>);

impl AdminToken {
    pub(crate) fn new(token: &str) -> Self {
        Self(token.as_bytes().into())
    }

    /// How long the comparison takes says nothing about the token but its length.
    fn is(&self, presented: &[u8]) -> bool {
        self.0.ct_eq(presented).into()
    }

    /// Whether a request carries this token in any form: then it must not go to GitHub.
    pub(crate) fn is_in(&self, headers: &HeaderMap) -> bool {
        let mut lines = headers.get_all(AUTHORIZATION).iter();
        lines.any(|line| {
            let text = line.as_bytes();
            presented(text).is_some_and(|token| self.is(&token))
        })
    }
}

impl std::fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AdminToken(..)")
    }
}

/// Why somebody may not administer the mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A token is configured, and the request has none.
    NoToken,
    /// The request has another one.
    WrongToken,
    /// No token is configured, and the sender is not on this machine.
    NotLocal,
    /// No token is configured, and a proxy speaks for somebody else.
    Forwarded,
    /// No token is configured, and the request is for a name that is not this machine's: a browser may have been led here.
    ForeignHost,
    /// A web page of somebody else wants something changed.
    ForeignPage,
}

impl Refusal {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::NoToken => "admin-no-token",
            Self::WrongToken => "admin-wrong-token",
            Self::NotLocal => "admin-not-local",
            Self::Forwarded => "admin-forwarded",
            Self::ForeignHost => "admin-foreign-host",
            Self::ForeignPage => "admin-foreign-page",
        }
    }

    pub(crate) const fn message(self) -> &'static str {
        match self {
            Self::NoToken => "send the admin token: Authorization: Bearer ADMIN_TOKEN",
            Self::WrongToken => "this is not the admin token",
            Self::NotLocal => {
                "without a configured admin.token (ADMIN_TOKEN) only this machine may administer the mirror"
            }
            Self::Forwarded => {
                "this came through a proxy; set admin.token (ADMIN_TOKEN) to administer the mirror through one"
            }
            Self::ForeignHost => {
                "use localhost, a loopback address or the Unix socket, or set admin.token (ADMIN_TOKEN)"
            }
            Self::ForeignPage => "a page of another site must not change the mirror",
        }
    }
}

/// Whether this request may administer the mirror.
pub(crate) fn admit(
    token: Option<&AdminToken>,
    peer: Peer,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<(), Refusal> {
    match token {
        Some(token) => match headers.get(AUTHORIZATION) {
            None => return Err(Refusal::NoToken),
            Some(_) if token.is_in(headers) => {}
            Some(_) => return Err(Refusal::WrongToken),
        },
        None => {
            if peer.reach() != Reach::SameHost {
                return Err(Refusal::NotLocal);
            }
            if BY_PROXY.iter().any(|name| headers.contains_key(name)) {
                return Err(Refusal::Forwarded);
            }
            // No browser reaches a Unix socket, and its clients name whatever host they like.
            if peer.address != PeerAddress::Unix && !is_for_this_machine(uri, headers) {
                return Err(Refusal::ForeignHost);
            }
        }
    }
    if !method.is_safe() && is_foreign_page(uri, headers) {
        return Err(Refusal::ForeignPage);
    }
    Ok(())
}

/// The secret in `Bearer X`, `token X`, or the password of `Basic`, which is what browsers can ask their user for.
fn presented(authorization: &[u8]) -> Option<Vec<u8>> {
    if authorization.len() > LONGEST_CREDENTIALS {
        return None;
    }
    let space = authorization.iter().position(|byte| *byte == b' ')?;
    let (scheme, rest) = authorization.split_at(space);
    let rest = rest.trim_ascii();
    if scheme.eq_ignore_ascii_case(b"basic") {
        let pair = STANDARD.decode(rest).ok()?;
        let colon = pair.iter().position(|byte| *byte == b':')?;
        return Some(pair[colon + 1..].to_vec());
    }
    let known = scheme.eq_ignore_ascii_case(b"bearer") || scheme.eq_ignore_ascii_case(b"token");
    known.then(|| rest.to_vec())
}

fn host_of(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    let named = headers
        .get(HOST)
        .and_then(|host| Authority::try_from(host.as_bytes()).ok());
    named.or_else(|| uri.authority().cloned())
}

fn is_for_this_machine(uri: &Uri, headers: &HeaderMap) -> bool {
    let Some(authority) = host_of(uri, headers) else {
        // HTTP/1.0 without Host: no browser.
        return true;
    };
    let host = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host == "localhost"
        || host.ends_with(".localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Browsers say where a request comes from; whoever is no browser says nothing.
fn is_foreign_page(uri: &Uri, headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get(SEC_FETCH_SITE) {
        return !matches!(site.as_bytes(), b"same-origin" | b"none");
    }
    let Some(origin) = headers.get(ORIGIN) else {
        return false;
    };
    let page = origin
        .to_str()
        .ok()
        .and_then(|text| text.parse::<Uri>().ok());
    let page = page.as_ref().and_then(Uri::authority);
    page != host_of(uri, headers).as_ref()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use service_runtime::listener::Transport;

    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    fn request(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("127.0.0.1:8080"));
        for (name, value) in lines {
            headers.insert(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn peer(address: &str) -> Peer {
        let address = match address {
            "unix" => PeerAddress::Unix,
            tcp => PeerAddress::Tcp(tcp.parse().unwrap()),
        };
        Peer {
            address,
            transport: Transport::Plain,
        }
    }

    #[track_caller]
    fn check(
        token: Option<&str>,
        from: &str,
        method: Method,
        lines: &[(&'static str, &str)],
        expected: Result<(), Refusal>,
    ) {
        let token = token.map(AdminToken::new);
        let uri = Uri::from_static("/_mirror/status");
        let headers = request(lines);
        let admitted = admit(token.as_ref(), peer(from), &method, &uri, &headers);
        assert_eq!(admitted, expected, "{from} {lines:?}");
    }

    #[test]
    fn the_token_opens_from_anywhere_and_nothing_else_does() {
        let far = "203.0.113.5:4000";
        let with = |value| [("authorization", value)];
        let get = || Method::GET;
        check(
            Some(TOKEN),
            far,
            get(),
            &with("Bearer 0123456789abcdef"),
            Ok(()),
        );
        check(
            Some(TOKEN),
            far,
            get(),
            &with("bearer  0123456789abcdef"),
            Ok(()),
        );
        // Any user, the token as the password.
        check(
            Some(TOKEN),
            far,
            get(),
            &with("Basic eDowMTIzNDU2Nzg5YWJjZGVm"),
            Ok(()),
        );
        for wrong in [
            "Bearer 0123456789abcdeg",
            "Bearer 0123456789abcde",
            "Bearer",
            "Basic !!",
            "Bearer  ",
        ] {
            check(
                Some(TOKEN),
                far,
                get(),
                &with(wrong),
                Err(Refusal::WrongToken),
            );
        }
        check(Some(TOKEN), far, get(), &[], Err(Refusal::NoToken));
        check(
            Some(TOKEN),
            "127.0.0.1:1",
            get(),
            &[],
            Err(Refusal::NoToken),
        );
        check(Some(TOKEN), "unix", get(), &[], Err(Refusal::NoToken));
    }

    #[test]
    fn without_a_token_only_this_machine_itself() {
        let get = || Method::GET;
        check(None, "127.0.0.1:1", get(), &[], Ok(()));
        check(None, "[::1]:1", get(), &[("host", "[::1]:8080")], Ok(()));
        check(
            None,
            "[::ffff:127.0.0.1]:1",
            get(),
            &[("host", "localhost:8080")],
            Ok(()),
        );
        check(None, "unix", get(), &[("host", "api.github.com")], Ok(()));
        check(None, "192.168.1.5:1", get(), &[], Err(Refusal::NotLocal));
        for name in [
            "x-forwarded-for",
            "forwarded",
            "via",
            "x-real-ip",
            "x-forwarded-host",
        ] {
            check(
                None,
                "127.0.0.1:1",
                get(),
                &[(name, "x")],
                Err(Refusal::Forwarded),
            );
            check(None, "unix", get(), &[(name, "x")], Err(Refusal::Forwarded));
        }
    }

    #[test]
    fn a_web_page_cannot_use_the_browser_of_this_machine() {
        // Its name was pointed at this machine.
        check(
            None,
            "127.0.0.1:1",
            Method::GET,
            &[("host", "evil.example:8080")],
            Err(Refusal::ForeignHost),
        );
        let foreign = Err(Refusal::ForeignPage);
        let own = ("origin", "http://127.0.0.1:8080");
        check(None, "127.0.0.1:1", Method::POST, &[own], Ok(()));
        check(
            None,
            "127.0.0.1:1",
            Method::POST,
            &[("origin", "http://evil.example")],
            foreign,
        );
        check(
            None,
            "127.0.0.1:1",
            Method::POST,
            &[("origin", "null")],
            foreign,
        );
        check(
            None,
            "127.0.0.1:1",
            Method::POST,
            &[("sec-fetch-site", "cross-site"), own],
            foreign,
        );
        check(
            None,
            "127.0.0.1:1",
            Method::POST,
            &[("sec-fetch-site", "same-origin"), own],
            Ok(()),
        );
        let authorized = ("authorization", "Bearer 0123456789abcdef");
        check(
            Some(TOKEN),
            "127.0.0.1:1",
            Method::POST,
            &[authorized, ("sec-fetch-site", "cross-site")],
            foreign,
        );
    }

    #[test]
    fn the_token_is_recognised_among_other_credentials() {
        let token = AdminToken::new(TOKEN);
        assert!(token.is_in(&request(&[("authorization", "token 0123456789abcdef")])));
        assert!(!token.is_in(&request(&[("authorization", "token ghp_0123456789abcdef")])));
        assert!(!format!("{token:?}").contains("0123"));
    }
}
