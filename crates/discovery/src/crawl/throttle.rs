//! Whether a request may be made now, by what is known of a token's quota (pure).
//!
//! Asked before every request. What is known comes from GitHub's headers and is shared by all workers through the store,
//! where a request takes its unit *before* it is sent and gives it back when GitHub says that it cost nothing. So workers
//! that ask at the same time cannot go below the threshold together.

use std::time::Duration;

use crate::moment::Moment;

/// How much is left alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QuotaRules {
    /// Requests of a window that are never used.
    pub(crate) stop_threshold: u64,
    /// The part of a window's requests that this service may use, `0.0..=1.0`.
    pub(crate) share: f64,
}

/// What is known of one token's window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bucket {
    pub(crate) limit: u64,
    /// What GitHub said last, less what has been taken since.
    pub(crate) remaining: u64,
    /// What this service, with all its workers, has used of the window.
    pub(crate) used_here: u64,
    pub(crate) resets_at: Moment,
    /// A secondary limit holds until then.
    pub(crate) blocked_until: Option<Moment>,
}

/// Why a request has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// No more left than the threshold.
    Threshold,
    /// The service has used its share.
    Share,
    /// GitHub has signalled a secondary limit, or asked to come later.
    CoolDown,
}

impl Held {
    /// The word in logs and in the error of a waiting run.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Threshold => "quota threshold",
            Self::Share => "quota share",
            Self::CoolDown => "cool-down",
        }
    }
}

/// May it be made?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Go,
    Wait { until: Moment, why: Held },
}

/// Judges one request to one token's bucket. Nothing known of a running window = it may start.
pub(crate) fn judge(bucket: Option<&Bucket>, rules: QuotaRules, now: Moment) -> Verdict {
    let Some(bucket) = bucket else {
        return Verdict::Go;
    };
    if let Some(until) = bucket.blocked_until.filter(|until| *until > now) {
        let why = Held::CoolDown;
        return Verdict::Wait { until, why };
    }
    if bucket.resets_at <= now {
        return Verdict::Go;
    }
    let wait = |why| Verdict::Wait {
        until: bucket.resets_at,
        why,
    };
    if bucket.remaining <= rules.stop_threshold {
        return wait(Held::Threshold);
    }
    if bucket.used_here >= allowance(bucket.limit, rules.share) {
        return wait(Held::Share);
    }
    Verdict::Go
}

/// The requests of a window that this service may use.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share of a quota of some thousands, cut down to whole requests"
)]
fn allowance(limit: u64, share: f64) -> u64 {
    (limit as f64 * share.clamp(0.0, 1.0)) as u64
}

/// Of several verdicts on several tokens, the one to act upon: go, or else the earliest end.
pub(crate) fn best(verdicts: impl IntoIterator<Item = Verdict>) -> Option<Verdict> {
    verdicts.into_iter().min_by_key(|verdict| match verdict {
        Verdict::Go => None,
        Verdict::Wait { until, .. } => Some(*until),
    })
}

/// When a run that waits for a reset goes on: 1 to 60 seconds after it, so that not all go on at once. `chance` in
/// `0.0..1.0`.
pub(crate) fn resume_at(reset: Moment, chance: f64) -> Moment {
    reset.after(Duration::from_secs_f64(1.0 + 59.0 * chance.clamp(0.0, 1.0)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULES: QuotaRules = QuotaRules {
        stop_threshold: 25,
        share: 0.5,
    };

    fn at(seconds: i64) -> Moment {
        Moment::from_milliseconds(seconds * 1_000)
    }

    #[track_caller]
    fn check(remaining: u64, used_here: u64, now: i64, expected: Verdict) {
        let bucket = Bucket {
            limit: 5_000,
            remaining,
            used_here,
            resets_at: at(3_600),
            blocked_until: None,
        };
        assert_eq!(judge(Some(&bucket), RULES, at(now)), expected);
    }

    #[test]
    fn the_threshold_the_share_and_the_window_decide() {
        let wait = |why| Verdict::Wait {
            until: at(3_600),
            why,
        };
        check(26, 0, 0, Verdict::Go);
        check(25, 0, 0, wait(Held::Threshold));
        check(0, 0, 0, wait(Held::Threshold));
        check(4_000, 2_499, 0, Verdict::Go);
        check(4_000, 2_500, 0, wait(Held::Share));
        // The window is over: nothing is known of the new one.
        check(0, 5_000, 3_600, Verdict::Go);
        assert_eq!(judge(None, RULES, at(0)), Verdict::Go);
    }

    #[test]
    fn a_cool_down_holds_whatever_the_window_says() {
        let bucket = Bucket {
            limit: 60,
            remaining: 60,
            used_here: 0,
            resets_at: at(10),
            blocked_until: Some(at(90)),
        };
        let why = Held::CoolDown;
        let until = at(90);
        assert_eq!(
            judge(Some(&bucket), RULES, at(89)),
            Verdict::Wait { until, why }
        );
        assert_eq!(judge(Some(&bucket), RULES, at(90)), Verdict::Go);
    }

    #[test]
    fn one_token_that_may_go_is_enough() {
        let wait = |until: i64| Verdict::Wait {
            until: at(until),
            why: Held::Threshold,
        };
        assert_eq!(best([wait(9), Verdict::Go, wait(3)]), Some(Verdict::Go));
        assert_eq!(best([wait(9), wait(3)]), Some(wait(3)));
        assert_eq!(best([]), None);
    }

    proptest! {
        #[test]
        fn a_run_goes_on_one_to_sixty_seconds_after_the_reset(chance in 0.0..1.0_f64) {
            let after = resume_at(at(100), chance).since(at(100));
            prop_assert!(after >= Duration::from_secs(1) && after <= Duration::from_secs(60));
        }

        /// However many requests are asked for, the threshold and the share hold.
        #[test]
        fn neither_bound_is_ever_crossed(
            limit in 1_u64..6_000,
            used_by_others in 0_u64..6_000,
            threshold in 0_u64..200,
            share in 0.0..1.0_f64,
            asked in 0_usize..7_000,
        ) {
            let rules = QuotaRules { stop_threshold: threshold, share };
            let start = limit.saturating_sub(used_by_others);
            let mut bucket = Bucket { limit, remaining: start, used_here: 0, resets_at: at(1), blocked_until: None };
            for _ in 0..asked {
                if judge(Some(&bucket), rules, at(0)) != Verdict::Go {
                    break;
                }
                bucket.remaining -= 1;
                bucket.used_here += 1;
            }
            prop_assert!(bucket.remaining >= threshold.min(start));
            prop_assert!(bucket.used_here as f64 <= limit as f64 * share);
        }
    }
}
