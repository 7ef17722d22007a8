//! The command line of `github-read-cache`.

use service_runtime::config::{Flag, Setting};
use service_runtime::program::ConfigurationArguments;

/// Organisation data from a cache that never makes a client wait, refreshed once per cluster.
#[derive(Debug, clap::Parser)]
#[command(name = "github-read-cache", version)]
pub(crate) struct Arguments {
    /// Port to listen on [default: 5000]
    #[arg(value_name = "PORT")]
    positional_port: Option<String>,
    /// Port to listen on; wins over PORT
    #[arg(long, value_name = "PORT")]
    port: Option<String>,
    /// Address to listen on [default: 127.0.0.1]
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// GitHub's API [default: `https://api.github.com`]
    #[arg(long, value_name = "URL")]
    upstream: Option<String>,
    /// An organisation to keep; may be repeated [default: Netflix]
    #[arg(long, value_name = "LOGIN")]
    org: Vec<String>,
    /// `memory`, or the url of a Redis, Sentinel or Cluster [default: memory]
    #[arg(long, value_name = "URL")]
    master: Option<String>,
    #[command(flatten)]
    pub(crate) configuration: ConfigurationArguments,
}

impl Arguments {
    /// The settings among the arguments.
    pub(crate) fn flags(&mut self) -> impl Iterator<Item = Flag> + use<> {
        let orgs = std::mem::take(&mut self.org);
        let orgs = (!orgs.is_empty()).then_some(Flag {
            name: "--org",
            key: "orgs",
            value: Setting::List(orgs),
        });
        let port = match self.port.take() {
            Some(port) => Flag::given("--port", "port", Some(port)),
            None => Flag::given("PORT", "port", self.positional_port.take()),
        };
        let flags = [
            port,
            orgs,
            Flag::given("--listen", "listen", self.listen.take()),
            Flag::given("--upstream", "upstream", self.upstream.take()),
            Flag::given("--master", "master.url", self.master.take()),
        ];
        flags.into_iter().flatten()
    }
}
