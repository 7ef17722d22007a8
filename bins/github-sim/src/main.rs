//! `github-sim`: api.github.com on a local port, offline. Logic lives in the library of the same name.

use clap::{Parser, ValueEnum};
use github_sim::{SimClock, Simulator, SimulatorBuilder, Switches, TokenSpec};
use std::net::SocketAddr;
use std::process::ExitCode;

/// sysexits.h: the command was used incorrectly.
const USAGE: u8 = 64;

/// Offline simulator of api.github.com with GitHub's real rules; GET /_sim/ explains its controls.
#[derive(Debug, Parser)]
#[command(name = "github-sim", version)]
struct Arguments {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// The universe depends on this number alone.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A token that is known from the start, e.g. ghp_mine=octo-1; may be repeated.
    #[arg(long, value_name = "TOKEN=LOGIN", value_parser = token)]
    token: Vec<TokenSpec>,
    /// Print https://api.github.com in urls, as GitHub does (the default).
    #[arg(long, conflicts_with = "own_urls")]
    real_urls: bool,
    /// Print the simulator's own address in urls.
    #[arg(long)]
    own_urls: bool,
    /// No primary or secondary limits: for benches.
    #[arg(long)]
    unlimited: bool,
    /// Switches as JSON, e.g. '{"edge_cache": false}'.
    #[arg(long, value_name = "JSON")]
    switches: Option<String>,
}

fn token(argument: &str) -> Result<TokenSpec, String> {
    let (token, login) = argument.split_once('=').ok_or("expected TOKEN=LOGIN")?;
    Ok(TokenSpec { token: Some(token.to_owned()), ..TokenSpec::user(login) })
}

fn switches(arguments: &Arguments) -> Result<Switches, String> {
    let base = if arguments.unlimited { Switches::unlimited() } else { Switches::default() };
    let Some(json) = &arguments.switches else { return Ok(base) };
    let changes = serde_json::from_str(json).map_err(|error| format!("--switches: {error}"))?;
    base.merged(&changes).map_err(|error| format!("--switches: {error}"))
}

fn builder(arguments: &Arguments) -> Result<SimulatorBuilder, String> {
    let builder = Simulator::builder()
        .seed(arguments.seed)
        .listen(arguments.listen)
        .clock(SimClock::real())
        .switches(switches(arguments)?);
    Ok(if arguments.own_urls { builder.own_urls() } else { builder })
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => {
            let text = error.to_string();
            return usage(text.lines().next().unwrap_or_default().trim_start_matches("error: "));
        }
        Err(help) => {
            print!("{help}");
            return ExitCode::SUCCESS;
        }
    };
    let builder = match builder(&arguments) {
        Ok(builder) => builder,
        Err(error) => return usage(&error),
    };
    let sim = match builder.start().await {
        Ok(sim) => sim,
        Err(error) => {
            eprintln!("github-sim: cannot listen on {}: {error}", arguments.listen);
            return ExitCode::FAILURE;
        }
    };
    let mut tokens = Vec::new();
    for spec in arguments.token {
        match sim.add_token(spec) {
            Ok(token) => tokens.push(token),
            Err(error) => return usage(&format!("--token: {error}")),
        }
    }
    let example = sim.example_token().into_iter().filter(|_| tokens.is_empty());
    tokens.extend(example);
    println!("github-sim {} tokens: {} help: {}/_sim/", sim.url(), tokens.join(" "), sim.url());
    interrupted().await;
    sim.shutdown().await;
    ExitCode::SUCCESS
}

/// Ends at SIGTERM or ctrl-c.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => terminate.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ctrl_c = tokio::signal::ctrl_c() => {}
        _terminated = terminated => {}
    }
}

fn usage(error: &str) -> ExitCode {
    eprintln!("github-sim: {error}");
    ExitCode::from(USAGE)
}
