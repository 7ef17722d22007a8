//! Where events may be missing, and why: what is not known is said, never averaged over.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Timestamp;

/// Why events may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum GapReason {
    /// More events than a feed keeps came between two polls.
    Overflow,
    /// The same, across the time in which this process did not run.
    Downtime,
    /// The feed itself stood still: frozen, or its tag was stuck.
    Upstream,
}

impl GapReason {
    /// The word in answers, in the store and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Overflow => "overflow",
            Self::Downtime => "downtime",
            Self::Upstream => "upstream",
        }
    }

    /// Reads what [`as_str`](Self::as_str) wrote.
    pub fn read(word: &str) -> Option<Self> {
        [Self::Overflow, Self::Downtime, Self::Upstream]
            .into_iter()
            .find(|reason| reason.as_str() == word)
    }
}

/// A stretch of time in which events may be missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Gap {
    /// The newest event known before it.
    pub from: Timestamp,
    /// The oldest event known after it.
    pub to: Timestamp,
    /// Why.
    pub reason: GapReason,
    /// How many events are proven to be missing; often none can be proven.
    pub events_missed_at_least: u64,
}

impl Gap {
    /// Whether a window that begins at `start` has incomplete numbers because of this gap.
    ///
    /// A gap whose end is the window's first event lies before it.
    pub fn touches(&self, start: Timestamp) -> bool {
        self.to > start
    }
}
