//! When a copy is due, and what a node does next (pure).
//!
//! A copy is refreshed ahead of its expiry, at a moment that chance decides ("probabilistic early expiration", Vattani
//! et al., "Optimal Probabilistic Cache Stampede Prevention", VLDB 2015): the longer a refresh takes, the earlier. So the
//! nodes of a cluster do not all come at once, and the first has usually finished before the others begin.

use std::time::{Duration, SystemTime};

/// The life of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    /// When GitHub was asked for it, or confirmed it.
    pub(crate) confirmed_at: SystemTime,
    /// Until then it is fresh.
    pub(crate) expires: SystemTime,
    /// Until then it may be served when there is nothing newer.
    pub(crate) stale_until: SystemTime,
}

/// Whether a copy may be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Freshness {
    Fresh,
    Stale,
    Missing,
}

impl Freshness {
    pub(crate) const ALL: [Self; 3] = [Self::Fresh, Self::Stale, Self::Missing];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Missing => "missing",
        }
    }
}

impl Times {
    pub(crate) fn freshness(&self, now: SystemTime) -> Freshness {
        if now < self.expires {
            Freshness::Fresh
        } else if now <= self.stale_until {
            Freshness::Stale
        } else {
            Freshness::Missing
        }
    }

    pub(crate) fn age(&self, now: SystemTime) -> Duration {
        now.duration_since(self.confirmed_at).unwrap_or_default()
    }

    /// When to refresh, given how long the last refresh took and `chance`, evenly between 0 and 1.
    ///
    /// Never in the first half of the copy's life: a refresh that takes longer than that would follow upon itself.
    pub(crate) fn refresh_at(&self, took: Duration, factor: f64, chance: f64) -> SystemTime {
        let life = self
            .expires
            .duration_since(self.confirmed_at)
            .unwrap_or_default();
        let seconds = took.as_secs_f64() * factor * -chance.clamp(f64::MIN_POSITIVE, 1.0).ln();
        let ahead = Duration::try_from_secs_f64(seconds).unwrap_or(life);
        self.expires - ahead.min(life / 2)
    }
}

/// What a node knows when it decides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Situation {
    /// When to refresh the copy; `None` = there is none.
    pub(crate) refresh_at: Option<SystemTime>,
    /// When the master cache was read last; `None` = there is no master, or it is to be read at once.
    pub(crate) read_again_at: Option<SystemTime>,
    /// Not before then: somebody else holds the lease, or the last attempt failed.
    pub(crate) not_before: Option<SystemTime>,
    pub(crate) wish: Wish,
}

/// Whether somebody asked for a refresh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Wish {
    #[default]
    None,
    /// An administrator did.
    Refresh,
}

/// What a node does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    ReadMaster,
    Refresh(Reason),
    Wait(SystemTime),
}

/// Why a refresh begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Reason {
    Missing,
    Due,
    Asked,
}

impl Reason {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Due => "due",
            Self::Asked => "asked",
        }
    }
}

/// Decides.
pub(crate) fn next_step(situation: &Situation, now: SystemTime) -> Step {
    let Situation {
        refresh_at,
        read_again_at,
        not_before,
        wish,
    } = *situation;
    if wish == Wish::Refresh {
        return Step::Refresh(Reason::Asked);
    }
    // The master is read before anybody is asked for more: it may have what is missing.
    if read_again_at.is_some_and(|at| at <= now) {
        return Step::ReadMaster;
    }
    let due = refresh_at.unwrap_or(now).max(not_before.unwrap_or(now));
    if due <= now {
        return Step::Refresh(match refresh_at {
            Some(_) => Reason::Due,
            None => Reason::Missing,
        });
    }
    Step::Wait(read_again_at.map_or(due, |at| at.min(due)))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn times() -> Times {
        Times {
            confirmed_at: at(1000),
            expires: at(2000),
            stale_until: at(5000),
        }
    }

    #[test]
    fn fresh_then_stale_then_missing() {
        for (now, expected) in [
            (1000, Freshness::Fresh),
            (1999, Freshness::Fresh),
            (2000, Freshness::Stale),
            (5000, Freshness::Stale),
            (5001, Freshness::Missing),
        ] {
            assert_eq!(times().freshness(at(now)), expected, "{now}");
        }
        assert_eq!(times().age(at(1010)), Duration::from_secs(10));
        assert_eq!(times().age(at(10)), Duration::ZERO, "clocks differ");
    }

    #[test]
    fn chance_moves_the_refresh_ahead_of_expiry() {
        let took = Duration::from_secs(10);
        assert_eq!(times().refresh_at(took, 1.0, 1.0), at(2000));
        let likely = times().refresh_at(took, 1.0, 0.5);
        assert!(at(1993) < likely && likely < at(1994), "{likely:?}");
        assert_eq!(times().refresh_at(took, 0.0, 0.5), at(2000));
        // Not in the first half, whatever chance says.
        assert_eq!(times().refresh_at(took, 1000.0, 0.5), at(1500));
        assert_eq!(times().refresh_at(took, 1.0, 0.0), at(1500));
    }

    proptest! {
        #[test]
        fn a_refresh_is_never_late_nor_in_the_first_half(
            took in 0_u64..10_000,
            factor in 0.0_f64..100.0,
            chance in 0.0_f64..=1.0,
        ) {
            let planned = times().refresh_at(Duration::from_secs(took), factor, chance);
            prop_assert!(at(1500) <= planned && planned <= at(2000));
        }
    }

    #[test]
    fn what_comes_next() {
        #[track_caller]
        fn check(
            refresh_at: Option<u64>,
            read_again_at: Option<u64>,
            not_before: Option<u64>,
            expected: Step,
        ) {
            let situation = Situation {
                refresh_at: refresh_at.map(at),
                read_again_at: read_again_at.map(at),
                not_before: not_before.map(at),
                wish: Wish::None,
            };
            assert_eq!(next_step(&situation, at(100)), expected, "{situation:?}");
            let asked = Situation {
                wish: Wish::Refresh,
                ..situation
            };
            assert_eq!(next_step(&asked, at(100)), Step::Refresh(Reason::Asked));
        }
        check(None, None, None, Step::Refresh(Reason::Missing));
        check(None, Some(100), None, Step::ReadMaster);
        check(None, Some(150), None, Step::Refresh(Reason::Missing));
        check(None, Some(150), Some(120), Step::Wait(at(120)));
        check(None, Some(110), Some(120), Step::Wait(at(110)));
        check(Some(200), None, None, Step::Wait(at(200)));
        check(Some(200), Some(150), None, Step::Wait(at(150)));
        check(Some(200), Some(90), None, Step::ReadMaster);
        check(Some(90), Some(150), None, Step::Refresh(Reason::Due));
        check(Some(90), Some(150), Some(110), Step::Wait(at(110)));
    }
}
