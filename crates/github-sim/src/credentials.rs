//! Who asks: reads `Authorization`, knows every token, refuses the rest (behaviour notes 1.8, 2, 5 and 6).

use crate::answer::Viewer;
use crate::app_jwt::{self, AppSpec, JwtProblem};
use crate::quota::Owner;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// The families of tokens, each with its prefix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// `ghp_`, classic personal access token with scopes.
    #[default]
    Classic,
    /// `github_pat_`, fine-grained personal access token.
    FineGrained,
    /// `gho_`, OAuth app user token.
    Oauth,
    /// `ghu_`, GitHub App user token.
    AppUser,
    /// `ghs_`, GitHub App installation token, valid for one hour.
    Installation,
    /// `ghs_`, the `GITHUB_TOKEN` of a workflow: 1,000 requests an hour per repository.
    Actions,
}

/// A token to be made known to the simulator.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenSpec {
    pub kind: TokenKind,
    /// Owner of a user's token.
    pub login: Option<String>,
    /// Of an installation's token.
    pub installation: Option<u64>,
    /// `owner/name`, of a workflow's token.
    pub repository: Option<String>,
    /// Name in counters and fault rules; default: the login, `installation:ID` or the repository.
    pub label: Option<String>,
    /// The token itself; default: a new one of the right form.
    pub token: Option<String>,
    /// `X-OAuth-Scopes` of classic and OAuth tokens; default `repo, read:org`.
    pub scopes: Option<String>,
    /// Seconds since the epoch; default: one hour for installations, never for the others.
    pub expires_at: Option<i64>,
    /// Requests per hour; default 5,000, for workflows 1,000.
    pub core_limit: Option<u32>,
}

impl TokenSpec {
    /// A classic personal access token.
    pub fn user(login: &str) -> Self {
        Self {
            login: Some(login.to_owned()),
            ..Self::default()
        }
    }

    /// A fine-grained personal access token.
    pub fn fine_grained(login: &str) -> Self {
        Self {
            kind: TokenKind::FineGrained,
            ..Self::user(login)
        }
    }

    pub fn installation(id: u64) -> Self {
        Self {
            kind: TokenKind::Installation,
            installation: Some(id),
            ..Self::default()
        }
    }

    /// The `GITHUB_TOKEN` of a workflow in `owner/name`.
    pub fn actions(repository: &str) -> Self {
        Self {
            kind: TokenKind::Actions,
            repository: Some(repository.to_owned()),
            ..Self::default()
        }
    }

    #[must_use]
    pub fn labelled(mut self, label: &str) -> Self {
        self.label = Some(label.to_owned());
        self
    }

    #[must_use]
    pub fn core_limit(mut self, requests_per_hour: u32) -> Self {
        self.core_limit = Some(requests_per_hour);
        self
    }
}

/// What the simulator remembers about a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenRecord {
    pub(crate) kind: TokenKind,
    pub(crate) scopes: String,
    pub(crate) expires_at: Option<i64>,
    pub(crate) core_limit: u32,
}

/// What kind of caller it is, as far as limits and headers differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Anonymous,
    Token(TokenRecord),
    /// OAuth app with client id and secret: public data with its own bucket.
    OauthApp,
    /// A GitHub App with its JWT: no quota at all.
    AppJwt,
}

/// A caller after authentication.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) viewer: Viewer,
    pub(crate) label: Arc<str>,
    pub(crate) owner: Owner,
    pub(crate) standing: Standing,
}

impl Caller {
    pub(crate) fn anonymous(ip: IpAddr) -> Self {
        Self {
            viewer: Viewer::Anonymous,
            label: "anonymous".into(),
            owner: Owner::Ip(ip),
            standing: Standing::Anonymous,
        }
    }

    /// Do answers to this caller vary by `Authorization`?
    pub(crate) fn is_private(&self) -> bool {
        matches!(self.standing, Standing::Token(_) | Standing::OauthApp)
    }
}

/// Why authentication failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    BadCredentials,
    TooManyLogins,
    Jwt(JwtProblem),
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    ends: i64,
    count: u32,
}

#[derive(Debug, Default)]
struct Known {
    tokens: HashMap<String, Arc<Caller>>,
    oauth_apps: HashMap<String, String>,
    apps: Vec<AppSpec>,
    anonymous: HashMap<IpAddr, Arc<Caller>>,
    failures: HashMap<String, Failures>,
    serial: u64,
}

/// All credentials.
#[derive(Debug)]
pub(crate) struct Credentials {
    seed: u64,
    known: Mutex<Known>,
}

/// What `resolve` needs besides the header.
pub(crate) struct Attempt<'a> {
    pub(crate) authorization: Option<&'a str>,
    pub(crate) ip: IpAddr,
    pub(crate) now: i64,
    pub(crate) failed_logins_per_minute: Option<u32>,
}

