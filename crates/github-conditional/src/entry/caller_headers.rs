//! Headers that describe a caller's credential: shown to this caller again, and to nobody else.
//!
//! GitHub sends them with every answer, and nearly always the same ones, so they are kept once for each caller, however
//! many bodies it is confirmed for.

use std::collections::HashMap;
use std::sync::Arc;

use cache_backends::KeyHasherBuilder;
use github_headers::names::{X_GITHUB_SSO, X_OAUTH_SCOPES};
use http::{HeaderMap, HeaderName};
use parking_lot::Mutex;

use super::kept::KeptHeaders;
use crate::fingerprint::Fingerprint;

/// Callers that are remembered; when there are more, all are forgotten, which costs memory and nothing else.
const MAX_CALLERS: usize = 4096;

/// Their names.
static OF_THE_CALLER: [HeaderName; 4] = [
    HeaderName::from_static("github-authentication-token-expiration"),
    X_GITHUB_SSO,
    HeaderName::from_static("x-oauth-client-id"),
    X_OAUTH_SCOPES,
];

pub(super) fn is_of_the_caller(name: &HeaderName) -> bool {
    OF_THE_CALLER.contains(name)
}

pub(super) fn remove_from(headers: &mut HeaderMap) {
    for name in &OF_THE_CALLER {
        headers.remove(name);
    }
}

fn of(headers: &HeaderMap) -> Option<KeptHeaders> {
    let mut own = HeaderMap::new();
    for name in &OF_THE_CALLER {
        if let Some(value) = headers.get(name) {
            own.insert(name, value.clone());
        }
    }
    (!own.is_empty()).then(|| KeptHeaders::new(&own))
}

/// What was last seen of each caller.
#[derive(Debug, Default)]
pub(crate) struct CallerHeaders(Mutex<HashMap<Fingerprint, Arc<KeptHeaders>, KeyHasherBuilder>>);

impl CallerHeaders {
    /// Those of an answer to this caller.
    pub(crate) fn keep(
        &self,
        caller: Fingerprint,
        headers: &HeaderMap,
    ) -> Option<Arc<KeptHeaders>> {
        let seen = of(headers)?;
        let mut known = self.0.lock();
        if let Some(last) = known.get(&caller)
            && **last == seen
        {
            return Some(Arc::clone(last));
        }
        if known.len() >= MAX_CALLERS {
            known.clear();
        }
        let seen = Arc::new(seen);
        known.insert(caller, Arc::clone(&seen));
        Some(seen)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn caller(number: u16) -> Fingerprint {
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&number.to_le_bytes());
        Fingerprint::from_bytes(bytes)
    }

    fn scopes(value: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("x-oauth-scopes", HeaderValue::from_static(value));
        headers.insert("server", HeaderValue::from_static("github.com"));
        headers
    }

    #[test]
    fn a_caller_whose_headers_stay_the_same_has_one_copy_of_them() {
        let all = CallerHeaders::default();
        let first = all.keep(caller(1), &scopes("repo")).unwrap();
        assert_eq!(first.len(), 1);
        let again = all.keep(caller(1), &scopes("repo")).unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        let changed = all.keep(caller(1), &scopes("repo, user")).unwrap();
        assert_eq!(changed.to_map()["x-oauth-scopes"], "repo, user");
        let other = all.keep(caller(2), &scopes("repo")).unwrap();
        assert!(!Arc::ptr_eq(&first, &other), "callers share nothing");
        assert!(all.keep(caller(1), &HeaderMap::new()).is_none());
    }

    #[test]
    fn the_most_callers_are_bounded() {
        let all = CallerHeaders::default();
        for number in 0..=u16::try_from(MAX_CALLERS).unwrap() {
            all.keep(caller(number), &scopes("repo")).unwrap();
            assert!(all.0.lock().len() <= MAX_CALLERS);
        }
        assert_eq!(all.0.lock().len(), 1);
    }
}
