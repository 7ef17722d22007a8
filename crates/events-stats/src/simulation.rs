//! What a polling policy would have done with events of the past: the monitor's own decisions in virtual time (pure).
//!
//! Feeds behave as GitHub's: 300 events of 30 days, three pages of a hundred, a tag that changes with the content.

use std::collections::HashSet;
use std::time::Duration;

use crate::event::Event;
use crate::gap::Gap;
use crate::policy::{Allowance, Policy};
use crate::poll::{
    CatchUp, Depth, FeedEnd, Found, Knowledge, More, Progress, Question, Running, Silence, question,
};
use crate::rate::Recent;
use crate::schedule::{Schedule, USUAL_SECONDS};
use crate::{EventId, Timestamp};

/// What a feed holds.
const KEPT: usize = 300;
const KEPT_FOR: Duration = Duration::from_secs(30 * 86_400);
const PAGE: usize = 100;
const SWEEP_EVERY: Duration = Duration::from_secs(3600);

/// One repository's events.
#[derive(Clone, Debug)]
pub(crate) struct History {
    name: Box<str>,
    /// Oldest first.
    events: Vec<Event>,
}

impl History {
    /// Of events in any order.
    pub(crate) fn new(name: &str, mut events: Vec<Event>) -> Self {
        events.sort_by_key(Event::position);
        events.dedup_by_key(|event| event.id);
        Self {
            name: name.into(),
            events,
        }
    }

    /// `owner/name`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulated {
    /// Requests, pages included.
    pub requests: u64,
    /// Of them, answered 304.
    pub not_modified: u64,
    /// Events seen, but for those of the very first polls.
    pub seen: u64,
    /// Seconds from an event to the poll that saw it, on average.
    pub mean_delay_seconds: Option<f64>,
    /// Nineteen of twenty events were seen within so many seconds.
    pub p95_delay_seconds: Option<i64>,
    /// Events that fell out of a feed before they were seen.
    pub lost: u64,
    /// Of them, those that no gap tells of.
    pub lost_unreported: u64,
    /// Gaps reported.
    pub gaps: u64,
}

struct Watched<'a> {
    feed: &'a [Event],
    /// Events that had happened at the last answer that was read; the tag.
    tag: Option<usize>,
    known: HashSet<EventId>,
    recent: Recent,
    silence: Silence,
    newest: Option<Timestamp>,
    polled_at: Option<Timestamp>,
    swept_at: Option<Timestamp>,
    due: Timestamp,
    gaps: Vec<Gap>,
    finished: bool,
}

/// Polls these feeds from their first event to their last.
pub(crate) fn simulate(histories: &[History], policy: Policy, allowance: Allowance) -> Simulated {
    let moments = || {
        histories
            .iter()
            .flat_map(|history| &history.events)
            .map(|one| one.created_at)
    };
    let (Some(start), Some(end)) = (moments().min(), moments().max()) else {
        return Tally::default().result(&[]);
    };
    let mut schedule = Schedule::new(policy, allowance);
    let mut watched: Vec<Watched<'_>> = histories
        .iter()
        .map(|one| Watched::new(one, start))
        .collect();
    for index in 0..watched.len() {
        schedule.enter(index, None, USUAL_SECONDS);
    }
    let mut tally = Tally::default();
    loop {
        let unfinished = watched.iter().enumerate().filter(|(_, one)| !one.finished);
        let next = unfinished.min_by_key(|(index, one)| (one.due, *index));
        let Some((index, now)) = next.map(|(index, one)| (index, one.due)) else {
            break;
        };
        let one = &mut watched[index];
        one.poll(now, &mut tally);
        one.finished = now > end;
        schedule.enter(index, one.recent.rate(), USUAL_SECONDS);
        one.due = schedule.plan(index, now).next_poll_at;
    }
    tally.result(&watched)
}

impl<'a> Watched<'a> {
    fn new(history: &'a History, start: Timestamp) -> Self {
        Self {
            feed: &history.events,
            tag: None,
            known: HashSet::new(),
            recent: Recent::default(),
            silence: Silence::default(),
            newest: None,
            polled_at: None,
            swept_at: None,
            due: start,
            gaps: Vec::new(),
            finished: false,
        }
    }

    fn poll(&mut self, now: Timestamp, tally: &mut Tally) {
        let happened = self.feed.partition_point(|event| event.created_at <= now);
        let tag = self.tag.map(|_| "tag");
        let question = question(tag, self.silence, self.recent.rate(), now);
        let knowledge = Knowledge {
            newest: self.newest,
            polled_at: self.polled_at,
            running: match self.polled_at {
                Some(_) => Running::Polled,
                None => Running::FirstPoll,
            },
            silence: self.silence,
            question,
        };
        if question == Question::Conditional && self.tag == Some(happened) {
            tally.requests += 1;
            tally.not_modified += 1;
            self.silence = knowledge.same(now).silence;
            self.polled_at = Some(now);
            return;
        }
        let swept_lately = self
            .swept_at
            .is_some_and(|swept| now < swept.after(SWEEP_EVERY));
        let depth = match swept_lately {
            true => Depth::Overlap,
            false => Depth::Everything,
        };
        let found = self.read(happened, depth, now, tally);
        let verdict = knowledge.found(&found, now);
        if depth == Depth::Everything || found.end == FeedEnd::Reached {
            self.swept_at = Some(now);
        }
        for event in &found.new {
            if self.polled_at.is_some() {
                tally.delays.push(now.seconds_since(event.created_at));
            }
            self.known.insert(event.id);
            self.newest = self.newest.max(Some(event.created_at));
        }
        let moments = found.new.iter().map(|event| event.created_at);
        self.recent = self.recent.with(moments);
        self.silence = verdict.silence;
        self.gaps.extend(verdict.gap);
        self.tag = Some(happened);
        self.polled_at = Some(now);
    }

