//! How GitHub computes a REST `ETag`, so that the tag another token *would* get can be computed here.
//!
//! The value is SHA-256 over the request headers that the answer's `Vary` names, of `Accept`, `Authorization` and
//! `Cookie`, each present one as its raw value followed by `:`, and then the uncompressed body: compact JSON as sent,
//! or, for `diff` and `patch`, the text written as a JSON string literal.
//! The formula is not documented by GitHub; [`confidence`](crate::confidence) verifies it on every 200.

use github_headers::{EntityTag, GithubMedia, MediaType};
use http::header::{ACCEPT, AUTHORIZATION, COOKIE, VARY};
use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

use crate::fingerprint::CredentialClass;

/// What is hashed after the header values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Rule {
    /// The bytes of the body.
    Json,
    /// The body as a JSON string literal, quotes included, non-ASCII characters and `/` as they are.
    TextLiteral,
}

impl Rule {
    /// The rule for an answer of this `Content-Type`; `None` where no formula is known (raw contents, HTML, ...).
    pub(crate) fn of(content_type: Option<&HeaderValue>) -> Option<Self> {
        let media = MediaType::parse(content_type?).ok()?;
        if media.is_json() {
            return Some(Self::Json);
        }
        match GithubMedia::of_media_type(&media) {
            GithubMedia::Diff | GithubMedia::Patch => Some(Self::TextLiteral),
            _ => None,
        }
    }
}

/// The request headers that can enter a tag, in hashing order.
const HASHED: [HeaderName; 3] = [ACCEPT, AUTHORIZATION, COOKIE];

/// The varying header values of one request: the part of the hash before the body.
#[derive(Clone)]
pub(crate) struct Salt {
    values: [Option<HeaderValue>; 3],
}

impl Salt {
    /// Remembers the values that could enter the tag of the answer to a request with these headers.
    pub(crate) fn of(request_headers: &HeaderMap) -> Self {
        Self {
            values: HASHED.map(|name| request_headers.get(name).cloned()),
        }
    }

    /// The representation that the request asks for.
    pub(crate) fn media(&self) -> GithubMedia {
        GithubMedia::of_accept_lines(&self.values[0])
    }

    fn begin(&self, varying: Varying) -> Sha256 {
        let mut hash = Sha256::new();
        for (value, named) in self.values.iter().zip(varying.0) {
            if let (Some(value), true) = (value, named) {
                hash.update(value.as_bytes());
                hash.update(b":");
            }
        }
        hash
    }

    /// The tag that GitHub would give this request if the body were `body`.
    pub(crate) fn predict(&self, class: CredentialClass, rule: Rule, body: &[u8]) -> EntityTag {
        let mut hash = TagHash::begin(self, Varying::expected(class), rule);
        hash.update(body);
        hash.finish()
    }
}

/// The tag that GitHub would give a request with these headers for a JSON body, which is given in parts.
///
/// For whoever keeps bodies outside of this crate's entries, such as the pages of a flattened list.
/// A prediction and nothing more: a wrong one costs what a plain request costs.
pub fn predict_tag(request_headers: &HeaderMap, body: &[&[u8]]) -> EntityTag {
    let salt = Salt::of(request_headers);
    let varying = Varying::expected(CredentialClass::of(request_headers));
    let mut hash = TagHash::begin(&salt, varying, Rule::Json);
    for part in body {
        hash.update(part);
    }
    hash.finish()
}

/// Which of the hashed headers an answer varies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Varying([bool; 3]);

impl Varying {
    /// As the answer says.
    pub(crate) fn of(response_headers: &HeaderMap) -> Self {
        let mut named = [false; 3];
        for line in response_headers.get_all(VARY) {
            for token in line.as_bytes().split(|byte| *byte == b',') {
                let token = token.trim_ascii();
                for (slot, name) in named.iter_mut().zip(&HASHED) {
                    *slot |= token.eq_ignore_ascii_case(name.as_str().as_bytes());
                }
            }
        }
        Self(named)
    }

    /// As GitHub's answers to this class of caller say (github-behaviour 1.9).
    fn expected(class: CredentialClass) -> Self {
        match class {
            CredentialClass::Token => Self([true, true, true]),
            CredentialClass::Anonymous | CredentialClass::AppJwt => Self([true, false, false]),
        }
    }
}

/// A tag in the making, fed with the body as it streams.
pub(crate) struct TagHash {
    hash: Sha256,
    rule: Rule,
}

impl TagHash {
    pub(crate) fn begin(salt: &Salt, varying: Varying, rule: Rule) -> Self {
        let mut hash = salt.begin(varying);
        if rule == Rule::TextLiteral {
            hash.update(b"\"");
        }
        Self { hash, rule }
    }

    pub(crate) fn update(&mut self, chunk: &[u8]) {
        match self.rule {
            Rule::Json => self.hash.update(chunk),
            Rule::TextLiteral => self.update_escaped(chunk),
        }
    }

    /// Escapes byte by byte: only ASCII is ever escaped, so characters split between chunks do no harm.
    fn update_escaped(&mut self, chunk: &[u8]) {
        let mut plain = 0;
        for (position, byte) in chunk.iter().enumerate() {
            let unicode;
            let escape: &[u8] = match byte {
                b'"' => b"\\\"",
                b'\\' => b"\\\\",
                b'\n' => b"\\n",
                b'\r' => b"\\r",
                b'\t' => b"\\t",
                0x08 => b"\\b",
                0x0C => b"\\f",
                0x00..=0x1F => {
                    unicode = format!("\\u{byte:04x}");
                    unicode.as_bytes()
                }
                _ => continue,
            };
            self.hash.update(&chunk[plain..position]);
            self.hash.update(escape);
            plain = position + 1;
        }
        self.hash.update(&chunk[plain..]);
    }

    pub(crate) fn finish(mut self) -> EntityTag {
        if self.rule == Rule::TextLiteral {
            self.hash.update(b"\"");
        }
        let text = digits(&self.hash.finalize().into());
        EntityTag::strong(text).expect("hex digits are allowed in an entity tag")
    }
}

/// A hash as GitHub's tags have it: in hexadecimal, without capitals.
pub(crate) fn digits(hash: &[u8; 32]) -> [u8; 64] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 64];
    let (pairs, _) = text.as_chunks_mut::<2>();
    for (pair, byte) in pairs.iter_mut().zip(hash) {
        *pair = [byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]);
    }
    text
}

#[cfg(test)]
mod tests;
