//! One document of GitHub's, asked for conditionally: chooses who asks, follows redirects, and sorts the answers.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cache_backends::{Dictionaries, Dictionary, DictionaryError};
use github_conditional::{
    Conditional, ConditionalLayer, Entry, Fingerprint, FingerprintKey, Freshness, Options, Outcome,
    Report,
};
use github_headers::{Links, Resource};
use github_upstream::ledger::Standing;
use github_upstream::{
    BaseUrl, BaseUrlError, CallerId, RequestBody, Upstream, UpstreamOptions, WallClock,
};
use http::header::{ACCEPT, AUTHORIZATION, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Limited};
use parking_lot::Mutex;
use service_runtime::Clock;
use tower_layer::Layer;
use tower_service::Service;

use super::metered::{Meter, Metered, Spender};
use super::throttle::{Held, QuotaRules, Verdict};
use super::tokens::{Credential, TokenProblem, Tokens};
use crate::moment::Moment;
use crate::store::{Entries, Store, StoreError};

const ACCEPTED: HeaderValue = HeaderValue::from_static("application/vnd.github+json");
const API_VERSION: HeaderName = HeaderName::from_static("x-github-api-version");
const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("github-discovery/", env!("CARGO_PKG_VERSION")));
/// A document that moved more often than this moves in a circle.
const MOST_MOVES: usize = 5;
/// How long a token that GitHub does not accept is left alone.
const REFUSED_FOR: Duration = Duration::from_secs(3_600);
/// Of the text of a refusal.
const MOST_REFUSAL_BYTES: usize = 64 << 10;

/// Where GitHub is and who asks.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) upstream: String,
    pub(crate) tokens: String,
    pub(crate) user: String,
    pub(crate) key: String,
    pub(crate) rules: QuotaRules,
    pub(crate) max_page_bytes: usize,
    pub(crate) max_entries_bytes: u64,
    pub(crate) connect_timeout: Duration,
    pub(crate) response_timeout: Duration,
    pub(crate) body_idle_timeout: Duration,
    pub(crate) ca_file: Option<PathBuf>,
}

/// Why GitHub cannot be asked at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceProblem {
    /// The upstream url is not one.
    #[error("upstream: not usable")]
    BaseUrl(#[source] BaseUrlError),
    /// The upstream client cannot be made, for instance because a certificate file is unreadable.
    #[error("cannot set up the upstream client")]
    Upstream(#[source] github_upstream::BuildError),
    /// A token cannot be used.
    #[error(transparent)]
    Token(#[from] TokenProblem),
    /// The dictionaries of this program are broken.
    #[error("cannot set up the compression")]
    Dictionary(#[source] DictionaryError),
    /// The operating system has no randomness to give.
    #[error("no randomness for the fingerprint key")]
    Randomness,
}

/// Asks GitHub in the service's own name. Clones share everything.
#[derive(Clone)]
pub(crate) struct Fetcher {
    engine: Conditional<Metered, Entries<Entry>>,
    upstream: Upstream,
    tokens: Arc<Tokens>,
    store: Store,
    rules: QuotaRules,
    clock: Arc<dyn Clock>,
    max_page_bytes: usize,
    /// Tokens that GitHub does not know, and until when they are not tried: too many attempts lock their owner out.
    refused: Arc<Mutex<Vec<(String, Moment)>>>,
}

/// What GitHub said.
#[derive(Debug)]
pub(crate) enum Answer {
    Document(Document),
    Absent(Absence),
}

#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) body: Bytes,
    /// `rel="next"`, as a target.
    pub(crate) next: Option<String>,
    pub(crate) news: News,
    pub(crate) asker: Asker,
}

/// Whether GitHub sent the body or confirmed the stored one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    Sent,
    Confirmed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    Token,
    Nobody,
}

/// Why there is no document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absence {
    /// 404: it may come back.
    NotFound,
    /// 410 or 451: it will not.
    Gone,
    /// 204, or 409 for an empty repository.
    Empty,
    /// 422: beyond the pages that GitHub shows.
    TooFar,
}

