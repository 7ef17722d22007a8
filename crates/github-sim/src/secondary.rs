//! Secondary limits: concurrency, points per endpoint, content creation (behaviour notes 2). No header shows them.

use crate::quota::Owner;
use crate::switches::Switches;
use http::Method;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Which limit refused the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SecondaryLimit {
    Concurrency,
    Points,
    Content,
}

/// One request in flight; ends when dropped.
#[derive(Debug)]
pub(crate) struct Flight(Arc<AtomicU32>);

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    ends: i64,
    count: u32,
}

impl Tally {
    /// Adds within a window that begins with its first request; the total including this one.
    fn add(&mut self, amount: u32, now: i64, seconds: i64) -> u32 {
        if now >= self.ends {
            *self = Self {
                ends: now + seconds,
                count: 0,
            };
        }
        self.count = self.count.saturating_add(amount);
        self.count
    }
}

#[derive(Debug, Default)]
struct Ledger {
    in_flight: Arc<AtomicU32>,
    points: HashMap<u64, Tally>,
    content_minute: Tally,
    content_hour: Tally,
}

#[derive(Debug, Default)]
pub(crate) struct SecondaryLimiter {
    ledgers: Mutex<HashMap<Owner, Ledger>>,
}

impl SecondaryLimiter {
    /// Counts the request against all limits; a refused request has been counted too.
    pub(crate) fn admit(
        &self,
        owner: &Owner,
        method: &Method,
        path: &str,
        now: i64,
        switches: &Switches,
    ) -> Result<Flight, SecondaryLimit> {
        let mut ledgers = self.ledgers.lock();
        let ledger = ledgers.entry(owner.clone()).or_default();
        if ledger.in_flight.load(Ordering::SeqCst) >= switches.concurrent_requests {
            return Err(SecondaryLimit::Concurrency);
        }
        let graphql = path == "/graphql";
        let allowed = if graphql {
            switches.graphql_points_per_minute
        } else {
            switches.points_per_minute
        };
        let tally = ledger.points.entry(endpoint(path)).or_default();
        if tally.add(points(method, path), now, 60) > allowed {
            return Err(SecondaryLimit::Points);
        }
        if !method.is_safe() && !graphql {
            let minute = ledger.content_minute.add(1, now, 60);
            let hour = ledger.content_hour.add(1, now, 3_600);
            if minute > switches.content_per_minute || hour > switches.content_per_hour {
                return Err(SecondaryLimit::Content);
            }
        }
        ledger.in_flight.fetch_add(1, Ordering::SeqCst);
        Ok(Flight(Arc::clone(&ledger.in_flight)))
    }

    /// Takes the points back, where 304s are free of them.
    pub(crate) fn give_back(&self, owner: &Owner, method: &Method, path: &str) {
        if let Some(ledger) = self.ledgers.lock().get_mut(owner)
            && let Some(tally) = ledger.points.get_mut(&endpoint(path))
        {
            tally.count = tally.count.saturating_sub(points(method, path));
        }
    }
}

/// Reads cost 1, writes 5; a GraphQL query without mutation costs 1.
fn points(method: &Method, path: &str) -> u32 {
    if method.is_safe() || path == "/graphql" {
        1
    } else {
        5
    }
}

/// Identity of the endpoint: the path with owners, names, numbers and object ids left out.
fn endpoint(path: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut root = "";
    for (index, segment) in path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .enumerate()
    {
        if index == 0 {
            root = segment;
        }
        let named = match root {
            "repos" | "networks" => (1..=2).contains(&index),
            "users" | "orgs" | "repositories" | "organizations" => index == 1,
            _ => false,
        };
        let numbered = segment.bytes().all(|byte| byte.is_ascii_digit());
        let object = segment.len() == 40 && segment.bytes().all(|byte| byte.is_ascii_hexdigit());
        let variable = named || numbered || object;
        if variable { "{}" } else { segment }.hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(
        limiter: &SecondaryLimiter,
        method: &Method,
        path: &str,
        now: i64,
    ) -> Result<Flight, SecondaryLimit> {
        let owner = Owner::User("octo-1".into());
        limiter.admit(&owner, method, path, now, &Switches::default())
    }

    #[test]
    fn points_are_per_endpoint_and_minute() {
        let limiter = SecondaryLimiter::default();
        for _ in 0..900 {
            admit(&limiter, &Method::GET, "/repos/o/r/issues", 0).unwrap();
        }
        let refused = admit(&limiter, &Method::GET, "/repos/other/repo/issues", 59);
        assert_eq!(refused.unwrap_err(), SecondaryLimit::Points);
        admit(&limiter, &Method::GET, "/repos/o/r/pulls", 59).unwrap();
        admit(&limiter, &Method::GET, "/repos/o/r/issues", 60).unwrap();
    }

    #[test]
    fn a_flight_ends_when_dropped() {
        let limiter = SecondaryLimiter::default();
        let flights: Vec<Flight> = (0..100)
            .map(|_| admit(&limiter, &Method::GET, "/a", 0).unwrap())
            .collect();
        let refused = admit(&limiter, &Method::GET, "/a", 0);
        assert_eq!(refused.unwrap_err(), SecondaryLimit::Concurrency);
        drop(flights);
        admit(&limiter, &Method::GET, "/a", 0).unwrap();
    }

    #[test]
    fn writes_are_limited_by_minute_and_hour() {
        let limiter = SecondaryLimiter::default();
        for number in 0..80 {
            admit(&limiter, &Method::POST, &format!("/x{number}"), 0).unwrap();
        }
        let refused = admit(&limiter, &Method::POST, "/y", 0);
        assert_eq!(refused.unwrap_err(), SecondaryLimit::Content);
        admit(&limiter, &Method::POST, "/y", 60).unwrap();
    }

    #[test]
    fn a_read_can_be_given_back() {
        let limiter = SecondaryLimiter::default();
        let owner = Owner::User("octo-1".into());
        let switches = Switches {
            points_per_minute: 1,
            ..Switches::default()
        };
        for _ in 0..3 {
            limiter
                .admit(&owner, &Method::GET, "/a", 0, &switches)
                .unwrap();
            limiter.give_back(&owner, &Method::GET, "/a");
        }
    }
}
