//! Which developers are synced next (pure): whoever is due, in an order that starves nobody.
//!
//! Everything hangs on one time per developer, `due_at`:
//! - a developer who was never synced is due from the moment it was first seen;
//! - a complete pass that met GitHub's counts makes it due again after the maximal age;
//! - one that could not meet them is recorded as a gap, and due again after a back-off that doubles each time;
//! - a count that GitHub reports anew makes it due at once;
//! - picking moves `due_at` on by a day, so that nobody is picked twice while others wait, whatever becomes of the run.

#[cfg(test)]
use std::cmp::Ordering;
use std::time::Duration;

use crate::moment::Moment;

const DAY: Duration = Duration::from_secs(86_400);
/// The first back-off after a pass that left a gap.
pub(crate) const FIRST_BACK_OFF: Duration = DAY;
pub(crate) const LONGEST_BACK_OFF: Duration = Duration::from_secs(30 * 86_400);
/// An account that GitHub does not show is looked for again this late.
pub(crate) const UNAVAILABLE_FOR: Duration = Duration::from_secs(7 * 86_400);
/// How long a developer that was picked is not picked again.
pub(crate) const PICKED_FOR: Duration = DAY;

/// A developer, as far as picking is concerned.
#[cfg(test)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) id: i64,
    pub(crate) last_full_sync: Option<Moment>,
    pub(crate) due_at: Moment,
}

#[cfg(test)]
impl Due {
    /// Never synced first, then by `due_at`, then by id. The store's query has the same order.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        let key = |due: &Self| (due.last_full_sync.is_some(), due.due_at, due.id);
        key(self).cmp(&key(other))
    }
}

/// The next ones to sync. The store picks them with an index; a property test holds it to this.
#[cfg(test)]
pub(crate) fn pick(developers: &[Due], count: usize, now: Moment) -> Vec<Due> {
    let mut due: Vec<Due> = developers
        .iter()
        .filter(|developer| developer.due_at <= now)
        .copied()
        .collect();
    due.sort_by(Due::order);
    due.truncate(count);
    due
}

/// GitHub's counts, or the store's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) followers: u64,
    pub(crate) following: u64,
    pub(crate) repositories: u64,
}

/// When a developer is due again, and how long that was put off for lack of its counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    pub(crate) due_at: Moment,
    /// `None` = the last pass met GitHub's counts.
    pub(crate) back_off: Option<Duration>,
}

/// After a complete pass.
pub(crate) fn after_pass(
    reported: Counts,
    stored: Counts,
    before: Option<Duration>,
    max_age: Duration,
    now: Moment,
) -> Schedule {
    if reported == stored {
        return Schedule {
            due_at: now.after(max_age),
            back_off: None,
        };
    }
    let back_off = before.map_or(FIRST_BACK_OFF, |before| {
        before.saturating_mul(2).min(LONGEST_BACK_OFF)
    });
    Schedule {
        due_at: now.after(back_off),
        back_off: Some(back_off),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Moment {
        Moment::from_milliseconds(seconds * 1_000)
    }

    fn due(id: i64, synced: Option<i64>, due_at: i64) -> Due {
        Due {
            id,
            last_full_sync: synced.map(at),
            due_at: at(due_at),
        }
    }

    #[test]
    fn whoever_was_never_synced_comes_first_then_whoever_is_due_longest() {
        let developers = [
            due(1, Some(1), 5),
            due(2, None, 9),
            due(3, None, 7),
            due(4, Some(1), 4),
            due(5, None, 7),
            due(6, None, 11),
        ];
        let ids = |count| -> Vec<i64> {
            let picked = pick(&developers, count, at(10));
            picked.iter().map(|due| due.id).collect()
        };
        assert_eq!(ids(9), [3, 5, 2, 4, 1]);
        assert_eq!(ids(2), [3, 5]);
    }

    const MET: Counts = Counts {
        followers: 3,
        following: 2,
        repositories: 1,
    };
    const SHORT: Counts = Counts {
        followers: 2,
        ..MET
    };

    #[test]
    fn a_gap_backs_off_from_a_day_to_thirty() {
        let mut before = None;
        let mut days = Vec::new();
        for _ in 0..7 {
            let schedule = after_pass(MET, SHORT, before, 7 * DAY, at(0));
            days.push(schedule.back_off.unwrap().as_secs() / 86_400);
            assert_eq!(schedule.due_at, at(0).after(schedule.back_off.unwrap()));
            before = schedule.back_off;
        }
        assert_eq!(days, [1, 2, 4, 8, 16, 30, 30]);
    }

    #[test]
    fn a_count_that_is_met_is_due_after_the_maximal_age() {
        let schedule = after_pass(MET, MET, Some(8 * DAY), 7 * DAY, at(0));
        assert_eq!(schedule.due_at, at(0).after(7 * DAY));
        assert_eq!(schedule.back_off, None);
    }

    proptest! {
        /// With K candidates and count c each one is picked within ceil(K / c) runs, whatever becomes of the runs: some
        /// never met their count, some failed and left nothing but the mark of having been picked.
        #[test]
        fn nobody_starves(
            candidates in prop::collection::vec((any::<bool>(), 0_i64..1_000, 0_u8..3), 1..120),
            count in 1_usize..12,
        ) {
            let start = 1_000;
            let mut developers: Vec<Due> = candidates
                .iter()
                .enumerate()
                .map(|(id, (synced, due_at, _))| due(id as i64, synced.then_some(0), *due_at))
                .collect();
            let runs = developers.len().div_ceil(count);
            let mut picked = std::collections::BTreeSet::new();
            for run in 0..runs {
                let now = at(start + run as i64);
                for chosen in pick(&developers, count, now) {
                    prop_assert!(picked.insert(chosen.id), "picked twice while others wait");
                    let developer = &mut developers[chosen.id as usize];
                    developer.due_at = now.after(PICKED_FOR);
                    let stored = match candidates[chosen.id as usize].2 {
                        0 => MET,
                        1 => SHORT,
                        _ => continue,
                    };
                    developer.last_full_sync = Some(now);
                    developer.due_at = after_pass(MET, stored, None, 7 * DAY, now).due_at;
                }
            }
            prop_assert_eq!(picked.len(), developers.len());
        }
    }
}
