//! A GitHub that answers as the bytes say, honestly or not, and keeps record of what it told whom.

use std::collections::HashSet;
use std::io;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CACHE_CONTROL, IF_MODIFIED_SINCE, IF_NONE_MATCH, RANGE};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::Full;
use sha2::{Digest, Sha256};

/// The bytes of a case, one decision each; when they are used up, every decision is 0.
#[derive(Debug)]
pub(crate) struct Decisions<'a>(pub(crate) &'a [u8]);

impl Decisions<'_> {
    pub(crate) fn next(&mut self) -> usize {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                usize::from(*first)
            }
            None => 0,
        }
    }

    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.next() % choices.len()]
    }

    pub(crate) fn are_used_up(&self) -> bool {
        self.0.is_empty()
    }
}

/// How the next request is answered.
#[derive(Clone, Debug)]
pub(crate) struct Manner {
    pub(crate) status: u16,
    pub(crate) body: &'static str,
    pub(crate) tag: Tag,
    pub(crate) headers: [(&'static str, &'static str); 2],
}

/// What the answer says about its version.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tag {
    Formula,
    Fixed,
    Weak,
    Malformed,
    None,
}

type Caller = Option<String>;

#[derive(Debug, Default)]
pub(crate) struct GitHub {
    pub(crate) next: Option<Manner>,
    /// Bodies that a caller was sent or confirmed, by target.
    told: HashSet<(Caller, String, Bytes)>,
    /// Tags that came with them.
    tags: HashSet<(Caller, String, String, Bytes)>,
}

pub(crate) const BODIES: [&str; 6] = [
    "{\"id\":1}",
    "{\"id\":2}",
    "[]",
    "[{\"id\":1}]",
    "",
    "[1,2]",
];

impl GitHub {
    pub(crate) fn has_told(&self, caller: &Caller, target: &str, body: &Bytes) -> bool {
        self.told
            .contains(&(caller.clone(), target.to_owned(), body.clone()))
    }

    pub(crate) fn answer(
        &mut self,
        request: &Request<Full<Bytes>>,
    ) -> Result<Response<Full<Bytes>>, io::Error> {
        let headers = request.headers();
        // What the cache does not touch goes by as it came.
        let touched = request.method() == Method::GET
            && !headers.contains_key(RANGE)
            && headers
                .get(CACHE_CONTROL)
                .is_none_or(|value| value != "no-store");
        if touched {
            let both =
                headers.contains_key(IF_NONE_MATCH) && headers.contains_key(IF_MODIFIED_SINCE);
            assert!(!both, "a stale tag would win over the date");
            assert!(headers.get_all(IF_NONE_MATCH).iter().count() <= 1);
        }
        let Some(manner) = self.next.clone() else {
            return Err(io::Error::from(io::ErrorKind::ConnectionReset));
        };
        let caller = caller(headers);
        let target = request
            .uri()
            .path_and_query()
            .map_or("", |target| target.as_str())
            .to_owned();
        let body = Bytes::from_static(manner.body.as_bytes());
        let tag = match manner.tag {
            Tag::Formula => Some(formula(FORMULAS[0], headers, &body)),
            Tag::Fixed => Some("\"fixed\"".to_owned()),
            Tag::Weak => Some(format!("W/{}", formula(FORMULAS[0], headers, &body))),
            Tag::Malformed => Some("no tag".to_owned()),
            Tag::None => None,
        };
        let status = StatusCode::from_u16(manner.status).unwrap_or(StatusCode::OK);
        let mut answer = Response::builder().status(status);
        for (name, value) in manner.headers.iter().filter(|(name, _)| !name.is_empty()) {
            answer = answer.header(*name, *value);
        }
        if let Some(tag) = &tag {
            answer = answer.header("etag", tag);
        }
        let body = match status {
            StatusCode::NOT_MODIFIED => {
                self.confirm(&caller, &target, headers);
                Bytes::new()
            }
            _ => {
                self.told
                    .insert((caller.clone(), target.clone(), body.clone()));
                if let Some(tag) = tag {
                    self.tags.insert((caller, target, tag, body.clone()));
                }
                body
            }
        };
        answer.body(Full::from(body)).map_err(io::Error::other)
    }

    /// A 304, meant or not, tells the caller that it has the body of the tag that it sent.
    fn confirm(&mut self, caller: &Caller, target: &str, headers: &HeaderMap) {
        let Some(sent) = headers
            .get(IF_NONE_MATCH)
            .and_then(|value| value.to_str().ok())
        else {
            // By date: whatever it was sent before.
            return;
        };
        let plain = |tag: &str| tag.trim_start_matches("W/").to_owned();
        let known = self
            .tags
            .iter()
            .filter(|(known_caller, known_target, tag, _)| {
                known_caller == caller && known_target == target && plain(tag) == plain(sent)
            });
        let mut confirmed: Vec<Bytes> = known.map(|(.., body)| body.clone()).collect();
        confirmed.extend(
            BODIES
                .iter()
                .map(|body| Bytes::from_static(body.as_bytes()))
                .filter(|body| {
                    FORMULAS
                        .iter()
                        .any(|names| formula(names, headers, body) == plain(sent))
                }),
        );
        for body in confirmed {
            self.told.insert((caller.clone(), target.to_owned(), body));
        }
    }
}

pub(crate) fn caller(headers: &HeaderMap) -> Caller {
    let value = headers.get(AUTHORIZATION)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// The headers that GitHub hashes: for tokens, and for the JWT of an app.
const FORMULAS: [&[&str]; 2] = [&["accept", "authorization", "cookie"], &["accept"]];

/// GitHub's tag of a body for the sender of these headers.
fn formula(names: &[&str], headers: &HeaderMap, body: &[u8]) -> String {
    let mut hash = Sha256::new();
    for value in names.iter().filter_map(|name| headers.get(*name)) {
        hash.update(value.as_bytes());
        hash.update(b":");
    }
    hash.update(body);
    format!("\"{}\"", hex::encode(hash.finalize()))
}
