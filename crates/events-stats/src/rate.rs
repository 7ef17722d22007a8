//! How often a repository has events: its mean rate, and how fast a burst once filled a feed.

use crate::Timestamp;

/// Events that an estimate looks at: what one feed holds.
pub(crate) const NEWEST: usize = 300;

/// Part of a feed's buffer that may fill up between two polls.
const THETA: f64 = 0.5;

/// How often a repository has events.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rate {
    /// Events per second, in the mean over the newest events.
    pub mean: f64,
    /// The shortest time in seconds in which half a feed's buffer came, if so many events are known.
    pub half_buffer_seconds: Option<f64>,
}

impl Rate {
    /// From the moments of the newest stored events, newest first. None with fewer than two.
    ///
    /// Events of one second count as a second apart: a rate is never infinite.
    #[expect(clippy::cast_precision_loss, reason = "at most 300 events")]
    pub(crate) fn estimate(newest_first: &[Timestamp]) -> Option<Self> {
        let moments = &newest_first[..newest_first.len().min(NEWEST)];
        let (newest, oldest) = (moments.first()?, moments.last()?);
        let gaps = moments.len().checked_sub(1).filter(|gaps| *gaps > 0)?;
        let half = half_buffer();
        let half_buffer_seconds = moments
            .windows(half + 1)
            .map(|run| span(run[0], run[half]))
            .reduce(f64::min);
        Some(Self {
            mean: gaps as f64 / span(*newest, *oldest),
            half_buffer_seconds,
        })
    }

    /// The probability that nothing happens for so many seconds, if events come independently (Poisson).
    pub(crate) fn silence_probability(&self, seconds: f64) -> f64 {
        (-self.mean * seconds.max(0.0)).exp()
    }
}

/// The moments of a repository's newest events, from which its rate is estimated.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recent {
    /// Newest first.
    moments: Vec<Timestamp>,
    rate: Option<Rate>,
}

impl Recent {
    /// Of moments in any order.
    pub(crate) fn of(mut moments: Vec<Timestamp>) -> Self {
        moments.sort_unstable_by(|one, other| other.cmp(one));
        moments.truncate(NEWEST);
        Self {
            rate: Rate::estimate(&moments),
            moments,
        }
    }

    /// With some more.
    #[must_use]
    pub(crate) fn with(&self, more: impl Iterator<Item = Timestamp>) -> Self {
        Self::of(self.moments.iter().copied().chain(more).collect())
    }

    /// What they come to.
    pub(crate) fn rate(&self) -> Option<Rate> {
        self.rate
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "half of 300"
)]
fn half_buffer() -> usize {
    (THETA * NEWEST as f64) as usize
}

#[expect(clippy::cast_precision_loss, reason = "a feed spans 30 days")]
fn span(newer: Timestamp, older: Timestamp) -> f64 {
    newer.seconds_since(older).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn newest_first(seconds: impl DoubleEndedIterator<Item = i64>) -> Vec<Timestamp> {
        seconds.rev().map(Timestamp::from_seconds).collect()
    }

    #[test]
    fn gaps_by_span() {
        let rate = Rate::estimate(&newest_first([0, 10, 40].into_iter())).unwrap();
        assert_eq!(rate.mean, 0.05);
        assert_eq!(rate.half_buffer_seconds, None);
        assert_eq!(Rate::estimate(&newest_first([5].into_iter())), None);
        assert_eq!(Rate::estimate(&[]), None);
        assert_eq!(
            Rate::estimate(&newest_first([5, 5, 5].into_iter()))
                .unwrap()
                .mean,
            2.0
        );
    }

    #[test]
    fn only_the_newest_three_hundred_count() {
        let slow = (0..100).map(|n| n * 1_000);
        let fast = (0..300).map(|n| 1_000_000 + n);
        let rate = Rate::estimate(&newest_first(
            slow.chain(fast).collect::<Vec<_>>().into_iter(),
        ))
        .unwrap();
        assert_eq!(rate.mean, 1.0);
        assert_eq!(rate.half_buffer_seconds, Some(150.0));
    }

    #[test]
    fn a_burst_among_quiet_events_is_remembered() {
        let quiet = (0..100).map(|n| n * 3_600);
        let burst = (0..160).map(|n| 400_000 + n * 2);
        let rate = Rate::estimate(&newest_first(
            quiet.chain(burst).collect::<Vec<_>>().into_iter(),
        ))
        .unwrap();
        assert_eq!(rate.half_buffer_seconds, Some(300.0));
        assert!(rate.mean < 0.001);
    }

    #[test]
    fn recent_moments_are_kept_in_any_order() {
        let recent = Recent::of(newest_first([40, 0].into_iter()));
        let more = newest_first([10].into_iter()).into_iter();
        assert_eq!(recent.with(more).rate().unwrap().mean, 0.05);
        let many = newest_first(1_000..1_400).into_iter();
        assert_eq!(recent.with(many).rate().unwrap().mean, 1.0);
    }

    #[test]
    fn silence_is_improbable_after_seven_mean_gaps() {
        let rate = Rate {
            mean: 0.01,
            half_buffer_seconds: None,
        };
        assert!(rate.silence_probability(600.0) > 1e-3);
        assert!(rate.silence_probability(700.0) < 1e-3);
        assert_eq!(rate.silence_probability(-5.0), 1.0);
    }
}
