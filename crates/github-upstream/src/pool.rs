//! Credentials of the operator's own, for requests that bring none.
//!
//! | module | what it is responsible for |
//! |---|---|
//! | `choice` | which credential first (pure) |
//! | `jwt` | what a GitHub App signs |
//! | `app` | installation tokens: minted, kept, renewed |
//!
//! A pool hands out [`Lease`]s; whoever takes one sends its `Authorization` and its [`OnBehalfOf`], so that quota, pacing and
//! cool-downs are those of the credential, also across the renewal of its token.
//! The pool decides nothing about who may use it.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use parking_lot::{Mutex, RwLock};

use crate::clock::WallClock;
use crate::governor::{ClientKey, OnBehalfOf, Priority, resource_of};
use crate::ledger::CallerId;
use crate::service::Upstream;

mod app;
mod choice;
mod jwt;

pub use app::MintError;
pub use choice::Stick;
pub use jwt::KeyError;

use app::App;
use choice::{Candidate, Condition, order};

/// A credential that GitHub refuses is left alone for so long, and twice as long each further time.
const FIRST_REST: Duration = Duration::from_secs(60);
const LONGEST_REST: Duration = Duration::from_secs(3_600);

/// One credential as the operator gives it.
#[derive(Clone, PartialEq, Eq)]
pub struct CredentialSpec {
    /// What it is called in reports.
    pub name: String,
    /// What it is.
    pub secret: CredentialSecret,
    /// Requests of each window that are left for others.
    pub reserve: u64,
}

/// What a credential is. Its `Debug` shows the kind only.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialSecret {
    /// A personal access token, or any other token that is sent as it is.
    Token(String),
    /// An OAuth app, which may read public data in its own name.
    OauthApp {
        /// The client id.
        client_id: String,
        /// The client secret.
        client_secret: String,
    },
    /// An installation of a GitHub App, whose tokens are minted from the app's key.
    GithubApp {
        /// The app's id or client id.
        app_id: String,
        /// The installation.
        installation_id: u64,
        /// The app's private key: PEM, PKCS #1 or PKCS #8.
        private_key_pem: String,
    },
}

impl CredentialSecret {
    /// The word used in settings and reports.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Token(_) => "pat",
            Self::OauthApp { .. } => "oauth-app",
            Self::GithubApp { .. } => "github-app",
        }
    }
}

impl fmt::Debug for CredentialSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CredentialSecret({})", self.kind())
    }
}

impl fmt::Debug for CredentialSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialSpec")
            .field("name", &self.name)
            .field("secret", &self.secret)
            .field("reserve", &self.reserve)
            .finish()
    }
}

/// A credential that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// It cannot be sent in a header.
    #[error("credential {name}: holds characters that no token has")]
    Characters {
        /// Which one.
        name: String,
    },
    /// The key is none.
    #[error("credential {name}: private key cannot be used")]
    Key {
        /// Which one.
        name: String,
        /// Why.
        #[source]
        source: KeyError,
    },
}

/// Who a value of `Authorization` is: the function that the layer above tells callers apart by.
pub type Identify = Arc<dyn Fn(&HeaderValue) -> CallerId + Send + Sync>;

/// The operator's credentials. Clones share them.
#[derive(Clone)]
pub struct CredentialPool(Arc<Inner>);

struct Inner {
    slots: RwLock<Arc<[Arc<Slot>]>>,
    upstream: Upstream,
    clock: WallClock,
    identify: Identify,
    agent: HeaderValue,
}

/// One credential and what became of it.
struct Slot {
    spec: CredentialSpec,
    caller: CallerId,
    source: Source,
    rest: Mutex<Rest>,
}

enum Source {
    Fixed(HeaderValue),
    App(Box<App>),
}

/// How long a credential that GitHub refused is left alone.
#[derive(Clone, Copy, Debug, Default)]
struct Rest {
    until: Option<SystemTime>,
    refusals: u32,
}

/// A credential for one request.
#[derive(Clone)]
pub struct Lease {
    /// What to send as `Authorization`; marked sensitive.
    pub authorization: HeaderValue,
    caller: CallerId,
    slot: Arc<Slot>,
}

impl Lease {
    /// What to put into the request's extensions.
    pub fn on_behalf_of(&self, client: ClientKey, priority: Priority) -> OnBehalfOf {
        OnBehalfOf {
            client,
            priority,
            reserve: self.slot.spec.reserve,
            caller: Some(self.caller),
        }
    }

