//! GitHub as the monitor sees it: one page of a feed, or what a repository is called.
//!
//! Tags are kept by the store, beside the events that they came with, so `If-None-Match` is set here and the door
//! itself (github-upstream) is asked. A resource stays with one credential: a tag is worth nothing to another.

mod answer;
mod failure;

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use github_headers::{EntityTag, Resource};
use github_upstream::ledger::Standing;
use github_upstream::pool::{CredentialError, Stick};
use github_upstream::{
    CallerId, ClientKey, CredentialPool, CredentialSecret, CredentialSpec, Lease, Priority,
    RequestBody, Upstream,
};
use http::header::{ACCEPT, AUTHORIZATION, IF_NONE_MATCH, USER_AGENT};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use service_runtime::Clock;
use sha2::{Digest, Sha256};
use tower_service::Service;

use crate::name::FullName;
use answer::Read;

pub(crate) use answer::{Answer, Found, GoneReason, Hints};
pub(crate) use failure::{Cause, Failed};

const ACCEPTED: HeaderValue = HeaderValue::from_static("application/vnd.github+json");
const API_VERSION: HeaderName = HeaderName::from_static("x-github-api-version");
const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("github-events/", env!("CARGO_PKG_VERSION")));

/// Of the text of a refusal.
const MOST_REFUSAL_BYTES: usize = 64 << 10;

/// How GitHub is asked.
#[derive(Clone)]
pub(crate) struct SourceOptions {
    /// The upstream's address as configured: a redirect that leads elsewhere is not followed.
    pub address: String,
    /// Tokens; without any, GitHub is asked anonymously.
    pub tokens: Vec<String>,
    /// Largest page that is read, in bytes.
    pub max_page_bytes: usize,
}

impl std::fmt::Debug for SourceOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SourceOptions")
            .field("address", &self.address)
            .field("tokens", &self.tokens.len())
            .finish_non_exhaustive()
    }
}

/// Asks GitHub. Clones share connections, credentials and ledger.
#[derive(Clone)]
pub(crate) struct Source {
    upstream: Upstream,
    pool: CredentialPool,
    clock: Arc<dyn Clock>,
    address: Arc<str>,
    max_page_bytes: usize,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source")
            .field("address", &self.address)
            .field("pool", &self.pool)
            .finish_non_exhaustive()
    }
}

/// Which repository's feed, as a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Feed {
    /// Under its name.
    Named(FullName),
    /// Under GitHub's number, which leads to it whatever it is called.
    Numbered(u64),
}

impl Feed {
    fn path(&self) -> String {
        match self {
            Self::Named(name) => format!("/repos/{name}"),
            Self::Numbered(number) => format!("/repositories/{number}"),
        }
    }
}

