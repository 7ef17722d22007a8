//! How often, and how soon, a write begins anew that another writer was in the way of (pure).

use std::time::Duration;

/// Attempts in all, the first one included. Locks are taken in one order wherever that is cheap, so one more is enough
/// unless very many write.
const MOST_ATTEMPTS: u32 = 6;
/// The longest first wait; it doubles with each one after that.
const FIRST_WAIT: Duration = Duration::from_millis(20);

/// What becomes of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Again { after: Duration },
    GiveUp,
}

/// After an attempt, counted from 1, was sent back. `chance` in `0.0..1.0` keeps two from meeting again.
pub(super) fn after_conflict(attempt: u32, chance: f64) -> Next {
    if attempt >= MOST_ATTEMPTS {
        return Next::GiveUp;
    }
    let doublings = attempt.saturating_sub(1).min(MOST_ATTEMPTS);
    let longest = FIRST_WAIT * (1 << doublings);
    Next::Again {
        after: longest.mul_f64(chance.clamp(0.0, 1.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_spread_and_double_until_it_is_given_up() {
        let milliseconds = |attempt, chance| match after_conflict(attempt, chance) {
            Next::Again { after } => Some(after.as_millis()),
            Next::GiveUp => None,
        };
        assert_eq!(milliseconds(1, 0.0), Some(0));
        assert_eq!(milliseconds(1, 1.0), Some(20));
        assert_eq!(milliseconds(2, 0.5), Some(20));
        assert_eq!(milliseconds(5, 1.0), Some(320));
        assert_eq!(milliseconds(6, 0.0), None);
        assert_eq!(milliseconds(u32::MAX, 0.0), None);
    }
}
