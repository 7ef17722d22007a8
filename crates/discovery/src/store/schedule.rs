//! What starts by itself, once for all workers.

use std::time::Duration;

use super::database::Statement;
use super::{Store, StoreError};
use crate::moment::Moment;

/// Whether it is this worker's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Mine,
    /// Another worker started it in this interval.
    Another,
}

/// Workers' timers are not exact.
const TOLERANCE: f64 = 0.9;

impl Store {
    /// Takes the turn to start discovery, unless somebody did within the interval.
    pub(crate) async fn take_turn(
        &self,
        interval: Duration,
        now: Moment,
    ) -> Result<Turn, StoreError> {
        let since = now.before(interval.mul_f64(TOLERANCE));
        let update = Statement::new(
            "UPDATE counters SET value = $1 WHERE name = 'discovery_started_at' AND value <= $2",
        );
        let update = update.bind(now).bind(since);
        let taken = self.database.execute(&update).await?;
        Ok(match taken {
            0 => Turn::Another,
            _ => Turn::Mine,
        })
    }
}
