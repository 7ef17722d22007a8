//! GitHub as the refresher sees it: one conditional question, one answer that was read to its end.
//!
//! The refresher brings its own validators, which all nodes share through the master cache. So it asks the door itself
//! (github-upstream) and not the engine: an engine's entry on one node would be older than the master's validators after
//! another node has refreshed, and would cost a 200.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use github_conditional::predict_tag;
use github_headers::link::page_of;
use github_headers::{EntityTag, Links, Resource};
use github_upstream::ledger::Standing;
use github_upstream::{CallerId, RequestBody, Upstream, UpstreamError};
use http::header::{ACCEPT, AUTHORIZATION, ETAG, IF_NONE_MATCH, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use service_runtime::Clock;
use tower_service::Service;

use crate::failure::{Cause, Failed};
use crate::snapshot::{Formula, Validator};
use crate::tokens::{Credential, Tokens};

const ACCEPTED: HeaderValue = HeaderValue::from_static("application/vnd.github+json");
const API_VERSION: HeaderName = HeaderName::from_static("x-github-api-version");
const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("github-read-cache/", env!("CARGO_PKG_VERSION")));

/// Asks GitHub in the service's own name. Clones share connections and ledger.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) upstream: Upstream,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) clock: SharedClock,
    pub(crate) max_page_bytes: usize,
}

/// The clock of all parts.
#[derive(Clone)]
pub(crate) struct SharedClock(pub(crate) Arc<dyn Clock>);

impl SharedClock {
    pub(crate) fn now(&self) -> SystemTime {
        self.0.now()
    }
}

impl std::fmt::Debug for SharedClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SharedClock")
    }
}

/// What is known of a page before it is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Known<'a> {
    Nothing,
    /// Its bytes in parts, and the tag that came with them.
    Page {
        body: [&'a [u8]; 3],
        validator: &'a Validator,
    },
    /// That it was beyond the end of the list.
    Empty,
}

/// GitHub's answer.
#[derive(Debug)]
pub(crate) enum Answer {
    /// 304.
    Same(Same),
    Page(Fetched),
}

/// A page that is what it was.
#[derive(Debug)]
pub(crate) struct Same {
    /// The tag that this caller knows it by now.
    pub(crate) validator: Validator,
}

/// A page that was sent.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) body: Bytes,
    pub(crate) tag: Option<EntityTag>,
    pub(crate) by: Asker,
    pub(crate) pages: Pages,
}

/// What `Link` says about the pages of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pages {
    /// Nothing comes after this one.
    End,
    /// More come, and this is the last of them.
    Until(u32),
    /// More come; GitHub does not say how many.
    More,
}

/// Who asked, and with which headers: what a tag depends on.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    caller: CallerId,
    headers: HeaderMap,
}

impl Asker {
    fn of(credential: &Credential) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, ACCEPTED);
        headers.insert(API_VERSION, HeaderValue::from_static("2022-11-28"));
        headers.insert(USER_AGENT, AGENT);
        if let Some(authorization) = &credential.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        Self {
            caller: credential.caller,
            headers,
        }
    }

    /// The tag to ask with, and whether it is known to be computable.
    fn validator(&self, known: &Known<'_>) -> Option<Validator> {
        let computed = |body: &[&[u8]]| Validator {
            tag: predict_tag(&self.headers, body),
            caller: self.caller.0,
            formula: Formula::Holds,
        };
        match known {
            Known::Nothing => None,
            Known::Empty => Some(computed(&[b"[]"])),
            Known::Page { validator, .. } if validator.caller == self.caller.0 => {
                Some((*validator).clone())
            }
            Known::Page { body, validator } => match validator.formula {
                Formula::Holds => Some(computed(body)),
                Formula::Fails => None,
            },
        }
    }

    /// The validator of a page that was sent to this caller.
    pub(crate) fn validator_of(&self, tag: EntityTag, body: &[&[u8]]) -> Validator {
        let formula = match predict_tag(&self.headers, body).weak_eq(&tag) {
            true => Formula::Holds,
            false => Formula::Fails,
        };
        Validator {
            tag,
            caller: self.caller.0,
            formula,
        }
    }
}

