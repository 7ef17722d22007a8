//! Page after page until an event is met that is known, and what that proves.
//!
//! A page that holds a known event is read to its end: late events lie between known ones. Pages that end without one
//! prove nothing about what came before them: that is a gap, unless the feed ended because it had no more to keep.

use std::collections::HashSet;

use crate::event::Event;
use crate::gap::{Gap, GapReason};
use crate::{EventId, Timestamp};

#[cfg(test)]
mod tests;

/// A feed with fewer events than this was not cut off by its limit of about 300 (264 to 276 have been seen): it holds all
/// events of its days.
const FULL: usize = 250;

/// A feed keeps events for so long, in seconds.
const KEPT_SECONDS: i64 = 30 * 86_400;

/// How deep to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Until an event is known.
    Overlap,
    /// To the end, for events that came late, farther down.
    Everything,
}

/// Whether a page names a next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum More {
    /// It has `rel="next"`.
    Next,
    /// It is the last.
    Last,
}

/// What to do after a page.
#[derive(Debug)]
pub(crate) enum Progress {
    /// Fetch the page that it [wants](CatchUp::wanted).
    Wants(CatchUp),
    /// All is read.
    Done(Found),
}

/// What a poll found, once it is through.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Events that were not known, oldest first.
    pub new: Vec<Event>,
    /// Whether an event was met that was known before.
    pub overlap: Overlap,
    /// Distinct events read.
    pub read: usize,
    /// Whether the end of the feed was reached.
    pub end: FeedEnd,
    /// The oldest event read.
    pub oldest: Option<Timestamp>,
}

/// Whether new and known events join.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Overlap {
    /// They do.
    Met,
    /// They do not: events may be missing between them.
    #[default]
    None,
}

/// Where reading stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum FeedEnd {
    /// At the end of the feed.
    Reached,
    /// Before it, because an event was known.
    #[default]
    NotReached,
}

/// A poll that reads page after page.
#[derive(Debug)]
pub(crate) struct CatchUp {
    depth: Depth,
    page: u32,
    seen: HashSet<EventId>,
    found: Found,
}

impl CatchUp {
    /// To begin with page 1.
    pub(crate) fn new(depth: Depth) -> Self {
        Self {
            depth,
            page: 1,
            seen: HashSet::new(),
            found: Found::default(),
        }
    }

    /// Takes the page that was asked for; `known` are those of its events that are stored.
    pub(crate) fn page(
        mut self,
        events: Vec<Event>,
        known: &HashSet<EventId>,
        more: More,
    ) -> Progress {
        let empty = events.is_empty();
        for event in events {
            // Events that come while pages are read push others onto the next page: those are met twice.
            if !self.seen.insert(event.id) {
                continue;
            }
            self.found.oldest = Some(match self.found.oldest {
                Some(oldest) => oldest.min(event.created_at),
                None => event.created_at,
            });
            if known.contains(&event.id) {
                self.found.overlap = Overlap::Met;
            } else {
                self.found.new.push(event);
            }
        }
        self.found.read = self.seen.len();
        if more == More::Last || empty {
            return Progress::Done(self.at_end());
        }
        if self.depth == Depth::Overlap && self.found.overlap == Overlap::Met {
            return Progress::Done(self.finished());
        }
        self.page += 1;
        Progress::Wants(self)
    }

    /// The page to ask for.
    pub(crate) fn wanted(&self) -> u32 {
        self.page
    }

    /// The page that was asked for lies behind the end (422).
    pub(crate) fn at_end(mut self) -> Found {
        self.found.end = FeedEnd::Reached;
        self.finished()
    }

    fn finished(mut self) -> Found {
        self.found.new.sort_by_key(Event::position);
        self.found
    }
}

/// What was known of a repository before a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Before {
    /// The newest event stored; none before the first poll.
    pub newest: Option<Timestamp>,
    /// The last poll that was answered.
    pub polled_at: Option<Timestamp>,
    /// Whether this process has polled it before.
    pub running: Running,
    /// Whether the feed had been silent for improbably long.
    pub feed: FeedState,
}

/// Whether a poll is the first of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Running {
    /// It is.
    FirstPoll,
    /// It is not.
    Polled,
}

/// Whether the feed could be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FeedState {
    /// It moved, or its silence was probable.
    Moving,
    /// Its silence was improbable: frozen, or its tag stuck.
    Silent,
}

impl Found {
    /// Whether so few events were read that the feed cannot have been cut off by its limit.
    fn is_whole(&self) -> bool {
        self.end == FeedEnd::Reached && self.read < FULL
    }

    /// The moment since which every event is known, by this poll alone. None when the poll did not reach so far.
    pub(crate) fn covers_from(&self, now: Timestamp) -> Option<Timestamp> {
        if self.is_whole() {
            return Some(Timestamp::from_seconds(
                now.seconds().saturating_sub(KEPT_SECONDS),
            ));
        }
        self.oldest
    }

    /// The gap between what was known and what was found, if they do not join.
    pub(crate) fn gap(&self, before: &Before, now: Timestamp) -> Option<Gap> {
        let newest = before.newest?;
        let (Overlap::None, Some(oldest)) = (self.overlap, self.oldest) else {
            return None;
        };
        let kept_since = now.seconds().saturating_sub(KEPT_SECONDS);
        let polled_within = before
            .polled_at
            .is_some_and(|at| at.seconds() >= kept_since);
        if self.is_whole() && polled_within {
            // The known ones aged out of the feed; everything since the last poll is still in it.
            return None;
        }
        Some(Gap {
            from: newest,
            to: oldest.max(newest),
            reason: match (before.feed, before.running) {
                (FeedState::Silent, _) => GapReason::Upstream,
                (FeedState::Moving, Running::FirstPoll) => GapReason::Downtime,
                (FeedState::Moving, Running::Polled) => GapReason::Overflow,
            },
            // The buffer may have been just large enough: none is proven to be missing.
            events_missed_at_least: 0,
        })
    }
}
