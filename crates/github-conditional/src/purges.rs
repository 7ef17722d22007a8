//! What an operator has purged: paths whose stored answers from before count for nothing.
//!
//! Store keys are digests, so nothing can be listed by path. A purge is a mark with a time instead: whatever is loaded
//! under a marked path loses all that GitHub had said up to then, before anybody is shown it, and is taken out of the
//! store when nothing is left. A mark costs one map slot however many entries lie below it, and takes effect at once;
//! the bytes go when an entry is next asked for, or when the store evicts it.

use std::collections::HashMap;
use std::time::SystemTime;

use parking_lot::RwLock;

/// Purges that are remembered; when full, the older half becomes one purge of everything.
const MAX_PURGES: usize = 1024;

/// What is purged. Paths are those of GitHub, without query: all variants of a resource go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purge<'a> {
    /// This resource, whatever its query.
    Path(&'a str),
    /// This resource and all below it, by whole segments: `/repos/o` is not a prefix of `/repos/other`.
    Prefix(&'a str),
}

impl Purge<'_> {
    /// The word used in answers and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Path(_) => "path",
            Self::Prefix(_) => "prefix",
        }
    }
}

/// When what was purged.
#[derive(Debug, Default)]
pub(crate) struct Purges {
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    paths: HashMap<Box<str>, SystemTime>,
    prefixes: HashMap<Box<str>, SystemTime>,
}

impl Purges {
    pub(crate) fn add(&self, purge: Purge<'_>, now: SystemTime) {
        let mut state = self.state.write();
        if state.paths.len() + state.prefixes.len() >= MAX_PURGES {
            state.sum_up_older_half();
        }
        match purge {
            Purge::Path(path) => state.paths.insert(trimmed(path).into(), now),
            Purge::Prefix(path) => state.prefixes.insert(trimmed(path).into(), now),
        };
    }

    /// The last purge that covers `path`.
    pub(crate) fn last(&self, path: &str) -> Option<SystemTime> {
        let state = self.state.read();
        if state.paths.is_empty() && state.prefixes.is_empty() {
            return None;
        }
        let path = trimmed(path);
        let mut newest = state.paths.get(path).copied();
        let mut prefix = path;
        loop {
            newest = newest.max(state.prefixes.get(prefix).copied());
            match prefix.rsplit_once('/') {
                Some((parent, _)) => prefix = parent,
                None => return newest,
            }
        }
    }
}

/// The root is the empty path, so that every path ends its way up there.
fn trimmed(path: &str) -> &str {
    path.trim_end_matches('/')
}

impl State {
    fn sum_up_older_half(&mut self) {
        let mut times: Vec<_> = self
            .paths
            .values()
            .chain(self.prefixes.values())
            .copied()
            .collect();
        let middle = times.len() / 2;
        let (_, cut, _) = times.select_nth_unstable(middle);
        let cut = *cut;
        self.paths.retain(|_, at| *at > cut);
        self.prefixes.retain(|_, at| *at > cut);
        self.prefixes.insert("".into(), cut);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_path_is_exact_and_a_prefix_goes_by_segments() {
        let purges = Purges::default();
        #[track_caller]
        fn check(purges: &Purges, path: &str, expected: Option<u64>) {
            assert_eq!(purges.last(path), expected.map(at), "{path}");
        }
        check(&purges, "/repos/o/r", None);
        purges.add(Purge::Path("/repos/o/r"), at(1));
        check(&purges, "/repos/o/r", Some(1));
        check(&purges, "/repos/o/r/", Some(1));
        check(&purges, "/repos/o/r/issues", None);
        check(&purges, "/repos/o", None);
        purges.add(Purge::Prefix("/repos/o/"), at(2));
        check(&purges, "/repos/o", Some(2));
        check(&purges, "/repos/o/r", Some(2));
        check(&purges, "/repos/o/r/issues/1", Some(2));
        check(&purges, "/repos/other", None);
        purges.add(Purge::Prefix("/"), at(3));
        check(&purges, "/repos/other", Some(3));
        check(&purges, "/", Some(3));
    }

    #[test]
    fn forgetting_never_brings_anything_back() {
        let purges = Purges::default();
        for number in 0..5_000_u64 {
            purges.add(Purge::Path(&format!("/users/u{number}")), at(number + 1));
        }
        let state = purges.state.read();
        assert!(state.paths.len() + state.prefixes.len() <= MAX_PURGES);
        drop(state);
        for number in [0, 1, 2_500, 4_999] {
            let purged = purges.last(&format!("/users/u{number}"));
            assert!(purged >= Some(at(number + 1)), "purge {number} was lost");
        }
    }
}
