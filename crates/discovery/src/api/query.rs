//! A request's parameters, and the hyperlinks of its answer (pure).

use std::fmt::Write as _;
use std::sync::Arc;

use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, Uri, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use uuid::Uuid;

use crate::config::ApiConfig;
use crate::identity::Resource;
use crate::problem::Problem;

/// What hyperlinks begin with: `http://127.0.0.1:8000`, without a slash.
#[derive(Clone, Debug)]
pub(super) struct Links {
    base: Arc<str>,
}

impl Links {
    /// The setting; else what a trusted proxy says; else the request's own `Host`. A name that is none is not repeated.
    pub(super) fn of(head: &Parts, limits: &ApiConfig) -> Self {
        if !limits.base_url.is_empty() {
            return Self {
                base: limits.base_url.as_str().into(),
            };
        }
        let first = |name: &str| {
            let value = head.headers.get(name)?.to_str().ok()?;
            value.split(',').next().map(str::trim)
        };
        let (mut scheme, mut host) = ("http", host(&head.headers, &head.uri));
        if limits.trust_forwarded_headers {
            if first("x-forwarded-proto") == Some("https") {
                scheme = "https";
            }
            let forwarded = first("x-forwarded-host").and_then(|host| host.parse().ok());
            host = forwarded.or(host);
        }
        let host = host.map_or("localhost".to_owned(), |host: Authority| host.to_string());
        Self {
            base: format!("{scheme}://{host}").into(),
        }
    }

    pub(super) fn to(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(super) fn item(&self, resource: Resource, github_id: i64) -> String {
        let mut url = String::with_capacity(self.base.len() + 72);
        self.push_list(&mut url, resource);
        push_id(&mut url, resource, github_id);
        url
    }

    /// What the hyperlinks to all items of a list begin with.
    pub(super) fn push_list(&self, url: &mut String, resource: Resource) {
        url.push_str(&self.base);
        url.push_str(match resource {
            Resource::Developer => "/github/developers/",
            Resource::Repository => "/github/repositories/",
        });
    }

    pub(super) fn task(&self, id: Uuid) -> String {
        self.to(&format!("/github/tasks/{id}/"))
    }
}

/// Ends the hyperlink to an item. A page may have thousands, so nothing goes through a formatter.
pub(super) fn push_id(url: &mut String, resource: Resource, github_id: i64) {
    let mut text = Uuid::encode_buffer();
    let id = resource.id(github_id).hyphenated();
    url.push_str(id.encode_lower(&mut text));
    url.push('/');
}

fn host(headers: &HeaderMap, uri: &Uri) -> Option<Authority> {
    let named = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .and_then(|host| host.parse::<Authority>().ok())
        .filter(|host| !host.as_str().contains('@'));
    named.or_else(|| uri.authority().cloned())
}

/// The parameters as sent, decoded.
#[derive(Clone, Debug, Default)]
pub(super) struct Query(pub(super) Vec<(String, String)>);

const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b',');

fn decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', " "))
        .decode_utf8_lossy()
        .into_owned()
}

impl Query {
    pub(super) fn parse(text: Option<&str>) -> Self {
        let pairs = text.unwrap_or_default().split('&');
        let pairs = pairs.filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decoded(name), decoded(value))
                })
                .collect(),
        )
    }

    /// The last of that name, unless it is empty.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let last = self.0.iter().rev().find(|(known, _)| known == name);
        last.map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// The same request for another page.
    pub(super) fn with_page(&self, page: i64) -> String {
        let mut text = String::new();
        let others = self.0.iter().filter(|(name, _)| name != "page");
        let page = (page > 1).then(|| ("page".to_owned(), page.to_string()));
        for (name, value) in others.chain(page.iter()) {
            let separator = if text.is_empty() { '?' } else { '&' };
            let name = utf8_percent_encode(name, COMPONENT);
            let value = utf8_percent_encode(value, COMPONENT);
            let _ = write!(text, "{separator}{name}={value}");
        }
        text
    }
}

/// How much of the relations an answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relations {
    Full,
    Count,
    None,
}

impl Relations {
    pub(super) fn parse(query: &Query) -> Result<Self, Problem> {
        match query.value("relations") {
            None | Some("full") => Ok(Self::Full),
            Some("count") => Ok(Self::Count),
            Some("none") => Ok(Self::None),
            Some(other) => Err(choice("relations", other)),
        }
    }
}

/// What is said of a word that is none of the known ones.
pub(super) fn choice(parameter: &str, value: &str) -> Problem {
    let message = format!("Select a valid choice. {value} is not one of the available choices.");
    Problem::bad_value(parameter, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(limits: &ApiConfig, headers: &[(&str, &str)]) -> String {
        let mut request = http::Request::builder().uri("/github/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        Links::of(&head, limits).to("/x/")
    }

    #[test]
    fn what_hyperlinks_begin_with() {
        let plain = ApiConfig::default();
        let trusting = ApiConfig {
            trust_forwarded_headers: true,
            ..ApiConfig::default()
        };
        let fixed = ApiConfig {
            base_url: "https://discovery.example".to_owned(),
            ..ApiConfig::default()
        };
        let forwarded = [
            ("host", "inner:8000"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "outer.example, inner"),
        ];
        assert_eq!(links(&plain, &forwarded), "http://inner:8000/x/");
        assert_eq!(links(&trusting, &forwarded), "https://outer.example/x/");
        assert_eq!(links(&fixed, &forwarded), "https://discovery.example/x/");
        assert_eq!(links(&plain, &[("host", "a/b?c")]), "http://localhost/x/");
        assert_eq!(links(&plain, &[("host", "evil@a")]), "http://localhost/x/");
        assert_eq!(links(&plain, &[]), "http://localhost/x/");
    }

    #[test]
    fn parameters() {
        let query = Query::parse(Some("login=a%26b&page=2&name=x+y&login=&flag"));
        assert_eq!(query.value("name"), Some("x y"));
        assert_eq!(query.value("login"), None);
        assert_eq!(query.value("flag"), None);
        assert_eq!(
            query.with_page(3),
            "?login=a%26b&name=x%20y&login=&flag=&page=3"
        );
        assert_eq!(Query::parse(Some("page=2")).with_page(1), "");
        assert_eq!(Query::parse(None).with_page(2), "?page=2");
    }
}
