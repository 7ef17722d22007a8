//! What answers have in common: JSON, entity tags, conditions.

use axum::body::{Body, Bytes};
use github_headers::{EntityTag, IfNoneMatch};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::problem::Problem;

/// What a handler comes to.
pub(super) type Answer = Result<Response<Body>, Problem>;

pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// JSON that changes with every question.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    let text = serde_json::to_vec(value).map_err(|_| Problem::Broken("no JSON could be made"))?;
    let mut answer = Response::new(Body::from(text));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, JSON);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}

/// How two answers with the same tag are related.
#[derive(Clone, Copy)]
pub(super) enum Sameness {
    /// They are the same to the byte.
    Bytes,
    /// They say the same; the moment at which it was computed may differ.
    Meaning,
}

/// The tag of an answer, from all that it depends on.
pub(super) fn tag(sameness: Sameness, parts: &[&[u8]]) -> Result<EntityTag, Problem> {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    let opaque = hex::encode(hash.finalize());
    match sameness {
        Sameness::Bytes => EntityTag::strong(opaque),
        Sameness::Meaning => EntityTag::weak(opaque),
    }
    .map_err(|_| Problem::Broken("no entity tag could be made"))
}

/// A body under a tag: 200, or 304 where the caller has it already.
pub(super) fn tagged(
    asked: &HeaderMap,
    tag: &EntityTag,
    kind: HeaderValue,
    body: impl Into<Bytes>,
) -> Response<Body> {
    // A condition that cannot be read is none.
    let wanted = IfNoneMatch::from_headers(asked).ok().flatten();
    let has_it = wanted.is_some_and(|wanted| wanted.matches(tag));
    let mut answer = match has_it {
        true => Response::new(Body::empty()),
        false => Response::new(Body::from(body.into())),
    };
    if has_it {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = answer.headers_mut();
    if !has_it {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    headers.insert(header::ETAG, tag.to_header_value());
    // It may be kept, by the caller alone, and is asked about each time.
    let control = HeaderValue::from_static("private, no-cache");
    headers.insert(header::CACHE_CONTROL, control);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_tag_do_not_run_together() {
        let of = |parts: &[&[u8]]| tag(Sameness::Bytes, parts).unwrap();
        assert!(!of(&[b"ab", b"c"]).weak_eq(&of(&[b"a", b"bc"])));
        assert!(of(&[b"ab"]).strong_eq(&of(&[b"ab"])));
    }

    #[test]
    fn who_has_it_gets_no_body() {
        let tag = tag(Sameness::Meaning, &[b"x"]).unwrap();
        let mut asked = HeaderMap::new();
        assert_eq!(tagged(&asked, &tag, JSON, "{}").status(), 200);
        asked.insert(header::IF_NONE_MATCH, tag.to_header_value());
        let answer = tagged(&asked, &tag, JSON, "{}");
        assert_eq!(answer.status(), 304);
        assert!(!answer.headers().contains_key(header::CONTENT_TYPE));
        asked.insert(header::IF_NONE_MATCH, HeaderValue::from_static("\"other\""));
        assert_eq!(tagged(&asked, &tag, JSON, "{}").status(), 200);
    }
}
