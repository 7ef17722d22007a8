//! A mirror on its sockets: listeners, limits and drain from the settings.

use std::time::Duration;

use service_runtime::listener::{Certificate, Limits, ListenAddress, Listener, serve};
use service_runtime::{Drain, DrainReport, Failure, Shutdown, notify};

use crate::config::Config;
use crate::mirror::Mirror;

/// How long the store may take to write what is left when the process ends.
const FLUSH_LIMIT: Duration = Duration::from_secs(5);

/// A mirror whose sockets are bound, ready to serve.
#[derive(Debug)]
pub struct Server {
    mirror: Mirror,
    listeners: Vec<Listener>,
    admin: Option<Listener>,
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
        let mut tcp = Listener::handed_over_or(config.listen)?;
        let mut certificate = None;
        if let (Some(chain), Some(key)) = (&config.tls.cert_file, &config.tls.key_file) {
            let read = Certificate::read(chain, key)?;
            let configuration = read.server_config()?;
            tcp = tcp
                .into_iter()
                .map(|listener| listener.with_tls(configuration.clone()))
                .collect();
            certificate = Some(read);
        }
        let mut listeners = tcp;
        if let Some(path) = &config.unix {
            listeners.push(Listener::unix(path)?);
        }
        let limits = config.limits.limits();
        let mut admin = config.admin.listen.map(Listener::tcp).transpose()?;
        if let Some(certificate) = certificate {
            // The token must not travel in the clear where the mirror itself does not.
            let configuration = certificate.server_config()?;
            admin = admin.map(|admin| admin.with_tls(configuration));
            mirror.serve_certificate(certificate);
        }
        Ok(Self {
            mirror,
            listeners,
            admin,
            limits,
            grace: Duration::from_secs(config.drain_grace_seconds),
            limit: Duration::from_secs(config.drain_seconds),
        })
    }

    /// Where it listens, in the order: TCP, Unix.
    pub fn addresses(&self) -> Vec<ListenAddress> {
        self.listeners.iter().map(Listener::address).collect()
    }

    /// Where the administration listens, if it has a listener of its own.
    pub fn admin_address(&self) -> Option<ListenAddress> {
        self.admin.as_ref().map(Listener::address)
    }

    /// Serves until `shutdown`, then drains, and brings the store up to date.
    pub async fn run(self, shutdown: Shutdown) -> DrainReport {
        notify::follow(&shutdown);
        let drain = Drain {
            shutdown,
            grace: self.grace,
            limit: self.limit,
        };
        let mirror = self.mirror.clone();
        let service = move |_peer| mirror.service();
        let mirror = self.mirror.clone();
        let admin_service = move |_peer| mirror.admin_service();
        // Its connections are counted apart: whoever floods the mirror must not keep its operator out.
        let admin = serve(
            self.admin.into_iter().collect(),
            admin_service,
            self.limits,
            drain.clone(),
        );
        let clients = serve(self.listeners, service, self.limits, drain);
        let (report, _) = tokio::join!(clients, admin);
        // A store that hangs must not keep the process; what it has not taken is fetched again.
        if tokio::time::timeout(FLUSH_LIMIT, self.mirror.flush_store())
            .await
            .is_err()
        {
            tracing::warn!("the store did not take all that was written in time");
        }
        self.mirror.flush_telemetry(FLUSH_LIMIT).await;
        report
    }
}
