//! A worker: delivers runs that may start, works off what the queue gives it, and starts again when the queue breaks.

use std::sync::Arc;
use std::time::Duration;

use apalis_core::backend::ext::BackendExt;
use apalis_core::error::{BoxDynError, WorkerError};
use apalis_core::task::data::Data;
use apalis_core::worker::builder::WorkerBuilder;
use futures_util::FutureExt as _;
use service_runtime::Shutdown;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::gate::GateLayer;
use super::queue::{Delivery, Queue, postgres, sqlite};
use crate::crawl::work::Tools;

/// Deliveries that are made at once.
const DELIVERED_AT_ONCE: u32 = 32;
/// Between two attempts at a queue that is broken.
const BROKEN_FOR: Duration = Duration::from_secs(1);
/// Between two times of forgetting what was delivered.
const TIDIED_EVERY: Duration = Duration::from_secs(600);

/// How long the queue has for what it writes at a stop.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(1);

/// How a worker works.
#[derive(Clone, Debug)]
pub(crate) struct WorkerRules {
    /// Runs at a time.
    pub(crate) concurrency: usize,
    /// How often it looks for runs that may start.
    pub(crate) poll: Duration,
    /// Between two times of discovery; none = never by itself.
    pub(crate) discovery: Option<Duration>,
    /// Between two signs of life in the log.
    pub(crate) heartbeat: Option<Duration>,
}

/// Everything a worker needs. Clones share it.
#[derive(Clone)]
pub(crate) struct Workshop {
    pub(crate) tools: Tools,
    pub(crate) queue: Queue,
    pub(crate) rules: WorkerRules,
    /// Told when a run was queued in this process.
    pub(crate) queued: Arc<Notify>,
    /// The runs that this worker is at.
    pub(crate) under_way: TaskTracker,
}

impl Workshop {
    /// Works until `shutdown`; what is under way then is given back, to go on where it stopped.
    pub(crate) async fn work(self, shutdown: Shutdown) {
        let beside = async {
            tokio::join!(
                self.deliver(),
                self.tidy(),
                self.discover_by_itself(),
                self.beat()
            )
        };
        tokio::select! {
            // It ends when what was under way has given itself back.
            () = self.serve_queue(&shutdown) => {}
            _ = beside => {}
            () = async {
                self.nothing_under_way(&shutdown).await;
                // What is not acknowledged by then is delivered once more, and found to be done.
                tokio::time::sleep(ACKNOWLEDGED_WITHIN).await;
            } => {}
            () = async {
                shutdown.requested().await;
                // Only a hanging database takes so long.
                tokio::time::sleep(self.tools.rules.lease).await;
            } => {}
        }
        self.queue.close().await;
    }

    async fn serve_queue(&self, shutdown: &Shutdown) {
        loop {
            let name = format!("{}/{}", std::process::id(), Uuid::new_v4().simple());
            let served = match &self.queue {
                Queue::Sqlite(pool) => {
                    let backend = sqlite(pool, self.rules.poll.max(Duration::from_secs(1)));
                    WorkerBuilder::new(name)
                        .backend(backend.poll_with_interval(self.rules.poll))
                        .layer(GateLayer::new(self.rules.concurrency))
                        .data(self.clone())
                        .data(shutdown.clone())
                        .build(work_off)
                        .run_until(self.nothing_under_way(shutdown).map(Ok::<_, WorkerError>))
                        .await
                }
                Queue::Postgres(pool) => {
                    let backend = postgres(pool, self.rules.poll.max(Duration::from_secs(1)));
                    WorkerBuilder::new(name)
                        .backend(backend.poll_with_interval(self.rules.poll))
                        .layer(GateLayer::new(self.rules.concurrency))
                        .data(self.clone())
                        .data(shutdown.clone())
                        .build(work_off)
                        .run_until(self.nothing_under_way(shutdown).map(Ok::<_, WorkerError>))
                        .await
                }
            };
            let stopping = shutdown.requested();
            if let Err(error) = served {
                tracing::warn!(%error, "the job queue broke; starting again");
            }
            tokio::select! {
                () = stopping => return,
                () = tokio::time::sleep(BROKEN_FOR) => {}
            }
        }
    }

    /// When the queue may be left: nothing is taken any more, and what was under way has given itself back.
    ///
    /// A queue that is told to stop is not polled any more, and may then be in the middle of a write: whoever else wants
    /// to write to the same file waits for it in vain.
    fn nothing_under_way(&self, shutdown: &Shutdown) -> impl Future<Output = ()> + Send + 'static {
        let (shutdown, under_way) = (shutdown.clone(), self.under_way.clone());
        async move {
            shutdown.requested().await;
            under_way.close();
            under_way.wait().await;
        }
    }

    /// Hands runs that may start to the queue.
    async fn deliver(&self) {
        let lost_after = self.tools.rules.lease * 2;
        loop {
            let now = self.tools.now();
            let taken = self
                .tools
                .store
                .take_deliveries(lost_after, DELIVERED_AT_ONCE, now)
                .await;
            let taken = taken.unwrap_or_else(|error| {
                tracing::warn!(%error, "runs cannot be delivered");
                Vec::new()
            });
            for run in &taken {
                if let Err(error) = self.queue.deliver(*run).await {
                    // It is delivered again when it counts as lost.
                    tracing::warn!(%error, %run, "not delivered");
                }
            }
            if taken.len() < DELIVERED_AT_ONCE as usize {
                tokio::select! {
                    () = self.queued.notified() => {}
                    () = tokio::time::sleep(self.rules.poll) => {}
                }
            }
        }
    }

    async fn tidy(&self) {
        loop {
            tokio::time::sleep(TIDIED_EVERY).await;
            match self.queue.tidy().await {
                Ok(deliveries) => tracing::debug!(deliveries, "forgotten"),
                Err(error) => tracing::warn!(%error, "old deliveries stay"),
            }
        }
    }
}

/// Works off one delivery. It succeeds whatever becomes of the run: the runs table knows.
async fn work_off(
    delivery: Delivery,
    workshop: Data<Workshop>,
    shutdown: Data<Shutdown>,
) -> Result<(), BoxDynError> {
    let Some(run) = delivery.run() else {
        return Ok(());
    };
    let _here = workshop.under_way.token();
    if workshop.under_way.is_closed() {
        // Too late; it is delivered again when it counts as lost.
        return Ok(());
    }
    let worker = format!("{}", std::process::id());
    let ran = workshop.tools.run(run, &worker, shutdown.requested()).await;
    match ran {
        // A run may have queued others.
        Ok(_) => workshop.queued.notify_one(),
        // Its lease runs out, and then it is delivered again.
        Err(error) => tracing::warn!(%error, %run, "what became of a run could not be written"),
    }
    Ok(())
}
