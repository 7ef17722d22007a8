//! Tags, conditions and codings of one exchange.

use super::Exchange;
use crate::clock::parse_http_date;
use crate::conditions::{Conditions, Validators, Verdict, evaluate};
use crate::headers::Tag;
use crate::representation::{Coding, Layout};
use crate::tags::HashedHeaders;
use http::{HeaderValue, header};

impl Exchange<'_> {
    pub(super) fn hashed_prefix(&self) -> Vec<u8> {
        let bytes =
            |name: header::HeaderName| self.incoming.headers.get(name).map(HeaderValue::as_bytes);
        let mut hashed = HashedHeaders {
            accept: bytes(header::ACCEPT),
            ..HashedHeaders::default()
        };
        if self.caller.is_private() {
            hashed.authorization = bytes(header::AUTHORIZATION);
            hashed.cookie = bytes(header::COOKIE);
            if self.switches.hash_one_time_password {
                hashed.one_time_password = bytes(header::HeaderName::from_static("x-github-otp"));
            }
        }
        hashed.prefix()
    }

    pub(super) fn verdict(&self, tag: Option<&str>, last_modified: Option<i64>) -> Verdict {
        let asked = Conditions {
            if_none_match: self.incoming.text(header::IF_NONE_MATCH),
            if_modified_since: self.incoming.text(header::IF_MODIFIED_SINCE),
        };
        let lies = self.switches.stale_modified_since
            && asked.if_none_match.is_none()
            && asked.if_modified_since.is_some()
            && last_modified.is_some()
            && self.front.was_missing(self.incoming.path);
        if lies {
            return Verdict::NotModifiedSince;
        }
        evaluate(asked, Validators { tag, last_modified }, &self.switches)
    }

    /// Only notifications complain about a date that they cannot read (behaviour notes 1.6).
    pub(super) fn has_unreadable_date(&self) -> bool {
        let since = self.incoming.headers.get(header::IF_MODIFIED_SINCE);
        since.is_some_and(|since| since.to_str().ok().and_then(parse_http_date).is_none())
    }

    pub(super) fn strength<'t>(&self, tag: &'t str, coding: Coding) -> Tag<'t> {
        if coding == Coding::Gzip && self.switches.weaken_gzip_tags {
            Tag::Weak(tag)
        } else {
            Tag::Strong(tag)
        }
    }

    pub(super) fn coding(&self) -> Coding {
        let accepted = self
            .incoming
            .text(header::ACCEPT_ENCODING)
            .unwrap_or_default();
        let gzip = accepted.split(',').any(|member| {
            let mut parts = member.split(';').map(str::trim);
            matches!(parts.next(), Some("gzip" | "*"))
                && !parts.any(|parameter| matches!(parameter, "q=0" | "q=0.0"))
        });
        if gzip && self.switches.gzip {
            Coding::Gzip
        } else {
            Coding::Identity
        }
    }

    pub(super) fn layout(&self) -> Layout {
        let agent = self.incoming.text(header::USER_AGENT).unwrap_or_default();
        let person = ["curl", "Wget", "Safari", "Firefox"]
            .iter()
            .any(|name| agent.contains(name));
        if person && self.switches.pretty_print {
            Layout::Pretty
        } else {
            Layout::Compact
        }
    }
}
