//! Which events count: those newer than some days, and of them the newest so many, all types together.
//!
//! [`Window`] keeps one repository's counted events in order of time, whole and by type, so that the mean gap of each
//! type is at hand at any moment. An event that comes in order, and one that expires, costs constant time; a late one is
//! put into its place.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::gap::Gap;
use crate::statistics::{Statistics, mean_gap};
use crate::{EventId, Timestamp};

#[cfg(test)]
mod tests;

/// How far a window reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// Days back from now.
    pub days: u32,
    /// Events, all types together.
    pub max_events: usize,
}

impl Default for Extent {
    fn default() -> Self {
        Self {
            days: 7,
            max_events: 500,
        }
    }
}

impl Extent {
    /// The length in seconds.
    pub fn seconds(self) -> i64 {
        i64::from(self.days) * 86_400
    }

    /// Events at this moment or before it do not count.
    pub fn start(self, now: Timestamp) -> Timestamp {
        now.before(Duration::from_secs(u64::from(self.days) * 86_400))
    }
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// It counts.
    Counted,
    /// It is there already; the first form stays.
    Known,
    /// It is older than the newest `max_events`, or than `days`.
    TooOld,
}

/// Why a window does not reach farther back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LimitedBy {
    /// It covers all its days.
    Age,
    /// More than `max_events` lie inside the days.
    Count,
    /// The repository has not been watched for so long.
    History,
}

/// A window's own description, beside the numbers.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct WindowReport {
    /// Days asked for.
    pub days: u32,
    /// Most events asked for.
    pub max_events: usize,
    /// Where the numbers begin.
    pub from: Timestamp,
    /// Where they end.
    pub to: Timestamp,
    /// Events counted, all types together.
    pub events: usize,
    /// Why it begins there.
    pub limited_by: LimitedBy,
    /// Whether no event of it can be missing.
    pub complete: bool,
    /// Where some may be.
    pub gaps: Vec<Gap>,
}

type Position = (Timestamp, EventId);

/// The counted events of one repository.
#[derive(Clone, Debug)]
pub struct Window {
    extent: Extent,
    /// Oldest first.
    events: VecDeque<(Position, Box<str>)>,
    kinds: BTreeMap<Box<str>, VecDeque<Position>>,
    ids: HashSet<EventId>,
    /// The newest event that had to go because there were too many.
    crowded_out: Option<Position>,
}

impl Window {
    /// An empty one.
    pub fn new(extent: Extent) -> Self {
        Self {
            extent,
            events: VecDeque::new(),
            kinds: BTreeMap::new(),
            ids: HashSet::new(),
            crowded_out: None,
        }
    }

    /// How far it reaches.
    pub fn extent(&self) -> Extent {
        self.extent
    }

    /// Takes an event, whenever it happened.
    pub fn insert(&mut self, id: EventId, at: Timestamp, kind: &str, now: Timestamp) -> Inserted {
        self.expire(now);
        if self.ids.contains(&id) {
            return Inserted::Known;
        }
        let position = (at, id);
        if at <= self.extent.start(now) {
            return Inserted::TooOld;
        }
        let full = self.events.len() >= self.extent.max_events;
        if full
            && self
                .events
                .front()
                .is_none_or(|(oldest, _)| position < *oldest)
        {
            self.crowded_out = self.crowded_out.max(Some(position));
            return Inserted::TooOld;
        }
        place(&mut self.events, (position, kind.into()), |(other, _)| {
            *other
        });
        let same = match self.kinds.get_mut(kind) {
            Some(same) => same,
            None => self.kinds.entry(kind.into()).or_default(),
        };
        place(same, position, |other| *other);
        self.ids.insert(id);
        if full && let Some(gone) = self.drop_oldest() {
            self.crowded_out = self.crowded_out.max(Some(gone));
        }
        Inserted::Counted
    }

    /// Whether nothing in it has become too old.
    pub(crate) fn is_as_of(&self, now: Timestamp) -> bool {
        let start = self.extent.start(now);
        let oldest = self.events.front().map(|((at, _), _)| *at);
        let crowded_out = self.crowded_out.map(|(at, _)| at);
        oldest.is_none_or(|at| at > start) && crowded_out.is_none_or(|at| at > start)
    }

