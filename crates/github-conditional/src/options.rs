//! Settings of the engine; every default works.

use std::time::Duration;

use crate::policy::before::Freshness;
use crate::routes::RouteTable;

/// Whether an unseen list is asked about as an empty one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpeculateEmptyLists {
    /// Yes: an empty list costs an authorised caller nothing, even the first time.
    Yes,
    /// No.
    No,
}

/// Settings of a [`ConditionalLayer`](crate::ConditionalLayer).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Scheme and authority of the API, part of every key and of links made here. Default `https://api.github.com`.
    /// Requests to other hosts are not cached.
    pub origin: String,
    /// Bytes up to which a body is stored. Default 8 MiB. Larger bodies stream through in flat memory.
    pub max_cacheable_body_bytes: usize,
    /// Bytes that all bodies being recorded may hold together. Default 256 MiB. Beyond it answers stream through
    /// without being stored.
    pub max_recording_bytes: usize,
    /// How long a body may stall while it is recorded. Default 30 s. After that it has failed, and is not stored.
    pub body_idle_timeout: Duration,
    /// How long a caller waits for another caller's first fetch of the same resource before it fetches itself.
    /// Default 10 s. Waiting saves a request: the other's answer can then be confirmed at no cost.
    pub cold_wait: Duration,
    /// When anonymous callers are served unasked. Default [`Freshness::Rfc9111`], because GitHub charges them for a 304
    /// and answers them from its own edge cache anyway.
    pub anonymous: Freshness,
    /// When authorised callers are served unasked. Default [`Freshness::Revalidate`]: a 304 costs them nothing.
    pub authorized: Freshness,
    /// What is known of single routes; where no rule matches, the two above count. Default none.
    /// A [`RoutePolicy`](crate::RoutePolicy) among a request's extensions overrides it.
    pub routes: RouteTable,
    /// Bytes that remembered 404s may hold together (see [`RoutePolicy::Negative`](crate::RoutePolicy)). Default 4 MiB.
    pub max_absence_bytes: usize,
    /// Paths touched by writes and events that are remembered. Default 32768. Beyond it the older half is summed up: then
    /// everything is asked about once, which costs authorised callers nothing.
    pub max_marks: usize,
    /// Default [`SpeculateEmptyLists::Yes`].
    pub speculate_empty_lists: SpeculateEmptyLists,
    /// `User-Agent` to send instead of one for which GitHub pretty-prints JSON (browsers, curl, wget): a pretty-printed
    /// body is not the one that the tag describes. Default `github-conditional`.
    pub plain_user_agent: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            origin: "https://api.github.com".to_owned(),
            max_cacheable_body_bytes: 8 << 20,
            max_recording_bytes: 256 << 20,
            body_idle_timeout: Duration::from_secs(30),
            cold_wait: Duration::from_secs(10),
            anonymous: Freshness::Rfc9111,
            authorized: Freshness::Revalidate,
            routes: RouteTable::default(),
            max_absence_bytes: 4 << 20,
            max_marks: 32_768,
            speculate_empty_lists: SpeculateEmptyLists::Yes,
            plain_user_agent: concat!("github-conditional/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}
