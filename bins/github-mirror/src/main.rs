//! `github-mirror`: a drop-in GitHub API url. Everything is in the library `mirror-core`; this is its command line.

mod arguments;

use std::process::ExitCode;
use std::sync::Arc;

use arguments::Arguments;
use mirror_core::{Administration, BuildError, Config, Mirror, Parts, Server, SettingsProblem};
use service_runtime::export::Traces;
use service_runtime::program::{Asked, SettingsSource};
use service_runtime::{Failure, Metrics, Shutdown, SystemClock, exit, logs};

fn main() -> ExitCode {
    exit::run("github-mirror", || {
        let mut arguments: Arguments = exit::parse_arguments()?;
        let flags: Vec<_> = arguments.flags().collect();
        match arguments.configuration.read(flags)? {
            Asked::Answered => Ok(()),
            Asked::Run(config, source) => exit::runtime()?.block_on(run(config, source)),
        }
    })
}

async fn run(config: Config, source: SettingsSource) -> Result<(), Failure> {
    let logs = logs::start(config.log.format, &config.log.level)
        .map_err(|error| Failure::usage("log.level").because(error))?;
    let otlp = config.telemetry.otlp();
    let metrics = Metrics::exported("github-mirror", otlp.as_ref())
        .map_err(|error| Failure::start("metrics").because(error))?;
    let shutdown = Shutdown::new();
    let parts = Parts {
        metrics,
        access_log: Some(logs.access_log()),
        readiness: shutdown.readiness(),
        clock: Arc::new(SystemClock),
    };
    let mirror =
        Mirror::new(&config, parts).map_err(|error: BuildError| match error.is_config() {
            true => Failure::usage("configuration").because(error),
            false => Failure::start("cannot start").because(error),
        })?;
    if let Some(otlp) = &otlp {
        let traces = Traces::start("github-mirror", otlp);
        mirror.trace_to(traces.map_err(|error| Failure::usage("telemetry").because(error))?);
    }
    let read_again = move || match source.read::<Config>() {
        Ok(loaded) => Ok(loaded.value),
        Err(failure) => Err(SettingsProblem(failure.line())),
    };
    mirror.administer(Administration::new(logs.level(), read_again));
    let server = Server::bind(&config, mirror.clone())?;
    shutdown
        .follow_signals()
        .and_then(|()| mirror.follow_hangups())
        .map_err(|error| Failure::start("signals").because(error))?;
    for address in server.addresses() {
        tracing::info!(%address, upstream = config.upstream, "listening");
    }
    if let Some(address) = server.admin_address() {
        tracing::info!(%address, "administration listening");
    }
    let report = server.run(shutdown).await;
    tracing::info!(
        finished = report.finished,
        aborted = report.aborted,
        "drained"
    );
    Ok(())
}