    /// Lets go of what has become too old.
    pub fn expire(&mut self, now: Timestamp) {
        let start = self.extent.start(now);
        while self.events.front().is_some_and(|((at, _), _)| *at <= start) {
            self.drop_oldest();
        }
        if self.crowded_out.is_some_and(|(at, _)| at <= start) {
            self.crowded_out = None;
        }
    }

    fn drop_oldest(&mut self) -> Option<Position> {
        let (position, kind) = self.events.pop_front()?;
        self.ids.remove(&position.1);
        if let Some(same) = self.kinds.get_mut(&kind) {
            // The oldest of all is the oldest of its kind.
            same.pop_front();
            if same.is_empty() {
                self.kinds.remove(&kind);
            }
        }
        Some(position)
    }

    /// Events counted, as of the last insertion or expiry.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether none is counted.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The mean gap of one type, in constant time.
    pub fn average_seconds(&self, kind: &str) -> Option<f64> {
        let same = self.kinds.get(kind)?;
        mean_gap(same.front()?.0, same.back()?.0, same.len())
    }

    /// Types that occur, in order of their names.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.kinds.keys().map(|kind| &**kind)
    }

    /// All counted events, oldest first: when, and of which type.
    pub fn events(&self) -> impl Iterator<Item = (Timestamp, &str)> {
        self.events.iter().map(|((at, _), kind)| (*at, &**kind))
    }

    /// The numbers of one type.
    pub fn statistics(&self, kind: &str) -> Statistics {
        let moments: Vec<Timestamp> = self
            .kinds
            .get(kind)
            .map(|same| same.iter().map(|(at, _)| *at).collect())
            .unwrap_or_default();
        Statistics::of(Some(kind), &moments, self.extent.seconds())
    }

    /// The numbers of these types taken together; of all where none is named.
    pub fn together(&self, kinds: &[&str]) -> Statistics {
        let moments: Vec<Timestamp> = self
            .events
            .iter()
            .filter(|(_, kind)| kinds.is_empty() || kinds.contains(&&**kind))
            .map(|((at, _), _)| *at)
            .collect();
        Statistics::of(None, &moments, self.extent.seconds())
    }

    /// What the window covers.
    ///
    /// `covered_from` is the moment since which every event of the repository has been seen; none before the first poll.
    /// `gaps` are all that are known of the repository.
    pub fn report(
        &mut self,
        covered_from: Option<Timestamp>,
        gaps: &[Gap],
        now: Timestamp,
    ) -> WindowReport {
        self.expire(now);
        self.described(covered_from, gaps, now)
    }

    /// The same of a window that [is as of](Self::is_as_of) now.
    pub(crate) fn described(
        &self,
        covered_from: Option<Timestamp>,
        gaps: &[Gap],
        now: Timestamp,
    ) -> WindowReport {
        let start = self.extent.start(now);
        let limited_by = if self.crowded_out.is_some() {
            LimitedBy::Count
        } else if covered_from.is_some_and(|covered| covered <= start) {
            LimitedBy::Age
        } else {
            LimitedBy::History
        };
        let from = match limited_by {
            LimitedBy::Age => start,
            LimitedBy::Count => self.events.front().map_or(start, |((at, _), _)| *at),
            // Never before the window itself, whatever was covered once.
            LimitedBy::History => covered_from.map_or(now, |covered| covered.max(start)),
        };
        let touching = match limited_by {
            LimitedBy::Count => from,
            LimitedBy::Age | LimitedBy::History => start,
        };
        let gaps: Vec<Gap> = gaps
            .iter()
            .filter(|gap| gap.touches(touching))
            .cloned()
            .collect();
        WindowReport {
            days: self.extent.days,
            max_events: self.extent.max_events,
            from,
            to: now,
            events: self.events.len(),
            limited_by,
            complete: gaps.is_empty() && limited_by != LimitedBy::History,
            gaps,
        }
    }
}

/// Puts an element into its place; almost always that is the end.
fn place<T>(ordered: &mut VecDeque<T>, element: T, position: impl Fn(&T) -> Position) {
    let at = position(&element);
    let index = match ordered.back() {
        Some(last) if position(last) > at => ordered.partition_point(|other| position(other) < at),
        _ => ordered.len(),
    };
    ordered.insert(index, element);
}
