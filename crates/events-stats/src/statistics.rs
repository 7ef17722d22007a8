//! How far apart consecutive events are, by type and together.
//!
//! The mean of the gaps between `n` events is (newest - oldest) / (n - 1): it needs no gap at all, so it is kept up in
//! constant time. Median and ninetieth percentile are exact, over at most the window's events, when they are asked for.

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::Timestamp;

/// What is known of one type of event, or of all together, in one window.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Statistics {
    /// `PushEvent`, ...; absent for all types together.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<Box<str>>,
    /// Events counted.
    pub count: usize,
    /// Mean of the gaps in seconds; none with fewer than two events, never 0 for want of events.
    pub average_seconds: Option<f64>,
    /// Mean of the middle two where their number is even.
    pub median_seconds: Option<f64>,
    /// Nearest rank: the smallest gap that at least 90 % of the gaps do not exceed.
    #[serde(serialize_with = "as_float")]
    #[schema(value_type = Option<f64>)]
    pub p90_seconds: Option<i64>,
    /// The smallest gap.
    #[serde(serialize_with = "as_float")]
    #[schema(value_type = Option<f64>)]
    pub min_seconds: Option<i64>,
    /// The largest gap.
    #[serde(serialize_with = "as_float")]
    #[schema(value_type = Option<f64>)]
    pub max_seconds: Option<i64>,
    /// The oldest event counted.
    pub first_at: Option<Timestamp>,
    /// The newest event counted.
    pub last_at: Option<Timestamp>,
    /// Events by hours of the window.
    pub rate_per_hour: f64,
}

/// All durations of an answer are JSON numbers of one kind.
#[expect(
    clippy::cast_precision_loss,
    reason = "no gap is longer than the window"
)]
fn as_float<S: Serializer>(seconds: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    seconds.map(|seconds| seconds as f64).serialize(serializer)
}

/// The mean gap between `count` events, the oldest and newest of which are these.
#[expect(
    clippy::cast_precision_loss,
    reason = "no window has 2^52 seconds or events"
)]
pub(crate) fn mean_gap(oldest: Timestamp, newest: Timestamp, count: usize) -> Option<f64> {
    let gaps = count.checked_sub(1).filter(|gaps| *gaps > 0)?;
    Some(newest.seconds_since(oldest) as f64 / gaps as f64)
}

impl Statistics {
    /// Over the moments of events, oldest first.
    #[expect(clippy::cast_precision_loss, reason = "no window has 2^52 events")]
    pub fn of(kind: Option<&str>, moments: &[Timestamp], window_seconds: i64) -> Self {
        let mut gaps: Vec<i64> = moments
            .windows(2)
            .map(|pair| pair[1].seconds_since(pair[0]))
            .collect();
        gaps.sort_unstable();
        let (first, last) = (moments.first().copied(), moments.last().copied());
        let average = first
            .zip(last)
            .and_then(|(first, last)| mean_gap(first, last, moments.len()));
        let hours = window_seconds as f64 / 3600.0;
        Self {
            kind: kind.map(Into::into),
            count: moments.len(),
            average_seconds: average,
            median_seconds: median(&gaps),
            p90_seconds: nearest_rank(&gaps, 90),
            min_seconds: gaps.first().copied(),
            max_seconds: gaps.last().copied(),
            first_at: first,
            last_at: last,
            rate_per_hour: if hours > 0.0 {
                moments.len() as f64 / hours
            } else {
                0.0
            },
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "no gap is longer than the window"
)]
fn median(sorted: &[i64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    Some(match sorted.len() % 2 {
        0 => (sorted[middle - 1] + upper) as f64 / 2.0,
        _ => upper as f64,
    })
}

/// The value at rank ceil(percent / 100 * n), counted from 1.
fn nearest_rank(sorted: &[i64], percent: usize) -> Option<i64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: &[i64]) -> Vec<Timestamp> {
        seconds
            .iter()
            .copied()
            .map(Timestamp::from_seconds)
            .collect()
    }

    #[test]
    fn fewer_than_two_events_have_no_gap_and_no_zero() {
        for moments in [at(&[]), at(&[5])] {
            let statistics = Statistics::of(Some("PushEvent"), &moments, 3600);
            assert_eq!(statistics.average_seconds, None);
            assert_eq!(statistics.median_seconds, None);
            assert_eq!(statistics.p90_seconds, None);
            assert_eq!(statistics.min_seconds, None);
            assert_eq!(statistics.max_seconds, None);
        }
        assert_eq!(
            Statistics::of(None, &at(&[5]), 3600).first_at,
            Some(Timestamp::from_seconds(5))
        );
    }

    #[test]
    fn gaps_of_ten_events() {
        // Gaps: 1 2 3 4 5 6 7 8 9
        let moments = at(&[0, 1, 3, 6, 10, 15, 21, 28, 36, 45]);
        let statistics = Statistics::of(None, &moments, 7200);
        assert_eq!(statistics.average_seconds, Some(5.0));
        assert_eq!(statistics.median_seconds, Some(5.0));
        // ceil(0.9 * 9) = 9
        assert_eq!(statistics.p90_seconds, Some(9));
        assert_eq!(
            (statistics.min_seconds, statistics.max_seconds),
            (Some(1), Some(9))
        );
        assert_eq!(statistics.rate_per_hour, 5.0);
    }

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        let statistics = Statistics::of(None, &at(&[0, 1, 4]), 3600);
        assert_eq!(statistics.median_seconds, Some(2.0));
        assert_eq!(statistics.p90_seconds, Some(3));
    }

    #[test]
    fn events_of_one_second_are_no_time_apart() {
        let statistics = Statistics::of(None, &at(&[7, 7, 7]), 3600);
        assert_eq!(statistics.average_seconds, Some(0.0));
        let json = serde_json::to_value(&statistics).unwrap();
        assert_eq!(json["min_seconds"], 0.0);
        assert!(json.get("type").is_none());
    }
}