impl Credentials {
    pub(crate) fn seeded(seed: u64) -> Self {
        let known = Known {
            apps: vec![AppSpec::default()],
            ..Known::default()
        };
        Self {
            seed,
            known: Mutex::new(known),
        }
    }

    /// Makes a token known and returns it.
    pub(crate) fn add(&self, spec: TokenSpec, now: i64, stateless: bool) -> Result<String, String> {
        let (viewer, owner, label) = match (&spec.kind, &spec.login, spec.installation) {
            (TokenKind::Installation, _, Some(id)) => (
                Viewer::Installation { id },
                Owner::Installation(id),
                format!("installation:{id}"),
            ),
            (TokenKind::Installation, _, None) => {
                return Err("an installation token needs `installation`".to_owned());
            }
            (TokenKind::Actions, _, _) => {
                let name = spec
                    .repository
                    .ok_or("an actions token needs `repository`")?;
                let viewer = Viewer::User {
                    login: "github-actions[bot]".to_owned(),
                };
                (viewer, Owner::Repository(name.to_lowercase().into()), name)
            }
            (_, Some(login), _) => {
                let owner = Owner::User(login.to_lowercase().into());
                (
                    Viewer::User {
                        login: login.clone(),
                    },
                    owner,
                    login.clone(),
                )
            }
            (_, None, _) => return Err("a user's token needs `login`".to_owned()),
        };
        let hourly = if spec.kind == TokenKind::Actions {
            1_000
        } else {
            5_000
        };
        let standing = Standing::Token(TokenRecord {
            kind: spec.kind,
            scopes: spec.scopes.unwrap_or_else(|| "repo, read:org".to_owned()),
            expires_at: spec
                .expires_at
                .or((spec.kind == TokenKind::Installation).then_some(now + 3_600)),
            core_limit: spec.core_limit.unwrap_or(hourly),
        });
        let caller = Caller {
            viewer,
            label: spec.label.unwrap_or(label).into(),
            owner,
            standing,
        };
        let mut known = self.known.lock();
        let token = match spec.token {
            Some(token) => token,
            None => self.fresh_token(&mut known, spec.kind, spec.installation, now, stateless),
        };
        known.tokens.insert(token.clone(), Arc::new(caller));
        Ok(token)
    }

    /// A new token with the owner, label and rights of `old`, which ends.
    pub(crate) fn rotate(&self, old: &str, now: i64) -> Option<String> {
        let mut known = self.known.lock();
        let caller = known.tokens.remove(old)?;
        let Standing::Token(record) = &caller.standing else {
            return None;
        };
        let installation = match caller.viewer {
            Viewer::Installation { id } => Some(id),
            _ => None,
        };
        let stateless = old.starts_with("ghs_") && old.contains('.');
        let new = self.fresh_token(&mut known, record.kind, installation, now, stateless);
        let mut renewed = (*caller).clone();
        if let Standing::Token(record) = &mut renewed.standing
            && record.kind == TokenKind::Installation
        {
            record.expires_at = Some(now + 3_600);
        }
        known.tokens.insert(new.clone(), Arc::new(renewed));
        Some(new)
    }

    pub(crate) fn knows(&self, token: &str) -> bool {
        self.known.lock().tokens.contains_key(token)
    }

    /// Was there such a token?
    pub(crate) fn revoke(&self, token: &str) -> Option<()> {
        self.known.lock().tokens.remove(token).map(drop)
    }

    /// Registers an OAuth app for `Basic client_id:secret`.
    pub(crate) fn add_oauth_app(&self, client_id: &str, secret: &str) {
        self.known
            .lock()
            .oauth_apps
            .insert(client_id.to_owned(), secret.to_owned());
    }

    /// Registers a GitHub App, or replaces the one with the same id.
    pub(crate) fn add_app(&self, app: AppSpec) {
        let mut known = self.known.lock();
        known.apps.retain(|other| other.id != app.id);
        known.apps.push(app);
    }

    pub(crate) fn apps(&self) -> Vec<AppSpec> {
        self.known.lock().apps.clone()
    }

