//! A mirror on its sockets: listeners, limits and drain from the settings.

use std::time::Duration;

use service_runtime::listener::{Limits, ListenAddress, Listener, serve, tls_from_files};
use service_runtime::{Drain, DrainReport, Failure, Shutdown};

use crate::config::Config;
use crate::mirror::Mirror;

/// How long the store may take to write what is left when the process ends.
const FLUSH_LIMIT: Duration = Duration::from_secs(5);

/// A mirror whose sockets are bound, ready to serve.
#[derive(Debug)]
pub struct Server {
    mirror: Mirror,
    listeners: Vec<Listener>,
    limits: Limits,
    grace: Duration,
    limit: Duration,
}

impl Server {
    /// Binds the sockets. To be called inside the runtime.
    ///
    /// # Errors
    /// When an address is taken or a certificate unreadable: one line that names it.
    pub fn bind(config: &Config, mirror: Mirror) -> Result<Self, Failure> {
        let mut tcp = Listener::tcp(config.listen)?;
        if let (Some(certificate), Some(key)) = (&config.tls.cert_file, &config.tls.key_file) {
            tcp = tcp.with_tls(tls_from_files(certificate, key)?);
        }
        let mut listeners = vec![tcp];
        if let Some(path) = &config.unix {
            listeners.push(Listener::unix(path)?);
        }
        let limits = Limits {
            max_connections: config.limits.max_connections,
            max_header_bytes: config.limits.max_header_bytes,
            header_read_timeout: Duration::from_secs(config.limits.header_read_timeout_seconds),
            ..Limits::default()
        };
        Ok(Self {
            mirror,
            listeners,
            limits,
            grace: Duration::from_secs(config.drain_grace_seconds),
            limit: Duration::from_secs(config.drain_seconds),
        })
    }

    /// Where it listens, in the order: TCP, Unix.
    pub fn addresses(&self) -> Vec<ListenAddress> {
        self.listeners.iter().map(Listener::address).collect()
    }

    /// Serves until `shutdown`, then drains, and brings the store up to date.
    pub async fn run(self, shutdown: Shutdown) -> DrainReport {
        shutdown.readiness().set_ready();
        let drain = Drain {
            shutdown,
            grace: self.grace,
            limit: self.limit,
        };
        let mirror = self.mirror.clone();
        let service = move |_peer| mirror.service();
        let report = serve(self.listeners, service, self.limits, drain).await;
        // A store that hangs must not keep the process; what it has not taken is fetched again.
        if tokio::time::timeout(FLUSH_LIMIT, self.mirror.flush_store())
            .await
            .is_err()
        {
            tracing::warn!("the store did not take all that was written in time");
        }
        report
    }
}
