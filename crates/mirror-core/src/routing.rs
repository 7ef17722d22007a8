//! Which policy a request's route has, by configuration; replaced as a whole while the mirror runs.

use std::sync::Arc;

use github_conditional::{RoutePolicy, RouteTable};
use http::Method;
use parking_lot::RwLock;

use crate::config::{Config, ConfigProblem};
use crate::webhook::table::{Told, covered_policy, told_of};

/// The rules in force.
#[derive(Debug)]
pub(crate) struct Routing {
    rules: RwLock<Arc<Rules>>,
}

/// Rules made from one configuration.
#[derive(Debug)]
pub(crate) struct Rules {
    routes: RouteTable,
    /// Whose events come here.
    covered: RouteTable<()>,
    /// What events tell of.
    told_of: RouteTable<Told>,
    covered_policy: RoutePolicy,
}

impl Rules {
    /// # Errors
    /// The first setting that is wrong.
    pub(crate) fn of(config: &Config) -> Result<Self, ConfigProblem> {
        Ok(Self {
            routes: config.route_table()?,
            covered: config.webhook.covered_paths()?,
            told_of: told_of(),
            covered_policy: covered_policy(config.webhook.covered_max_age()),
        })
    }

    /// `None` = nothing is said: the kind of caller decides.
    fn policy(&self, method: &Method, path: &str) -> Option<RoutePolicy> {
        if let Some(policy) = self.routes.find(method, path) {
            return Some(*policy);
        }
        // Most mirrors cover nothing, so that is asked first.
        self.covered.find(method, path)?;
        let told = self.told_of.find(method, path)?;
        (*told == Told::Wholly).then_some(self.covered_policy)
    }
}

impl Routing {
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            rules: RwLock::new(Arc::new(rules)),
        }
    }

    /// Requests that come from now on follow these rules; those under way keep theirs.
    pub(crate) fn replace(&self, rules: Rules) {
        *self.rules.write() = Arc::new(rules);
    }

    pub(crate) fn policy(&self, method: &Method, path: &str) -> Option<RoutePolicy> {
        self.rules.read().policy(method, path)
    }
}