    /// The caller behind an `Authorization` value.
    pub(crate) fn resolve(&self, attempt: &Attempt<'_>) -> Result<Arc<Caller>, Refusal> {
        let mut known = self.known.lock();
        let Some(authorization) = attempt.authorization else {
            let fresh = || Arc::new(Caller::anonymous(attempt.ip));
            return Ok(Arc::clone(
                known.anonymous.entry(attempt.ip).or_insert_with(fresh),
            ));
        };
        let (scheme, value) = authorization
            .trim()
            .split_once(' ')
            .unwrap_or(("", authorization));
        let value = value.trim();
        let basic = scheme
            .eq_ignore_ascii_case("basic")
            .then(|| basic_pair(value))
            .flatten();
        // Failures count against the login where one is given, else against the address.
        let culprit = match &basic {
            Some((login, _)) if !login.is_empty() => login.to_lowercase(),
            _ => attempt.ip.to_string(),
        };
        if let Some(allowed) = attempt.failed_logins_per_minute
            && let Some(failures) = known.failures.get(&culprit)
            && attempt.now < failures.ends
            && failures.count >= allowed
        {
            return Err(Refusal::TooManyLogins);
        }
        let found = match basic {
            Some((user, password)) => known.by_pair(&user, &password, attempt.now),
            None if value.starts_with("eyJ") && scheme.eq_ignore_ascii_case("bearer") => {
                return known.by_jwt(value, attempt.now);
            }
            None if ["token", "bearer"]
                .iter()
                .any(|name| scheme.eq_ignore_ascii_case(name)) =>
            {
                known.by_token(value, attempt.now)
            }
            None => None,
        };
        found.ok_or_else(|| {
            known.count_failure(culprit, attempt.now);
            Refusal::BadCredentials
        })
    }

    fn fresh_token(
        &self,
        known: &mut Known,
        kind: TokenKind,
        installation: Option<u64>,
        now: i64,
        stateless: bool,
    ) -> String {
        known.serial += 1;
        let random = |length: usize| alphanumeric(self.seed, known.serial, length);
        match kind {
            TokenKind::Classic => format!("ghp_{}", random(36)),
            TokenKind::FineGrained => format!("github_pat_{}_{}", random(22), &random(81)[22..]),
            TokenKind::Oauth => format!("gho_{}", random(36)),
            TokenKind::AppUser => format!("ghu_{}", random(36)),
            TokenKind::Installation if stateless => {
                let app = known.apps.first().map_or(0, |app| app.id);
                let claims = serde_json::json!({
                    "iss": "https://github.com", "sub": installation, "iat": now, "exp": now + 3_600,
                    "jti": random(36),
                });
                let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","typ":"JWT"}"#);
                let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
                format!("ghs_{app}_{header}.{claims}.{}", random(342))
            }
            TokenKind::Installation | TokenKind::Actions => format!("ghs_{}", random(36)),
        }
    }
}

impl Known {
    fn by_token(&self, token: &str, now: i64) -> Option<Arc<Caller>> {
        let caller = self.tokens.get(token)?;
        match &caller.standing {
            Standing::Token(TokenRecord {
                expires_at: Some(ends),
                ..
            }) if *ends <= now => None,
            _ => Some(Arc::clone(caller)),
        }
    }

    /// The token may be the password or the user name; or the pair is an OAuth app.
    fn by_pair(&self, user: &str, password: &str, now: i64) -> Option<Arc<Caller>> {
        if self
            .oauth_apps
            .get(user)
            .is_some_and(|secret| secret == password)
        {
            return Some(Arc::new(Caller {
                viewer: Viewer::Anonymous,
                label: user.into(),
                owner: Owner::App(user.into()),
                standing: Standing::OauthApp,
            }));
        }
        self.by_token(password, now)
            .or_else(|| self.by_token(user, now))
    }

    fn by_jwt(&self, token: &str, now: i64) -> Result<Arc<Caller>, Refusal> {
        let app = app_jwt::verify(token, &self.apps, now).map_err(Refusal::Jwt)?;
        Ok(Arc::new(Caller {
            viewer: Viewer::App { id: app.id },
            label: format!("app:{}", app.id).into(),
            owner: Owner::App(app.client_id.as_str().into()),
            standing: Standing::AppJwt,
        }))
    }

    fn count_failure(&mut self, culprit: String, now: i64) {
        let failures = self
            .failures
            .entry(culprit)
            .or_insert(Failures { ends: 0, count: 0 });
        if now >= failures.ends {
            *failures = Failures {
                ends: now + 60,
                count: 0,
            };
        }
        failures.count += 1;
    }
}

/// The login inside `ghp_<login>_<anything>`.
pub(crate) fn implicit_login(authorization: &str) -> Option<(&str, &str)> {
    let token = authorization.split_once(' ')?.1.trim();
    let (login, rest) = token.strip_prefix("ghp_")?.split_once('_')?;
    (!login.is_empty() && !rest.is_empty()).then_some((token, login))
}

