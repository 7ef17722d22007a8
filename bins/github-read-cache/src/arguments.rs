//! The command line of `github-read-cache`.

use std::path::PathBuf;

use service_runtime::config::{Flag, Setting};

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
    /// TOML file with settings; environment variables and flags win over it
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Show the settings and where each comes from, then exit
    #[arg(long)]
    pub(crate) print_config: bool,
    /// Check the settings, then exit
    #[arg(long)]
    pub(crate) check_config: bool,
    /// Log lines as text or json [default: text]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Print docs/read-cache-configuration.md, then exit
    #[arg(long, hide = true)]
    pub(crate) print_config_docs: bool,
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
            Flag::given("--log-format", "log.format", self.log_format.take()),
        ];
        flags.into_iter().flatten()
    }
}
