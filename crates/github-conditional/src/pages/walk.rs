//! The walk along the pages of a list, as a pure decision: what follows a page, and whether the list has changed.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;

use super::list::Identity;
use super::{Drift, Drifted};

/// What has been seen of the list.
#[derive(Debug)]
pub(super) struct Walk {
    drift: Drift,
    max_pages: NonZeroU32,
    /// Of the page to come.
    number: u32,
    round: u32,
    last: Option<u32>,
    /// Hashes of identities; a collision, once in 2^64, looks like a repeated item.
    seen: HashSet<u64>,
    hasher: RandomState,
}

/// What a page says, beside its items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// The number of the last page, if numbers are told.
    pub(super) last: Option<u32>,
    pub(super) successor: Successor,
}

/// Whether a page has another one behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Successor {
    Exists,
    None,
}

/// Where a page stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) number: u32,
    pub(super) round: u32,
}

/// What to do after a page has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It is the next page of the list; more follow.
    Go(Place),
    /// It is the last page of the list.
    End(Place),
    /// It is the next page, but there are more than are allowed.
    TooMany(Place),
    /// The list has changed: begin again.
    Restart,
    /// The list has changed: give up.
    Drifted(Drifted),
}

impl Walk {
    pub(super) fn new(drift: Drift, max_pages: NonZeroU32) -> Self {
        Self {
            drift,
            max_pages,
            number: 1,
            round: 0,
            last: None,
            seen: HashSet::new(),
            hasher: RandomState::new(),
        }
    }

    /// Takes in a page.
    pub(super) fn step<'a>(
        &mut self,
        told: Told,
        identities: impl Iterator<Item = &'a Identity<'a>>,
    ) -> Step {
        if self.drift != Drift::Ignore
            && let Some(drifted) = self.drifted(told, identities)
        {
            return self.restart(drifted);
        }
        let place = Place {
            number: self.number,
            round: self.round,
        };
        self.number += 1;
        match told.successor {
            Successor::None => Step::End(place),
            Successor::Exists if place.number >= self.max_pages.get() => Step::TooMany(place),
            Successor::Exists => Step::Go(place),
        }
    }

    fn drifted<'a>(
        &mut self,
        told: Told,
        identities: impl Iterator<Item = &'a Identity<'a>>,
    ) -> Option<Drifted> {
        let mut repeated = false;
        for identity in identities {
            repeated |= !self.seen.insert(self.hasher.hash_one(identity));
        }
        let before = self.last;
        self.last = told.last.or(before);
        if repeated {
            return Some(Drifted::Repeated);
        }
        match (before, told.last) {
            (Some(before), Some(now)) if before != now => Some(Drifted::LastMoved),
            _ => None,
        }
    }

    fn restart(&mut self, drifted: Drifted) -> Step {
        match self.drift {
            Drift::Restart { at_most } if self.round < at_most => {
                self.round += 1;
                self.number = 1;
                self.last = None;
                self.seen.clear();
                Step::Restart
            }
            _ => Step::Drifted(drifted),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEW: NonZeroU32 = NonZeroU32::new(3).unwrap();

    fn step(walk: &mut Walk, last: Option<u32>, successor: Successor, ids: &[&str]) -> Step {
        let identities: Vec<_> = ids.iter().map(|id| Identity::Id(id)).collect();
        walk.step(Told { last, successor }, identities.iter())
    }

    fn place(number: u32, round: u32) -> Place {
        Place { number, round }
    }

    #[test]
    fn pages_follow_each_other_to_the_end() {
        use Successor::{Exists, None as Nothing};
        let mut walk = Walk::new(Drift::Report, FEW);
        assert_eq!(
            step(&mut walk, Some(2), Exists, &["1", "2"]),
            Step::Go(place(1, 0))
        );
        assert_eq!(
            step(&mut walk, Some(2), Nothing, &["3"]),
            Step::End(place(2, 0))
        );
        // Lists by cursor tell no numbers.
        let mut walk = Walk::new(Drift::Report, FEW);
        assert_eq!(step(&mut walk, None, Exists, &["1"]), Step::Go(place(1, 0)));
        assert_eq!(
            step(&mut walk, None, Nothing, &["2"]),
            Step::End(place(2, 0))
        );
    }

    #[test]
    fn changes_are_seen() {
        use Successor::{Exists, None as Nothing};
        let cases: [(Option<u32>, Successor, &[&str], Drifted); 3] = [
            (Some(3), Exists, &["2", "3"], Drifted::Repeated),
            (Some(4), Exists, &["3"], Drifted::LastMoved),
            (Some(2), Nothing, &["3"], Drifted::LastMoved),
        ];
        for (last, successor, ids, expected) in cases {
            let mut walk = Walk::new(Drift::Report, FEW);
            step(&mut walk, Some(3), Exists, &["1", "2"]);
            assert_eq!(
                step(&mut walk, last, successor, ids),
                Step::Drifted(expected)
            );
            let mut walk = Walk::new(Drift::Ignore, FEW);
            step(&mut walk, Some(3), Exists, &["1", "2"]);
            let step = step(&mut walk, last, successor, ids);
            assert!(matches!(step, Step::Go(_) | Step::End(_)), "{step:?}");
        }
    }

    #[test]
    fn restarts_are_counted() {
        use Successor::Exists;
        let mut walk = Walk::new(Drift::Restart { at_most: 1 }, FEW);
        step(&mut walk, Some(3), Exists, &["1"]);
        assert_eq!(step(&mut walk, Some(4), Exists, &["2"]), Step::Restart);
        assert_eq!(
            step(&mut walk, Some(4), Exists, &["1"]),
            Step::Go(place(1, 1))
        );
        let second = step(&mut walk, Some(4), Exists, &["1"]);
        assert_eq!(second, Step::Drifted(Drifted::Repeated));
    }

    #[test]
    fn a_list_without_end_ends() {
        use Successor::Exists;
        let mut walk = Walk::new(Drift::Ignore, FEW);
        for number in 1..3 {
            assert_eq!(
                step(&mut walk, None, Exists, &["1"]),
                Step::Go(place(number, 0))
            );
        }
        assert_eq!(
            step(&mut walk, None, Exists, &["1"]),
            Step::TooMany(place(3, 0))
        );
    }
}
