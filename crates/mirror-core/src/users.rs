//! User validation: whose requests are served, when the mirror is not open to everybody.
//!
//! | module | what it is responsible for |
//! |---|---|
//! | `allowed` | the list of logins (pure) |
//! | `finding` | what an answer to `GET /user` says (pure) |
//! | `memory` | what was found out of late (pure) |
//!
//! A caller is asked about with its own credential, through the engine: the answer is cached per caller, concurrent
//! requests share it, and a 304 costs nothing.
//! Whatever goes wrong on the way to GitHub lets nobody in whom GitHub has not named before.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use github_conditional::{Error, Fingerprint, Inspect, Outcome, Report, Trouble};
use github_headers::Resource;
use github_upstream::ledger::Standing as QuotaStanding;
use github_upstream::{CallerId, Refusal, RequestBody, SharedLedger};
use http::header::{ACCEPT, AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Limited};
use parking_lot::{Mutex, RwLock};
use tower_service::Service;

use crate::config::UsersConfig;
use crate::engine::Engine;
use crate::metrics::Instruments;
use crate::timed::UpstreamTime;

pub(crate) mod allowed;
mod finding;
mod memory;

use allowed::{Allowed, Standing};
use finding::{Finding, Source};
use memory::Memory;

/// Bytes of an answer to `GET /user`; GitHub's have about three thousand.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// How long a login that GitHub confirmed earlier counts without asking again whether GitHub can be asked.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// Who is let in, and what is known of those who came.
pub(crate) struct Users {
    rules: RwLock<Arc<Rules>>,
    known: Mutex<Memory<Fingerprint, Known>>,
    agent: HeaderValue,
    instruments: Arc<Instruments>,
}

struct Rules {
    /// `None` = everybody.
    allowed: Option<Allowed>,
    trust: Duration,
    refusal: Duration,
    outage_trust: Duration,
}

/// What GitHub said of a credential.
#[derive(Clone, Debug)]
enum Known {
    Login(Arc<str>),
    BadCredentials,
    NoUser,
}

/// Whose request it is.
#[derive(Clone, Debug)]
pub(crate) enum Visitor {
    /// The mirror is open, so nobody was asked.
    Anybody,
    User(Arc<str>),
}

impl Visitor {
    /// The login, where it is known.
    pub(crate) fn login(&self) -> Option<&Arc<str>> {
        match self {
            Self::Anybody => None,
            Self::User(login) => Some(login),
        }
    }
}

/// Why a request is not served.
#[derive(Debug)]
pub(crate) enum Denied {
    NoCredentials,
    /// Several `Authorization` headers: one might be looked at and another one used.
    SeveralCredentials,
    BadCredentials,
    NoUser,
    NotAllowed,
    /// GitHub's limits keep it from saying who it is.
    Limited {
        retry_after: Duration,
        report: Box<Report>,
    },
    /// GitHub failed, or could not be asked for too long.
    Failed {
        status: StatusCode,
        report: Box<Report>,
    },
    /// There is no answer from GitHub.
    Unreachable(Error),
}

impl Denied {
    /// The word used in logs and metrics.
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::NoCredentials => "no-credentials",
            Self::SeveralCredentials => "several-credentials",
            Self::BadCredentials => "bad-credentials",
            Self::NoUser => "no-user",
            Self::NotAllowed => "not-allowed",
            Self::Limited { .. } => "user-unknown-rate-limited",
            Self::Failed { .. } => "user-unknown-upstream-failed",
            Self::Unreachable(_) => "user-unknown-unreachable",
        }
    }

    /// How the question to GitHub went, where that is the reason.
    pub(crate) fn report(&self) -> Option<&Report> {
        match self {
            Self::Limited { report, .. } | Self::Failed { report, .. } => Some(report),
            Self::Unreachable(error) => Some(error.report()),
            _ => None,
        }
    }
}

