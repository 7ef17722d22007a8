//! Between the conditional engine and GitHub: takes a unit of quota for every request, and counts it.
//!
//! It stands below the engine, so that what the engine asks by itself, such as a look behind a full last page, is held
//! to the same rules.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll};

use github_headers::RateLimit;
use github_upstream::{RequestBody, ResponseBody, Upstream, UpstreamError};
use http::{Request, Response, StatusCode};
use parking_lot::Mutex;
use service_runtime::Clock;
use tower_service::Service;

use super::throttle::{Held, QuotaRules, Verdict};
use super::tokens::Credential;
use crate::moment::Moment;
use crate::store::{Charge, Rate, Reserved, Said, Settled, Store, StoreError};

/// Whose request it is: an extension of each one.
#[derive(Clone, Debug)]
pub(crate) struct Spender {
    pub(crate) credential: Credential,
    pub(crate) meter: Arc<Meter>,
}

/// What one run has spent.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    requests: AtomicI64,
    not_modified: AtomicI64,
    held: Mutex<Option<(Moment, Held)>>,
}

impl Meter {
    pub(crate) fn starting_at(requests: i64, not_modified: i64) -> Self {
        Self {
            requests: AtomicI64::new(requests),
            not_modified: AtomicI64::new(not_modified),
            held: Mutex::default(),
        }
    }

    pub(crate) fn requests(&self) -> i64 {
        self.requests.load(Ordering::Relaxed)
    }

    pub(crate) fn not_modified(&self) -> i64 {
        self.not_modified.load(Ordering::Relaxed)
    }

    /// Why the last request was held back, if it was.
    pub(crate) fn take_held(&self) -> Option<(Moment, Held)> {
        self.held.lock().take()
    }
}

/// Why a request was not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unanswered {
    /// The source tells the engine that a limit applies.
    #[error("held back by a limit")]
    Held(#[source] std::io::Error),
    #[error("no answer")]
    Upstream(#[source] UpstreamError),
    #[error("the quota could not be looked up")]
    Store(#[source] StoreError),
    #[error("a request that is nobody's")]
    Unsigned,
}

/// GitHub, for as long as there is quota. Clones share everything.
#[derive(Clone)]
pub(crate) struct Metered {
    pub(crate) upstream: Upstream,
    pub(crate) store: Store,
    pub(crate) rules: QuotaRules,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Service<Request<RequestBody>> for Metered {
    type Response = Response<ResponseBody>;
    type Error = Unanswered;
    type Future = Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, Unanswered>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Unanswered>> {
        Service::<Request<RequestBody>>::poll_ready(&mut self.upstream, context)
            .map_err(Unanswered::Upstream)
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        let ready = self.clone();
        let ready = std::mem::replace(self, ready);
        Box::pin(ready.send(request))
    }
}

impl Metered {
    fn now(&self) -> Moment {
        Moment::from(self.clock.now())
    }

    async fn send(
        mut self,
        request: Request<RequestBody>,
    ) -> Result<Response<ResponseBody>, Unanswered> {
        let spender = request.extensions().get::<Spender>().cloned();
        let spender = spender.ok_or(Unanswered::Unsigned)?;
        let token = spender.credential.name.as_str();
        let reserved = self.store.reserve(token, self.rules, self.now()).await;
        let reserved = reserved.map_err(Unanswered::Store)?;
        if let Reserved::Refused(Verdict::Wait { until, why }) = reserved {
            *spender.meter.held.lock() = Some((until, why));
            return Err(held());
        }
        let answer = self.upstream.call(request).await;
        let settled = match &answer {
            Ok(answer) => {
                spender.meter.requests.fetch_add(1, Ordering::Relaxed);
                if answer.status() == StatusCode::NOT_MODIFIED {
                    spender.meter.not_modified.fetch_add(1, Ordering::Relaxed);
                }
                self.record(&spender.credential, answer).await;
                Settled {
                    reserved,
                    charge: charge(&spender.credential, answer.status()),
                    said: said(answer),
                }
            }
            Err(error) => Settled {
                reserved,
                // What was refused here was not sent; of the rest nobody knows.
                charge: match error.is_limited() {
                    true => Charge::Nothing,
                    false => Charge::OneUnit,
                },
                said: None,
            },
        };
        let entered = self.store.settle(token, &settled).await;
        entered.map_err(Unanswered::Store)?;
        answer.map_err(|error| match error.retry_at() {
            Some(retry_at) => {
                let until = Moment::from(retry_at);
                *spender.meter.held.lock() = Some((until, Held::CoolDown));
                held()
            }
            None => Unanswered::Upstream(error),
        })
    }

    /// For whoever looks at the quota; the window that decides is kept apart.
    async fn record(&self, credential: &Credential, answer: &Response<ResponseBody>) {
        let Some(said) = said(answer) else { return };
        let rate = Rate {
            token: credential.name.clone(),
            masked: credential.masked.clone(),
            limit: said.limit,
            remaining: said.remaining,
            reset_at: said.reset_at,
            blocked_until: None,
            seen_at: self.now(),
        };
        if let Err(error) = self.store.record_rate(&rate).await {
            tracing::warn!(%error, "the quota could not be recorded");
        }
    }
}

fn held() -> Unanswered {
    Unanswered::Held(std::io::ErrorKind::QuotaExceeded.into())
}

/// Anonymous callers are charged for a 304.
fn charge(credential: &Credential, status: StatusCode) -> Charge {
    match (&credential.authorization, status) {
        (Some(_), StatusCode::NOT_MODIFIED) => Charge::Nothing,
        _ => Charge::OneUnit,
    }
}

/// The state of the token's bucket. With a 401 GitHub tells that of another one.
fn said(answer: &Response<ResponseBody>) -> Option<Said> {
    if answer.status() == StatusCode::UNAUTHORIZED {
        return None;
    }
    let limit = RateLimit::from_headers(answer.headers()).ok().flatten()?;
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    Some(Said {
        limit: count(limit.limit),
        remaining: count(limit.remaining),
        reset_at: Moment::from_seconds(count(limit.reset)),
    })
}
