//! Where GitHub is: scheme, authority and path prefix, and how a request's target is joined to them.
//!
//! Only the path and the query of a request are ever looked at, so that no target can lead to another host.

use std::fmt;
use std::str::FromStr;

use bytes::{BufMut, BytesMut};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Uri};

/// The address of the API: `https://api.github.com`, or `https://ghe.example.com/api/v3`.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl {
    scheme: Scheme,
    authority: Authority,
    /// Empty, or begins with `/` and does not end with one.
    prefix: Box<str>,
}

/// A base URL that cannot be used. The text is not repeated: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BaseUrlError {
    /// Not a URL at all.
    #[error("not a url")]
    Malformed,
    /// Neither `http` nor `https`.
    #[error("scheme is neither http nor https")]
    Scheme,
    /// `user:password@`: credentials belong into `Authorization`, which each request brings itself.
    #[error("user and password are not allowed")]
    Credentials,
    /// A query would be dropped silently.
    #[error("a query is not allowed")]
    Query,
}

impl BaseUrl {
    /// Scheme, host and port, and the prefix, if any.
    pub fn is_https(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// What `Host` says of this base (RFC 9110 §7.2): the port only where it is not the scheme's own.
    pub(crate) fn host(&self) -> Option<HeaderValue> {
        let own_port = if self.is_https() { 443 } else { 80 };
        let host = match self.authority.port_u16() {
            Some(port) if port != own_port => self.authority.as_str(),
            _ => self.authority.host(),
        };
        HeaderValue::from_str(host).ok()
    }

    /// The URI to ask: this base, and the path and query of `target`, byte for byte.
    ///
    /// `None` when the target has no path, as in `CONNECT host:443` and `OPTIONS *`.
    pub(crate) fn join(&self, target: &Uri) -> Option<Uri> {
        let path_and_query = target.path_and_query()?;
        if !path_and_query.as_str().starts_with('/') {
            return None;
        }
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(if self.prefix.is_empty() {
            // Shares the bytes of the request's own target.
            path_and_query.clone()
        } else {
            let mut joined =
                BytesMut::with_capacity(self.prefix.len() + path_and_query.as_str().len());
            joined.put_slice(self.prefix.as_bytes());
            joined.put_slice(path_and_query.as_str().as_bytes());
            PathAndQuery::from_maybe_shared(joined.freeze()).ok()?
        });
        Uri::from_parts(parts).ok()
    }
}

impl Default for BaseUrl {
    fn default() -> Self {
        Self {
            scheme: Scheme::HTTPS,
            authority: Authority::from_static("api.github.com"),
            prefix: "".into(),
        }
    }
}

impl FromStr for BaseUrl {
    type Err = BaseUrlError;

    fn from_str(text: &str) -> Result<Self, BaseUrlError> {
        let uri: Uri = text.parse().map_err(|_| BaseUrlError::Malformed)?;
        let parts = uri.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(BaseUrlError::Malformed);
        };
        if scheme != Scheme::HTTP && scheme != Scheme::HTTPS {
            return Err(BaseUrlError::Scheme);
        }
        if authority.as_str().contains('@') {
            return Err(BaseUrlError::Credentials);
        }
        if authority.host().is_empty() {
            return Err(BaseUrlError::Malformed);
        }
        let path = parts.path_and_query;
        if path.as_ref().is_some_and(|path| path.query().is_some()) {
            return Err(BaseUrlError::Query);
        }
        let prefix = path.as_ref().map_or("", PathAndQuery::path);
        Ok(Self {
            scheme,
            authority,
            prefix: prefix.trim_end_matches('/').into(),
        })
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.prefix)
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BaseUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_are_parsed_strictly() {
        #[track_caller]
        fn check(text: &str, expected: Result<&str, BaseUrlError>) {
            let parsed = text.parse::<BaseUrl>().map(|base| base.to_string());
            assert_eq!(parsed, expected.map(str::to_owned), "{text}");
        }
        check("https://api.github.com", Ok("https://api.github.com"));
        check("https://api.github.com/", Ok("https://api.github.com"));
        check("http://127.0.0.1:8080", Ok("http://127.0.0.1:8080"));
        check("http://[::1]:8080/", Ok("http://[::1]:8080"));
        check(
            "https://ghe.example.com/api/v3/",
            Ok("https://ghe.example.com/api/v3"),
        );
        check("api.github.com", Err(BaseUrlError::Malformed));
        check("/api/v3", Err(BaseUrlError::Malformed));
        check("", Err(BaseUrlError::Malformed));
        check("http://:80", Err(BaseUrlError::Malformed));
        check("ftp://api.github.com", Err(BaseUrlError::Scheme));
        check("https://a:b@api.github.com", Err(BaseUrlError::Credentials));
        check("https://api.github.com/?a=b", Err(BaseUrlError::Query));
    }

    #[test]
    fn a_host_names_its_port_unless_it_is_the_schemes_own() {
        #[track_caller]
        fn check(base: &str, expected: &str) {
            let base: BaseUrl = base.parse().unwrap();
            assert_eq!(base.host().unwrap(), expected);
        }
        check("https://api.github.com", "api.github.com");
        check("https://ghe.example.com:443/api/v3", "ghe.example.com");
        check("https://ghe.example.com:8443", "ghe.example.com:8443");
        check("http://ghe.example.com:80", "ghe.example.com");
        check("http://127.0.0.1:443", "127.0.0.1:443");
        check("http://[::1]:8080", "[::1]:8080");
        check("http://[::1]", "[::1]");
        check("http://ghe.example.com:", "ghe.example.com");
    }

    #[test]
    fn only_path_and_query_of_a_target_count() {
        #[track_caller]
        fn check(base: &str, target: &str, expected: Option<&str>) {
            let base: BaseUrl = base.parse().unwrap();
            let target: Uri = target.parse().unwrap();
            let joined = base.join(&target).map(|uri| uri.to_string());
            assert_eq!(joined.as_deref(), expected, "{target}");
        }
        const PLAIN: &str = "https://api.github.com";
        const GHES: &str = "https://ghe.example.com/api/v3";
        check(PLAIN, "/zen", Some("https://api.github.com/zen"));
        check(PLAIN, "/", Some("https://api.github.com/"));
        check(
            PLAIN,
            "/s?q=a%20b&q=%C3%A9&&x",
            Some("https://api.github.com/s?q=a%20b&q=%C3%A9&&x"),
        );
        check(
            PLAIN,
            "http://evil.example/zen?a",
            Some("https://api.github.com/zen?a"),
        );
        check(
            PLAIN,
            "//evil.example/zen",
            Some("https://api.github.com//evil.example/zen"),
        );
        check(
            PLAIN,
            "http://evil.example",
            Some("https://api.github.com/"),
        );
        check(
            GHES,
            "/zen?a=%2F",
            Some("https://ghe.example.com/api/v3/zen?a=%2F"),
        );
        check(
            GHES,
            "https://user@evil.example:1/zen",
            Some("https://ghe.example.com/api/v3/zen"),
        );
        check(PLAIN, "*", None);
        check(PLAIN, "evil.example:443", None);
    }
}
