//! A throw-away Redis as the read cache's master.

use read_cache::Config;
use test_servers::{Plan, Programs, Server};

pub(crate) struct Redis(Server);

/// The settings of a node whose master cache is there.
pub(crate) fn patient(url: String) -> impl Fn(&mut Config) + Clone + use<> {
    move |config| {
        config.master.url = Some(url.as_str().into());
        // What is tested is not how a slow machine is borne.
        config.master.read_timeout_milliseconds = 10_000;
        config.master.write_timeout_milliseconds = 10_000;
    }
}

impl Redis {
    pub(crate) async fn start() -> Self {
        let programs = Programs::redis().expect("`cargo xtask test` installs Redis");
        Self(Plan::plain(&programs).start().await)
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.0.address())
    }

    pub(crate) fn settings(&self) -> impl Fn(&mut Config) + Clone + use<> {
        patient(self.url())
    }

    /// What `redis-cli` says.
    pub(crate) fn ask(&self, arguments: &[&str]) -> String {
        self.0.ask(arguments).trim().to_owned()
    }

    pub(crate) fn kill(&mut self) {
        self.0.kill();
    }

    pub(crate) async fn start_again(&mut self) {
        self.0.start().await;
    }
}
