//! `github-read-cache`: organisation data from a cache. Everything is in the library `read-cache`; this is its command line.

mod arguments;

use std::process::ExitCode;

use arguments::Arguments;
use read_cache::{BuildError, Config, ReadCache, Server};
use service_runtime::program::{Asked, Process};
use service_runtime::{Failure, exit};

fn main() -> ExitCode {
    exit::run("github-read-cache", || {
        let mut arguments: Arguments = exit::parse_arguments()?;
        let flags: Vec<_> = arguments.flags().collect();
        match arguments.configuration.read(flags)? {
            Asked::Answered => Ok(()),
            Asked::Run(config, _source) => exit::runtime()?.block_on(run(config)),
        }
    })
}

async fn run(config: Config) -> Result<(), Failure> {
    let process = Process::begin("github-read-cache", &config.log, &config.telemetry)?;
    let cache =
        ReadCache::new(&config, process.parts()).map_err(|error: BuildError| {
            match error.is_config() {
                true => Failure::usage("configuration").because(error),
                false => Failure::start("cannot start").because(error),
            }
        })?;
    if let Some(traces) = &process.traces {
        cache.trace_to(traces.clone());
    }
    let server = Server::bind(&config, cache)?;
    process
        .shutdown
        .follow_signals()
        .map_err(|error| Failure::start("signals").because(error))?;
    for address in server.addresses() {
        tracing::info!(%address, upstream = config.upstream, "listening");
    }
    let report = server.run(process.shutdown.clone()).await;
    tracing::info!(
        finished = report.finished,
        aborted = report.aborted,
        "drained"
    );
    Ok(())
}
