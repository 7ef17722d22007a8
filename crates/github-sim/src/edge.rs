//! The shared edge cache in front of anonymous GETs (behaviour notes 1.10): stale for as long as `s-maxage` says, with
//! the `Date` of the day it was stored.

use bytes::Bytes;
use http::{HeaderMap, header};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// Answers that are kept; beyond them the expired ones go, then all.
const MAX_ENTRIES: usize = 4_096;

/// What distinguishes answers at the edge; the API version does not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct EdgeKey {
    pub(crate) target: String,
    pub(crate) accept: Option<String>,
    pub(crate) accept_encoding: Option<String>,
    pub(crate) requested_with: Option<String>,
}

impl EdgeKey {
    pub(crate) fn of(target: &str, headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name)?.to_str().ok().map(str::to_owned);
        Self {
            target: target.to_owned(),
            accept: text(header::ACCEPT.as_str()),
            accept_encoding: text(header::ACCEPT_ENCODING.as_str()),
            requested_with: text("x-requested-with"),
        }
    }
}

/// A stored answer, without the headers that each answer has of its own.
#[derive(Clone, Debug)]
pub(crate) struct EdgeEntry {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Opaque part of the tag.
    pub(crate) tag: Option<Arc<str>>,
    pub(crate) last_modified: Option<i64>,
    pub(crate) resource: &'static str,
    pub(crate) fresh_until: i64,
}

#[derive(Debug, Default)]
pub(crate) struct Edge(Mutex<HashMap<EdgeKey, Arc<EdgeEntry>>>);

impl Edge {
    pub(crate) fn fresh(&self, key: &EdgeKey, now: i64) -> Option<Arc<EdgeEntry>> {
        self.0
            .lock()
            .get(key)
            .filter(|entry| now < entry.fresh_until)
            .cloned()
    }

    pub(crate) fn store(&self, key: EdgeKey, entry: EdgeEntry, now: i64) {
        let mut entries = self.0.lock();
        if entries.len() >= MAX_ENTRIES {
            entries.retain(|_, entry| now < entry.fresh_until);
        }
        if entries.len() >= MAX_ENTRIES {
            entries.clear();
        }
        entries.insert(key, Arc::new(entry));
    }
}
