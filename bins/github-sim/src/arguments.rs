//! The command line, and the simulator that it asks for.

use clap::Parser;
use github_sim::{Scale, SimClock, Simulator, SimulatorBuilder, Switches, TokenSpec};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Offline simulator of api.github.com with GitHub's real rules; GET /_sim/ explains its controls.
#[derive(Debug, Parser)]
#[command(name = "github-sim", version)]
pub(crate) struct Arguments {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8090")]
    pub(crate) listen: SocketAddr,
    /// The universe depends on this number alone.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How much is generated: empty, small, medium or large.
    #[arg(long, default_value = "small")]
    scale: Scale,
    /// A folder of frozen answers to put over what is generated.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// A token that is known from the start, e.g. ghp_mine=octocat; may be repeated.
    #[arg(long, value_name = "TOKEN=LOGIN", value_parser = token)]
    pub(crate) token: Vec<TokenSpec>,
    /// Print https://api.github.com in urls, as GitHub does (the default).
    #[arg(long, conflicts_with = "own_urls")]
    real_urls: bool,
    /// Print the simulator's own address in urls.
    #[arg(long)]
    own_urls: bool,
    /// No primary or secondary limits: for benches.
    #[arg(long)]
    unlimited: bool,
    /// Switches as JSON, e.g. '{"edge_cache": false}'; GET /_sim/switches lists them.
    #[arg(long, value_name = "JSON")]
    switches: Option<String>,
}

impl Arguments {
    pub(crate) fn builder(&self) -> Result<SimulatorBuilder, String> {
        let builder = Simulator::builder()
            .seed(self.seed)
            .scale(self.scale)
            .listen(self.listen)
            .clock(SimClock::real())
            .switches(self.switches()?);
        let builder = match &self.data {
            Some(folder) => builder.data(folder),
            None => builder,
        };
        Ok(if self.own_urls {
            builder.own_urls()
        } else {
            builder
        })
    }

    fn switches(&self) -> Result<Switches, String> {
        let base = if self.unlimited {
            Switches::unlimited()
        } else {
            Switches::default()
        };
        let Some(json) = &self.switches else {
            return Ok(base);
        };
        let changes = serde_json::from_str(json).map_err(|error| format!("--switches: {error}"))?;
        base.merged(&changes)
            .map_err(|error| format!("--switches: {error}"))
    }
}

fn token(argument: &str) -> Result<TokenSpec, String> {
    let (token, login) = argument.split_once('=').ok_or("expected TOKEN=LOGIN")?;
    Ok(TokenSpec {
        token: Some(token.to_owned()),
        ..TokenSpec::user(login)
    })
}
