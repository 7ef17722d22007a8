//! How long to wait between polls: one budget of requests for all active repositories.
//!
//! An event waits on average half an interval until it is seen. Under a budget of requests the mean wait over all events
//! is least when each interval is proportional to 1/sqrt(rate): halving the wait of a busy repository helps many events,
//! but costs as many requests as halving that of a quiet one. Intervals proportional to 1/rate, the average time between
//! events, starve the quiet ones.
//!
//! Bounds come first: an interval is never below what GitHub asks for, and never above the time in which a burst could
//! fill half of the 300 events that a feed keeps.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::rate::Rate;

/// How intervals are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// Proportional to 1/sqrt(rate), within a fixed number of requests per hour. The least mean wait.
    #[default]
    Sqrt,
    /// Proportional to the average time between events, within the same number.
    Average,
    /// The same for all.
    Fixed,
    /// As `Sqrt`, within what the token has left of its quota until that is renewed.
    Budget,
}

impl Policy {
    /// The word in settings and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sqrt => "sqrt",
            Self::Average => "average",
            Self::Fixed => "fixed",
            Self::Budget => "budget",
        }
    }

    /// Reads what [`as_str`](Self::as_str) wrote.
    pub fn read(word: &str) -> Option<Self> {
        [Self::Sqrt, Self::Average, Self::Fixed, Self::Budget]
            .into_iter()
            .find(|policy| policy.as_str() == word)
    }
}

/// What is known of one repository that is to be polled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Candidate {
    /// Unknown for a repository with fewer than two events.
    pub rate: Option<Rate>,
    /// Seconds: GitHub's `X-Poll-Interval` or `max-age`, whichever is longer.
    pub floor_seconds: f64,
}

/// What polling may cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Allowance {
    /// For `Sqrt`, `Average` and `Budget`: requests per hour, all repositories together.
    pub requests_per_hour: f64,
    /// For `Fixed`: the interval in seconds.
    pub fixed_seconds: f64,
    /// No interval is longer, in seconds.
    pub ceiling_seconds: f64,
}

impl Default for Allowance {
    fn default() -> Self {
        Self {
            requests_per_hour: 150.0,
            fixed_seconds: 300.0,
            ceiling_seconds: 3600.0,
        }
    }
}

/// A repository of which nothing is known yet is taken for one with an event a day.
const UNKNOWN_RATE: f64 = 1.0 / 86_400.0;

struct Bounded {
    weight: f64,
    floor: f64,
    ceiling: f64,
}

impl Bounded {
    fn at(&self, scale: f64) -> f64 {
        (scale * self.weight).clamp(self.floor, self.ceiling)
    }
}

/// The interval of each candidate in seconds, in their order.
///
/// Where the bounds leave no choice, the budget yields: a feed that could overflow is polled in any case.
pub(crate) fn intervals(
    policy: Policy,
    candidates: &[Candidate],
    allowance: &Allowance,
) -> Vec<f64> {
    let bounded: Vec<Bounded> = candidates
        .iter()
        .map(|candidate| bounded(policy, candidate, allowance))
        .collect();
    let scale = match policy {
        Policy::Fixed => allowance.fixed_seconds,
        Policy::Sqrt | Policy::Average | Policy::Budget => {
            scale_within(&bounded, allowance.requests_per_hour / 3600.0)
        }
    };
    bounded.iter().map(|one| one.at(scale)).collect()
}

fn bounded(policy: Policy, candidate: &Candidate, allowance: &Allowance) -> Bounded {
    let mean = candidate.rate.map_or(UNKNOWN_RATE, |rate| rate.mean);
    let weight = match policy {
        Policy::Sqrt | Policy::Budget => mean.sqrt().recip(),
        Policy::Average => mean.recip(),
        Policy::Fixed => 1.0,
    };
    let overflow = candidate.rate.and_then(|rate| rate.half_buffer_seconds);
    let ceiling = overflow.map_or(allowance.ceiling_seconds, |seconds| {
        seconds.min(allowance.ceiling_seconds)
    });
    Bounded {
        weight,
        floor: candidate.floor_seconds,
        // What GitHub asks for is obeyed even where a burst may overflow: that becomes a gap, and is said.
        ceiling: ceiling.max(candidate.floor_seconds),
    }
}

