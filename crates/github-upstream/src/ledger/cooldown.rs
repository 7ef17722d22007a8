//! Secondary limits: how long a caller should stay away.
//!
//! GitHub: wait as long as `retry-after` says; without it at least a minute, and longer each time it happens again
//! ("Best practices for using the REST API", section "Handle rate limit errors appropriately").

use std::time::{Duration, SystemTime};

const FIRST_WAIT: Duration = Duration::from_secs(60);
const LONGEST_GUESS: Duration = Duration::from_secs(60 * 60);
/// A longer `retry-after` is believed to be a mistake; without a bound it could silence a caller for years.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// A caller's wait for the end of a secondary limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cooldown {
    /// When it may go on.
    pub until: SystemTime,
    /// How it was recognised.
    pub cause: CooldownCause,
    /// How many limits in a row, without an answer between them that was none.
    pub strikes: u32,
}

/// How a secondary limit was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CooldownCause {
    /// By `retry-after`.
    RetryAfter,
    /// By status 429 while quota was left.
    Status,
    /// By the words of a 403.
    Text,
}

impl CooldownCause {
    /// The word used in metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RetryAfter => "retry-after",
            Self::Status => "status",
            Self::Text => "text",
        }
    }
}

/// How long GitHub wants to be left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    Stated(Duration),
    Unsaid(CooldownCause),
}

impl Cooldown {
    pub(super) fn is_on(&self, now: SystemTime) -> bool {
        now < self.until
    }

    /// The cool-down that follows a signal.
    ///
    /// Signals during a cool-down are most likely of the same burst: they may prolong it, but are no further strike.
    pub(super) fn after(previous: Option<Self>, wait: Wait, now: SystemTime) -> Self {
        let running = previous.filter(|cooldown| cooldown.is_on(now));
        let strikes = match (previous, running) {
            (_, Some(running)) => running.strikes,
            (Some(over), None) => over.strikes.saturating_add(1),
            (None, None) => 1,
        };
        let (cause, delay) = match wait {
            Wait::Stated(delay) => (CooldownCause::RetryAfter, delay.min(LONGEST_WAIT)),
            Wait::Unsaid(cause) => {
                let doubled = FIRST_WAIT.saturating_mul(1 << (strikes - 1).min(16));
                (cause, doubled.min(LONGEST_GUESS))
            }
        };
        let until = now + delay;
        match running {
            Some(running) if running.until >= until => running,
            _ => Self {
                until,
                cause,
                strikes,
            },
        }
    }
}
