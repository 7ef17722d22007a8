//! Primary rate limits: one fixed window per owner and resource (behaviour notes 2).

use crate::credentials::{Caller, Standing};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

/// Who pays: tokens of one user share a bucket, and so do all anonymous callers of one address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Owner {
    Ip(IpAddr),
    User(Arc<str>),
    Installation(u64),
    /// A GitHub App with a JWT (not limited) or an OAuth app with its secret.
    App(Arc<str>),
    /// `GITHUB_TOKEN` of a workflow, per repository.
    Repository(Arc<str>),
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => write!(f, "ip:{ip}"),
            Self::User(login) => write!(f, "user:{login}"),
            Self::Installation(id) => write!(f, "installation:{id}"),
            Self::App(id) => write!(f, "app:{id}"),
            Self::Repository(name) => write!(f, "repository:{name}"),
        }
    }
}

/// A bucket's name, e.g. `user:octo-1/core` or `ip:127.0.0.1/search`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bucket {
    pub owner: Owner,
    pub resource: &'static str,
}

impl FromStr for Bucket {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let wrong = || format!("no bucket `{name}`: expected e.g. `user:LOGIN/core`");
        let (owner, resource) = name.rsplit_once('/').ok_or_else(wrong)?;
        let (kind, id) = owner.split_once(':').ok_or_else(wrong)?;
        let owner = match kind {
            "ip" => Owner::Ip(id.parse().map_err(|_| wrong())?),
            "user" => Owner::User(id.to_lowercase().into()),
            "installation" => Owner::Installation(id.parse().map_err(|_| wrong())?),
            "app" => Owner::App(id.into()),
            "repository" => Owner::Repository(id.into()),
            _ => return Err(wrong()),
        };
        let resource = LIMITS
            .iter()
            .map(|limit| limit.0)
            .find(|known| *known == resource);
        Ok(Self {
            owner,
            resource: resource.ok_or_else(wrong)?,
        })
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.resource)
    }
}

/// What a resource allows: `(name, per window with a token, per window without, seconds)`.
/// Zero without a token means that GitHub does not list the resource for anonymous callers.
const LIMITS: &[(&str, u32, u32, i64)] = &[
    ("core", 5_000, 60, 3_600),
    ("search", 30, 10, 60),
    ("graphql", 5_000, 0, 3_600),
    ("integration_manifest", 5_000, 5, 3_600),
    ("source_import", 100, 5, 60),
    ("code_scanning_upload", 1_000, 0, 3_600),
    ("code_scanning_autofix", 10, 0, 60),
    ("actions_runner_registration", 10_000, 0, 3_600),
    ("scim", 15_000, 0, 3_600),
    ("dependency_snapshots", 100, 0, 60),
    ("dependency_sbom", 100, 60, 60),
    ("audit_log", 1_750, 0, 3_600),
    ("audit_log_streaming", 15, 0, 3_600),
    ("code_search", 10, 10, 60),
    ("codespaces", 5_000, 0, 3_600),
    ("copilot_usage_records", 5_000, 0, 3_600),
];

/// Limit and window of one caller for one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    pub(crate) resource: &'static str,
    pub(crate) limit: u32,
    pub(crate) window_seconds: i64,
}

pub(crate) fn allowance(caller: &Caller, resource: &str) -> Allowance {
    let &(resource, with_token, without, window_seconds) = LIMITS
        .iter()
        .find(|limit| limit.0 == resource)
        .unwrap_or(&LIMITS[0]);
    let limit = match &caller.standing {
        Standing::Anonymous => without,
        Standing::Token(token) if resource == "core" => token.core_limit,
        _ => with_token,
    };
    Allowance {
        resource,
        limit,
        window_seconds,
    }
}

/// The resources that `/rate_limit` lists for this caller, in GitHub's order.
pub(crate) fn listed(caller: &Caller) -> impl Iterator<Item = Allowance> + '_ {
    LIMITS
        .iter()
        .filter(|limit| !matches!(caller.standing, Standing::Anonymous) || limit.2 > 0)
        .map(|limit| allowance(caller, limit.0))
}

/// The resource that a path is charged to before the world has spoken.
pub(crate) fn resource_of(path: &str) -> &'static str {
    if path.starts_with("/search/code") {
        "code_search"
    } else if path.starts_with("/search/") {
        "search"
    } else if path == "/graphql" {
        "graphql"
    } else if path.ends_with("/dependency-graph/sbom") {
        "dependency_sbom"
    } else if path.ends_with("/code-scanning/sarifs") {
        "code_scanning_upload"
    } else if path.starts_with("/app-manifests/") {
        "integration_manifest"
    } else {
        "core"
    }
}

/// A bucket as its headers show it; `limit = used + remaining` always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Meter {
    pub(crate) resource: &'static str,
    pub(crate) limit: u32,
    pub(crate) used: u32,
    pub(crate) reset: i64,
}

impl Meter {
    pub(crate) fn remaining(&self) -> u32 {
        self.limit.saturating_sub(self.used)
    }
}

/// A running window. Tokens of one owner share it even where their limits differ: what a token with 15,000 requests has
/// used is missing to the owner's tokens with 5,000.
#[derive(Clone, Copy, Debug)]
struct Window {
    used: u32,
    /// What is left by order; `None` = what the limit leaves.
    left: Option<u32>,
    reset: i64,
}

impl Window {
    fn begun(now: i64, seconds: i64) -> Self {
        Self {
            used: 0,
            left: None,
            reset: now + seconds,
        }
    }

    fn meter(&self, allowed: Allowance) -> Meter {
        let Allowance {
            resource, limit, ..
        } = allowed;
        let used = match self.left {
            Some(left) => limit.saturating_sub(left),
            None => self.used.min(limit),
        };
        Meter {
            resource,
            limit,
            used,
            reset: self.reset,
        }
    }
}

