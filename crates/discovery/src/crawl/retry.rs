//! Whether a run that failed is tried again, and when (pure).

use std::time::Duration;

/// No run waits longer between two attempts.
const LONGEST: Duration = Duration::from_secs(3_600);

/// How often and how fast.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RetryRules {
    /// Attempts in all, the first one included.
    pub(crate) max_attempts: u32,
    /// The wait after the first failure; it doubles with each one after that.
    pub(crate) base: Duration,
}

/// What becomes of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Again {
        after: Duration,
    },
    /// To the dead letters, where somebody may requeue it.
    Dead,
}

/// After an attempt, counted from 1, has failed. `chance` in `0.0..1.0` spreads runs that failed together.
pub(crate) fn after_failure(rules: RetryRules, attempt: u32, chance: f64) -> Next {
    if attempt >= rules.max_attempts {
        return Next::Dead;
    }
    let doublings = attempt.saturating_sub(1).min(31);
    let full = rules.base.saturating_mul(1 << doublings).min(LONGEST);
    Next::Again {
        after: full.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULES: RetryRules = RetryRules {
        max_attempts: 5,
        base: Duration::from_millis(1_000),
    };

    #[track_caller]
    fn check(attempt: u32, milliseconds: Option<u64>) {
        let expected = milliseconds.map_or(Next::Dead, |milliseconds| Next::Again {
            after: Duration::from_millis(milliseconds),
        });
        assert_eq!(after_failure(RULES, attempt, 1.0), expected, "{attempt}");
    }

    #[test]
    fn waits_double_until_the_run_is_dead() {
        check(1, Some(1_000));
        check(2, Some(2_000));
        check(4, Some(8_000));
        check(5, None);
        check(9, None);
    }

    proptest! {
        #[test]
        fn a_wait_is_between_half_and_all_of_it_and_bounded(
            attempt in 1_u32..100,
            base in 1_u64..100_000,
            chance in 0.0..1.0_f64,
        ) {
            let rules = RetryRules { max_attempts: 1_000, base: Duration::from_millis(base) };
            let Next::Again { after } = after_failure(rules, attempt, chance) else {
                return Err(TestCaseError::fail("dead too early"));
            };
            prop_assert!(after <= LONGEST);
            prop_assert!(after >= rules.base.min(LONGEST).mul_f64(0.499));
        }
    }
}
