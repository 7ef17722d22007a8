//! Installation tokens of a GitHub App: minted through the stack itself, kept for their hour, renewed before it is over.
//!
//! One request mints, the others wait for it or go on with the token that still lasts.
//! After a failure the next try waits, twice as long each time.
//! A token is whatever GitHub says it is: those of today have some 520 characters with dots in them.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, USER_AGENT};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Limited};
use parking_lot::Mutex;
use serde::Deserialize;
use tower_service::Service;

use super::jwt::{KeyError, Signer, SigningFailed};
use super::{Identify, Inner};
use crate::error::UpstreamError;
use crate::governor::OnBehalfOf;
use crate::ledger::CallerId;
use crate::request_body::RequestBody;

/// A token is renewed when it lasts no longer than this.
const RENEWED_BEFORE_END: Duration = Duration::from_secs(5 * 60);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);
const MOST_ANSWER_BYTES: usize = 64 * 1024;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MintError {
    /// The last try failed, and it is too early for another.
    #[error("minting a token failed before and is not tried yet")]
    BackingOff,
    /// The request to GitHub could not be made.
    #[error("cannot sign a request for a token")]
    Signing,
    /// GitHub gave no answer.
    #[error("no answer to a request for a token")]
    Upstream(#[source] UpstreamError),
    /// GitHub's answer broke off, or was too long.
    #[error("the answer to a request for a token cannot be read")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// GitHub refused.
    #[error("GitHub refuses a token: {status}")]
    Status {
        /// Its status.
        status: StatusCode,
    },
    /// GitHub's answer holds no token.
    #[error("the answer to a request for a token holds none")]
    Answer,
}

/// One installation.
pub(super) struct App {
    name: String,
    signer: Signer,
    target: Uri,
    /// The app itself, which has no quota.
    caller: CallerId,
    state: Mutex<State>,
    minting: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    failures: u32,
    next_try: Option<SystemTime>,
}

#[derive(Clone)]
struct Token {
    authorization: HeaderValue,
    expires_at: SystemTime,
}

/// What to do about a token now.
enum Need {
    /// Nothing.
    Nothing(HeaderValue),
    /// A new one; the old one will do if that takes too long.
    Renewal(HeaderValue),
    /// A new one, at once.
    Token,
    /// A new one, but not yet.
    Patience,
}

/// What GitHub answers.
#[derive(Deserialize)]
struct Minted {
    token: String,
    expires_at: String,
}

impl App {
    pub(super) fn new(
        name: &str,
        app_id: &str,
        installation_id: u64,
        private_key_pem: &str,
        identify: &Identify,
    ) -> Result<Self, KeyError> {
        let signer = Signer::new(app_id, private_key_pem)?;
        let target = format!("/app/installations/{installation_id}/access_tokens");
        // Only whoever holds the key can be this caller.
        let caller = HeaderValue::try_from(format!("app {app_id}"));
        Ok(Self {
            name: name.to_owned(),
            signer,
            target: target.parse().unwrap_or_default(),
            caller: caller.map_or(CallerId::ANONYMOUS, |value| identify(&value)),
            state: Mutex::default(),
            minting: tokio::sync::Mutex::default(),
        })
    }

    /// What to send now.
    pub(super) async fn authorization(&self, pool: &Inner) -> Result<HeaderValue, MintError> {
        match self.need(pool.clock.now()) {
            Need::Nothing(authorization) => Ok(authorization),
            Need::Patience => Err(MintError::BackingOff),
            Need::Renewal(lasting) => match self.minting.try_lock() {
                Ok(_minting) => Ok(self.mint(pool).await.unwrap_or(lasting)),
                Err(_) => Ok(lasting),
            },
            Need::Token => {
                let _minting = self.minting.lock().await;
                // Whoever minted before has most likely left one.
                match self.need(pool.clock.now()) {
                    Need::Nothing(authorization) | Need::Renewal(authorization) => {
                        Ok(authorization)
                    }
                    Need::Patience => Err(MintError::BackingOff),
                    Need::Token => self.mint(pool).await,
                }
            }
        }
    }

    /// A token that GitHub does not take is not sent again.
    pub(super) fn forget(&self, authorization: &HeaderValue) {
        let mut state = self.state.lock();
        if state
            .token
            .as_ref()
            .is_some_and(|token| token.authorization == *authorization)
        {
            state.token = None;
        }
    }

    pub(super) fn expires_at(&self, now: SystemTime) -> Option<SystemTime> {
        let state = self.state.lock();
        let expires_at = state.token.as_ref()?.expires_at;
        Some(expires_at).filter(|expires_at| now < *expires_at)
    }

    /// Until when there is no token and none is asked for.
    pub(super) fn backs_off_until(&self, now: SystemTime) -> Option<SystemTime> {
        match self.need(now) {
            Need::Patience => self.state.lock().next_try,
            _ => None,
        }
    }

    fn need(&self, now: SystemTime) -> Need {
        let state = self.state.lock();
        let may_try = state.next_try.is_none_or(|next_try| next_try <= now);
        match &state.token {
            Some(token) if now + RENEWED_BEFORE_END < token.expires_at => {
                Need::Nothing(token.authorization.clone())
            }
            Some(token) if now < token.expires_at => {
                let lasting = token.authorization.clone();
                if may_try {
                    Need::Renewal(lasting)
                } else {
                    Need::Nothing(lasting)
                }
            }
            _ if may_try => Need::Token,
            _ => Need::Patience,
        }
    }

    async fn mint(&self, pool: &Inner) -> Result<HeaderValue, MintError> {
        let minted = self.ask(pool).await;
        let mut state = self.state.lock();
        match minted {
            Ok(token) => {
                *state = State {
                    token: Some(token.clone()),
                    ..State::default()
                };
                Ok(token.authorization)
            }
            Err(error) => {
                let pause = FIRST_PAUSE.saturating_mul(1 << state.failures.min(16));
                state.failures = state.failures.saturating_add(1);
                state.next_try = Some(pool.clock.now() + pause.min(LONGEST_PAUSE));
                tracing::warn!(credential = %self.name, %error, "no installation token");
                Err(error)
            }
        }
    }

    async fn ask(&self, pool: &Inner) -> Result<Token, MintError> {
        let now = pool.clock.now();
        let jwt = self
            .signer
            .sign(now)
            .map_err(|SigningFailed| MintError::Signing)?;
        let mut request = Request::new(RequestBody::default());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.target.clone();
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, bearer(&jwt).ok_or(MintError::Signing)?);
        let accept = HeaderValue::from_static("application/vnd.github+json");
        headers.insert(ACCEPT, accept);
        headers.insert(USER_AGENT, pool.agent.clone());
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        request.extensions_mut().insert(OnBehalfOf {
            caller: Some(self.caller),
            ..OnBehalfOf::default()
        });
        let answer = pool.upstream.clone().call(request).await;
        let answer = answer.map_err(MintError::Upstream)?;
        let status = answer.status();
        if status != StatusCode::CREATED {
            return Err(MintError::Status { status });
        }
        let body = Limited::new(answer.into_body(), MOST_ANSWER_BYTES);
        let body = body.collect().await.map_err(MintError::Body)?.to_bytes();
        let minted: Minted = serde_json::from_slice(&body).map_err(|_| MintError::Answer)?;
        Ok(Token {
            authorization: bearer(&minted.token).ok_or(MintError::Answer)?,
            expires_at: instant(&minted.expires_at).ok_or(MintError::Answer)?,
        })
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

fn bearer(token: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
    value.set_sensitive(true);
    Some(value).filter(|_| !token.is_empty())
}

/// `2020-11-05T21:42:32Z`, as GitHub's JSON spells time (RFC 3339, always UTC).
fn instant(text: &str) -> Option<SystemTime> {
    let text = text.strip_suffix('Z')?;
    let (date, time) = text.split_once('T')?;
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time, ':')?;
    let sound = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !sound {
        return None;
    }
    // Days before the first of the month, in a year that begins in March, so that the leap day is the last.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days_before_year = 365 * year + year / 4 - year / 100 + year / 400;
    let days = days_before_year + (153 * month + 2) / 5 + day - 1;
    // The same count for 1970-01-01.
    let days = days.checked_sub(719_468)?;
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

fn numbers(text: &str, separator: char) -> Option<[u64; 3]> {
    let mut parts = text.split(separator).map(|part| {
        let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse().ok().filter(|_| is_number)
    });
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_github_spells_them() {
        #[track_caller]
        fn check(text: &str, expected: Option<u64>) {
            let seconds = instant(text).map(|at| at.duration_since(UNIX_EPOCH).unwrap().as_secs());
            assert_eq!(seconds, expected, "{text}");
        }
        check("1970-01-01T00:00:00Z", Some(0));
        check("2026-07-30T12:00:00Z", Some(1_785_412_800));
        check("2000-02-29T00:00:00Z", Some(951_782_400));
        check("2020-11-05T21:42:32Z", Some(1_604_612_552));
        for wrong in [
            "",
            "soon",
            "2020-11-05T21:42:32",
            "2020-11-05T21:42:32+00:00",
            "2020-13-05T21:42:32Z",
            "2020-11-05T24:42:32Z",
            "2020-11-05-01T21:42:32Z",
            "+020-11-05T21:42:32Z",
        ] {
            check(wrong, None);
        }
    }

    #[test]
    fn a_token_is_whatever_can_be_sent() {
        let stateless = format!("ghs_12345_{}", "eyJhbGciOiJSUzI1NiJ9.x-y_z.".repeat(20));
        assert!(bearer(&stateless).unwrap().is_sensitive());
        assert_eq!(bearer(""), None);
        assert_eq!(bearer("a\nb"), None);
    }
}
