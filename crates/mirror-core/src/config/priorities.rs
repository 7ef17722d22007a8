//! `[[priorities]]`: whose requests take their turn first where requests wait.

use github_conditional::PathPattern;
use github_upstream::Priority;
use serde::{Deserialize, Serialize};
use service_runtime::config::KeyDoc;
use service_runtime::listener::Peer;

use super::ConfigProblem;
use crate::pool::Access;

/// One rule; the first that fits a request decides, and without one it is of normal priority.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PriorityConfig {
    #[serde(default, rename = "match")]
    pub pattern: Option<String>,
    #[serde(default)]
    pub clients: Vec<String>,
    pub level: Level,
}

/// See [`Priority`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    High,
    Normal,
    Low,
}

/// The rules, read.
#[derive(Debug, Default)]
pub(crate) struct Priorities(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    pattern: Option<PathPattern>,
    /// `None` = all.
    clients: Option<Access>,
    priority: Priority,
}

impl Priorities {
    pub(crate) fn read(rules: &[PriorityConfig]) -> Result<Self, ConfigProblem> {
        let rules = rules.iter().enumerate();
        let rules = rules.map(|(index, rule)| Rule::read(rule, index + 1));
        Ok(Self(rules.collect::<Result<_, _>>()?))
    }

    pub(crate) fn of(&self, path: &str, peer: Option<&Peer>) -> Priority {
        let rule = self.0.iter().find(|rule| rule.fits(path, peer));
        rule.map_or(Priority::Normal, |rule| rule.priority)
    }
}

impl Rule {
    fn read(rule: &PriorityConfig, position: usize) -> Result<Self, ConfigProblem> {
        let problem = |key, problem: &dyn std::fmt::Display| {
            ConfigProblem::new(key, format!("{problem} (entry {position})"))
        };
        let pattern = rule
            .pattern
            .as_deref()
            .map(str::parse::<PathPattern>)
            .transpose();
        let clients = match &rule.clients[..] {
            [] => None,
            clients => Some(
                Access::parse(clients).map_err(|error| problem("priorities[].clients", &error))?,
            ),
        };
        Ok(Self {
            pattern: pattern.map_err(|error| problem("priorities[].match", &error))?,
            clients,
            priority: match rule.level {
                Level::High => Priority::High,
                Level::Normal => Priority::Normal,
                Level::Low => Priority::Low,
            },
        })
    }

    fn fits(&self, path: &str, peer: Option<&Peer>) -> bool {
        let is_path = self
            .pattern
            .as_ref()
            .is_none_or(|pattern| pattern.matches(path));
        is_path
            && self
                .clients
                .as_ref()
                .is_none_or(|clients| peer.is_some_and(|peer| clients.covers(peer)))
    }
}

/// The section's part of the reference page.
pub(super) const DOCS: &[KeyDoc<'static>] = &[
    KeyDoc::new(
        "priorities[].match",
        "path pattern",
        "Where requests wait: which ones the rule is for; `*` is one segment, `**` the rest. Default: all. The first rule that fits decides.",
    ),
    KeyDoc::new(
        "priorities[].clients",
        "loopback, any, networks; a list",
        "Whose requests the rule is for. Default: everybody's.",
    ),
    KeyDoc::new(
        "priorities[].level",
        "high, normal, low",
        "Of 13 turns with all waiting, 8 are of high, 4 of normal, 1 of low priority.",
    ),
];

#[cfg(test)]
mod tests {
    use service_runtime::listener::{PeerAddress, Transport};

    use super::*;

    fn rule(pattern: Option<&str>, clients: &[&str], level: Level) -> PriorityConfig {
        PriorityConfig {
            pattern: pattern.map(str::to_owned),
            clients: clients.iter().map(|client| (*client).to_owned()).collect(),
            level,
        }
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let rules = [
            rule(Some("/search/**"), &["10.0.0.0/8"], Level::Normal),
            rule(Some("/search/**"), &[], Level::Low),
            rule(None, &["loopback"], Level::High),
            rule(Some("/repos/*/*/actions/**"), &[], Level::Low),
        ];
        let priorities = Priorities::read(&rules).unwrap();
        #[track_caller]
        fn check(priorities: &Priorities, path: &str, address: [u8; 4], expected: Priority) {
            let peer = Peer {
                address: PeerAddress::Tcp((address, 1).into()),
                transport: Transport::Plain,
            };
            assert_eq!(
                priorities.of(path, Some(&peer)),
                expected,
                "{path} {address:?}"
            );
        }
        check(
            &priorities,
            "/search/issues",
            [10, 0, 0, 1],
            Priority::Normal,
        );
        check(&priorities, "/search/issues", [127, 0, 0, 1], Priority::Low);
        check(&priorities, "/user", [127, 0, 0, 1], Priority::High);
        check(&priorities, "/user", [192, 0, 2, 1], Priority::Normal);
        check(
            &priorities,
            "/repos/o/r/actions/runs",
            [192, 0, 2, 1],
            Priority::Low,
        );
        // As in the rules of routes: names ignore case, and an escaped letter is that letter.
        check(
            &priorities,
            "/REPOS/o/r/%61ctions/runs",
            [192, 0, 2, 1],
            Priority::Low,
        );
        check(
            &priorities,
            "/repos/o/r/issues",
            [192, 0, 2, 1],
            Priority::Normal,
        );
        assert_eq!(priorities.of("/user", None), Priority::Normal);
    }

    #[test]
    fn wrong_rules_name_the_key() {
        #[track_caller]
        fn check(rule: PriorityConfig, expected: &str) {
            let problem = Priorities::read(&[rule]).unwrap_err().to_string();
            assert!(problem.starts_with(expected), "{problem}");
            assert!(problem.ends_with("(entry 1)"), "{problem}");
        }
        for pattern in ["user", "/a*", "/**/b", "/a?b"] {
            let rule = rule(Some(pattern), &[], Level::Low);
            check(rule, "priorities[].match: ");
        }
        check(
            rule(None, &["me"], Level::Low),
            "priorities[].clients: me: ",
        );
    }
}
