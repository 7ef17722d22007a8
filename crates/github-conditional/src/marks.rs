//! Paths that a write through this cache has touched: what is stored below them is not fresh any more.
//!
//! Marking is one map write and asking walks up the path once, however many entries lie below; nothing is scanned.

use std::collections::HashMap;
use std::time::SystemTime;

use parking_lot::RwLock;

/// Marked paths that are remembered; when full, everything older than the newest half is summed up in one mark for all.
const MAX_MARKS: usize = 8192;

/// A longer path is no resource of GitHub's; a write to one marks everything, so that marks stay small.
const MAX_PATH_BYTES: usize = 1024;

/// When which paths were written to.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    state: RwLock<State>,
}

/// One write, in order and in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark {
    /// Grows with each write: tells writes apart that happen within one tick of the clock.
    pub(crate) sequence: u64,
    pub(crate) at: SystemTime,
}

#[derive(Debug, Default)]
struct State {
    paths: HashMap<Box<str>, Mark>,
    /// Everything counts as written to by this write: stands for the marks that were dropped.
    everything: Option<Mark>,
    sequence: u64,
}

impl Marks {
    /// A successful write to `path`: it, all below it, and the collection it belongs to have changed.
    pub(crate) fn mark(&self, path: &str, now: SystemTime) {
        let mut state = self.state.write();
        if state.paths.len() + 2 > MAX_MARKS {
            state.forget_older_half();
        }
        let path = path.trim_end_matches('/');
        state.sequence += 1;
        let mark = Mark {
            sequence: state.sequence,
            at: now,
        };
        if path.len() > MAX_PATH_BYTES {
            state.everything = Some(mark);
            return;
        }
        state.paths.insert(path.into(), mark);
        if let Some((parent, _)) = path.rsplit_once('/') {
            // Only the collection itself, not what else lies below it: a key that no path has as a prefix.
            state.paths.insert(format!("{parent}//").into(), mark);
        }
    }

    /// The last write to anything that covers `path`.
    pub(crate) fn last(&self, path: &str) -> Option<Mark> {
        let state = self.state.read();
        if state.paths.is_empty() {
            return state.everything;
        }
        let path = path.trim_end_matches('/');
        let itself = state.paths.get(format!("{path}//").as_str()).copied();
        let mut newest = state.everything.max(itself);
        let mut prefix = path;
        loop {
            newest = newest.max(state.paths.get(prefix).copied());
            match prefix.rsplit_once('/') {
                Some((parent, _)) => prefix = parent,
                None => return newest,
            }
        }
    }
}

impl State {
    fn forget_older_half(&mut self) {
        let mut times: Vec<_> = self.paths.values().copied().collect();
        let middle = times.len() / 2;
        let (_, cut, _) = times.select_nth_unstable(middle);
        let cut = *cut;
        self.everything = self.everything.max(Some(cut));
        self.paths.retain(|_, marked| *marked > cut);
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
    fn a_write_covers_itself_what_is_below_and_its_collection() {
        let marks = Marks::default();
        marks.mark("/repos/o/r/issues/5", at(1));
        #[track_caller]
        fn check(marks: &Marks, path: &str, expected: Option<SystemTime>) {
            assert_eq!(marks.last(path).map(|mark| mark.at), expected, "{path}");
        }
        check(&marks, "/repos/o/r/issues/5", Some(at(1)));
        check(&marks, "/repos/o/r/issues/5/comments", Some(at(1)));
        check(&marks, "/repos/o/r/issues", Some(at(1)));
        check(&marks, "/repos/o/r/issues/6", None);
        check(&marks, "/repos/o/r/issues/55", None);
        check(&marks, "/repos/o/r", None);
        marks.mark("/repos/o/r", at(2));
        check(&marks, "/repos/o/r/issues/5", Some(at(2)));
        check(&marks, "/repos/o/r2", None);
    }

    #[test]
    fn an_absurd_path_marks_everything_and_takes_no_room() {
        let marks = Marks::default();
        marks.mark(&format!("/{}", "x".repeat(60_000)), at(3));
        assert!(marks.state.read().paths.is_empty());
        assert_eq!(marks.last("/repos/o/r").map(|mark| mark.at), Some(at(3)));
    }

    #[test]
    fn forgetting_never_unmarks() {
        let marks = Marks::default();
        for number in 0..20_000_u64 {
            marks.mark(&format!("/repos/o/r{number}"), at(number + 1));
        }
        assert!(marks.state.read().paths.len() <= MAX_MARKS);
        for number in [0, 1, 9_999, 15_000, 19_999] {
            let marked = marks
                .last(&format!("/repos/o/r{number}"))
                .map(|mark| mark.at);
            assert!(marked >= Some(at(number + 1)), "mark {number} was lost");
        }
    }
}
