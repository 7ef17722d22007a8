//! Settings of user validation: who may use the mirror.

use serde::{Deserialize, Serialize};
use service_runtime::config::KeyDoc;
use service_runtime::settings::{at_least_one, at_most_a_year};

use super::ConfigProblem;
use crate::users::allowed::{NoLogin, check};

/// Who may use the mirror.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct UsersConfig {
    /// `None` lets everybody in. An empty list is refused: whoever writes one hardly means everybody.
    pub allowed: Option<Vec<String>>,
    pub trust_seconds: u64,
    pub refusal_seconds: u64,
    pub outage_trust_seconds: u64,
    pub max_remembered_tokens: usize,
}

impl Default for UsersConfig {
    fn default() -> Self {
        Self {
            allowed: None,
            trust_seconds: 300,
            refusal_seconds: 60,
            outage_trust_seconds: 24 * 3600,
            max_remembered_tokens: 10_000,
        }
    }
}

impl UsersConfig {
    pub(super) fn check(&self) -> Result<(), ConfigProblem> {
        let max_remembered_tokens = self.max_remembered_tokens as u64;
        at_least_one(&[("users.max_remembered_tokens", max_remembered_tokens)])?;
        at_most_a_year(&[
            ("users.trust_seconds", self.trust_seconds),
            ("users.refusal_seconds", self.refusal_seconds),
            ("users.outage_trust_seconds", self.outage_trust_seconds),
        ])?;
        let problem = |problem: String| Err(ConfigProblem::new("users.allowed", problem));
        let Some(allowed) = &self.allowed else {
            return Ok(());
        };
        if allowed.is_empty() {
            return problem("names nobody; leave it out to let everybody in".to_owned());
        }
        for login in allowed {
            match check(login) {
                Ok(()) => {}
                Err(NoLogin::Empty) => return problem("a login is empty".to_owned()),
                Err(NoLogin::Character(symbol)) => {
                    return problem(format!("{login:?} is no login: it holds {symbol:?}"));
                }
            }
        }
        Ok(())
    }
}

/// The section's part of the reference page.
pub(super) const DOCS: &[KeyDoc<'static>] = &[
    KeyDoc::new(
        "users.allowed",
        "logins",
        "Who may use the mirror, by the login that GitHub says a token belongs to. Not set: everybody. Set: no token 401, another login 403.",
    ),
    KeyDoc::new(
        "users.trust_seconds",
        "seconds",
        "How long a token's login is believed before GitHub is asked again, at no quota. A revoked token may be used for that long for what is served unasked.",
    ),
    KeyDoc::new(
        "users.refusal_seconds",
        "seconds",
        "How long a token that GitHub refused is refused without asking.",
    ),
    KeyDoc::new(
        "users.outage_trust_seconds",
        "seconds",
        "How long after GitHub last named it a token's login counts while GitHub cannot be asked. 0: in an outage nobody is served.",
    ),
    KeyDoc::new(
        "users.max_remembered_tokens",
        "tokens",
        "Tokens (as fingerprints) whose logins are remembered; the oldest give way and are asked about again.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_somebody() {
        #[track_caller]
        fn check(logins: &[&str], expected: Result<(), &str>) {
            let config = UsersConfig {
                allowed: Some(logins.iter().map(|login| (*login).to_owned()).collect()),
                ..UsersConfig::default()
            };
            let result = config.check().map_err(|problem| problem.to_string());
            assert_eq!(result, expected.map_err(str::to_owned));
        }
        check(&["octocat", "Hubot"], Ok(()));
        check(
            &[],
            Err("users.allowed: names nobody; leave it out to let everybody in"),
        );
        check(&["octocat", ""], Err("users.allowed: a login is empty"));
        check(
            &["octocat:hubot"],
            Err("users.allowed: \"octocat:hubot\" is no login: it holds ':'"),
        );
        UsersConfig::default().check().unwrap();
    }
}
