//! The state behind the HTTP front: everything that answers share, each part with a lock of its own that is never held
//! across I/O.

use crate::app_jwt::AppSpec;
use crate::clock::SimClock;
use crate::counters::Recorder;
use crate::credentials::{Attempt, Caller, Credentials, Refusal, TokenSpec, implicit_login};
use crate::desk::{Desk, Facts};
use crate::edge::Edge;
use crate::faults::Faults;
use crate::quota::Quota;
use crate::secondary::SecondaryLimiter;
use crate::status_page::StatusPage;
use crate::switches::Switches;
use crate::utility::InstallationSpec;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use parking_lot::Mutex;
use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Paths that are remembered as "was 404 once".
const MAX_MISSING: usize = 100_000;

#[derive(Debug)]
pub(crate) struct Front {
    pub(crate) clock: SimClock,
    pub(crate) credentials: Credentials,
    pub(crate) quota: Quota,
    pub(crate) secondary: SecondaryLimiter,
    pub(crate) edge: Edge,
    pub(crate) desk: Desk,
    pub(crate) recorder: Recorder,
    pub(crate) faults: Faults,
    pub(crate) status_page: StatusPage,
    /// What urls in bodies and `Link` begin with.
    pub(crate) base: String,
    installations: Mutex<Vec<InstallationSpec>>,
    switches: Mutex<Arc<Switches>>,
    missing: Mutex<HashSet<String>>,
    serial: AtomicU64,
}

/// What [`Front::new`] is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) clock: SimClock,
    pub(crate) seed: u64,
    pub(crate) desk: Desk,
    pub(crate) switches: Switches,
    pub(crate) keep_requests: usize,
    pub(crate) base: String,
}

impl Front {
    pub(crate) fn new(parts: Parts) -> Self {
        let now = parts.clock.now();
        Self {
            clock: parts.clock,
            credentials: Credentials::seeded(parts.seed),
            quota: Quota::default(),
            secondary: SecondaryLimiter::default(),
            edge: Edge::default(),
            desk: parts.desk,
            recorder: Recorder::keeping(parts.keep_requests),
            faults: Faults::default(),
            status_page: StatusPage::operational(now),
            base: parts.base,
            installations: Mutex::default(),
            switches: Mutex::new(Arc::new(parts.switches)),
            missing: Mutex::default(),
            serial: AtomicU64::new(parts.seed),
        }
    }

    pub(crate) fn switches(&self) -> Arc<Switches> {
        Arc::clone(&self.switches.lock())
    }

    pub(crate) fn set_switches(&self, switches: Switches) {
        *self.switches.lock() = Arc::new(switches);
    }

    pub(crate) fn serial(&self) -> u64 {
        self.serial.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn add_installation(&self, installation: InstallationSpec) {
        let mut installations = self.installations.lock();
        installations.retain(|other| other.id != installation.id);
        installations.push(installation);
    }

    /// The app that mints for whoever names none.
    pub(crate) fn default_app(&self) -> AppSpec {
        self.credentials
            .apps()
            .into_iter()
            .next()
            .unwrap_or_default()
    }

    pub(crate) fn prints_own_urls(&self) -> bool {
        self.base.starts_with("http://")
    }

    pub(crate) fn app_facts(&self) -> Facts {
        let installations = self.installations.lock().clone();
        Facts {
            apps: self.credentials.apps(),
            installations,
        }
    }

    /// Makes a token known; a login that does not exist is an error.
    pub(crate) fn add_token(&self, spec: TokenSpec) -> Result<String, String> {
        if let Some(login) = &spec.login
            && self.desk.user_id(login).is_none()
        {
            return Err(format!("no login `{login}` in this universe"));
        }
        let stateless = self.switches().stateless_installation_tokens;
        self.credentials.add(spec, self.clock.now(), stateless)
    }

    /// Who sends these headers?
    pub(crate) fn identify(
        &self,
        headers: &HeaderMap,
        ip: IpAddr,
        now: i64,
    ) -> Result<Arc<Caller>, Refusal> {
        let authorization = match headers.get(AUTHORIZATION).map(|value| value.to_str()) {
            None => None,
            Some(Ok(value)) => Some(value),
            Some(Err(_)) => return Err(Refusal::BadCredentials),
        };
        let switches = self.switches();
        if switches.implicit_user_tokens
            && let Some((token, login)) = authorization.and_then(implicit_login)
            && !self.credentials.knows(token)
        {
            let spec = TokenSpec {
                token: Some(token.to_owned()),
                ..TokenSpec::user(login)
            };
            // An unknown login stays an unknown token: 401 below.
            let _known_or_not = self.add_token(spec);
        }
        self.credentials.resolve(&Attempt {
            authorization,
            ip,
            now,
            failed_logins_per_minute: switches.failed_logins_per_minute,
        })
    }

    pub(crate) fn note_missing(&self, path: &str) {
        let mut missing = self.missing.lock();
        if missing.len() < MAX_MISSING {
            missing.insert(path.to_owned());
        }
    }

    pub(crate) fn was_missing(&self, path: &str) -> bool {
        self.missing.lock().contains(path)
    }
}
