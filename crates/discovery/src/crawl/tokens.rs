//! The service's own credentials, and which of them asks next.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use github_conditional::FingerprintKey;
use github_upstream::CallerId;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

use super::throttle::{Bucket, QuotaRules, Verdict, best, judge};
use crate::moment::Moment;

/// One credential, or none: the anonymous caller.
#[derive(Clone)]
pub(crate) struct Credential {
    pub(crate) authorization: Option<HeaderValue>,
    pub(crate) caller: CallerId,
    /// A hash: what the store calls it.
    pub(crate) name: String,
    /// What may be shown of it.
    pub(crate) masked: String,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credential({})", self.caller)
    }
}

/// The configured credentials, in order.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    credentials: Vec<Credential>,
}

/// A credential that no header can hold.
#[derive(Debug, thiserror::Error)]
#[error("a token holds characters that no header can")]
pub struct TokenProblem;

impl Tokens {
    /// Tokens separated by commas; or else a user and its key; or else nobody.
    pub(crate) fn parse(
        tokens: &str,
        user: &str,
        key: &str,
        fingerprints: &FingerprintKey,
    ) -> Result<Self, TokenProblem> {
        let mut credentials = Vec::new();
        for token in tokens.split(',').map(str::trim) {
            if !token.is_empty() {
                credentials.push(credential(&format!("Bearer {token}"), token, fingerprints)?);
            }
        }
        if credentials.is_empty() && !user.is_empty() {
            let basic = STANDARD.encode(format!("{user}:{key}"));
            credentials.push(credential(&format!("Basic {basic}"), key, fingerprints)?);
        }
        if credentials.is_empty() {
            credentials.push(Credential {
                authorization: None,
                caller: CallerId::ANONYMOUS,
                name: "anonymous".to_owned(),
                masked: "anonymous".to_owned(),
            });
        }
        Ok(Self { credentials })
    }

    pub(crate) fn len(&self) -> usize {
        self.credentials.len()
    }

    /// Who asks next: the first, in the configured order, who may, so that the tags that one worker got are another's as
    /// well. `Err` = nobody, and until when.
    pub(crate) fn choose(
        &self,
        buckets: &[(String, Bucket)],
        refused: &[String],
        rules: QuotaRules,
        now: Moment,
    ) -> Result<Credential, Option<Verdict>> {
        let mut waits = Vec::new();
        for credential in &self.credentials {
            if refused.contains(&credential.name) {
                continue;
            }
            let known = buckets.iter().find(|(name, _)| *name == credential.name);
            match judge(known.map(|(_, bucket)| bucket), rules, now) {
                Verdict::Go => return Ok(credential.clone()),
                wait @ Verdict::Wait { .. } => waits.push(wait),
            }
        }
        Err(best(waits))
    }
}

fn credential(
    authorization: &str,
    secret: &str,
    fingerprints: &FingerprintKey,
) -> Result<Credential, TokenProblem> {
    let mut value = HeaderValue::try_from(authorization).map_err(|_| TokenProblem)?;
    value.set_sensitive(true);
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, value.clone());
    let fingerprint = *fingerprints.fingerprint(&headers).as_bytes();
    Ok(Credential {
        authorization: Some(value),
        caller: CallerId(fingerprint),
        name: hex::encode(fingerprint),
        masked: masked(secret),
    })
}

/// The kind of a token and its last four characters, where enough remains hidden.
fn masked(secret: &str) -> String {
    let characters: Vec<char> = secret.chars().collect();
    if characters.len() < 16 {
        return "...".to_owned();
    }
    let kind: String = characters[..4].iter().collect();
    let end: String = characters[characters.len() - 4..].iter().collect();
    format!("{kind}...{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(tokens: &str, user: &str) -> Tokens {
        Tokens::parse(tokens, user, "key", &FingerprintKey::new(b"test")).unwrap()
    }

    #[test]
    fn tokens_come_before_a_user_and_nobody_last() {
        #[track_caller]
        fn check(tokens: &str, user: &str, expected: &[Option<&str>]) {
            let parsed = parse(tokens, user);
            let found: Vec<_> = parsed
                .credentials
                .iter()
                .map(|one| {
                    one.authorization
                        .as_ref()
                        .map(|value| value.to_str().unwrap())
                })
                .collect();
            assert_eq!(found, expected);
            assert!(!format!("{parsed:?}").contains("ghp_"));
        }
        check(
            " ghp_a, ghp_b,,",
            "u",
            &[Some("Bearer ghp_a"), Some("Bearer ghp_b")],
        );
        check("", "u", &[Some("Basic dTprZXk=")]);
        check(" , ", "", &[None]);
    }

    #[test]
    fn only_the_ends_of_a_long_token_are_shown() {
        assert_eq!(masked("ghp_0123456789abcdefWXYZ"), "ghp_...WXYZ");
        assert_eq!(masked("short"), "...");
    }

    #[test]
    fn the_first_token_that_may_is_asked() {
        let tokens = parse("ghp_a,ghp_b", "");
        let name = |at: usize| tokens.credentials[at].name.clone();
        let bucket = |remaining, resets_at| Bucket {
            limit: 60,
            remaining,
            used_here: 0,
            resets_at: Moment::from_seconds(resets_at),
            blocked_until: None,
        };
        let rules = QuotaRules {
            stop_threshold: 25,
            share: 1.0,
        };
        let choose = |a, b, refused: &[String]| {
            let buckets = [(name(0), bucket(a, 90)), (name(1), bucket(b, 50))];
            let chosen = tokens.choose(&buckets, refused, rules, Moment::from_seconds(1));
            chosen.map(|credential| credential.name)
        };
        assert_eq!(choose(60, 60, &[]), Ok(name(0)));
        assert_eq!(choose(25, 60, &[]), Ok(name(1)));
        assert_eq!(choose(60, 60, &[name(0)]), Ok(name(1)));
        let Err(Some(Verdict::Wait { until, .. })) = choose(25, 25, &[]) else {
            panic!("nobody may");
        };
        assert_eq!(until, Moment::from_seconds(50));
        assert_eq!(choose(60, 60, &[name(0), name(1)]), Err(None));
    }
}
