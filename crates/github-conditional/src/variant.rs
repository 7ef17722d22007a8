//! Which stored entry a request is about: the resource variant and its store key.
//!
//! A variant is everything that selects a body except the caller: origin, path and query as sent, `Accept`, and
//! `X-GitHub-Api-Version` (which GitHub neither hashes nor names in `Vary`, although bodies differ by it).

use std::sync::Arc;

use cache_backends::StoreKey;
use github_headers::names::X_GITHUB_API_VERSION;
use github_headers::{GithubMedia, Route};
use http::header::ACCEPT;
use http::{HeaderMap, HeaderName, Uri};
use sha2::{Digest, Sha256};

/// Version of the key layout: a new layout must never read what an old one wrote.
const KEY_VERSION: &[u8] = b"github-conditional key v1";

/// Makes variants for one origin.
#[derive(Clone, Debug)]
pub(crate) struct VariantKeys {
    prefix: Arc<Sha256>,
}

impl VariantKeys {
    /// For resources of `origin`, e.g. `https://api.github.com`.
    pub(crate) fn new(origin: &str) -> Self {
        let mut hash = Sha256::new_with_prefix(KEY_VERSION);
        update_framed(&mut hash, origin.as_bytes());
        Self {
            prefix: Arc::new(hash),
        }
    }

    /// The store key of the variant that a request asks for.
    pub(crate) fn key(&self, uri: &Uri, headers: &HeaderMap) -> StoreKey {
        let mut hash = Sha256::clone(&self.prefix);
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        update_framed(&mut hash, target.as_bytes());
        update_header(&mut hash, headers, &ACCEPT);
        update_header(&mut hash, headers, &X_GITHUB_API_VERSION);
        StoreKey::new(hash.finalize().into())
    }
}

/// Every field is preceded by its length, so that no two different requests are the same byte string.
fn update_framed(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_le_bytes());
    hash.update(bytes);
}

fn update_header(hash: &mut Sha256, headers: &HeaderMap, name: &HeaderName) {
    // The number of lines tells "not sent" from "sent empty": GitHub hashes them differently.
    let lines = headers.get_all(name);
    hash.update([u8::try_from(lines.iter().count()).unwrap_or(u8::MAX)]);
    for line in lines {
        update_framed(hash, line.as_bytes());
    }
}

/// The route and representation of a request: what predictions are learned by.
pub(crate) fn subject(route: &Route, headers: &HeaderMap) -> (&'static str, GithubMedia) {
    let media = GithubMedia::of_accept(headers);
    (route.template(), media)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn key(target: &'static str, headers: &[(&HeaderName, &str)]) -> StoreKey {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        VariantKeys::new("https://api.github.com").key(&Uri::from_static(target), &map)
    }

    #[test]
    fn whatever_selects_a_body_changes_the_key() {
        let keys = [
            key("/a", &[]),
            key("/a?", &[]),
            key("/a?b=1&b=2", &[]),
            key("/a?b=2&b=1", &[]),
            key("/a?b=%31&b=2", &[]),
            key("/a", &[(&ACCEPT, "")]),
            key("/a", &[(&ACCEPT, "*/*")]),
            key("/a", &[(&ACCEPT, "a/b"), (&ACCEPT, "c/d")]),
            key("/a", &[(&ACCEPT, "a/b, c/d")]),
            key("/a", &[(&X_GITHUB_API_VERSION, "2022-11-28")]),
            key("/a", &[(&X_GITHUB_API_VERSION, "2026-03-10")]),
            VariantKeys::new("https://other").key(&Uri::from_static("/a"), &HeaderMap::new()),
        ];
        for (position, one) in keys.iter().enumerate() {
            assert!(
                !keys[..position].contains(one),
                "key {position} is not unique"
            );
        }
    }

    #[test]
    fn whatever_does_not_select_a_body_leaves_the_key() {
        let user_agent = (&http::header::USER_AGENT, "x");
        let authorization = (&http::header::AUTHORIZATION, "token x");
        assert_eq!(key("/a", &[]), key("/a", &[user_agent, authorization]));
        assert_eq!(key("/a", &[]), key("https://api.github.com/a", &[]));
    }
}
