//! What a service is given by whoever runs it: a program, a test, or a process that embeds it.

use std::fmt;
use std::sync::Arc;

use crate::clock::Clock;
use crate::drain::Readiness;
use crate::logs::AccessLog;
use crate::metrics::Metrics;

/// The process around a service.
pub struct Parts {
    /// Metrics to register with.
    pub metrics: Metrics,
    /// Where the line per request goes; `None` = nowhere.
    pub access_log: Option<AccessLog>,
    /// Whether the process wants traffic.
    pub readiness: Readiness,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}
