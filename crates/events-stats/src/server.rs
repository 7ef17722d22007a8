//! A monitor on its socket: listener, limits and drain from the settings.

use std::net::SocketAddr;
use std::time::Duration;

use service_runtime::listener::{Limits, ListenAddress, Listener, serve};
use service_runtime::notify::{self, Notice};
use service_runtime::{Drain, DrainReport, Failure, Shutdown};

use crate::config::Config;
use crate::service::Monitor;

/// How long the last traces and metrics may take.
const FLUSH_LIMIT: Duration = Duration::from_secs(5);

/// A monitor whose socket is bound, ready to serve.
#[derive(Debug)]
pub struct Server {
    monitor: Monitor,
    listener: Listener,
    limits: Limits,
    grace: Duration,
    limit: Duration,
}

impl Server {
    /// Binds the socket. To be called inside the runtime.
    ///
    /// # Errors
    /// When the address is taken: one line that names it.
    pub fn bind(config: &Config, monitor: Monitor) -> Result<Self, Failure> {
        Ok(Self {
            monitor,
            listener: Listener::tcp(SocketAddr::new(config.host, config.port))?,
            limits: config.limits.limits(),
            grace: Duration::from_secs(config.drain_grace_seconds),
            limit: Duration::from_secs(config.drain_seconds),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> ListenAddress {
        self.listener.address()
    }

    /// Polls and serves until `shutdown`, then drains.
    pub async fn run(self, shutdown: Shutdown) -> DrainReport {
        shutdown.readiness().set_ready();
        let monitor = self.monitor.clone();
        notify::notify(Notice::Ready);
        let watching = tokio::spawn(async move {
            monitor.watch().await;
            notify::notify(Notice::Stopping);
        });
        let drain = Drain {
            shutdown,
            grace: self.grace,
            limit: self.limit,
        };
        let monitor = self.monitor.clone();
        let store = monitor.store().clone();
        let service = move |_peer| monitor.service();
        let report = serve(vec![self.listener], service, self.limits, drain).await;
        // Ends at once: it was asked to when the drain began.
        let _ = watching.await;
        store.close().await;
        self.monitor.flush_telemetry(FLUSH_LIMIT).await;
        report
    }
}