/// What a question to GitHub needs.
#[derive(Clone, Copy)]
pub(crate) struct Desk<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) inspect: &'a dyn Inspect,
    pub(crate) ledger: &'a SharedLedger,
    pub(crate) time: &'a UpstreamTime,
    pub(crate) now: SystemTime,
}

impl Desk<'_> {
    /// How long GitHub's limits keep it from answering this caller, as far as is known.
    fn limited_for(&self, caller: Fingerprint) -> Duration {
        let caller = CallerId(*caller.as_bytes());
        let until = match self.ledger.standing(caller, &Resource::Core, self.now) {
            QuotaStanding::Open => self.now,
            QuotaStanding::Exhausted { until } => until,
            QuotaStanding::Cooling(cooldown) => cooldown.until,
        };
        match until.duration_since(self.now) {
            Ok(left) if !left.is_zero() => left,
            _ => finding::RETRY_AFTER,
        }
    }
}

impl Users {
    pub(crate) fn new(
        config: &UsersConfig,
        agent: HeaderValue,
        instruments: &Arc<Instruments>,
    ) -> Self {
        Self {
            rules: RwLock::new(Arc::new(Rules::new(config))),
            known: Mutex::new(Memory::new(config.max_remembered_tokens)),
            agent,
            instruments: Arc::clone(instruments),
        }
    }

    /// From now on these settings hold. What was found out is forgotten.
    pub(crate) fn reload(&self, config: &UsersConfig) {
        *self.rules.write() = Arc::new(Rules::new(config));
        *self.known.lock() = Memory::new(config.max_remembered_tokens);
    }

    /// Whether a request with these headers is served.
    ///
    /// # Errors
    /// Why not.
    pub(crate) async fn admit(
        &self,
        desk: Desk<'_>,
        headers: &HeaderMap,
    ) -> Result<Visitor, Denied> {
        let rules = Arc::clone(&self.rules.read());
        let Some(allowed) = &rules.allowed else {
            return Ok(Visitor::Anybody);
        };
        let mut credentials = headers.get_all(AUTHORIZATION).iter();
        let credential = match (credentials.next(), credentials.next()) {
            (None, _) => return Err(Denied::NoCredentials),
            (Some(_), Some(_)) => return Err(Denied::SeveralCredentials),
            (Some(credential), None) => credential,
        };
        let fingerprint = desk.inspect.fingerprint(headers);
        let known = self.known.lock().recall(fingerprint, now());
        let known = match known {
            Some(known) => known,
            None => {
                // Boxed, because it happens once in a while, and every request waits for this.
                let asked = Box::pin(self.ask(&rules, desk, fingerprint, credential));
                let (known, lasts) = asked.await?;
                let mut memory = self.known.lock();
                memory.keep(fingerprint, known.clone(), now() + lasts);
                known
            }
        };
        match known {
            Known::BadCredentials => Err(Denied::BadCredentials),
            Known::NoUser => Err(Denied::NoUser),
            Known::Login(login) => match allowed.has(&login) {
                Standing::Allowed => Ok(Visitor::User(login)),
                Standing::Stranger => Err(Denied::NotAllowed),
            },
        }
    }

    /// GitHub has just refused this caller's credential: what was found out before holds no longer.
    pub(crate) fn refused_upstream(&self, fingerprint: Fingerprint) {
        self.known.lock().forget(fingerprint);
    }

    /// Asks GitHub whose credential it is. The answer comes with how long it may be trusted.
    async fn ask(
        &self,
        rules: &Rules,
        desk: Desk<'_>,
        fingerprint: Fingerprint,
        credential: &HeaderValue,
    ) -> Result<(Known, Duration), Denied> {
        let answer = desk
            .engine
            .clone()
            .call(self.question(desk.time, credential))
            .await;
        let (mut head, body) = match answer {
            Ok(answer) => answer.into_parts(),
            Err(error) => return Err(self.unanswered(error, desk.now)),
        };
        let Some(report) = head.extensions.remove::<Report>() else {
            unreachable!("the engine puts a report into each answer");
        };
        let source = Source {
            outcome: report.outcome,
            age: report.age,
        };
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
        let finding = match body {
            Ok(body) => {
                let body = body.to_bytes();
                finding::read(source, head.status, &head.headers, &body, desk.now)
            }
            Err(_) => Finding::Nonsense,
        };
        self.instruments.user_asked(finding.as_str());
        rules.conclude(finding, report, desk.limited_for(fingerprint))
    }

