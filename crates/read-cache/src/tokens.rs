//! The service's own tokens: which of them is used now.
//!
//! All nodes take the first one that is not used up, so that the tags that one node got are another's as well.

use std::time::SystemTime;

use github_conditional::FingerprintKey;
use github_headers::Resource;
use github_upstream::ledger::Standing;
use github_upstream::{CallerId, SharedLedger};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

/// One token, or none: the anonymous caller.
#[derive(Clone)]
pub(crate) struct Credential {
    pub(crate) authorization: Option<HeaderValue>,
    pub(crate) caller: CallerId,
}

/// The configured tokens, in order.
#[derive(Debug)]
pub(crate) struct Tokens {
    credentials: Vec<Credential>,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credential({})", self.caller)
    }
}

/// A token that no header can hold.
#[derive(Debug, thiserror::Error)]
#[error("tokens: a token holds characters that no header can")]
pub struct TokenProblem;

impl Tokens {
    /// Reads tokens that are separated by commas. Without any, GitHub is asked anonymously.
    pub(crate) fn parse(text: &str, fingerprints: &FingerprintKey) -> Result<Self, TokenProblem> {
        let tokens = text
            .split(',')
            .map(str::trim)
            .filter(|token| !token.is_empty());
        let mut credentials = tokens
            .map(|token| {
                let mut value =
                    HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| TokenProblem)?;
                value.set_sensitive(true);
                let mut headers = HeaderMap::new();
                headers.insert(AUTHORIZATION, value.clone());
                Ok(Credential {
                    caller: CallerId(*fingerprints.fingerprint(&headers).as_bytes()),
                    authorization: Some(value),
                })
            })
            .collect::<Result<Vec<_>, TokenProblem>>()?;
        if credentials.is_empty() {
            credentials.push(Credential {
                authorization: None,
                caller: CallerId::ANONYMOUS,
            });
        }
        Ok(Self { credentials })
    }

    /// The credentials in the order in which to try them: those that GitHub has not turned away lately first.
    pub(crate) fn in_order(&self, ledger: &SharedLedger, now: SystemTime) -> Vec<&Credential> {
        let mut order: Vec<&Credential> = self.credentials.iter().collect();
        // Stable: among equals the configured order stays.
        order.sort_by_key(|credential| {
            match ledger.standing(credential.caller, &Resource::Core, now) {
                Standing::Open => 0,
                Standing::Exhausted { .. } | Standing::Cooling(_) => 1,
            }
        });
        order
    }

    /// The first of them.
    pub(crate) fn best(&self, ledger: &SharedLedger, now: SystemTime) -> Option<&Credential> {
        self.in_order(ledger, now).into_iter().next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Tokens, TokenProblem> {
        Tokens::parse(text, &FingerprintKey::new(b"test"))
    }

    #[test]
    fn several_tokens_are_separated_by_commas() {
        let tokens = parse("ghp_a, ghp_b,,").unwrap();
        let shown: Vec<_> = tokens
            .credentials
            .iter()
            .map(|credential| credential.authorization.clone().unwrap())
            .collect();
        assert_eq!(shown, ["Bearer ghp_a", "Bearer ghp_b"]);
        assert!(!format!("{tokens:?}").contains("ghp_"));
        assert!(
            parse("ghp_\n").is_ok(),
            "space around a token is none of it"
        );
        assert!(parse("ghp_\u{1}a").is_err());
    }

    #[test]
    fn without_tokens_there_is_the_anonymous_caller() {
        let tokens = parse(" , ").unwrap();
        assert_eq!(tokens.credentials.len(), 1);
        assert_eq!(tokens.credentials[0].caller, CallerId::ANONYMOUS);
        assert!(tokens.credentials[0].authorization.is_none());
    }
}
