//! What was asked and how it was answered: the ground truth that tests compare a client's claims with.

use http::{HeaderMap, Method};
use parking_lot::Mutex;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

/// Requests that had the same caller, method, path, query and status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Counter {
    /// Label of the token, `anonymous`, `app:ID` or `bad-credentials`.
    pub token: String,
    pub method: String,
    /// As sent, `/api/v3` removed.
    pub path: String,
    pub query: String,
    pub status: u16,
    pub count: u64,
}

/// A snapshot of everything counted since the last reset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    pub total: u64,
    /// Requests that never got an answer: resets, outages, garbage.
    pub unanswered: u64,
    /// Connections accepted.
    pub connections: u64,
    /// Requests used in each running bucket, e.g. `user:octo-1/core`.
    pub quota_used: BTreeMap<String, u32>,
    pub by: Vec<Counter>,
}

impl Counters {
    /// Number of requests for which `wanted` says yes.
    pub fn count(&self, wanted: impl Fn(&Counter) -> bool) -> u64 {
        self.by
            .iter()
            .filter(|counter| wanted(counter))
            .map(|counter| counter.count)
            .sum()
    }

    /// Number of answers with this status.
    pub fn count_status(&self, status: u16) -> u64 {
        self.count(|counter| counter.status == status)
    }

    /// Number of requests for this path, whatever the query and the answer.
    pub fn count_path(&self, path: &str) -> u64 {
        self.count(|counter| counter.path == path)
    }
}

/// One request as it arrived, for tests of fidelity.
#[derive(Clone, Debug)]
pub struct SeenRequest {
    pub method: Method,
    /// Path and query as sent.
    pub target: String,
    pub headers: HeaderMap,
    pub body: bytes::Bytes,
}

/// Distinct keys that are kept; beyond them only the total grows.
const MAX_KEYS: usize = 200_000;

#[derive(PartialEq, Eq, Hash)]
struct Key {
    token: Arc<str>,
    method: Method,
    target: Box<str>,
    status: u16,
}

#[derive(Default)]
struct Tallies {
    total: u64,
    unanswered: u64,
    connections: u64,
    by: HashMap<Key, u64>,
    seen: VecDeque<SeenRequest>,
}

/// The recorder behind [`Counters`].
pub(crate) struct Recorder {
    tallies: Mutex<Tallies>,
    keep_requests: usize,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder")
            .field("keep_requests", &self.keep_requests)
            .finish_non_exhaustive()
    }
}

impl Recorder {
    pub(crate) fn keeping(keep_requests: usize) -> Self {
        Self {
            tallies: Mutex::default(),
            keep_requests,
        }
    }

    pub(crate) fn connection(&self) {
        self.tallies.lock().connections += 1;
    }

    pub(crate) fn unanswered(&self) {
        let mut tallies = self.tallies.lock();
        tallies.total += 1;
        tallies.unanswered += 1;
    }

    pub(crate) fn answered(&self, token: Arc<str>, method: Method, target: &str, status: u16) {
        let key = Key {
            token,
            method,
            target: target.into(),
            status,
        };
        let mut tallies = self.tallies.lock();
        tallies.total += 1;
        let full = tallies.by.len() >= MAX_KEYS;
        match tallies.by.get_mut(&key) {
            Some(count) => *count += 1,
            None if full => {}
            None => {
                tallies.by.insert(key, 1);
            }
        }
    }

    pub(crate) fn wants_requests(&self) -> bool {
        self.keep_requests > 0
    }

    pub(crate) fn seen(&self, request: SeenRequest) {
        let mut tallies = self.tallies.lock();
        if tallies.seen.len() == self.keep_requests {
            tallies.seen.pop_front();
        }
        tallies.seen.push_back(request);
    }

    pub(crate) fn requests(&self) -> Vec<SeenRequest> {
        self.tallies.lock().seen.iter().cloned().collect()
    }

    pub(crate) fn reset(&self) {
        *self.tallies.lock() = Tallies::default();
    }

    pub(crate) fn snapshot(&self, quota_used: BTreeMap<String, u32>) -> Counters {
        let tallies = self.tallies.lock();
        let mut by: Vec<Counter> = tallies
            .by
            .iter()
            .map(|(key, count)| {
                let (path, query) = key.target.split_once('?').unwrap_or((&key.target, ""));
                Counter {
                    token: key.token.to_string(),
                    method: key.method.to_string(),
                    path: path.to_owned(),
                    query: query.to_owned(),
                    status: key.status,
                    count: *count,
                }
            })
            .collect();
        by.sort_by(|a, b| {
            (&a.path, &a.query, &a.method, &a.token, a.status)
                .cmp(&(&b.path, &b.query, &b.method, &b.token, b.status))
        });
        Counters {
            total: tallies.total,
            unanswered: tallies.unanswered,
            connections: tallies.connections,
            quota_used,
            by,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_caller_target_and_status() {
        let recorder = Recorder::keeping(0);
        for status in [200, 304, 304] {
            recorder.answered("octo-1".into(), Method::GET, "/user?x=1", status);
        }
        recorder.unanswered();
        let counters = recorder.snapshot(BTreeMap::new());
        assert_eq!((counters.total, counters.unanswered), (4, 1));
        assert_eq!(counters.count_status(304), 2);
        assert_eq!(counters.count_path("/user"), 3);
        assert_eq!(counters.by[0].query, "x=1");
        recorder.reset();
        assert_eq!(recorder.snapshot(BTreeMap::new()), Counters::default());
    }
}
