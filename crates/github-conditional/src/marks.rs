//! Paths that a write through this cache, or an event told from outside, has touched: what is stored below them is not
//! fresh any more.
//!
//! Marking touches a few nodes of a tree, and asking walks up one path, however many entries lie below; nothing is
//! scanned.
//! Marks live in this process: another one that shares the store learns of a write when it asks GitHub.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use parking_lot::RwLock;

use crate::paths::{PathPattern, PathTree, canonical};

mod aliases;

use aliases::Aliases;

/// A longer path is no resource of GitHub's; a write to one marks everything, so that marks stay small.
const MAX_PATH_BYTES: usize = 1024;

/// When which paths were written to.
#[derive(Debug)]
pub(crate) struct Marks {
    state: RwLock<State>,
    aliases: Aliases,
    /// When full, everything older than the newest half is summed up in one mark for all.
    max_marks: usize,
}

/// One or several writes, in order and in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Grows with each write: tells writes apart that happen within one tick of the clock.
    pub(crate) sequence: u64,
    /// What GitHub said until then may be from before the write.
    pub(crate) settled_at: SystemTime,
}

impl Mark {
    /// Both together: as late as the later one in either respect.
    fn and(self, other: Self) -> Self {
        Self {
            sequence: self.sequence.max(other.sequence),
            settled_at: self.settled_at.max(other.settled_at),
        }
    }

    fn join(into: &mut Option<Self>, mark: Self) {
        *into = Some(into.map_or(mark, |known| known.and(mark)));
    }
}

#[derive(Debug, Default)]
struct State {
    paths: PathTree<Mark>,
    marked: usize,
    /// Everything counts as written to by this write: stands for the marks that were dropped.
    everything: Option<Mark>,
    sequence: u64,
}

impl Marks {
    pub(crate) fn new(max_marks: usize) -> Self {
        Self {
            state: RwLock::default(),
            aliases: Aliases::default(),
            max_marks,
        }
    }

    /// A write to `path` now: it, all below it, and the collection it belongs to have changed, under whichever of
    /// GitHub's two names the resource was stored.
    pub(crate) fn mark(&self, path: &str, now: SystemTime) {
        if path.len() > MAX_PATH_BYTES {
            self.state.write().mark_everything(now);
            return;
        }
        let written = PathPattern::exactly(path);
        let mut patterns = Vec::with_capacity(4);
        for name in self.aliases.of(&written).into_iter().chain([written]) {
            patterns.extend(name.collection());
            patterns.push(name.and_below());
        }
        self.mark_patterns(&patterns, now, Duration::ZERO);
    }

    /// An event has touched these paths; what GitHub says in the time `settle` after it may still be from before.
    pub(crate) fn mark_patterns(
        &self,
        patterns: &[PathPattern],
        now: SystemTime,
        settle: Duration,
    ) {
        let mut state = self.state.write();
        state.sequence += 1;
        let mark = Mark {
            sequence: state.sequence,
            settled_at: now.checked_add(settle).unwrap_or(now),
        };
        if patterns.len() > self.max_marks {
            Mark::join(&mut state.everything, mark);
            return;
        }
        if state.marked + patterns.len() > self.max_marks {
            state.forget_older_half(self.max_marks);
        }
        for pattern in patterns {
            let slot = state.paths.slot(pattern);
            let new = usize::from(slot.is_none());
            Mark::join(slot, mark);
            state.marked += new;
        }
    }

    /// The last write to anything that covers `path`.
    pub(crate) fn last(&self, path: &str) -> Option<Mark> {
        let state = self.state.read();
        let mut last = state.everything;
        if state.marked > 0 {
            let path = canonical(path);
            state
                .paths
                .visit(&path, &mut |mark| Mark::join(&mut last, *mark));
        }
        last
    }

    /// Learns from an answer's `Link` under which number GitHub knows the owner or repository of `path`.
    pub(crate) fn learn(&self, path: &str, headers: &HeaderMap) {
        self.aliases.learn(path, headers);
    }
}

impl State {
    fn mark_everything(&mut self, now: SystemTime) {
        self.sequence += 1;
        let mark = Mark {
            sequence: self.sequence,
            settled_at: now,
        };
        Mark::join(&mut self.everything, mark);
    }

    fn forget_older_half(&mut self, max_marks: usize) {
        let mut marks = std::mem::take(&mut self.paths).into_patterns();
        let keep = max_marks / 2;
        marks.sort_unstable_by_key(|(_, mark)| std::cmp::Reverse(mark.sequence));
        for (_, forgotten) in marks.drain(keep.min(marks.len())..) {
            Mark::join(&mut self.everything, forgotten);
        }
        self.marked = marks.len();
        for (pattern, mark) in marks {
            *self.paths.slot(&pattern) = Some(mark);
        }
    }
}

#[cfg(test)]
mod tests;
