//! Whether a request is meant for the API at all.
//!
//! Keys are made of path and query, so what another host answers must never be kept under them.

use http::Uri;

/// Scheme and authority of the API.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    scheme: String,
    authority: String,
}

/// Whose request it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Addressee {
    Api,
    Stranger,
}

impl Origin {
    /// From a base url; a path in it does not count.
    pub(crate) fn new(base: &str) -> Self {
        let (scheme, rest) = base.split_once("://").unwrap_or(("https", base));
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let scheme = scheme.to_ascii_lowercase();
        let authority = plain(&scheme, authority);
        Self { scheme, authority }
    }

    /// A target without a host is the API's: whoever sends it knows where it goes.
    pub(crate) fn addressee(&self, uri: &Uri) -> Addressee {
        let Some(authority) = uri.authority() else {
            return Addressee::Api;
        };
        let scheme = uri.scheme_str().unwrap_or(&self.scheme);
        let same = scheme.eq_ignore_ascii_case(&self.scheme)
            && (authority.as_str() == self.authority
                || plain(&self.scheme, authority.as_str()) == self.authority);
        if same {
            Addressee::Api
        } else {
            Addressee::Stranger
        }
    }
}

/// Lower case, without the port that the scheme implies.
fn plain(scheme: &str, authority: &str) -> String {
    let authority = authority.to_ascii_lowercase();
    let implied = if scheme == "http" { ":80" } else { ":443" };
    match authority.strip_suffix(implied) {
        Some(host) => host.to_owned(),
        None => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(base: &str, uri: &'static str, expected: Addressee) {
        let addressee = Origin::new(base).addressee(&Uri::from_static(uri));
        assert_eq!(addressee, expected, "{base} {uri}");
    }

    #[test]
    fn only_the_api_itself_is_the_api() {
        use Addressee::{Api, Stranger};
        const GITHUB: &str = "https://api.github.com";
        check(GITHUB, "/user", Api);
        check(GITHUB, "https://api.github.com/user", Api);
        check(GITHUB, "https://API.GitHub.com:443/user", Api);
        check(GITHUB, "http://api.github.com/user", Stranger);
        check(GITHUB, "https://api.github.com:8443/user", Stranger);
        check(GITHUB, "https://uploads.github.com/user", Stranger);
        check(GITHUB, "https://api.github.com.example/user", Stranger);
        check(GITHUB, "https://user@api.github.com/user", Stranger);
        check("http://127.0.0.1:80/", "http://127.0.0.1/user", Api);
        check(
            "https://ghe.example/api/v3",
            "https://ghe.example/api/v3/user",
            Api,
        );
    }
}
