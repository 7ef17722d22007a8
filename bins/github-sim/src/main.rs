//! `github-sim`: api.github.com on a local port, offline. Logic lives in the library of the same name.

mod arguments;

use arguments::Arguments;
use clap::Parser;
use github_sim::StartError;
use std::error::Error as _;
use std::process::ExitCode;

/// sysexits.h: the command was used incorrectly.
const USAGE: u8 = 64;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => {
            let text = error.to_string();
            return usage(
                text.lines()
                    .next()
                    .unwrap_or_default()
                    .trim_start_matches("error: "),
            );
        }
        Err(help) => {
            print!("{help}");
            return ExitCode::SUCCESS;
        }
    };
    let builder = match arguments.builder() {
        Ok(builder) => builder,
        Err(error) => return usage(&error),
    };
    let sim = match builder.start().await {
        Ok(sim) => sim,
        Err(error) => {
            let cause = error.source().map(ToString::to_string).unwrap_or_default();
            let text = format!("{error}: {cause}");
            return match error {
                StartError::Load(_) => usage(&text),
                _ => {
                    eprintln!("github-sim: {text}");
                    ExitCode::FAILURE
                }
            };
        }
    };
    let mut tokens = Vec::new();
    for spec in arguments.token {
        match sim.add_token(spec) {
            Ok(token) => tokens.push(token),
            Err(error) => return usage(&format!("--token: {error}")),
        }
    }
    if tokens.is_empty() {
        tokens.extend(sim.example_token());
    }
    println!(
        "github-sim {} tokens: {} help: {}/_sim/",
        sim.url(),
        tokens.join(" "),
        sim.url()
    );
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
