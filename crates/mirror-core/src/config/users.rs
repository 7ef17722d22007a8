//! Settings of user validation: who may use the mirror.

use serde::{Deserialize, Serialize};

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
        let problem = |problem: String| {
            Err(ConfigProblem {
                key: "users.allowed",
                problem,
            })
        };
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