    fn read(&self, happened: usize, depth: Depth, now: Timestamp, tally: &mut Tally) -> Found {
        let oldest = now.before(KEPT_FOR);
        let aged_out = self.feed.partition_point(|event| event.created_at < oldest);
        let first = aged_out.max(happened.saturating_sub(KEPT)).min(happened);
        let shown = &self.feed[first..happened];
        let mut reading = CatchUp::new(depth);
        loop {
            tally.requests += 1;
            let page = reading.wanted() as usize;
            let end = shown.len().saturating_sub((page - 1) * PAGE);
            let start = end.saturating_sub(PAGE);
            let events: Vec<Event> = shown[start..end].iter().rev().cloned().collect();
            let more = match start {
                0 => More::Last,
                _ => More::Next,
            };
            match reading.page(events, &self.known, more) {
                Progress::Wants(next) => reading = next,
                Progress::Done(found) => return found,
            }
        }
    }

    /// Events that were never seen, and how many of them no gap tells of.
    fn lost(&self) -> (u64, u64) {
        let missing = self
            .feed
            .iter()
            .filter(|event| !self.known.contains(&event.id));
        let told = |at: Timestamp| self.gaps.iter().any(|gap| gap.from <= at && at <= gap.to);
        missing.fold((0, 0), |(lost, unreported), event| {
            (lost + 1, unreported + u64::from(!told(event.created_at)))
        })
    }
}

#[derive(Default)]
struct Tally {
    requests: u64,
    not_modified: u64,
    delays: Vec<i64>,
}

impl Tally {
    #[expect(clippy::cast_precision_loss, reason = "delays are seconds")]
    fn result(mut self, watched: &[Watched<'_>]) -> Simulated {
        self.delays.sort_unstable();
        let seen = self.delays.len();
        let sum: i64 = self.delays.iter().sum();
        let rank = (seen * 95).div_ceil(100);
        let lost: Vec<(u64, u64)> = watched.iter().map(Watched::lost).collect();
        Simulated {
            requests: self.requests,
            not_modified: self.not_modified,
            seen: seen as u64,
            mean_delay_seconds: (seen > 0).then(|| sum as f64 / seen as f64),
            p95_delay_seconds: rank.checked_sub(1).map(|at| self.delays[at]),
            lost: lost.iter().map(|(lost, _)| lost).sum(),
            lost_unreported: lost.iter().map(|(_, unreported)| unreported).sum(),
            gaps: watched.iter().map(|one| one.gaps.len() as u64).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(moments: impl Iterator<Item = i64>) -> History {
        let events = moments.enumerate().map(|(number, at)| Event {
            id: EventId(number as u64 + 1),
            kind: "PushEvent".into(),
            created_at: Timestamp::from_seconds(at),
            actor: "".into(),
            repository_id: 1,
            repository: "o/r".into(),
            raw: "".into(),
        });
        History::new("o/r", events.collect())
    }

    fn fixed(seconds: f64) -> Allowance {
        Allowance {
            fixed_seconds: seconds,
            ..Allowance::default()
        }
    }

    #[test]
    fn delays_requests_and_unchanged_answers_are_counted() {
        // Seen at 0 (not counted), 300 (delay 200), 600 (0).
        let histories = [history([0, 100, 600].into_iter())];
        let simulated = simulate(&histories, Policy::Fixed, fixed(300.0));
        assert_eq!(simulated.seen, 2);
        assert_eq!(simulated.mean_delay_seconds, Some(100.0));
        assert_eq!(simulated.p95_delay_seconds, Some(200));
        // At 0, 300, 600, and at 900 nothing new.
        assert_eq!((simulated.requests, simulated.not_modified), (4, 1));
        assert_eq!((simulated.lost, simulated.gaps), (0, 0));
    }

    #[test]
    fn what_overflows_is_lost_and_told() {
        let burst = std::iter::repeat_n(150, 1_000);
        let histories = [history([0].into_iter().chain(burst))];
        let simulated = simulate(&histories, Policy::Fixed, fixed(300.0));
        assert_eq!((simulated.lost, simulated.lost_unreported), (700, 0));
        assert_eq!(simulated.gaps, 1);
        assert_eq!(simulated.seen, 300);
    }

    #[test]
    fn without_events_nothing_is_asked() {
        let simulated = simulate(&[history([].into_iter())], Policy::Sqrt, fixed(1.0));
        assert_eq!(simulated.requests, 0);
        assert_eq!(simulated.mean_delay_seconds, None);
    }
}
