//! Which credential first: pure.

use std::time::SystemTime;

use crate::ledger::{Outlook, Standing};

/// What a credential has that nothing is known of: as much as GitHub gives to most.
const PRESUMED: u64 = 5_000;

/// Whether a resource should stay with one credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stick {
    /// Its tags can be predicted for any credential.
    Free,
    /// What is stored of it serves one credential only.
    ToResource,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) condition: Condition,
    pub(super) in_flight: u32,
    pub(super) draw: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// It may be used; so much is left.
    Open { left: Option<u64> },
    /// A limit applies.
    Limited { until: SystemTime },
    /// GitHub does not take it at present.
    Resting { until: SystemTime },
}

impl Condition {
    pub(super) fn of(outlook: &Outlook) -> Self {
        match outlook.standing {
            Standing::Open => Self::Open { left: outlook.left },
            Standing::Exhausted { until } => Self::Limited { until },
            Standing::Cooling(cooldown) => Self::Limited {
                until: cooldown.until,
            },
        }
    }
}

/// Indices, the best first. Limited ones come behind: something may be stored for them. Resting ones are left out, unless there
/// is no other.
pub(super) fn order(candidates: &[Candidate], stick: Stick) -> Vec<usize> {
    let mut open: Vec<(u64, usize)> = Vec::new();
    let mut limited: Vec<(SystemTime, usize)> = Vec::new();
    let mut resting: Vec<(SystemTime, usize)> = Vec::new();
    for (index, candidate) in candidates.iter().enumerate() {
        match candidate.condition {
            Condition::Open { left } => {
                // What is under way may be charged.
                let left = left
                    .unwrap_or(PRESUMED)
                    .saturating_sub(u64::from(candidate.in_flight));
                let rank = match stick {
                    Stick::ToResource if left > 0 => candidate.draw,
                    Stick::ToResource => 0,
                    Stick::Free => left,
                };
                open.push((rank, index));
            }
            Condition::Limited { until } => limited.push((until, index)),
            Condition::Resting { until } => resting.push((until, index)),
        }
    }
    open.sort_by_key(|(rank, index)| (std::cmp::Reverse(*rank), *index));
    limited.sort();
    resting.sort();
    let mut order: Vec<usize> = open.into_iter().map(|(_, index)| index).collect();
    order.extend(limited.into_iter().map(|(_, index)| index));
    if order.is_empty() {
        order.extend(resting.into_iter().map(|(_, index)| index));
    }
    order
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn open(left: u64, in_flight: u32, draw: u64) -> Candidate {
        Candidate {
            condition: Condition::Open { left: Some(left) },
            in_flight,
            draw,
        }
    }

    fn with(condition: fn(SystemTime) -> Condition, seconds: u64) -> Candidate {
        Candidate {
            condition: condition(UNIX_EPOCH + Duration::from_secs(seconds)),
            in_flight: 0,
            draw: 99,
        }
    }

    #[test]
    fn the_one_with_most_quota_left_goes_first() {
        #[track_caller]
        fn check(candidates: &[Candidate], stick: Stick, expected: &[usize]) {
            assert_eq!(order(candidates, stick), expected);
        }
        let limited = |seconds| with(|until| Condition::Limited { until }, seconds);
        let resting = |seconds| with(|until| Condition::Resting { until }, seconds);
        let unknown = Candidate {
            condition: Condition::Open { left: None },
            ..open(0, 0, 1)
        };
        let (free, sticky) = (Stick::Free, Stick::ToResource);
        check(&[open(10, 0, 1), open(20, 0, 0)], free, &[1, 0]);
        check(&[open(10, 0, 1), open(20, 15, 0)], free, &[0, 1]);
        check(&[open(4_999, 0, 1), unknown], free, &[1, 0]);
        check(&[open(10, 0, 1), open(10, 0, 2)], free, &[0, 1]);
        check(&[open(10, 0, 1), open(20, 0, 0)], sticky, &[0, 1]);
        // What is used up sticks to nothing.
        check(&[open(1, 1, 9), open(20, 0, 3)], sticky, &[1, 0]);
        check(&[limited(9), open(1, 0, 0), limited(5)], free, &[1, 2, 0]);
        check(&[resting(1), limited(5)], free, &[1]);
        check(&[resting(7), resting(5)], free, &[1, 0]);
        check(&[], free, &[]);
    }
}