/// Why nothing is known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("{} until {until}", why.as_str())]
    Held { until: Moment, why: Held },
    /// It may be better the next time.
    #[error("{0}")]
    Again(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fetcher {
    pub(crate) fn new(
        source: &Source,
        store: &Store,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SourceProblem> {
        let upstream = upstream(source, &clock)?;
        // All workers must know a token by the same fingerprint; a token cannot be guessed from its hash.
        let fingerprints = FingerprintKey::new(b"github-discovery fingerprints v1");
        let tokens = Tokens::parse(&source.tokens, &source.user, &source.key, &fingerprints)?;
        let dictionaries = Entry::DICTIONARIES
            .iter()
            .map(|&(number, bytes)| Dictionary::new(number, bytes))
            .collect::<Result<Dictionaries, _>>()
            .map_err(SourceProblem::Dictionary)?;
        let metered = Metered {
            upstream: upstream.clone(),
            store: store.clone(),
            rules: source.rules,
            clock: Arc::clone(&clock),
        };
        let mut options = Options::default();
        options.origin = source.upstream.trim_end_matches('/').to_owned();
        options.body_idle_timeout = source.body_idle_timeout;
        options.max_cacheable_body_bytes = source.max_page_bytes;
        // What is crawled anonymously is asked about too: an answer from GitHub's edge would hide changes.
        options.anonymous = Freshness::Revalidate;
        let ticking = Arc::clone(&clock);
        let layer = ConditionalLayer::builder_on(Entries::new(
            store.clone(),
            source.max_entries_bytes,
            dictionaries,
        ))
        .options(options)
        .clock(move || ticking.now())
        .fingerprint_key(fingerprints)
        .build()
        .map_err(|_| SourceProblem::Randomness)?;
        Ok(Self {
            engine: layer.layer(metered),
            upstream,
            tokens: Arc::new(tokens),
            store: store.clone(),
            rules: source.rules,
            clock,
            max_page_bytes: source.max_page_bytes,
            refused: Arc::default(),
        })
    }

    fn now(&self) -> Moment {
        Moment::from(self.clock.now())
    }

    /// Asks for a target, wherever it has moved to, with each token in turn while GitHub refuses them.
    ///
    /// # Cancel safety
    /// May be dropped at any time; a unit of quota that was taken for it stays taken until the window ends.
    pub(crate) async fn fetch(&self, target: &str, meter: &Arc<Meter>) -> Result<Answer, Trouble> {
        // One more than there are tokens: one may be used up between its choice and its turn.
        for _ in 0..=self.tokens.len() {
            let buckets = self.store.buckets().await?;
            let refused = self.refused();
            let chosen = self
                .tokens
                .choose(&buckets, &refused, self.rules, self.now());
            let credential = match chosen {
                Ok(credential) => credential,
                Err(Some(Verdict::Wait { until, why })) => {
                    return Err(Trouble::Held { until, why });
                }
                Err(_) => return Err(Trouble::Again("GitHub refuses every token".to_owned())),
            };
            match self.fetch_as(&credential, target, meter).await {
                Ok(Told::Answer(answer)) => return Ok(answer),
                Ok(Told::Refused) => self.refuse(credential),
                Err(Trouble::Held { .. }) if self.tokens.len() > 1 => {}
                Err(trouble) => return Err(trouble),
            }
        }
        Err(Trouble::Again("no token may ask".to_owned()))
    }

    /// The tokens that are not to be tried now.
    fn refused(&self) -> Vec<String> {
        let now = self.now();
        let mut refused = self.refused.lock();
        refused.retain(|(_, until)| *until > now);
        refused.iter().map(|(name, _)| name.clone()).collect()
    }

    fn refuse(&self, credential: Credential) {
        tracing::warn!(token = credential.masked, "GitHub does not accept a token");
        let until = self.now().after(REFUSED_FOR);
        self.refused.lock().push((credential.name, until));
    }

    async fn fetch_as(
        &self,
        credential: &Credential,
        target: &str,
        meter: &Arc<Meter>,
    ) -> Result<Told, Trouble> {
        let mut target = target.to_owned();
        for _ in 0..=MOST_MOVES {
            match self.ask(credential, &target, meter).await? {
                Step::Told(told) => return Ok(told),
                Step::Moved(to) => target = to,
            }
        }
        Err(Trouble::Again("it moves in a circle".to_owned()))
    }

    async fn ask(
        &self,
        credential: &Credential,
        target: &str,
        meter: &Arc<Meter>,
    ) -> Result<Step, Trouble> {
        let mut request = Request::get(target)
            .body(RequestBody::default())
            .map_err(|_| Trouble::Again("an impossible target".to_owned()))?;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, ACCEPTED);
        headers.insert(API_VERSION, HeaderValue::from_static("2022-11-28"));
        headers.insert(USER_AGENT, AGENT);
        if let Some(authorization) = &credential.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        request.extensions_mut().insert(Spender {
            credential: credential.clone(),
            meter: Arc::clone(meter),
        });
        let answer = self.engine.clone().call(request).await;
        let held = meter
            .take_held()
            .map(|(until, why)| Trouble::Held { until, why });
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                return Err(held.unwrap_or_else(|| Trouble::Again(format!("{error}"))));
            }
        };
        let (parts, body) = answer.into_parts();
        let news = match parts
            .extensions
            .get::<Report>()
            .map(|report| report.outcome)
        {
            // What was stored before is no news, and nothing may follow from it.
            Some(Outcome::Stale(trouble)) => {
                let again = || Trouble::Again(trouble.as_str().to_owned());
                return Err(held.unwrap_or_else(again));
            }
            Some(Outcome::Revalidated(_) | Outcome::Fresh(_)) => News::Confirmed,
            _ => News::Sent,
        };
        let absent = |absence| Ok(Step::Told(Told::Answer(Answer::Absent(absence))));
        match parts.status {
            StatusCode::OK => {
                let limit = self.max_page_bytes;
                let body = Limited::new(body, limit)
                    .collect()
                    .await
                    .map_err(|error| Trouble::Again(format!("the body: {error}")))?;
                Ok(Step::Told(Told::Answer(Answer::Document(Document {
                    body: body.to_bytes(),
                    next: next(&parts.headers),
                    news,
                    asker: match credential.authorization {
                        Some(_) => Asker::Token,
                        None => Asker::Nobody,
                    },
                }))))
            }
            StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT => {
                let to = parts.headers.get(LOCATION).and_then(|to| to.to_str().ok());
                let to = to.and_then(path_of);
                to.map(Step::Moved)
                    .ok_or_else(|| Trouble::Again("it moved nobody knows where".to_owned()))
            }
            StatusCode::NO_CONTENT | StatusCode::CONFLICT => absent(Absence::Empty),
            StatusCode::NOT_FOUND => absent(Absence::NotFound),
            StatusCode::GONE | StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS => absent(Absence::Gone),
            StatusCode::UNPROCESSABLE_ENTITY => absent(Absence::TooFar),
            StatusCode::UNAUTHORIZED => Ok(Step::Told(Told::Refused)),
            StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => {
                // The words of a secondary limit are in the body: the ledger hears them while it passes.
                let _ = Limited::new(body, MOST_REFUSAL_BYTES).collect().await;
                Err(self.turned_away(credential, parts.status).await?)
            }
            status => Err(Trouble::Again(format!("GitHub answered {status}"))),
        }
    }

    /// What a refusal is, as far as the ledger has understood; a limit is told to all workers.
    async fn turned_away(
        &self,
        credential: &Credential,
        status: StatusCode,
    ) -> Result<Trouble, StoreError> {
        let now = self.now();
        let standing =
            self.upstream
                .ledger()
                .standing(credential.caller, &Resource::Core, self.clock.now());
        let (until, why) = match standing {
            Standing::Exhausted { until } => (Moment::from(until), Held::Threshold),
            Standing::Cooling(cooldown) => (Moment::from(cooldown.until), Held::CoolDown),
            Standing::Open => return Ok(Trouble::Again(format!("GitHub answered {status}"))),
        };
        self.store.block(&credential.name, until, now).await?;
        Ok(Trouble::Held { until, why })
    }
}

