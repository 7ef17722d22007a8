//! Which policy a route has: the first rule that matches.
//!
//! The table says what the operator knows about a route and GitHub does not say; whatever it says, a body goes unasked
//! only to a caller whom GitHub has confirmed it for.

use std::time::Duration;

use http::Method;

use crate::paths::{PathPattern, PathTree, canonical};
use crate::policy::before::Freshness;

/// What the cache may do on a route. As an extension of a request it overrides [`Options::routes`].
///
/// [`Options::routes`]: crate::Options::routes
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RoutePolicy {
    /// When a stored body is served unasked.
    Freshness(Freshness),
    /// A 404 or 410 is remembered this long for the caller who got it, unless a write or mark ends it before; bodies are
    /// asked about each time.
    Negative(Duration),
    /// Never stored, and never served from the store.
    Deny,
}

impl RoutePolicy {
    /// When a stored body may be served unasked under this policy.
    pub(crate) fn freshness(self) -> Freshness {
        match self {
            Self::Freshness(freshness) => freshness,
            Self::Negative(_) | Self::Deny => Freshness::Revalidate,
        }
    }
}

/// What is said about paths and methods, in order; the first rule that matches counts.
///
/// A look-up walks the path once, however many rules there are.
///
/// # Examples
/// ```
/// use github_conditional::{Freshness, RoutePolicy, RouteTable};
/// use http::Method;
///
/// let mut routes = RouteTable::default();
/// let immutable = RoutePolicy::Freshness(Freshness::Immutable);
/// routes.add("/repos/*/*/git/commits/*".parse()?, &[Method::GET, Method::HEAD], immutable);
/// routes.add("/repos/acme/secret/**".parse()?, &[], RoutePolicy::Deny);
///
/// assert_eq!(routes.find(&Method::GET, "/repos/o/r/git/commits/1a2b"), Some(&immutable));
/// assert_eq!(routes.find(&Method::GET, "/repos/Acme/secret/issues"), Some(&RoutePolicy::Deny));
/// assert_eq!(routes.find(&Method::GET, "/user"), None);
/// # Ok::<(), github_conditional::PatternError>(())
/// ```
#[derive(Clone, Debug)]
pub struct RouteTable<T = RoutePolicy> {
    tree: PathTree<Vec<Rule<T>>>,
    rules: usize,
}

#[derive(Clone, Debug)]
struct Rule<T> {
    /// Its place in the table.
    order: usize,
    /// Empty = any.
    methods: Box<[Method]>,
    value: T,
}

impl<T> Default for RouteTable<T> {
    fn default() -> Self {
        Self {
            tree: PathTree::default(),
            rules: 0,
        }
    }
}

impl<T> RouteTable<T> {
    /// Adds a rule behind all others. No methods means any.
    pub fn add(&mut self, pattern: PathPattern, methods: &[Method], value: T) {
        let rule = Rule {
            order: self.rules,
            methods: methods.into(),
            value,
        };
        self.rules += 1;
        let slot = self.tree.slot(&pattern);
        slot.get_or_insert_default().push(rule);
    }

    /// What the first rule that matches says.
    pub fn find(&self, method: &Method, path: &str) -> Option<&T> {
        if self.rules == 0 {
            return None;
        }
        let matches = |rule: &Rule<T>| rule.methods.is_empty() || rule.methods.contains(method);
        let mut first: Option<&Rule<T>> = None;
        self.tree.visit(&canonical(path), &mut |rules| {
            // The rules under one pattern are in order.
            if let Some(rule) = rules.iter().find(|rule| matches(rule))
                && first.is_none_or(|first| rule.order < first.order)
            {
                first = Some(rule);
            }
        });
        first.map(|rule| &rule.value)
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.rules
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rules == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_matches_counts() {
        let mut table = RouteTable::default();
        let rules: [(&str, &[Method]); 6] = [
            ("/repos/acme/*/issues", &[Method::HEAD]),
            ("/repos/*/*/issues", &[]),
            ("/repos/acme/**", &[Method::GET]),
            ("/repos/acme/**", &[]),
            ("/**", &[Method::GET]),
            ("/repos/acme/*/issues", &[]),
        ];
        for (number, (pattern, methods)) in rules.into_iter().enumerate() {
            table.add(pattern.parse().unwrap(), methods, number);
        }
        #[track_caller]
        fn check(table: &RouteTable<usize>, method: Method, path: &str, expected: Option<usize>) {
            assert_eq!(
                table.find(&method, path).copied(),
                expected,
                "{method} {path}"
            );
        }
        check(&table, Method::HEAD, "/repos/acme/r/issues", Some(0));
        check(&table, Method::GET, "/repos/acme/r/issues", Some(1));
        check(&table, Method::GET, "/repos/ACME/r/%69ssues/", Some(1));
        check(&table, Method::GET, "/repos/acme/r/issues/5", Some(2));
        check(&table, Method::HEAD, "/repos/acme/r/issues/5", Some(3));
        check(&table, Method::GET, "/repos/acme", Some(2));
        check(&table, Method::GET, "/user", Some(4));
        check(&table, Method::HEAD, "/user", None);
        assert_eq!((table.len(), table.is_empty()), (6, false));
    }

    #[test]
    fn an_empty_table_says_nothing() {
        let table = RouteTable::<()>::default();
        assert!(table.is_empty());
        assert_eq!(table.find(&Method::GET, "/"), None);
    }
}
