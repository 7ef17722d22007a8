//! `github-read-cache`: organisation data from a cache. Everything is in the library `read-cache`; this is its command line.

mod arguments;

use std::process::ExitCode;
use std::sync::Arc;

use arguments::Arguments;
use read_cache::config::{SPEC, reference};
use read_cache::{BuildError, Config, Parts, ReadCache, Server};
use service_runtime::config::{load, print_config};
use service_runtime::{Failure, Metrics, Shutdown, SystemClock, exit, logs};

fn main() -> ExitCode {
    exit::run("github-read-cache", || {
        let mut arguments: Arguments = exit::parse_arguments()?;
        if arguments.print_config_docs {
            let page =
                reference().map_err(|error| Failure::start("configuration page").because(error))?;
            print!("{page}");
            return Ok(());
        }
        let flags = arguments.flags();
        let loaded = load::<Config>(&SPEC, arguments.config.as_deref(), flags)?;
        loaded
            .value
            .check()
            .map_err(|error| Failure::usage("configuration").because(error))?;
        if arguments.print_config {
            print!("{}", print_config(&SPEC, &loaded));
        }
        if arguments.print_config || arguments.check_config {
            return Ok(());
        }
        exit::runtime()?.block_on(run(loaded.value))
    })
}

async fn run(config: Config) -> Result<(), Failure> {
    let logs = logs::start(config.log.format, &config.log.level)
        .map_err(|error| Failure::usage("log.level").because(error))?;
    let metrics = Metrics::new("github-read-cache")
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
    let server = Server::bind(&config, cache)?;
    shutdown
        .follow_signals()
        .map_err(|error| Failure::start("signals").because(error))?;
    tracing::info!(address = %server.address(), upstream = config.upstream, "listening");
    let report = server.run(shutdown).await;
    tracing::info!(
        finished = report.finished,
        aborted = report.aborted,
        "drained"
    );
    Ok(())
}
