//! Whether a poll names the stored entity tag, or asks plainly.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::rate::Rate;

/// A streak of polls without news that is less probable than this is not believed.
const IMPROBABLE: f64 = 1e-3;

/// How long nothing new has come, by the polls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// The first poll that brought nothing new.
    pub since: Option<Timestamp>,
    /// Plain questions asked in vain since then. Each doubles the silence that the next one takes.
    pub doubted: u32,
}

impl Silence {
    /// After a poll without news.
    #[must_use]
    pub(crate) fn goes_on(self, now: Timestamp) -> Self {
        Self {
            since: self.since.or(Some(now)),
            ..self
        }
    }

    /// After a plain question that brought nothing new either.
    #[must_use]
    pub(crate) fn doubted(self, now: Timestamp) -> Self {
        Self {
            doubted: self.doubted.saturating_add(1),
            ..self.goes_on(now)
        }
    }

    /// Whether it is improbable at this rate.
    fn is_credible(self, rate: Option<Rate>, now: Timestamp) -> Credible {
        let (Some(since), Some(rate)) = (self.since, rate) else {
            return Credible::Yes;
        };
        #[expect(clippy::cast_precision_loss, reason = "seconds of a silence")]
        let seconds = now.seconds_since(since) as f64;
        let doubts = f64::from(2_u32.saturating_pow(self.doubted.min(20)));
        match rate.silence_probability(seconds / doubts) < IMPROBABLE {
            true => Credible::No,
            false => Credible::Yes,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Credible {
    Yes,
    No,
}

/// Why no tag is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlainReason {
    /// None is stored.
    NoTag,
    /// The tag may be stuck: at the repository's rate so long a silence is improbable.
    Silence,
}

/// How to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// With the stored tag.
    Conditional,
    /// Without.
    Plain(PlainReason),
}

/// Decides how to ask.
pub(crate) fn question(
    tag: Option<&str>,
    silence: Silence,
    rate: Option<Rate>,
    now: Timestamp,
) -> Question {
    if tag.is_none_or(str::is_empty) {
        return Question::Plain(PlainReason::NoTag);
    }
    match silence.is_credible(rate, now) {
        Credible::Yes => Question::Conditional,
        Credible::No => Question::Plain(PlainReason::Silence),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn a_silence_is_believed_until_it_is_improbable() {
        let rate = Some(Rate {
            mean: 0.01,
            half_buffer_seconds: None,
        });
        #[track_caller]
        fn check(silence: Silence, rate: Option<Rate>, now: i64, expected: Question) {
            assert_eq!(question(Some("\"t\""), silence, rate, at(now)), expected);
        }
        let plain = Question::Plain(PlainReason::Silence);
        let quiet = Silence::default().goes_on(at(1000));
        check(Silence::default(), rate, 1_000_000, Question::Conditional);
        check(quiet, rate, 1600, Question::Conditional);
        check(quiet, rate, 1700, plain);
        check(quiet, None, 1_000_000, Question::Conditional);
        // The clock of the silence is that of its first poll.
        check(quiet.goes_on(at(1690)), rate, 1700, plain);
        // Asked in vain, it waits twice as long.
        let doubted = quiet.doubted(at(1700));
        check(doubted, rate, 2300, Question::Conditional);
        check(doubted, rate, 2400, plain);
        assert_eq!(
            question(None, quiet, rate, at(1001)),
            Question::Plain(PlainReason::NoTag)
        );
    }
}
