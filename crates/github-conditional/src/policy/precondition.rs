//! The client's own `If-None-Match` and `If-Modified-Since` (RFC 9110 §13.1.2, §13.1.3, §13.2.2).

use std::time::SystemTime;

use github_headers::{EntityTag, IfNoneMatch};
use http::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue};

use super::before::ClientValidators;

/// What the client already has.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientConditions {
    if_none_match: Option<IfNoneMatch>,
    if_modified_since: Option<HeaderValue>,
    /// The lines as sent, for handing them on.
    sent: Vec<HeaderValue>,
}

/// What the client gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transfer {
    /// The client has this body.
    NotModified,
    /// The client needs the body.
    Full,
}

impl ClientConditions {
    /// Takes the client's validators out of a request.
    pub(crate) fn take(headers: &mut HeaderMap) -> Self {
        let mut conditions = Self::default();
        if headers.contains_key(IF_NONE_MATCH) {
            conditions.sent = headers.get_all(IF_NONE_MATCH).iter().cloned().collect();
            // An unreadable list matches nothing here; GitHub may still be asked with it.
            conditions.if_none_match = IfNoneMatch::from_headers(headers).ok().flatten();
            headers.remove(IF_NONE_MATCH);
        }
        conditions.if_modified_since = headers.remove(IF_MODIFIED_SINCE);
        conditions
    }

    pub(crate) fn presence(&self) -> ClientValidators {
        if self.sent.is_empty() && self.if_modified_since.is_none() {
            ClientValidators::Absent
        } else {
            ClientValidators::Present
        }
    }

    /// Puts the validators back, for a request that GitHub is to judge itself. Both are never sent together: GitHub
    /// ignores the date beside a tag, and so does RFC 9110 §13.1.3.
    pub(crate) fn restore(&self, headers: &mut HeaderMap) {
        for line in &self.sent {
            headers.append(IF_NONE_MATCH, line.clone());
        }
        if self.sent.is_empty()
            && let Some(date) = &self.if_modified_since
        {
            headers.insert(IF_MODIFIED_SINCE, date.clone());
        }
    }

    /// Whether the client needs the body that is about to be served under this tag and these headers.
    pub(crate) fn transfer<'h>(
        &self,
        tag: Option<&EntityTag>,
        last_modified: impl FnOnce() -> Option<&'h HeaderValue>,
    ) -> Transfer {
        if !self.sent.is_empty() {
            let matches = match (&self.if_none_match, tag) {
                (Some(IfNoneMatch::Any), _) => true,
                (Some(list), Some(tag)) => !tag.is_empty() && list.matches(tag),
                _ => false,
            };
            return if matches {
                Transfer::NotModified
            } else {
                Transfer::Full
            };
        }
        // Few clients send one, so what it is compared with is looked for only then.
        let Some(since) = self.if_modified_since.as_ref().and_then(date) else {
            return Transfer::Full;
        };
        match last_modified().and_then(date) {
            Some(modified) if modified <= since => Transfer::NotModified,
            _ => Transfer::Full,
        }
    }
}

fn date(value: &HeaderValue) -> Option<SystemTime> {
    httpdate::parse_http_date(value.to_str().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderName;
    use http::header::LAST_MODIFIED;

    use super::*;

    const JUNE: &str = "Thu, 22 Jun 2023 07:16:46 GMT";
    const JULY: &str = "Sat, 22 Jul 2023 07:16:46 GMT";

    #[track_caller]
    fn check(
        sent: &[(HeaderName, &str)],
        tag: &str,
        modified: Option<&'static str>,
        expected: Transfer,
    ) {
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        let conditions = ClientConditions::take(&mut headers);
        assert!(headers.is_empty(), "the validators are taken out");
        let mut stored = HeaderMap::new();
        if let Some(date) = modified {
            stored.insert(LAST_MODIFIED, HeaderValue::from_static(date));
        }
        let tag = EntityTag::parse(tag).unwrap();
        assert_eq!(
            conditions.transfer(Some(&tag), || stored.get(LAST_MODIFIED)),
            expected,
            "{sent:?} against {tag}"
        );
    }

    #[test]
    fn table() {
        use Transfer::{Full, NotModified};
        check(&[], "\"a\"", Some(JUNE), Full);
        check(&[(IF_NONE_MATCH, "\"a\"")], "\"a\"", None, NotModified);
        check(&[(IF_NONE_MATCH, "W/\"a\"")], "\"a\"", None, NotModified);
        check(&[(IF_NONE_MATCH, "\"a\"")], "W/\"a\"", None, NotModified);
        check(
            &[(IF_NONE_MATCH, "\"b\", \"a,c\" , \"a\"")],
            "\"a\"",
            None,
            NotModified,
        );
        check(
            &[(IF_NONE_MATCH, "\"b\""), (IF_NONE_MATCH, "\"a\"")],
            "\"a\"",
            None,
            NotModified,
        );
        check(&[(IF_NONE_MATCH, "*")], "\"a\"", None, NotModified);
        check(&[(IF_NONE_MATCH, "\"b\"")], "\"a\"", None, Full);
        check(&[(IF_NONE_MATCH, "a")], "\"a\"", None, Full);
        check(&[(IF_NONE_MATCH, "W/\"\"")], "W/\"\"", None, Full);
        check(
            &[(IF_MODIFIED_SINCE, JUNE)],
            "\"a\"",
            Some(JUNE),
            NotModified,
        );
        check(
            &[(IF_MODIFIED_SINCE, JULY)],
            "\"a\"",
            Some(JUNE),
            NotModified,
        );
        check(&[(IF_MODIFIED_SINCE, JUNE)], "\"a\"", Some(JULY), Full);
        check(&[(IF_MODIFIED_SINCE, JUNE)], "\"a\"", None, Full);
        check(
            &[(IF_MODIFIED_SINCE, "yesterday")],
            "\"a\"",
            Some(JUNE),
            Full,
        );
        // The date does not count beside a tag.
        check(
            &[(IF_NONE_MATCH, "\"b\""), (IF_MODIFIED_SINCE, JULY)],
            "\"a\"",
            Some(JUNE),
            Full,
        );
    }
}