    /// What the credential is called.
    pub fn name(&self) -> &str {
        &self.slot.spec.name
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("name", &self.slot.spec.name)
            .finish_non_exhaustive()
    }
}

/// The credentials for one request, the best first.
#[derive(Debug)]
pub struct Choices(std::vec::IntoIter<Arc<Slot>>);

/// The state of one credential of the pool, for administration: no secret, and no part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolLine {
    /// What it is called.
    pub name: String,
    /// Its kind: `pat`, `oauth-app`, `github-app`.
    pub kind: &'static str,
    /// Under which name its quota is kept; see [`Upstream::callers`].
    pub caller: CallerId,
    /// Requests of each window that are left for others.
    pub reserve: u64,
    /// When its present token ends, where it is minted and there is one.
    pub token_expires_at: Option<SystemTime>,
    /// Until when it is left alone, because GitHub refused it or gave no token.
    pub rests_until: Option<SystemTime>,
}

/// Credentials that are ready to be used; see [`CredentialPool::prepare`].
pub struct PreparedCredentials(Arc<[Arc<Slot>]>);

impl fmt::Debug for PreparedCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PreparedCredentials({})", self.0.len())
    }
}

impl CredentialPool {
    /// A pool of these credentials. GitHub is not asked for anything before the first request needs it.
    ///
    /// # Errors
    /// The first credential that cannot be used.
    pub fn new(
        specs: Vec<CredentialSpec>,
        upstream: Upstream,
        identify: Identify,
        agent: HeaderValue,
    ) -> Result<Self, CredentialError> {
        let clock = upstream.clock().clone();
        let pool = Self(Arc::new(Inner {
            slots: RwLock::new(Arc::from([])),
            upstream,
            clock,
            identify,
            agent,
        }));
        pool.replace(specs)?;
        Ok(pool)
    }

    /// Uses these credentials from now on. Those that stay keep their tokens; requests under way keep their leases.
    ///
    /// # Errors
    /// The first credential that cannot be used; then nothing has changed.
    pub fn replace(&self, specs: Vec<CredentialSpec>) -> Result<(), CredentialError> {
        self.install(self.prepare(specs)?);
        Ok(())
    }

    /// The first half of [`replace`](Self::replace): makes everything that may fail, and changes nothing.
    ///
    /// # Errors
    /// The first credential that cannot be used.
    pub fn prepare(
        &self,
        specs: Vec<CredentialSpec>,
    ) -> Result<PreparedCredentials, CredentialError> {
        let known = Arc::clone(&self.0.slots.read());
        let slots =
            specs
                .into_iter()
                .map(|spec| match known.iter().find(|slot| slot.spec == spec) {
                    Some(slot) => Ok(Arc::clone(slot)),
                    None => Slot::new(spec, &self.0.identify).map(Arc::new),
                });
        Ok(PreparedCredentials(slots.collect::<Result<_, _>>()?))
    }

    /// The second half.
    pub fn install(&self, prepared: PreparedCredentials) {
        *self.0.slots.write() = prepared.0;
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.slots.read().is_empty()
    }

    /// In which order the credentials are to be tried for a path: those that may be used first, the one with the most quota
    /// left before the others, unless the resource should stay with one.
    pub fn choices(&self, path: &str, stick: Stick) -> Choices {
        let slots = Arc::clone(&self.0.slots.read());
        let now = self.0.clock.now();
        let resource = resource_of(path);
        let candidates: Vec<Candidate> = slots
            .iter()
            .map(|slot| {
                let outlook = self.0.upstream.ledger().outlook(
                    slot.caller,
                    &resource,
                    slot.spec.reserve,
                    now,
                );
                Candidate {
                    condition: match slot.rests_until(now) {
                        Some(until) => Condition::Resting { until },
                        None => Condition::of(&outlook),
                    },
                    in_flight: self.0.upstream.in_flight(slot.caller),
                    draw: draw(path, slot.caller),
                }
            })
            .collect();
        let order = order(&candidates, stick);
        let ordered: Vec<Arc<Slot>> = order
            .into_iter()
            .map(|index| Arc::clone(&slots[index]))
            .collect();
        Choices(ordered.into_iter())
    }