impl Source {
    /// Over a client of GitHub that others may use as well.
    ///
    /// # Errors
    /// When a token holds characters that no header can.
    pub(crate) fn new(
        upstream: Upstream,
        options: SourceOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CredentialError> {
        let tokens = options
            .tokens
            .into_iter()
            .map(|token| token.trim().to_owned());
        let specs = tokens
            .filter(|token| !token.is_empty())
            .enumerate()
            .map(|(at, token)| CredentialSpec {
                name: format!("token-{}", at + 1),
                secret: CredentialSecret::Token(token),
                reserve: 0,
            });
        let pool =
            CredentialPool::new(specs.collect(), upstream.clone(), Arc::new(identity), AGENT)?;
        Ok(Self {
            upstream,
            pool,
            clock,
            address: options.address.trim_end_matches('/').into(),
            max_page_bytes: options.max_page_bytes,
        })
    }

    /// The client that it asks with.
    pub(crate) fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// One page of a feed, 100 events; with a tag, only if it has changed.
    ///
    /// # Errors
    /// When GitHub does not answer, or with nothing that can be used.
    pub(crate) async fn page(
        &self,
        feed: &Feed,
        number: u32,
        tag: Option<&EntityTag>,
    ) -> Result<Answer, Failed> {
        let path = format!("{}/events", feed.path());
        let target = match number {
            1 => format!("{path}?per_page=100"),
            more => format!("{path}?per_page=100&page={more}"),
        };
        let read = self.ask(&path, &target, tag).await?;
        answer::page(read, number, &self.address)
    }

    /// What GitHub calls a repository, and its number.
    ///
    /// # Errors
    /// When GitHub does not answer, or with nothing that can be used.
    pub(crate) async fn repository(&self, feed: &Feed) -> Result<Found, Failed> {
        let path = feed.path();
        let read = self.ask(&path, &path, None).await?;
        match answer::repository(read, &self.address)? {
            // GitHub redirects from a former name to the number, and the number leads to no further redirect.
            Found::Moved { number } => {
                let path = Feed::Numbered(number).path();
                let read = self.ask(&path, &path, None).await?;
                answer::repository(read, &self.address)
            }
            found => Ok(found),
        }
    }

    /// Requests per hour that the credentials have left until their quota is renewed; none where GitHub has not said.
    #[expect(clippy::cast_precision_loss, reason = "quotas are small")]
    pub(crate) fn requests_per_hour_left(&self, now: SystemTime) -> Option<f64> {
        let lines = self.upstream.ledger().snapshot(now);
        let windows = lines
            .iter()
            .filter(|line| line.resource == Some(Resource::Core));
        let rates = windows.filter_map(|line| {
            let window = line.window?;
            let seconds = window.ends().duration_since(now).ok()?.as_secs().max(1);
            Some(window.remaining as f64 * 3600.0 / seconds as f64)
        });
        rates.reduce(|sum, rate| sum + rate)
    }

    /// Asks with each credential in turn while GitHub turns them away.
    async fn ask(&self, path: &str, target: &str, tag: Option<&EntityTag>) -> Result<Read, Failed> {
        let mut choices = self.pool.choices(path, Stick::ToResource);
        let mut turned_away: Option<Result<Read, Failed>> = None;
        while let Some(lease) = self.pool.next(&mut choices).await {
            let answer = self.ask_as(Some(&lease), target, tag).await;
            let another_may_do_better = match &answer {
                Err(failed) => matches!(failed.cause, Cause::RateLimited | Cause::Refused(_)),
                // A private repository that another token can see.
                Ok(read) => read.status == StatusCode::NOT_FOUND,
            };
            if !another_may_do_better {
                return answer;
            }
            turned_away = Some(worth_telling(turned_away, answer));
        }
        match turned_away {
            Some(answer) => answer,
            None => self.ask_as(None, target, tag).await,
        }
    }

    async fn ask_as(
        &self,
        lease: Option<&Lease>,
        target: &str,
        tag: Option<&EntityTag>,
    ) -> Result<Read, Failed> {
        let mut request = Request::get(target)
            .header(ACCEPT, ACCEPTED)
            .header(API_VERSION, "2022-11-28")
            .header(USER_AGENT, AGENT)
            .body(RequestBody::default())
            .map_err(|_| Failed::of(Cause::ServerError(StatusCode::BAD_REQUEST)))?;
        if let Some(tag) = tag {
            let tag = tag.to_header_value();
            request.headers_mut().insert(IF_NONE_MATCH, tag);
        }
        let caller = lease.map_or(CallerId::ANONYMOUS, |lease| identity(&lease.authorization));
        if let Some(lease) = lease {
            let authorization = lease.authorization.clone();
            request.headers_mut().insert(AUTHORIZATION, authorization);
            let behalf = lease.on_behalf_of(ClientKey::default(), Priority::Normal);
            request.extensions_mut().insert(behalf);
        }
        let answer = self.upstream.clone().call(request).await;
        let answer = answer.map_err(|error| failure::unreachable(&error))?;
        let status = answer.status();
        if let Some(lease) = lease {
            match status {
                StatusCode::UNAUTHORIZED => self.pool.refused(lease),
                _ => self.pool.served(lease),
            }
        }
        match status {
            StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => {
                // The words of a secondary limit are in the body: the ledger hears them while it passes.
                let _ = Limited::new(answer.into_body(), MOST_REFUSAL_BYTES)
                    .collect()
                    .await;
                Err(self.turned_away(status, caller))
            }
            StatusCode::UNAUTHORIZED => Err(Failed::of(Cause::Refused(status))),
            _ => self.read(answer).await,
        }
    }

    async fn read(&self, answer: Response<github_upstream::ResponseBody>) -> Result<Read, Failed> {
        let (parts, body) = answer.into_parts();
        let body = match parts.status {
            StatusCode::OK => Limited::new(body, self.max_page_bytes)
                .collect()
                .await
                .map_err(|error| failure::broken_body(&*error))?
                .to_bytes(),
            _ => Bytes::new(),
        };
        Ok(Read {
            status: parts.status,
            headers: parts.headers,
            body,
        })
    }

    /// Whether a refusal is a rate limit, as far as the ledger has understood.
    fn turned_away(&self, status: StatusCode, caller: CallerId) -> Failed {
        let now = self.clock.now();
        let ledger = self.upstream.ledger();
        let retry_at = match ledger.standing(caller, &Resource::Core, now) {
            Standing::Exhausted { until } => Some(until),
            Standing::Cooling(cooldown) => Some(cooldown.until),
            Standing::Open => None,
        };
        let cause = match (retry_at, status) {
            (Some(_), _) | (None, StatusCode::TOO_MANY_REQUESTS) => Cause::RateLimited,
            (None, status) => Cause::Refused(status),
        };
        Failed { cause, retry_at }
    }
}

/// Of two refusals: a limit ends by itself, and the earlier the better.
fn worth_telling(
    before: Option<Result<Read, Failed>>,
    after: Result<Read, Failed>,
) -> Result<Read, Failed> {
    let Some(before) = before else {
        return after;
    };
    match (&before, &after) {
        (Err(one), Err(other)) if one.cause == other.cause => {
            match one.retry_at <= other.retry_at {
                true => before,
                false => after,
            }
        }
        (Err(limited), _) if limited.cause == Cause::RateLimited => before,
        (Ok(_), Err(other)) if other.cause != Cause::RateLimited => before,
        _ => after,
    }
}

/// Tells credentials apart within this process, and tells nothing else about them.
fn identity(authorization: &HeaderValue) -> CallerId {
    let hash = Sha256::digest(authorization.as_bytes());
    let mut id = [0; 16];
    id.copy_from_slice(&hash[..16]);
    CallerId(id)
}
