//! Points spent in the last minute.
//!
//! A request's points are held while it is under way and given back a minute after its answer, not after its sending:
//! GitHub counts when it arrives, which may be any time between. So however long the way is, GitHub sees no more than the
//! allowed points in any minute of its own, fixed or sliding.

use std::collections::VecDeque;
use std::time::Duration;

use super::Until;

const MINUTE_SECONDS: u64 = 60;

/// Points of one credential. Time is elapsed time; it never runs backwards.
#[derive(Debug, Default)]
pub(super) struct Minute {
    /// Points of requests that have no answer.
    held: u32,
    /// Points by the second of the answer, oldest first.
    spent: VecDeque<(u64, u32)>,
}

/// Whether there are points for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    Now,
    Later(Until),
}

impl Minute {
    pub(super) fn room(&self, points: u32, allowed: u32, now: Duration) -> Room {
        // What costs more than is ever allowed goes when nothing else counts.
        let points = points.min(allowed);
        let mut used = self.points(now).saturating_add(points);
        if used <= allowed {
            return Room::Now;
        }
        for (second, spent) in self.counting(now) {
            used -= spent;
            if used <= allowed {
                return Room::Later(Until::Elapsed(expiry(*second)));
            }
        }
        Room::Later(Until::Released)
    }

    /// All that count now.
    pub(super) fn points(&self, now: Duration) -> u32 {
        let spent: u32 = self.counting(now).map(|(_, points)| *points).sum();
        self.held.saturating_add(spent)
    }

    pub(super) fn hold(&mut self, points: u32) {
        self.held = self.held.saturating_add(points);
    }

    /// What was held is spent now.
    pub(super) fn settle(&mut self, points: u32, now: Duration) {
        self.held = self.held.saturating_sub(points);
        self.spend(points, now);
    }

    pub(super) fn spend(&mut self, points: u32, now: Duration) {
        while self
            .spent
            .front()
            .is_some_and(|(second, _)| expiry(*second) <= now)
        {
            self.spent.pop_front();
        }
        match self.spent.back_mut() {
            Some((second, spent)) if *second >= now.as_secs() => {
                *spent = spent.saturating_add(points);
            }
            _ => self.spent.push_back((now.as_secs(), points)),
        }
    }

    fn counting(&self, now: Duration) -> impl Iterator<Item = &(u64, u32)> {
        self.spent
            .iter()
            .filter(move |(second, _)| expiry(*second) > now)
    }
}

/// A second's points count until a minute after its end.
fn expiry(second: u64) -> Duration {
    Duration::from_secs(second + 1 + MINUTE_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn points_come_back_a_minute_after_the_answer() {
        let mut minute = Minute::default();
        minute.hold(5);
        minute.hold(1);
        assert_eq!(minute.room(4, 10, at(0)), Room::Now);
        // Held points come back at no known time.
        assert_eq!(minute.room(5, 10, at(0)), Room::Later(Until::Released));
        minute.settle(5, at(1_200));
        minute.settle(1, at(3_000));
        assert_eq!(minute.points(at(3_000)), 6);
        let later = Room::Later(Until::Elapsed(at(62_000)));
        assert_eq!(minute.room(5, 10, at(3_000)), later);
        let later = Room::Later(Until::Elapsed(at(64_000)));
        assert_eq!(minute.room(10, 10, at(3_000)), later);
        assert_eq!(minute.room(9, 10, at(62_000)), Room::Now);
        assert_eq!(minute.points(at(64_000)), 0);
    }

    #[test]
    fn what_costs_more_than_is_allowed_goes_alone() {
        let mut minute = Minute::default();
        assert_eq!(minute.room(5, 3, at(0)), Room::Now);
        minute.hold(5);
        minute.settle(5, at(0));
        let later = Room::Later(Until::Elapsed(at(61_000)));
        assert_eq!(minute.room(5, 3, at(0)), later);
    }
}