impl Source {
    /// Asks for a target, with each token in turn while GitHub turns them away.
    pub(crate) async fn ask(&self, target: &str, known: Known<'_>) -> Result<Answer, Failed> {
        let order = self
            .tokens
            .in_order(self.upstream.ledger(), self.clock.now());
        let mut failed = Failed::of(Cause::Refused);
        for credential in order {
            match self.ask_as(credential, target, &known).await {
                Err(turned_away)
                    if matches!(turned_away.cause, Cause::RateLimited | Cause::Refused) =>
                {
                    failed = turned_away;
                }
                answer => return answer,
            }
        }
        Err(failed)
    }

    async fn ask_as(
        &self,
        credential: &Credential,
        target: &str,
        known: &Known<'_>,
    ) -> Result<Answer, Failed> {
        let asker = Asker::of(credential);
        let validator = asker.validator(known);
        let mut request = Request::get(target)
            .body(RequestBody::default())
            .map_err(|_| Failed::of(Cause::ServerError))?;
        *request.headers_mut() = asker.headers.clone();
        if let Some(validator) = &validator {
            let tag = validator.tag.to_header_value();
            request.headers_mut().insert(IF_NONE_MATCH, tag);
        }
        request.extensions_mut().insert(asker.caller);
        let answer = self
            .upstream
            .clone()
            .call(request)
            .await
            .map_err(|error| unreachable(&error))?;
        let (parts, body) = answer.into_parts();
        match (parts.status, validator) {
            (StatusCode::NOT_MODIFIED, Some(validator)) => Ok(Answer::Same(Same { validator })),
            (StatusCode::OK, _) => {
                let body = Limited::new(body, self.max_page_bytes)
                    .collect()
                    .await
                    .map_err(|error| broken_body(&*error))?
                    .to_bytes();
                Ok(Answer::Page(Fetched {
                    body,
                    tag: tag_of(&parts.headers),
                    pages: pages(&parts.headers),
                    by: asker,
                }))
            }
            (StatusCode::NOT_FOUND, _) => Err(Failed::of(Cause::NotFound)),
            (StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS, _) => {
                // The words of a secondary limit are in the body: the ledger hears them while it passes.
                let _ = Limited::new(body, MOST_REFUSAL_BYTES).collect().await;
                Err(self.turned_away(parts.status, asker.caller))
            }
            (StatusCode::UNAUTHORIZED, _) => Err(Failed::of(Cause::Refused)),
            _ => Err(Failed::of(Cause::ServerError)),
        }
    }

    /// Whether a refusal is a rate limit, as far as the ledger has understood.
    fn turned_away(&self, status: StatusCode, caller: CallerId) -> Failed {
        let now = self.clock.now();
        let standing = self
            .upstream
            .ledger()
            .standing(caller, &Resource::Core, now);
        let (cause, retry_at) = match (standing, status) {
            (Standing::Exhausted { until }, _) => (Cause::RateLimited, Some(until)),
            (Standing::Cooling(cooldown), _) => (Cause::RateLimited, Some(cooldown.until)),
            (Standing::Open, StatusCode::TOO_MANY_REQUESTS) => (Cause::RateLimited, None),
            (Standing::Open, _) => (Cause::Refused, None),
        };
        Failed { cause, retry_at }
    }
}

/// Of the text of a refusal.
const MOST_REFUSAL_BYTES: usize = 64 << 10;

fn tag_of(headers: &HeaderMap) -> Option<EntityTag> {
    EntityTag::parse(headers.get(ETAG)?.as_bytes()).ok()
}

fn pages(headers: &HeaderMap) -> Pages {
    // A `Link` that cannot be read leads nowhere.
    let links = Links::from_headers(headers).unwrap_or_default();
    match (links.find("next"), links.find("last").and_then(page_of)) {
        (None, _) => Pages::End,
        (Some(_), Some(last)) => Pages::Until(last),
        (Some(_), None) => Pages::More,
    }
}

fn unreachable(error: &UpstreamError) -> Failed {
    if error.is_limited() {
        // GitHub has said so before; the stack did not ask again.
        return Failed {
            cause: Cause::RateLimited,
            retry_at: error.retry_at(),
        };
    }
    Failed::of(match error.is_timeout() {
        true => Cause::Timeout,
        false => Cause::Unreachable,
    })
}

fn broken_body(error: &(dyn std::error::Error + Send + Sync + 'static)) -> Failed {
    if error.is::<LengthLimitError>() {
        return Failed::of(Cause::TooLarge);
    }
    let timed_out = error
        .downcast_ref::<github_upstream::BodyError>()
        .is_some_and(github_upstream::BodyError::is_timeout);
    Failed::of(match timed_out {
        true => Cause::Timeout,
        false => Cause::Unreachable,
    })
}
