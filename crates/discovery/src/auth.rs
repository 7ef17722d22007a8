//! Who may use the API: HTTP Basic with a password, or an API key as `Authorization: Bearer` or `X-API-Key`.
//!
//! There is no user until one is added. Passwords are argon2 hashes, and verifying one costs a thread a long while: it
//! is done off the async threads, few at once, and what was right is remembered briefly under a keyed hash.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, header};
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::moment::Moment;
use crate::problem::Problem;
use crate::store::{Added, Store, StoreError};

/// So many passwords are verified at once; each takes 19 MiB.
const VERIFYING: usize = 2;
/// So many right passwords are remembered.
const REMEMBERED: usize = 1_024;
const MINUTE: Duration = Duration::from_secs(60);
/// What an API key begins with, so that it is known for what it is where it should not be.
const KEY_PREFIX: &str = "ghd_";
/// A longer password is somebody's attempt to keep us busy.
const LONGEST_PASSWORD: usize = 1_024;

/// Checks credentials. Clones share what is remembered.
#[derive(Clone)]
pub(crate) struct Gate(Arc<Inner>);

struct Inner {
    store: Store,
    secret: [u8; 32],
    remember: Duration,
    failures_per_minute: u32,
    verifying: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    right: HashMap<[u8; 32], Instant>,
    failures: u32,
    failures_since: Option<Instant>,
}

/// Why a user could not be added.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UserError {
    #[error("a user of that login exists")]
    Taken,
    #[error("a login is 1 to 100 letters, digits, dots, hyphens and underscores")]
    Login,
    #[error("a password has 8 to 1024 bytes")]
    Password,
    #[error("the operating system gives no randomness")]
    Randomness,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Adds a user and makes an API key, which is told this once.
///
/// # Errors
/// When the login is taken or no login, the password too short or too long, or the database fails.
pub async fn add_user(
    store: &Store,
    login: &str,
    password: &str,
    now: std::time::SystemTime,
) -> Result<String, UserError> {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if login.is_empty() || login.len() > 100 || !login.bytes().all(letter) {
        return Err(UserError::Login);
    }
    if !(8..=LONGEST_PASSWORD).contains(&password.len()) {
        return Err(UserError::Password);
    }
    let key = format!("{KEY_PREFIX}{}", hex::encode(random::<24>()?));
    let hash = hash_password(password, &random::<16>()?)?;
    match store
        .add_user(login, &hash, &key_hash(&key), Moment::from(now))
        .await?
    {
        Added::New => Ok(key),
        Added::Taken => Err(UserError::Taken),
    }
}

fn random<const N: usize>() -> Result<[u8; N], UserError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| UserError::Randomness)?;
    Ok(bytes)
}

fn hash_password(password: &str, salt: &[u8]) -> Result<String, UserError> {
    let hash: PasswordHash = Argon2::default()
        .hash_password_with_salt(password.as_bytes(), salt)
        .map_err(|_| UserError::Password)?;
    Ok(hash.to_string())
}

fn key_hash(key: &str) -> String {
    hex::encode(Sha256::digest(key.as_bytes()))
}

/// What a request brings.
enum Credentials {
    None,
    Password { login: String, password: String },
    Key(String),
    Unreadable,
}

impl Credentials {
    fn of(headers: &HeaderMap) -> Self {
        if let Some(key) = headers.get("x-api-key") {
            return match key.to_str() {
                Ok(key) => Self::Key(key.to_owned()),
                Err(_) => Self::Unreadable,
            };
        }
        let Some(value) = headers.get(header::AUTHORIZATION) else {
            return Self::None;
        };
        let Some((scheme, rest)) = value.to_str().ok().and_then(|text| text.split_once(' ')) else {
            return Self::Unreadable;
        };
        let rest = rest.trim();
        match scheme.to_ascii_lowercase().as_str() {
            "bearer" | "token" => Self::Key(rest.to_owned()),
            "basic" => {
                let decoded = STANDARD.decode(rest).ok();
                let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
                match decoded.as_deref().and_then(|text| text.split_once(':')) {
                    Some((login, password)) if password.len() <= LONGEST_PASSWORD => {
                        Self::Password {
                            login: login.to_owned(),
                            password: password.to_owned(),
                        }
                    }
                    _ => Self::Unreadable,
                }
            }
            _ => Self::Unreadable,
        }
    }
}

