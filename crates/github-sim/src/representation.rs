//! One version of one resource, ready to be sent: serialised once, compressed once, hashed once per caller.

use crate::answer::{Content, Found, TagRule};
use crate::clock::http_date;
use crate::pretty::pretty;
use crate::switches::TagHash;
use crate::tags::{formula, text_literal};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderName, HeaderValue, StatusCode};
use parking_lot::Mutex;
use std::io::Write as _;
use std::sync::{Arc, OnceLock};

pub(crate) const JSON_TYPE: HeaderValue =
    HeaderValue::from_static("application/json; charset=utf-8");

/// GitHub's front end leaves bodies shorter than this uncompressed (behaviour notes 1.4).
const MIN_GZIP_BYTES: usize = 20;

/// Tags that are remembered per representation, one for each caller.
const MAX_TAGS: usize = 256;

/// How the bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    Compact,
    Pretty,
}

/// Does the caller take gzip?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Identity,
    Gzip,
}

#[derive(Debug)]
pub(crate) struct Representation {
    pub(crate) status: StatusCode,
    pub(crate) last_modified: Option<i64>,
    pub(crate) last_modified_header: Option<HeaderValue>,
    pub(crate) link: Option<HeaderValue>,
    pub(crate) poll_interval: Option<u32>,
    pub(crate) max_age: Option<u32>,
    pub(crate) resource: &'static str,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// `None` = no body at all.
    pub(crate) content_type: Option<HeaderValue>,
    rule: TagRule,
    body: Bytes,
    /// What is hashed where it is not the body itself.
    literal: Option<Vec<u8>>,
    pretty: OnceLock<Bytes>,
    gzip: OnceLock<Bytes>,
    tags: Mutex<Vec<KnownTag>>,
}

/// A tag that was computed before, and for which headers.
#[derive(Debug)]
struct KnownTag {
    hash: TagHash,
    prefix: Vec<u8>,
    tag: Arc<str>,
}

impl Representation {
    pub(crate) fn new(found: Found) -> Self {
        let (content_type, body, literal) = match found.content {
            Content::Json(value) => (Some(JSON_TYPE), Bytes::from(value.to_string()), None),
            Content::JsonBytes(bytes) => (Some(JSON_TYPE), bytes, None),
            Content::Text { content_type, text } => {
                let literal = text_literal(&text);
                (
                    Some(HeaderValue::from_static(content_type)),
                    Bytes::from(text),
                    Some(literal),
                )
            }
            Content::Empty => (None, Bytes::new(), None),
        };
        Self {
            status: found.status,
            last_modified: found.last_modified,
            last_modified_header: found.last_modified.map(http_date),
            link: link_header(&found.link),
            poll_interval: found.poll_interval,
            max_age: found.max_age,
            resource: found.resource,
            headers: further_headers(found.headers),
            content_type,
            rule: found.tag,
            body,
            literal,
            pretty: OnceLock::new(),
            gzip: OnceLock::new(),
            tags: Mutex::default(),
        }
    }

    /// Would `other` be sent in the very same way?
    pub(crate) fn equals(&self, other: &Self) -> bool {
        self.body == other.body
            && self.status == other.status
            && self.rule == other.rule
            && self.last_modified == other.last_modified
            && self.link == other.link
            && self.poll_interval == other.poll_interval
            && self.max_age == other.max_age
            && self.resource == other.resource
            && self.headers == other.headers
            && self.content_type == other.content_type
    }

    /// The compact bytes, as they are hashed.
    pub(crate) fn body(&self) -> &Bytes {
        &self.body
    }

    /// The opaque tag for a caller whose varying headers are `prefix`.
    pub(crate) fn tag(&self, hash: TagHash, prefix: &[u8]) -> Option<Arc<str>> {
        match &self.rule {
            TagRule::None => None,
            TagRule::GitObject(id) => Some(id.as_str().into()),
            TagRule::Formula => {
                let mut tags = self.tags.lock();
                let known = tags
                    .iter()
                    .find(|tag| tag.hash == hash && tag.prefix == prefix);
                if let Some(known) = known {
                    return Some(Arc::clone(&known.tag));
                }
                let hashed = self.literal.as_deref().unwrap_or(&self.body);
                let tag: Arc<str> = formula(hash, prefix, hashed).into();
                if tags.len() == MAX_TAGS {
                    tags.clear();
                }
                tags.push(KnownTag {
                    hash,
                    prefix: prefix.to_vec(),
                    tag: Arc::clone(&tag),
                });
                Some(tag)
            }
        }
    }