enum Told {
    Answer(Answer),
    /// 401.
    Refused,
}

enum Step {
    Told(Told),
    Moved(String),
}

fn next(headers: &HeaderMap) -> Option<String> {
    // A `Link` that cannot be read leads nowhere.
    let links = Links::from_headers(headers).unwrap_or_default();
    links.find("next").and_then(path_of)
}

/// GitHub's urls name GitHub's host; what is asked is always the configured one.
fn path_of(url: &str) -> Option<String> {
    let url: Uri = url.parse().ok()?;
    url.path_and_query()
        .map(|target| target.as_str().to_owned())
}

fn upstream(source: &Source, clock: &Arc<dyn Clock>) -> Result<Upstream, SourceProblem> {
    let mut options = UpstreamOptions::default();
    options.base_url = source
        .upstream
        .parse::<BaseUrl>()
        .map_err(SourceProblem::BaseUrl)?;
    options.connect_timeout = source.connect_timeout;
    options.response_timeout = source.response_timeout;
    options.body_idle_timeout = source.body_idle_timeout;
    options.extra_root_certificates = source.ca_file.clone();
    // A run that would have to wait is put off, and others get its place.
    options.pacing.max_wait = Duration::from_secs(2);
    let clock = Arc::clone(clock);
    Upstream::builder(options)
        .clock(WallClock::new(move || clock.now()))
        .caller_from(|extensions| {
            let found = extensions.get::<Fingerprint>();
            found.map(|found| CallerId(*found.as_bytes()))
        })
        .build()
        .map_err(SourceProblem::Upstream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_the_configured_host() {
        assert_eq!(
            path_of("https://api.github.com/user/1/followers?per_page=100&page=2").as_deref(),
            Some("/user/1/followers?per_page=100&page=2")
        );
        assert_eq!(
            path_of("/repositories/7").as_deref(),
            Some("/repositories/7")
        );
        assert_eq!(path_of(":"), None);
    }
}
