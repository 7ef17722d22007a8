//! `[[routes]]`: what the operator knows about single routes.

use std::time::Duration;

use github_conditional::{Freshness, PathPattern, RoutePolicy, RouteTable};
use http::Method;
use serde::{Deserialize, Serialize};
use service_runtime::config::KeyDoc;

use service_runtime::settings::YEAR_SECONDS;

use super::ConfigProblem;

/// Far more than anybody writes by hand; a look-up does not depend on it.
const MAX_ROUTES: usize = 10_000;

/// How long a 404 is remembered where the rule does not say.
const NEGATIVE_SECONDS: u64 = 10;

/// One rule; the first that matches counts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RouteConfig {
    /// Which paths: `*` one segment, `**` the rest.
    #[serde(rename = "match")]
    pub pattern: String,
    /// Which methods. Default GET and HEAD.
    #[serde(default = "reads")]
    pub methods: Vec<String>,
    pub policy: PolicyConfig,
    /// For `ttl` and `negative`.
    #[serde(default)]
    pub ttl_seconds: Option<u64>,
}

/// What may be done on a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PolicyConfig {
    Revalidate,
    Rfc9111,
    Ttl,
    Immutable,
    Negative,
    Deny,
}

fn reads() -> Vec<String> {
    vec!["GET".to_owned(), "HEAD".to_owned()]
}

/// The rules as a table.
///
/// # Errors
/// The first rule that is wrong, by its number in the file, and which key of it.
pub(crate) fn table(routes: &[RouteConfig]) -> Result<RouteTable, ConfigProblem> {
    if routes.len() > MAX_ROUTES {
        return Err(ConfigProblem {
            key: "routes",
            problem: format!("must be at most {MAX_ROUTES}"),
        });
    }
    let mut table = RouteTable::default();
    for (position, route) in routes.iter().enumerate() {
        let add = || {
            let pattern = route.pattern.parse::<PathPattern>();
            let pattern = pattern.map_err(|error| ("match", error.to_string()))?;
            Ok((pattern, route.methods()?, route.policy()?))
        };
        let (pattern, methods, policy) =
            add().map_err(|(key, problem): (&str, String)| ConfigProblem {
                key: "routes",
                problem: format!("number {}: {key}: {problem}", position + 1),
            })?;
        table.add(pattern, &methods, policy);
    }
    Ok(table)
}

/// The first rule that holds for a request, and its number in the file.
pub(crate) fn first_match<'a>(
    routes: &'a [RouteConfig],
    method: &Method,
    path: &str,
) -> Option<(usize, &'a RouteConfig)> {
    let holds = |route: &RouteConfig| {
        let alone = table(std::slice::from_ref(route));
        alone.is_ok_and(|alone| alone.find(method, path).is_some())
    };
    let position = routes.iter().position(holds)?;
    Some((position + 1, &routes[position]))
}