    /// The next credential that can be had.
    ///
    /// # Cancel safety
    /// Dropped while a token is minted, the next request mints one.
    pub async fn next(&self, choices: &mut Choices) -> Option<Lease> {
        for slot in choices.0.by_ref() {
            let authorization = match &slot.source {
                Source::Fixed(authorization) => authorization.clone(),
                Source::App(app) => match app.authorization(&self.0).await {
                    Ok(authorization) => authorization,
                    Err(_told_by_the_app) => continue,
                },
            };
            return Some(Lease {
                authorization,
                caller: slot.caller,
                slot,
            });
        }
        None
    }

    /// GitHub answered 401 to a lease: its token is not used again, and the credential is left alone for a while.
    pub fn refused(&self, lease: &Lease) {
        if let Source::App(app) = &lease.slot.source {
            app.forget(&lease.authorization);
        }
        let mut rest = lease.slot.rest.lock();
        let now = self.0.clock.now();
        // Answers to requests that were under way together are one refusal.
        if rest.until.is_some_and(|until| now < until) {
            return;
        }
        let pause = FIRST_REST.saturating_mul(1 << rest.refusals.min(16));
        rest.until = Some(now + pause.min(LONGEST_REST));
        rest.refusals = rest.refusals.saturating_add(1);
        tracing::warn!(credential = %lease.slot.spec.name, "GitHub refuses a credential of the pool");
    }

    /// GitHub served a lease.
    pub fn served(&self, lease: &Lease) {
        let mut rest = lease.slot.rest.lock();
        if rest.refusals > 0 && rest.until.is_none_or(|until| until <= self.0.clock.now()) {
            *rest = Rest::default();
        }
    }

    /// The state of each credential, in the operator's order.
    pub fn snapshot(&self) -> Vec<PoolLine> {
        let now = self.0.clock.now();
        let slots = Arc::clone(&self.0.slots.read());
        slots
            .iter()
            .map(|slot| PoolLine {
                name: slot.spec.name.clone(),
                kind: slot.spec.secret.kind(),
                caller: slot.caller,
                reserve: slot.spec.reserve,
                token_expires_at: match &slot.source {
                    Source::Fixed(_) => None,
                    Source::App(app) => app.expires_at(now),
                },
                rests_until: slot.rests_until(now),
            })
            .collect()
    }
}

impl fmt::Debug for CredentialPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.slots.read().iter().map(|slot| &slot.spec))
            .finish()
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.spec.fmt(f)
    }
}

impl Slot {
    fn new(spec: CredentialSpec, identify: &Identify) -> Result<Self, CredentialError> {
        let sensitive = |text: String| {
            let mut value =
                HeaderValue::try_from(text).map_err(|_| CredentialError::Characters {
                    name: spec.name.clone(),
                })?;
            value.set_sensitive(true);
            Ok::<_, CredentialError>(value)
        };
        let (caller, source) = match &spec.secret {
            CredentialSecret::Token(token) => {
                let authorization = sensitive(format!("Bearer {token}"))?;
                (identify(&authorization), Source::Fixed(authorization))
            }
            CredentialSecret::OauthApp {
                client_id,
                client_secret,
            } => {
                let pair = STANDARD.encode(format!("{client_id}:{client_secret}"));
                let authorization = sensitive(format!("Basic {pair}"))?;
                (identify(&authorization), Source::Fixed(authorization))
            }
            CredentialSecret::GithubApp {
                app_id,
                installation_id,
                private_key_pem,
            } => {
                let app = App::new(
                    &spec.name,
                    app_id,
                    *installation_id,
                    private_key_pem,
                    identify,
                )
                .map_err(|source| CredentialError::Key {
                    name: spec.name.clone(),
                    source,
                })?;
                // GitHub counts by installation, and tokens come and go.
                let lasting = sensitive(format!("installation {installation_id} of {app_id}"))?;
                (identify(&lasting), Source::App(Box::new(app)))
            }
        };
        Ok(Self {
            spec,
            caller,
            source,
            rest: Mutex::default(),
        })
    }

    fn rests_until(&self, now: SystemTime) -> Option<SystemTime> {
        let refused = self.rest.lock().until.filter(|until| now < *until);
        let unminted = match &self.source {
            Source::Fixed(_) => None,
            Source::App(app) => app.backs_off_until(now),
        };
        refused.max(unminted)
    }
}

/// Each credential's draw for a resource: the highest wins, so that one that comes or goes moves only its own resources
/// (rendezvous hashing).
fn draw(path: &str, caller: CallerId) -> u64 {
    let mut hasher = DefaultHasher::new();
    (path, caller).hash(&mut hasher);
    hasher.finish()
}
