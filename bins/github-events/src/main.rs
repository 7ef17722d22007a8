//! `github-events`: activity of repositories. Everything is in the library `events-stats`; this is its command line.

mod arguments;
mod commands;

use std::process::ExitCode;

use arguments::{Arguments, Command};
use events_stats::config::Exposure;
use events_stats::{Config, Monitor, Parts, Server};
use service_runtime::program::{Asked, Process};
use service_runtime::{Failure, exit};

fn main() -> ExitCode {
    exit::run("github-events", || {
        let mut arguments: Arguments = exit::parse_arguments()?;
        let compared = match &arguments.command {
            Some(Command::Simulate { .. }) => arguments.compared()?,
            _ => Vec::new(),
        };
        let flags: Vec<_> = arguments.flags().collect();
        let Asked::Run(config, _source) = arguments.configuration.read::<Config>(flags)? else {
            return Ok(());
        };
        let runtime = exit::runtime()?;
        match arguments.command.unwrap_or(Command::Serve) {
            Command::Serve => runtime.block_on(serve(config)),
            Command::Simulate { history } => commands::compare(&config, &history, &compared),
            command => runtime.block_on(commands::act(&config, command)),
        }
    })
}

async fn serve(config: Config) -> Result<(), Failure> {
    let process = Process::begin("github-events", &config.log, &config.telemetry)?;
    let given = process.parts();
    let parts = Parts {
        metrics: given.metrics,
        access_log: given.access_log,
        shutdown: process.shutdown.clone(),
        clock: given.clock,
    };
    let monitor = Monitor::new(&config, parts).await?;
    if let Some(traces) = &process.traces {
        monitor.trace_to(traces.clone());
    }
    let server = Server::bind(&config, monitor)?;
    process
        .shutdown
        .follow_signals()
        .map_err(|error| Failure::start("signals").because(error))?;
    if config.exposure() == Exposure::Loopback {
        tracing::info!(
            "no API_KEYS are set: only this machine is listened to, and everybody on it is let in"
        );
    }
    tracing::info!(address = %server.address(), upstream = config.upstream, "listening");
    let report = server.run(process.shutdown.clone()).await;
    tracing::info!(
        finished = report.finished,
        aborted = report.aborted,
        "drained"
    );
    Ok(())
}