    /// What a question without an answer means: GitHub is not asked on behalf of a caller who has used up its quota, and
    /// whoever holds the question back knows until when.
    fn unanswered(&self, error: Error, now: SystemTime) -> Denied {
        let Some(refusal) = Refusal::of(&error) else {
            self.instruments.user_asked("unreachable");
            return Denied::Unreachable(error);
        };
        self.instruments.user_asked("rate-limited");
        Denied::Limited {
            retry_after: Duration::from_secs(refusal.retry_after_seconds(now)),
            report: Box::new(error.report().clone()),
        }
    }

    fn question(&self, time: &UpstreamTime, credential: &HeaderValue) -> Request<RequestBody> {
        let mut request = Request::new(RequestBody::default());
        *request.uri_mut() = Uri::from_static("/user");
        request.extensions_mut().insert(time.clone());
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, credential.clone());
        headers.insert(USER_AGENT, self.agent.clone());
        let accept = HeaderValue::from_static("application/vnd.github+json");
        headers.insert(ACCEPT, accept);
        request
    }
}

impl Rules {
    fn new(config: &UsersConfig) -> Self {
        Self {
            allowed: config.allowed.as_deref().map(Allowed::new),
            trust: Duration::from_secs(config.trust_seconds),
            refusal: Duration::from_secs(config.refusal_seconds),
            outage_trust: Duration::from_secs(config.outage_trust_seconds),
        }
    }

    /// What a finding means, and for how long. Trouble lets nobody in; it leaves in whom GitHub named before, for a while.
    /// `limited_for` is how long a rate limit lasts, where one is why GitHub was not asked.
    fn conclude(
        &self,
        finding: Finding,
        mut report: Report,
        limited_for: Duration,
    ) -> Result<(Known, Duration), Denied> {
        let failed = |status, report| {
            Err(Denied::Failed {
                status,
                report: Box::new(report),
            })
        };
        match finding {
            Finding::Login(login) => Ok((Known::Login(login), self.trust)),
            Finding::LoginBefore(login, age) => match self.outage_trust.checked_sub(age) {
                Some(left) if !left.is_zero() => {
                    Ok((Known::Login(login), left.min(ASK_AGAIN).min(self.trust)))
                }
                _ => match without_answer(&mut report) {
                    StatusCode::TOO_MANY_REQUESTS => Err(Denied::Limited {
                        retry_after: limited_for,
                        report: Box::new(report),
                    }),
                    status => failed(status, report),
                },
            },
            Finding::BadCredentials => Ok((Known::BadCredentials, self.refusal)),
            Finding::NoUser => Ok((Known::NoUser, self.refusal)),
            Finding::Limited { retry_after } => Err(Denied::Limited {
                retry_after,
                report: Box::new(report),
            }),
            Finding::Failed(status) => failed(status, report),
            Finding::Nonsense => failed(StatusCode::BAD_GATEWAY, report),
        }
    }
}

/// Makes the account of a stored answer that may not be used one of no answer.
fn without_answer(report: &mut Report) -> StatusCode {
    report.age = None;
    match report.outcome {
        Outcome::Stale(trouble) => {
            report.outcome = Outcome::Failed(trouble);
            match trouble {
                Trouble::Offline => StatusCode::GATEWAY_TIMEOUT,
                Trouble::RateLimited => StatusCode::TOO_MANY_REQUESTS,
                _ => StatusCode::BAD_GATEWAY,
            }
        }
        _ => StatusCode::BAD_GATEWAY,
    }
}

/// Tokio's clock, which tests can pause.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Users").finish_non_exhaustive()
    }
}
