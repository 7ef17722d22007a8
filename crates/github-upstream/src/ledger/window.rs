//! One bucket's window, put together from answers that disagree a little.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use github_headers::RateLimit;

/// `x-ratelimit-reset` wavers by one second between answers of one window, so two of them by two.
const WAVER_SECONDS: u64 = 2;

/// What GitHub said about a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Requests allowed.
    pub limit: u64,
    /// Requests left, by the newest answer.
    pub remaining: u64,
    /// Requests made, by the newest answer.
    pub used: u64,
    /// The end, in seconds since the epoch: the latest that was stated for this window.
    pub reset: u64,
}

impl Window {
    /// The end.
    pub fn ends(&self) -> SystemTime {
        UNIX_EPOCH
            .checked_add(Duration::from_secs(self.reset))
            .unwrap_or(UNIX_EPOCH)
    }

    /// Whether it has not ended.
    pub fn is_open(&self, now: SystemTime) -> bool {
        now < self.ends()
    }

    /// Whether nothing is left.
    pub fn is_exhausted(&self) -> bool {
        self.remaining == 0
    }

    /// The window after an answer, given the one before it.
    pub(super) fn after(previous: Option<Self>, stated: &RateLimit, now: SystemTime) -> Self {
        let stated = Self {
            limit: stated.limit,
            remaining: stated.remaining,
            used: stated.used,
            reset: stated.reset,
        };
        match previous {
            Some(window) if window.reset.abs_diff(stated.reset) <= WAVER_SECONDS => Self {
                reset: window.reset.max(stated.reset),
                ..stated
            },
            // An answer that was overtaken: its window is over, the newer one is not.
            Some(window) if stated.reset < window.reset && window.is_open(now) => window,
            _ => stated,
        }
    }
}
