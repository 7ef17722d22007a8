//! API and workers on one life cycle: what `serve` runs.

use std::time::Duration;

use service_runtime::listener::{ListenAddress, Listener, serve};
use service_runtime::{Drain, DrainReport, Failure, Shutdown};

use crate::api::Api;
use crate::config::Config;
use crate::crawler::Crawler;

/// A service whose socket is bound, ready to serve and to work.
#[derive(Debug)]
pub struct Server {
    api: Api,
    crawler: Crawler,
    listener: Listener,
    limits: service_runtime::listener::Limits,
    grace: Duration,
    limit: Duration,
}

impl Server {
    /// Binds the socket. To be called inside the runtime.
    ///
    /// # Errors
    /// When the address is taken: one line that names it.
    pub fn bind(config: &Config, api: Api, crawler: Crawler) -> Result<Self, Failure> {
        Ok(Self {
            api,
            crawler,
            listener: Listener::tcp(config.listen)?,
            limits: config.limits.limits(),
            grace: Duration::from_secs(config.drain_grace_seconds),
            limit: Duration::from_secs(config.drain_seconds),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> ListenAddress {
        self.listener.address()
    }

    /// Serves and works until `shutdown`, then drains; runs that are under way are given back.
    ///
    /// # Errors
    /// When the job queue cannot be opened.
    pub async fn run(self, shutdown: Shutdown) -> Result<DrainReport, Failure> {
        let working = {
            let (crawler, shutdown) = (self.crawler, shutdown.clone());
            tokio::spawn(async move {
                let worked = crawler.work(shutdown.clone()).await;
                // A service that cannot work is no service.
                shutdown.begin();
                worked
            })
        };
        shutdown.readiness().set_ready();
        let drain = Drain {
            shutdown,
            grace: self.grace,
            limit: self.limit,
        };
        let api = self.api;
        let service = move |_peer| api.service();
        let report = serve(vec![self.listener], service, self.limits, drain).await;
        match working.await {
            Ok(Ok(())) => Ok(report),
            Ok(Err(error)) => Err(Failure::start("the job queue").because(error)),
            Err(error) => Err(Failure::start("the workers").because(error)),
        }
    }
}
