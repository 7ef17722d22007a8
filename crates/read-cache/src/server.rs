//! A read cache on its socket: listener, limits and drain from the settings.

use std::net::SocketAddr;
use std::time::Duration;

use service_runtime::listener::{Limits, ListenAddress, Listener, serve};
use service_runtime::{Drain, DrainReport, Failure, Shutdown, notify};

use crate::config::Config;
use crate::service::ReadCache;

/// How long the collector may take to receive what is left when the process ends.
const FLUSH_LIMIT: Duration = Duration::from_secs(5);

/// A read cache whose socket is bound, ready to serve.
#[derive(Debug)]
pub struct Server {
    cache: ReadCache,
    listeners: Vec<Listener>,
    limits: Limits,
    grace: Duration,
    limit: Duration,
}

impl Server {
    /// Binds the socket. To be called inside the runtime.
    ///
    /// # Errors
    /// When the address is taken: one line that names it.
    pub fn bind(config: &Config, cache: ReadCache) -> Result<Self, Failure> {
        Ok(Self {
            cache,
            listeners: Listener::handed_over_or(SocketAddr::new(config.listen, config.port))?,
            limits: config.limits.limits(),
            grace: Duration::from_secs(config.drain_grace_seconds),
            limit: Duration::from_secs(config.drain_seconds),
        })
    }

    /// Where it listens.
    pub fn addresses(&self) -> Vec<ListenAddress> {
        self.listeners.iter().map(Listener::address).collect()
    }

    /// Keeps and serves until `shutdown`, then drains.
    pub async fn run(self, shutdown: Shutdown) -> DrainReport {
        notify::follow(&shutdown);
        let keeping = tokio::spawn(self.cache.clone().keep(shutdown.clone()));
        let drain = Drain {
            shutdown,
            grace: self.grace,
            limit: self.limit,
        };
        let cache = self.cache.clone();
        let service = move |_peer| cache.service();
        let report = serve(self.listeners, service, self.limits, drain).await;
        // Ends at once: it was asked to when the drain began.
        let _ = keeping.await;
        self.cache.flush_telemetry(FLUSH_LIMIT).await;
        report
    }
}
