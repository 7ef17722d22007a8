//! `github-read-cache`: organisation data from a cache. Everything is in the library `read-cache`; this is its command line.

mod arguments;

use std::process::ExitCode;
use std::sync::Arc;

use arguments::Arguments;
use read_cache::{BuildError, Config, Parts, ReadCache, Server};
use service_runtime::export::Traces;
use service_runtime::program::Asked;
use service_runtime::{Failure, Metrics, Shutdown, SystemClock, exit, logs};

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
    let logs = logs::start(config.log.format, &config.log.level)
        .map_err(|error| Failure::usage("log.level").because(error))?;
    let otlp = config.telemetry.otlp();
    let metrics = Metrics::exported("github-read-cache", otlp.as_ref())
        .map_err(|error| Failure::start("metrics").because(error))?;
    let shutdown = Shutdown::new();
    let parts = Parts {
        metrics,
        access_log: Some(logs.access_log()),
        readiness: shutdown.readiness(),
        clock: Arc::new(SystemClock),
    };
    let cache =
        ReadCache::new(&config, parts).map_err(|error: BuildError| match error.is_config() {
            true => Failure::usage("configuration").because(error),
            false => Failure::start("cannot start").because(error),
        })?;
    if let Some(otlp) = &otlp {
        let traces = Traces::start("github-read-cache", otlp);
        cache.trace_to(traces.map_err(|error| Failure::usage("telemetry").because(error))?);
    }
    let server = Server::bind(&config, cache)?;
    shutdown
        .follow_signals()
        .map_err(|error| Failure::start("signals").because(error))?;
    for address in server.addresses() {
        tracing::info!(%address, upstream = config.upstream, "listening");
    }
    let report = server.run(shutdown).await;
    tracing::info!(
        finished = report.finished,
        aborted = report.aborted,
        "drained"
    );
    Ok(())
}