fn basic_pair(value: &str) -> Option<(String, String)> {
    let pair = String::from_utf8(STANDARD.decode(value).ok()?).ok()?;
    let (user, password) = pair.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// Letters and digits that depend on nothing but the arguments.
fn alphanumeric(seed: u64, serial: u64, length: usize) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    (0_u64..)
        .flat_map(|block| {
            Sha256::new()
                .chain_update(seed.to_be_bytes())
                .chain_update(serial.to_be_bytes())
                .chain_update(block.to_be_bytes())
                .finalize()
                .to_vec()
        })
        .take(length)
        .map(|byte| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const IP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn resolve(
        credentials: &Credentials,
        authorization: &str,
        now: i64,
    ) -> Result<Arc<Caller>, Refusal> {
        credentials.resolve(&Attempt {
            authorization: Some(authorization),
            ip: IP,
            now,
            failed_logins_per_minute: Some(3),
        })
    }

    fn basic(pair: &str) -> String {
        format!("Basic {}", STANDARD.encode(pair))
    }

    #[test]
    fn a_token_works_in_every_scheme() {
        let credentials = Credentials::seeded(1);
        let token = credentials
            .add(TokenSpec::user("octo-1"), 0, false)
            .unwrap();
        assert!(token.starts_with("ghp_") && token.len() == 40, "{token}");
        for authorization in [
            format!("token {token}"),
            format!("Bearer {token}"),
            format!("bearer {token}"),
            basic(&format!("octo-1:{token}")),
            basic(&format!("{token}:x-oauth-basic")),
        ] {
            let caller = resolve(&credentials, &authorization, 0).unwrap();
            assert_eq!(
                caller.owner,
                Owner::User("octo-1".into()),
                "{authorization}"
            );
        }
        assert_eq!(
            resolve(&credentials, &token, 0).unwrap_err(),
            Refusal::BadCredentials
        );
    }

    #[test]
    fn token_forms() {
        let credentials = Credentials::seeded(1);
        let fine = credentials
            .add(TokenSpec::fine_grained("octo-1"), 0, false)
            .unwrap();
        assert!(
            fine.starts_with("github_pat_") && fine.len() == 93,
            "{fine} {}",
            fine.len()
        );
        let short = credentials
            .add(TokenSpec::installation(5), 0, false)
            .unwrap();
        assert!(short.starts_with("ghs_") && short.len() == 40, "{short}");
        let long = credentials
            .add(TokenSpec::installation(5), 0, true)
            .unwrap();
        assert!(
            long.starts_with("ghs_12345_eyJ") && long.contains('.'),
            "{long}"
        );
        assert!((500..=560).contains(&long.len()), "{}", long.len());
        assert!(resolve(&credentials, &format!("token {long}"), 0).is_ok());
    }

    #[test]
    fn tokens_end_by_time_rotation_and_revocation() {
        let credentials = Credentials::seeded(1);
        let token = credentials
            .add(TokenSpec::installation(5), 0, false)
            .unwrap();
        let bearer = |token: &str| format!("Bearer {token}");
        assert!(resolve(&credentials, &bearer(&token), 3_599).is_ok());
        assert!(resolve(&credentials, &bearer(&token), 3_600).is_err());
        let renewed = credentials.rotate(&token, 3_600).unwrap();
        assert!(resolve(&credentials, &bearer(&renewed), 3_601).is_ok());
        assert!(resolve(&credentials, &bearer(&token), 3_601).is_err());
        assert_eq!(credentials.revoke(&renewed), Some(()));
        assert!(resolve(&credentials, &bearer(&renewed), 3_601).is_err());
    }

    #[test]
    fn too_many_failures_lock_out_good_credentials_for_a_minute() {
        let credentials = Credentials::seeded(1);
        let token = credentials
            .add(TokenSpec::user("octo-1"), 0, false)
            .unwrap();
        let good = format!("token {token}");
        for _ in 0..3 {
            assert_eq!(
                resolve(&credentials, "token wrong", 0).unwrap_err(),
                Refusal::BadCredentials
            );
        }
        assert_eq!(
            resolve(&credentials, &good, 59).unwrap_err(),
            Refusal::TooManyLogins
        );
        assert!(resolve(&credentials, &good, 60).is_ok());
    }

    #[test]
    fn an_oauth_app_reads_with_its_secret() {
        let credentials = Credentials::seeded(1);
        credentials.add_oauth_app("client", "secret");
        let caller = resolve(&credentials, &basic("client:secret"), 0).unwrap();
        assert_eq!(caller.standing, Standing::OauthApp);
        assert!(resolve(&credentials, &basic("client:wrong"), 0).is_err());
    }

    #[test]
    fn an_implicit_login_stands_between_underscores() {
        assert_eq!(
            implicit_login("token ghp_octo-1_x"),
            Some(("ghp_octo-1_x", "octo-1"))
        );
        assert_eq!(implicit_login("token ghp_octo"), None);
    }
}
