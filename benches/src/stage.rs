//! Simulator and mirrors in this process, on real sockets.

use std::sync::Arc;

use github_sim::{SimClock, Simulator, Switches};
use mirror_core::{Config, Mirror, Parts, Server};
use service_runtime::{Metrics, Shutdown, SystemClock};

use crate::Fallible;

/// GitHub as the benches need it: without limits, in real time.
///
/// # Errors
/// When there is no socket to be had.
pub async fn github() -> Fallible<Simulator> {
    let switches = Switches {
        secondary_limits: false,
        ..Switches::default()
    };
    let github = Simulator::builder()
        .seed(7)
        .clock(SimClock::real())
        .switches(switches)
        .start()
        .await?;
    Ok(github)
}

/// A mirror, as the binary `github-mirror` runs it without a log; it ends with this value.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub url: String,
    /// The mirror itself.
    pub mirror: Mirror,
    shutdown: Shutdown,
}

impl Running {
    /// Starts a mirror of `github` on a free port.
    ///
    /// # Errors
    /// When a setting is wrong.
    pub fn start(github: &Simulator, change: impl FnOnce(&mut Config)) -> Fallible<Self> {
        Self::start_before(&github.url(), change)
    }

    /// Starts a mirror of what is at the url `upstream`.
    ///
    /// # Errors
    /// When a setting is wrong.
    pub fn start_before(upstream: &str, change: impl FnOnce(&mut Config)) -> Fallible<Self> {
        let mut config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            upstream: upstream.to_owned(),
            ..Config::default()
        };
        config.status.url.clear();
        change(&mut config);
        let shutdown = Shutdown::new();
        let parts = Parts {
            metrics: Metrics::new("bench")?,
            access_log: None,
            readiness: shutdown.readiness(),
            clock: Arc::new(SystemClock),
        };
        let mirror = Mirror::new(&config, parts)?;
        let server = Server::bind(&config, mirror.clone())?;
        let url = format!("http://{}", server.addresses().remove(0));
        tokio::spawn(server.run(shutdown.clone()));
        Ok(Self {
            url,
            mirror,
            shutdown,
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Twice: without waiting for what is under way.
        self.shutdown.begin();
        self.shutdown.begin();
    }
}
