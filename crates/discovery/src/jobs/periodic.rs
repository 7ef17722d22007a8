//! What starts by itself: discovery, once for all workers, and a sign of life of each.

use super::worker::Workshop;
use crate::store::{NewRun, RunTarget, StoreError, Turn};

impl Workshop {
    /// Queues discovery at each interval; the first time one interval after the start.
    pub(super) async fn discover_by_itself(&self) {
        let Some(interval) = self.rules.discovery else {
            return;
        };
        loop {
            tokio::time::sleep(interval).await;
            match self.start_discovery(interval).await {
                Ok(()) => self.queued.notify_one(),
                Err(error) => tracing::warn!(%error, "discovery could not be queued"),
            }
        }
    }

    async fn start_discovery(&self, interval: std::time::Duration) -> Result<(), StoreError> {
        let now = self.tools.now();
        if self.tools.store.take_turn(interval, now).await? == Turn::Mine {
            let run = NewRun {
                target: RunTarget::Everything,
                depth: 0,
                run_after: now,
            };
            self.tools.store.queue_run(&run, now).await?;
        }
        Ok(())
    }

    /// Says `ping` at each interval.
    pub(super) async fn beat(&self) {
        let Some(interval) = self.rules.heartbeat else {
            return;
        };
        loop {
            tokio::time::sleep(interval).await;
            tracing::info!("ping");
        }
    }
}