    /// The bytes to send and whether they are compressed.
    pub(crate) fn encoded(&self, layout: Layout, coding: Coding) -> (Bytes, Coding) {
        let is_json = self.content_type.as_ref() == Some(&JSON_TYPE);
        let body = if layout == Layout::Pretty && is_json {
            self.pretty
                .get_or_init(|| pretty(&self.body).into())
                .clone()
        } else {
            self.body.clone()
        };
        if coding == Coding::Identity || !is_json || self.body.len() < MIN_GZIP_BYTES {
            return (body, Coding::Identity);
        }
        match layout {
            Layout::Compact => (
                self.gzip.get_or_init(|| gzip(&self.body)).clone(),
                Coding::Gzip,
            ),
            Layout::Pretty => (gzip(&body), Coding::Gzip),
        }
    }
}

/// Compresses a JSON body that has no representation of its own, by the same rule.
pub(crate) fn encode_json(body: Bytes, coding: Coding) -> (Bytes, Coding) {
    if coding == Coding::Gzip && body.len() >= MIN_GZIP_BYTES {
        (gzip(&body), Coding::Gzip)
    } else {
        (body, Coding::Identity)
    }
}

pub(crate) fn gzip(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 3), Compression::fast());
    encoder
        .write_all(body)
        .expect("writing to memory cannot fail");
    encoder
        .finish()
        .expect("writing to memory cannot fail")
        .into()
}

fn link_header(link: &[(&'static str, String)]) -> Option<HeaderValue> {
    let members: Vec<String> = link
        .iter()
        .map(|(rel, url)| format!("<{url}>; rel=\"{rel}\""))
        .collect();
    (!members.is_empty())
        .then(|| HeaderValue::try_from(members.join(", ")).ok())
        .flatten()
}

/// Names and values that are not legal in a header are left out rather than breaking the answer.
fn further_headers(headers: Vec<(&'static str, String)>) -> Vec<(HeaderName, HeaderValue)> {
    headers
        .into_iter()
        .filter_map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            Some((name, HeaderValue::try_from(value).ok()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn representation(content: Content) -> Representation {
        Representation::new(Found {
            status: StatusCode::OK,
            content,
            tag: TagRule::Formula,
            last_modified: None,
            link: vec![
                ("next", "https://x/?page=2".to_owned()),
                ("last", "https://x/".to_owned()),
            ],
            poll_interval: None,
            max_age: Some(60),
            resource: "core",
            headers: vec![],
        })
    }

    #[test]
    fn only_json_of_some_length_is_compressed() {
        let long = representation(Content::Json(json!({"name": "long enough to compress"})));
        assert_eq!(long.encoded(Layout::Compact, Coding::Gzip).1, Coding::Gzip);
        assert_eq!(
            long.encoded(Layout::Compact, Coding::Identity).1,
            Coding::Identity
        );
        let short = representation(Content::Json(json!([])));
        assert_eq!(
            short.encoded(Layout::Compact, Coding::Gzip).1,
            Coding::Identity
        );
        let text = "diff --git a/README b/README".to_owned();
        let text = representation(Content::Text {
            content_type: "text/plain",
            text,
        });
        assert_eq!(
            text.encoded(Layout::Compact, Coding::Gzip).1,
            Coding::Identity
        );
    }

    #[test]
    fn pretty_printing_leaves_the_tag_alone() {
        let list = representation(Content::Json(json!([])));
        assert_eq!(list.encoded(Layout::Pretty, Coding::Identity).0, "[\n\n]\n");
        let tag = list.tag(TagHash::Sha256, b"").unwrap();
        assert!(tag.starts_with("4f53cda18c2baa0c"), "{tag}");
    }

    #[test]
    fn links_keep_their_order() {
        let link = representation(Content::Empty).link.unwrap();
        assert_eq!(
            link,
            "<https://x/?page=2>; rel=\"next\", <https://x/>; rel=\"last\""
        );
    }
}