/// All buckets.
#[derive(Debug, Default)]
pub(crate) struct Quota {
    windows: Mutex<HashMap<Bucket, Window>>,
}

impl Quota {
    /// Charges one request, or shows the exhausted bucket as the error.
    pub(crate) fn take(&self, owner: &Owner, allowed: Allowance, now: i64) -> Result<Meter, Meter> {
        self.with_window(owner, allowed, now, |window| {
            let before = window.meter(allowed);
            if before.remaining() == 0 {
                return Err(before);
            }
            window.used += 1;
            window.left = window.left.map(|left| left - 1);
            Ok(window.meter(allowed))
        })
    }

    /// Takes back the charge of a request that turned out to be free.
    pub(crate) fn give_back(&self, owner: &Owner, allowed: Allowance, now: i64) -> Meter {
        self.with_window(owner, allowed, now, |window| {
            window.used = window.used.saturating_sub(1);
            window.left = window.left.map(|left| left + 1);
            window.meter(allowed)
        })
    }

    /// The bucket without charging; an unused bucket would begin now.
    pub(crate) fn peek(&self, owner: &Owner, allowed: Allowance, now: i64) -> Meter {
        let bucket = Bucket {
            owner: owner.clone(),
            resource: allowed.resource,
        };
        let window = self
            .windows
            .lock()
            .get(&bucket)
            .copied()
            .filter(|window| now < window.reset);
        window
            .unwrap_or(Window::begun(now, allowed.window_seconds))
            .meter(allowed)
    }

    /// Empties or fills a bucket; a bucket without a running window begins one now.
    pub(crate) fn set_remaining(&self, bucket: Bucket, remaining: u32, now: i64) {
        let known = LIMITS.iter().find(|limit| limit.0 == bucket.resource);
        let seconds = known.map_or(3_600, |limit| limit.3);
        let mut windows = self.windows.lock();
        let window = windows.entry(bucket).or_insert(Window::begun(now, seconds));
        if now >= window.reset {
            *window = Window::begun(now, seconds);
        }
        window.left = Some(remaining);
    }

    /// What has been charged to each bucket in its last window.
    pub(crate) fn used(&self) -> BTreeMap<String, u32> {
        let windows = self.windows.lock();
        windows
            .iter()
            .map(|(bucket, window)| (bucket.to_string(), window.used))
            .collect()
    }

    fn with_window<T>(
        &self,
        owner: &Owner,
        allowed: Allowance,
        now: i64,
        act: impl FnOnce(&mut Window) -> T,
    ) -> T {
        let bucket = Bucket {
            owner: owner.clone(),
            resource: allowed.resource,
        };
        let mut windows = self.windows.lock();
        let fresh = Window::begun(now, allowed.window_seconds);
        let window = windows.entry(bucket).or_insert(fresh);
        if now >= window.reset {
            *window = fresh;
        }
        act(window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CORE: Allowance = Allowance {
        resource: "core",
        limit: 2,
        window_seconds: 3_600,
    };

    #[test]
    fn a_window_is_fixed_and_begins_with_the_first_request() {
        let quota = Quota::default();
        let owner = Owner::User("octo-1".into());
        let first = quota.take(&owner, CORE, 100).unwrap();
        assert_eq!((first.used, first.remaining(), first.reset), (1, 1, 3_700));
        assert_eq!(quota.take(&owner, CORE, 3_000).unwrap().reset, 3_700);
        assert_eq!(quota.take(&owner, CORE, 3_699).unwrap_err().remaining(), 0);
        let next = quota.take(&owner, CORE, 3_700).unwrap();
        assert_eq!((next.used, next.reset), (1, 7_300));
    }

    #[test]
    fn a_free_answer_is_given_back() {
        let quota = Quota::default();
        let owner = Owner::Installation(5);
        quota.take(&owner, CORE, 0).unwrap();
        assert_eq!(quota.give_back(&owner, CORE, 0).used, 0);
        assert_eq!(quota.peek(&owner, CORE, 0).remaining(), 2);
    }

    #[test]
    fn buckets_have_names() {
        for name in [
            "user:octo-1/core",
            "ip:127.0.0.1/search",
            "repository:o/r/core",
        ] {
            assert_eq!(name.parse::<Bucket>().unwrap().to_string(), name);
        }
        for wrong in ["core", "user/core", "user:x/cores", "ip:x/core"] {
            assert!(wrong.parse::<Bucket>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_bucket_can_be_emptied_before_its_first_use() {
        let quota = Quota::default();
        quota.set_remaining("user:octo-1/core".parse().unwrap(), 0, 10);
        let exhausted = quota
            .take(&Owner::User("octo-1".into()), CORE, 11)
            .unwrap_err();
        assert_eq!(
            (exhausted.limit, exhausted.used, exhausted.reset),
            (2, 2, 3_610)
        );
        quota.set_remaining("user:octo-1/core".parse().unwrap(), 1, 11);
        assert_eq!(
            quota
                .take(&Owner::User("octo-1".into()), CORE, 11)
                .unwrap()
                .remaining(),
            0
        );
    }

    #[test]
    fn a_larger_limit_draws_on_the_same_counter() {
        let quota = Quota::default();
        let owner = Owner::User("octo-1".into());
        let larger = Allowance { limit: 6, ..CORE };
        for _ in 0..4 {
            quota.take(&owner, larger, 0).unwrap();
        }
        let exhausted = quota.take(&owner, CORE, 0).unwrap_err();
        assert_eq!(
            (exhausted.limit, exhausted.used, exhausted.remaining()),
            (2, 2, 0)
        );
        assert_eq!(quota.take(&owner, larger, 0).unwrap().remaining(), 1);
    }
}