/// The smallest scale at which all together stay within `requests_per_second`.
fn scale_within(candidates: &[Bounded], requests_per_second: f64) -> f64 {
    let requests = |scale: f64| -> f64 { candidates.iter().map(|one| one.at(scale).recip()).sum() };
    // Between these two every interval goes from its floor to its ceiling, and requests only fall.
    let lowest = |pick: fn(&Bounded) -> f64, worst: fn(f64, f64) -> f64| {
        candidates
            .iter()
            .map(|one| pick(one) / one.weight)
            .reduce(worst)
            .unwrap_or(1.0)
    };
    let mut below = lowest(|one| one.floor, f64::min);
    let mut above = lowest(|one| one.ceiling, f64::max);
    if requests(below) <= requests_per_second {
        return below;
    }
    // Halved sixty-four times, the interval between two numbers is one number.
    for _ in 0..64 {
        let middle = below + (above - below) / 2.0;
        if requests(middle) > requests_per_second {
            below = middle;
        } else {
            above = middle;
        }
    }
    above
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn candidate(mean: f64) -> Candidate {
        Candidate {
            rate: Some(Rate {
                mean,
                half_buffer_seconds: None,
            }),
            floor_seconds: 1.0,
        }
    }

    fn wide(requests_per_hour: f64) -> Allowance {
        Allowance {
            requests_per_hour,
            ceiling_seconds: 1e9,
            ..Allowance::default()
        }
    }

    fn requests_per_hour(intervals: &[f64]) -> f64 {
        intervals.iter().map(|seconds| 3600.0 / seconds).sum()
    }

    /// Mean wait of an event, weighted by how many events there are.
    fn mean_wait(candidates: &[Candidate], intervals: &[f64]) -> f64 {
        let rates = candidates
            .iter()
            .map(|one| one.rate.map_or(0.0, |rate| rate.mean));
        let all: f64 = rates.clone().sum();
        rates
            .zip(intervals)
            .map(|(rate, seconds)| rate / all * seconds / 2.0)
            .sum()
    }

    #[test]
    fn four_times_the_rate_is_polled_twice_as_often() {
        let candidates = [candidate(0.04), candidate(0.01)];
        let sqrt = intervals(Policy::Sqrt, &candidates, &wide(60.0));
        assert!((sqrt[1] / sqrt[0] - 2.0).abs() < 1e-9);
        assert!((requests_per_hour(&sqrt) - 60.0).abs() < 1e-6);
        let average = intervals(Policy::Average, &candidates, &wide(60.0));
        assert!((average[1] / average[0] - 4.0).abs() < 1e-9);
        assert!((requests_per_hour(&average) - 60.0).abs() < 1e-6);
    }

    #[test]
    fn bounds_come_before_the_budget() {
        let mut bursting = candidate(0.001);
        bursting.rate = Some(Rate {
            mean: 0.001,
            half_buffer_seconds: Some(90.0),
        });
        bursting.floor_seconds = 60.0;
        // One request an hour is far too few.
        assert_eq!(intervals(Policy::Sqrt, &[bursting], &wide(1.0)), [90.0]);
        // A thousand are more than GitHub wants.
        assert_eq!(intervals(Policy::Sqrt, &[bursting], &wide(1000.0)), [60.0]);
        bursting.rate = Some(Rate {
            mean: 0.001,
            half_buffer_seconds: Some(10.0),
        });
        assert_eq!(intervals(Policy::Fixed, &[bursting], &wide(1.0)), [60.0]);
    }

    #[test]
    fn fixed_is_the_same_for_all_and_unknown_rates_are_no_special_case() {
        let unknown = Candidate {
            rate: None,
            floor_seconds: 60.0,
        };
        let allowance = Allowance::default();
        assert_eq!(
            intervals(Policy::Fixed, &[unknown, candidate(1.0)], &allowance),
            [300.0, 300.0]
        );
        assert_eq!(intervals(Policy::Sqrt, &[], &allowance), [0.0; 0]);
        assert_eq!(intervals(Policy::Sqrt, &[unknown], &allowance), [60.0]);
    }

    proptest! {
        #[test]
        fn the_budget_is_kept_and_no_split_of_it_waits_less(
            rates in prop::collection::vec(1e-6_f64..1.0, 1..8),
            floors in prop::collection::vec(1.0_f64..300.0, 8),
            budget in 1.0_f64..2_000.0,
            other in prop::collection::vec(0.1_f64..10.0, 8),
        ) {
            let candidates: Vec<Candidate> = rates
                .iter()
                .zip(&floors)
                .map(|(rate, floor)| Candidate { floor_seconds: *floor, ..candidate(*rate) })
                .collect();
            let allowance = wide(budget);
            let sqrt = intervals(Policy::Sqrt, &candidates, &allowance);
            prop_assert!(requests_per_hour(&sqrt) <= budget * (1.0 + 1e-9));
            for (one, seconds) in candidates.iter().zip(&sqrt) {
                prop_assert!(*seconds >= one.floor_seconds);
            }
            // Any other intervals that keep floors and budget wait at least as long.
            let stretched: Vec<f64> = sqrt
                .iter()
                .zip(&other)
                .zip(&candidates)
                .map(|((seconds, factor), one)| (seconds * factor).max(one.floor_seconds))
                .collect();
            let too_many = requests_per_hour(&stretched) / requests_per_hour(&sqrt);
            let within: Vec<f64> = stretched.iter().map(|seconds| seconds * too_many.max(1.0)).collect();
            let best = mean_wait(&candidates, &sqrt);
            prop_assert!(best <= mean_wait(&candidates, &within) * (1.0 + 1e-6));
        }
    }
}