type Wrong = (&'static str, String);

impl RouteConfig {
    fn methods(&self) -> Result<Vec<Method>, Wrong> {
        if self.methods.is_empty() {
            return Err(("methods", "must not be empty".to_owned()));
        }
        self.methods
            .iter()
            .map(|name| match name.as_str() {
                "GET" => Ok(Method::GET),
                "HEAD" => Ok(Method::HEAD),
                _ => Err((
                    "methods",
                    "may name GET and HEAD: nothing else is ever stored".to_owned(),
                )),
            })
            .collect()
    }

    fn policy(&self) -> Result<RoutePolicy, Wrong> {
        let wrong = |problem: &str| Err(("ttl_seconds", problem.to_owned()));
        let timed = matches!(self.policy, PolicyConfig::Ttl | PolicyConfig::Negative);
        let seconds = match self.ttl_seconds {
            Some(_) if !timed => return wrong("is for ttl and negative only"),
            None if self.policy == PolicyConfig::Ttl => return wrong("needed with policy ttl"),
            Some(0) => return wrong("must be at least 1"),
            Some(seconds) if seconds > YEAR_SECONDS => {
                return wrong("must be at most 31536000, a year");
            }
            given => Duration::from_secs(given.unwrap_or(NEGATIVE_SECONDS)),
        };
        Ok(match self.policy {
            PolicyConfig::Revalidate => RoutePolicy::Freshness(Freshness::Revalidate),
            PolicyConfig::Rfc9111 => RoutePolicy::Freshness(Freshness::Rfc9111),
            PolicyConfig::Ttl => RoutePolicy::Freshness(Freshness::Ttl(seconds)),
            PolicyConfig::Immutable => RoutePolicy::Freshness(Freshness::Immutable),
            PolicyConfig::Negative => RoutePolicy::Negative(seconds),
            PolicyConfig::Deny => RoutePolicy::Deny,
        })
    }
}

/// The section's part of the reference page.
pub(super) const DOCS: &[KeyDoc<'static>] = &[
    KeyDoc::new(
        "routes[].match",
        "pattern",
        "Which paths a rule is for: `*` one segment, `**` the rest; case is ignored. The first rule that matches counts.",
    ),
    KeyDoc::new(
        "routes[].methods",
        "GET, HEAD, a list",
        "Which methods a rule is for; both if not given. Nothing else is ever stored.",
    ),
    KeyDoc::new(
        "routes[].policy",
        "revalidate, rfc9111, ttl, immutable, negative, deny",
        "When a stored body is served without asking GitHub, always only to a caller whom GitHub confirmed it for: never; while `Cache-Control` calls it fresh; for `ttl_seconds`; for ever. `negative` remembers a 404 or 410 for `ttl_seconds`, `deny` stores nothing.",
    ),
    KeyDoc::new(
        "routes[].ttl_seconds",
        "seconds",
        "For `ttl`, and for `negative` (10 if not given).",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn route(pattern: &str, policy: PolicyConfig, ttl_seconds: Option<u64>) -> RouteConfig {
        RouteConfig {
            pattern: pattern.to_owned(),
            methods: reads(),
            policy,
            ttl_seconds,
        }
    }

    #[test]
    fn policies() {
        #[track_caller]
        fn check(policy: PolicyConfig, ttl_seconds: Option<u64>, expected: RoutePolicy) {
            let table = table(&[route("/a/*", policy, ttl_seconds)]).unwrap();
            assert_eq!(table.find(&Method::GET, "/a/b"), Some(&expected));
            assert_eq!(table.find(&Method::GET, "/a"), None);
        }
        let seconds = Duration::from_secs;
        let fresh = RoutePolicy::Freshness;
        check(PolicyConfig::Revalidate, None, fresh(Freshness::Revalidate));
        check(PolicyConfig::Rfc9111, None, fresh(Freshness::Rfc9111));
        check(
            PolicyConfig::Ttl,
            Some(5),
            fresh(Freshness::Ttl(seconds(5))),
        );
        check(PolicyConfig::Immutable, None, fresh(Freshness::Immutable));
        check(
            PolicyConfig::Negative,
            None,
            RoutePolicy::Negative(seconds(10)),
        );
        check(
            PolicyConfig::Negative,
            Some(3),
            RoutePolicy::Negative(seconds(3)),
        );
        check(PolicyConfig::Deny, None, RoutePolicy::Deny);
    }

    #[test]
    fn mistakes_name_the_rule_and_the_key() {
        #[track_caller]
        fn check(change: impl FnOnce(&mut RouteConfig), expected: &str) {
            let good = route("/a", PolicyConfig::Deny, None);
            let mut bad = good.clone();
            change(&mut bad);
            let problem = table(&[good, bad]).unwrap_err();
            assert_eq!(problem.to_string(), expected);
        }
        check(
            |route| route.pattern = "a".to_owned(),
            "routes: number 2: match: must begin with /",
        );
        check(
            |route| route.pattern = "/a/**/b".to_owned(),
            "routes: number 2: match: ** must be the last segment",
        );
        check(
            |route| route.methods = vec!["POST".to_owned()],
            "routes: number 2: methods: may name GET and HEAD: nothing else is ever stored",
        );
        check(
            |route| route.methods.clear(),
            "routes: number 2: methods: must not be empty",
        );
        check(
            |route| route.ttl_seconds = Some(1),
            "routes: number 2: ttl_seconds: is for ttl and negative only",
        );
        check(
            |route| route.policy = PolicyConfig::Ttl,
            "routes: number 2: ttl_seconds: needed with policy ttl",
        );
        check(
            |route| {
                *route = RouteConfig {
                    ttl_seconds: Some(0),
                    ..self::route("/a", PolicyConfig::Negative, None)
                }
            },
            "routes: number 2: ttl_seconds: must be at least 1",
        );
        check(
            |route| *route = self::route("/a", PolicyConfig::Ttl, Some(YEAR_SECONDS + 1)),
            "routes: number 2: ttl_seconds: must be at most 31536000, a year",
        );
        let many = vec![route("/a", PolicyConfig::Deny, None); MAX_ROUTES + 1];
        assert_eq!(
            table(&many).unwrap_err().to_string(),
            "routes: must be at most 10000"
        );
    }
}