impl Gate {
    /// `None` where the operating system gives no randomness.
    pub(crate) fn new(
        store: Store,
        remember: Duration,
        failures_per_minute: u32,
    ) -> Result<Self, UserError> {
        Ok(Self(Arc::new(Inner {
            store,
            secret: random()?,
            remember,
            failures_per_minute,
            verifying: Arc::new(Semaphore::new(VERIFYING)),
            state: Mutex::default(),
        })))
    }

    /// Lets a request in, or says why not.
    pub(crate) async fn admit(&self, headers: &HeaderMap) -> Result<(), Problem> {
        match Credentials::of(headers) {
            Credentials::None => Err(Problem::Anonymous),
            Credentials::Unreadable => Err(Problem::WrongKey),
            Credentials::Key(key) => self.key(&key).await,
            Credentials::Password { login, password } => self.password(login, password).await,
        }
    }

    /// Keys are long and random: the database is asked for the hash of what was sent, so time tells nothing of a key.
    async fn key(&self, key: &str) -> Result<(), Problem> {
        let hash = key_hash(key);
        match self.0.store.key_owner(&hash).await? {
            Some(_) => Ok(()),
            None => Err(Problem::WrongKey),
        }
    }

    async fn password(&self, login: String, password: String) -> Result<(), Problem> {
        let stored = self.0.store.password_hash(&login).await?;
        let known = self.digest(&login, &password, stored.as_deref().unwrap_or_default());
        if stored.is_some() && self.remembers(&known) {
            return Ok(());
        }
        if self.failed_too_often() {
            return Err(Problem::TooManyFailures);
        }
        let Ok(_permit) = Arc::clone(&self.0.verifying).acquire_owned().await else {
            return Err(Problem::Broken("the semaphore of passwords is closed"));
        };
        // While this one waited others may have failed.
        if self.failed_too_often() {
            return Err(Problem::TooManyFailures);
        }
        let verified = tokio::task::spawn_blocking(move || verify(&password, stored.as_deref()));
        match verified.await {
            Ok(Verdict::Right) => {
                self.remember(known);
                Ok(())
            }
            Ok(Verdict::Wrong) => {
                self.count_failure();
                Err(Problem::WrongPassword)
            }
            Err(_) => Err(Problem::Broken("a password could not be verified")),
        }
    }

    /// With the stored hash in it, so that a changed password is forgotten at once.
    fn digest(&self, login: &str, password: &str, stored: &str) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.0.secret);
        for part in [login, password, stored] {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }

    fn remembers(&self, known: &[u8; 32]) -> bool {
        let now = Instant::now();
        let state = self.0.state.lock();
        state
            .right
            .get_key_value(known)
            .is_some_and(|(found, until)| bool::from(found.ct_eq(known)) && *until > now)
    }

    fn remember(&self, known: [u8; 32]) {
        let now = Instant::now();
        let mut state = self.0.state.lock();
        if state.right.len() >= REMEMBERED {
            state.right.retain(|_, until| *until > now);
        }
        if state.right.len() < REMEMBERED {
            state.right.insert(known, now + self.0.remember);
        }
    }

    fn failed_too_often(&self) -> bool {
        let mut state = self.0.state.lock();
        if state
            .failures_since
            .is_none_or(|since| since.elapsed() >= MINUTE)
        {
            state.failures = 0;
            state.failures_since = Some(Instant::now());
        }
        state.failures >= self.0.failures_per_minute
    }

    fn count_failure(&self) {
        let mut state = self.0.state.lock();
        state.failures = state.failures.saturating_add(1);
    }
}

enum Verdict {
    Right,
    Wrong,
}

/// An unknown login takes as long as a wrong password.
fn verify(password: &str, stored: Option<&str>) -> Verdict {
    let parsed = stored.and_then(|stored| stored.parse::<PasswordHash>().ok());
    let Some(hash) = parsed else {
        let _ = hash_password(password, b"no such user at all");
        return Verdict::Wrong;
    };
    match Argon2::default().verify_password(password.as_bytes(), &hash) {
        Ok(()) => Verdict::Right,
        Err(_) => Verdict::Wrong,
    }
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").finish_non_exhaustive()
    }
}
