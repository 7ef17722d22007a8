//! Making GitHub's urls the mirror's own, on the way out only: the stored bytes stay GitHub's bytes.

use http::header::{LINK, LOCATION};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Uri, header};

use crate::admission::Dialect;

mod json;

pub(crate) use json::{Positions, Rewriter, Rewritten};

/// GitHub's public origin: bodies and links name it whatever the upstream is.
const GITHUB: &str = "https://api.github.com";

/// Its host, by which a client may reach the mirror too.
const GITHUB_HOST: &str = "api.github.com";

/// The origins to replace, and by what.
#[derive(Clone, Debug)]
pub(crate) struct Origins {
    upstream: Vec<Box<str>>,
    public_url: Option<Box<str>>,
    scheme: &'static str,
}

/// What urls are rewritten to for one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    /// This url instead of GitHub's origin.
    Url(String),
    /// The client reaches the mirror under GitHub's own name (a Unix socket, a DNS override): urls are right as they are.
    Unchanged,
}

impl Origins {
    pub(crate) fn new(upstream: &str, public_url: Option<&str>, scheme: &'static str) -> Self {
        let mut origins = vec![Box::from(GITHUB)];
        let upstream = upstream.trim_end_matches('/');
        if upstream != GITHUB {
            origins.push(Box::from(upstream));
        }
        let public_url = public_url.map(|url| Box::from(url.trim_end_matches('/')));
        Self {
            upstream: origins,
            public_url,
            scheme,
        }
    }

    pub(crate) fn replaced(&self) -> &[Box<str>] {
        &self.upstream
    }

    /// The mirror's own url, if one was set.
    pub(crate) fn public_base(&self) -> Base {
        match &self.public_url {
            Some(url) => Base::Url(url.to_string()),
            None => Base::Unchanged,
        }
    }

    /// What urls in the answer to a request begin with.
    pub(crate) fn base(&self, uri: &Uri, headers: &HeaderMap, dialect: Dialect) -> Base {
        if let Some(url) = &self.public_url {
            return Base::Url(format!("{url}{}", dialect.prefix()));
        }
        let host = headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        let Some(host) = host.or_else(|| uri.authority().map(Authority::as_str)) else {
            return Base::Unchanged;
        };
        if dialect == Dialect::Dotcom && host.eq_ignore_ascii_case(GITHUB_HOST) {
            return Base::Unchanged;
        }
        Base::Url([self.scheme, "://", host, dialect.prefix()].concat())
    }

    /// Rewrites `Link` and `Location`, wherever in them an origin stands.
    pub(crate) fn rewrite_headers(&self, headers: &mut HeaderMap, base: &str) {
        for name in [LINK, LOCATION] {
            if !headers.contains_key(&name) {
                continue;
            }
            let lines: Vec<HeaderValue> = headers
                .get_all(&name)
                .iter()
                .map(|line| self.rewrite_value(line, base))
                .collect();
            headers.remove(&name);
            for line in lines {
                headers.append(name.clone(), line);
            }
        }
    }

    fn rewrite_value(&self, value: &HeaderValue, base: &str) -> HeaderValue {
        let Ok(mut text) = value.to_str().map(str::to_owned) else {
            return value.clone();
        };
        for origin in &self.upstream {
            let mut rewritten = String::with_capacity(text.len() + 32);
            let mut rest = text.as_str();
            while let Some(at) = rest.find(&**origin) {
                let after = &rest[at + origin.len()..];
                rewritten.push_str(&rest[..at]);
                rewritten.push_str(if json::ends_origin(after.bytes().next()) {
                    base
                } else {
                    origin
                });
                rest = after;
            }
            rewritten.push_str(rest);
            text = rewritten;
        }
        HeaderValue::try_from(text).unwrap_or_else(|_| value.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(upstream: &str, public_url: Option<&str>) -> Origins {
        Origins::new(upstream, public_url, "http")
    }

    #[test]
    fn bases() {
        #[track_caller]
        fn check(public_url: Option<&str>, host: &'static str, dialect: Dialect, expected: Base) {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static(host));
            let origins = origins("http://127.0.0.1:9", public_url);
            assert_eq!(
                origins.base(&Uri::from_static("/x"), &headers, dialect),
                expected
            );
        }
        let url = |text: &str| Base::Url(text.to_owned());
        check(
            None,
            "mirror:8080",
            Dialect::Dotcom,
            url("http://mirror:8080"),
        );
        check(
            None,
            "mirror:8080",
            Dialect::Enterprise,
            url("http://mirror:8080/api/v3"),
        );
        check(
            Some("https://gh.corp/"),
            "mirror:8080",
            Dialect::Dotcom,
            url("https://gh.corp"),
        );
        check(
            Some("https://gh.corp/x"),
            "m",
            Dialect::Enterprise,
            url("https://gh.corp/x/api/v3"),
        );
        check(None, "api.github.com", Dialect::Dotcom, Base::Unchanged);
        check(None, "API.GitHub.com", Dialect::Dotcom, Base::Unchanged);
    }

    #[test]
    fn links_and_locations() {
        let origins = origins("http://127.0.0.1:9", None);
        let mut headers = HeaderMap::new();
        let link = "<https://api.github.com/repositories/1/x?page=2>; rel=\"next\", <http://127.0.0.1:9/x>; rel=\"last\", <https://docs.github.com/rest>; rel=\"deprecation\"";
        headers.insert(LINK, HeaderValue::from_static(link));
        headers.append(
            LINK,
            HeaderValue::from_static("<https://api.github.community/x>; rel=\"y\""),
        );
        headers.insert(
            LOCATION,
            HeaderValue::from_static("https://api.github.com/repositories/1"),
        );
        origins.rewrite_headers(&mut headers, "http://mirror");
        let lines: Vec<_> = headers.get_all(LINK).iter().collect();
        assert_eq!(
            lines[0],
            "<http://mirror/repositories/1/x?page=2>; rel=\"next\", <http://mirror/x>; rel=\"last\", <https://docs.github.com/rest>; rel=\"deprecation\""
        );
        assert_eq!(lines[1], "<https://api.github.community/x>; rel=\"y\"");
        assert_eq!(headers[LOCATION], "http://mirror/repositories/1");
    }
}
