//! Whether predicted tags can be trusted, learned per route and media type from every 200.
//!
//! The formula is GitHub's private affair and may change any day, everywhere or on one route.
//! Each 200 is a free experiment: its body and request are known, so is its tag.
//! Prediction stops where the formula fails [`FAILURES_TO_STOP`] times in a row and resumes where it holds
//! [`SUCCESSES_TO_RESUME`] times in a row; a wrong prediction meanwhile costs what a plain request costs.

use std::collections::HashMap;

use github_headers::GithubMedia;
use parking_lot::RwLock;

/// Consecutive mismatches after which prediction is off.
const FAILURES_TO_STOP: u32 = 3;
/// Consecutive matches after which it is on again.
const SUCCESSES_TO_RESUME: u32 = 3;

/// What is learned separately: a route template and the representation asked for.
pub(crate) type Subject = (&'static str, GithubMedia);

/// May a predicted tag be sent?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Prediction {
    /// The formula holds here, or has not failed yet.
    On,
    /// The formula fails here: callers are asked with their own tags only.
    Off,
}

impl Prediction {
    /// The word used in metrics and explanations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
        }
    }
}

/// How one 200 compared with the formula.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verification {
    /// The tag is the formula's.
    Matched,
    /// The tag looks like the formula's (64 hex digits) but has another value.
    Mismatched,
    /// The tag follows another rule (a git object id, an MD5, none): it says nothing about the formula.
    NotApplicable,
}

impl Verification {
    /// The word used in metrics and explanations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::Mismatched => "mismatched",
            Self::NotApplicable => "not-applicable",
        }
    }
}

/// What was learned of one subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Learned {
    /// Whether predictions are sent.
    pub prediction: Prediction,
    /// 200s whose tag was the formula's.
    pub matched: u64,
    /// 200s whose tag was not.
    pub mismatched: u64,
    streak: u32,
}

impl Default for Learned {
    fn default() -> Self {
        Self {
            prediction: Prediction::On,
            matched: 0,
            mismatched: 0,
            streak: 0,
        }
    }
}

impl Learned {
    fn learn(&mut self, verification: Verification) {
        let (count, against, limit, flipped) = match verification {
            Verification::Matched => (
                &mut self.matched,
                Prediction::Off,
                SUCCESSES_TO_RESUME,
                Prediction::On,
            ),
            Verification::Mismatched => (
                &mut self.mismatched,
                Prediction::On,
                FAILURES_TO_STOP,
                Prediction::Off,
            ),
            Verification::NotApplicable => return,
        };
        *count += 1;
        if self.prediction != against {
            self.streak = 0;
            return;
        }
        self.streak += 1;
        if self.streak >= limit {
            self.prediction = flipped;
            self.streak = 0;
        }
    }
}

/// All that was learned; bounded, because routes are templates and media types are few.
#[derive(Debug, Default)]
pub(crate) struct Confidence {
    subjects: RwLock<HashMap<Subject, Learned>>,
}

impl Confidence {
    pub(crate) fn prediction(&self, subject: Subject) -> Prediction {
        self.subjects
            .read()
            .get(&subject)
            .map_or(Prediction::On, |learned| learned.prediction)
    }

    pub(crate) fn learn(&self, subject: Subject, verification: Verification) {
        if verification != Verification::NotApplicable {
            self.subjects
                .write()
                .entry(subject)
                .or_default()
                .learn(verification);
        }
    }

    pub(crate) fn snapshot(&self) -> Vec<(Subject, Learned)> {
        self.subjects
            .read()
            .iter()
            .map(|(subject, learned)| (*subject, *learned))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBJECT: Subject = ("/repos/{owner}/{repo}", GithubMedia::Json);

    #[track_caller]
    fn check(verifications: &str, expected: Prediction) {
        let confidence = Confidence::default();
        for letter in verifications.chars() {
            let verification = match letter {
                '+' => Verification::Matched,
                '-' => Verification::Mismatched,
                _ => Verification::NotApplicable,
            };
            confidence.learn(SUBJECT, verification);
        }
        assert_eq!(confidence.prediction(SUBJECT), expected, "{verifications}");
    }

    #[test]
    fn stops_after_failures_in_a_row_and_resumes_after_successes_in_a_row() {
        check("", Prediction::On);
        check("--", Prediction::On);
        check("---", Prediction::Off);
        check("--+--", Prediction::On);
        check("--.-", Prediction::Off);
        check("---++", Prediction::Off);
        check("---++-++", Prediction::Off);
        check("---+++", Prediction::On);
        check("---+++--", Prediction::On);
        check("---+++---", Prediction::Off);
    }

    #[test]
    fn one_route_does_not_condemn_another() {
        let confidence = Confidence::default();
        for _ in 0..3 {
            confidence.learn(SUBJECT, Verification::Mismatched);
        }
        assert_eq!(
            confidence.prediction((SUBJECT.0, GithubMedia::Diff)),
            Prediction::On
        );
        assert_eq!(
            confidence.prediction(("/user", GithubMedia::Json)),
            Prediction::On
        );
        assert_eq!(confidence.snapshot().len(), 1);
    }
}
