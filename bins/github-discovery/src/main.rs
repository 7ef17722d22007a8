//! `github-discovery`: the graph of developers and repositories. Everything is in the library `discovery`; this is its
//! command line.

mod arguments;
mod commands;

use std::process::ExitCode;
use std::sync::Arc;

use arguments::{Arguments, Command};
use discovery::config::{SPEC, reference};
use discovery::{Api, ApiParts, Config, Crawler, Server, Store};
use service_runtime::config::{load, print_config};
use service_runtime::{Failure, Metrics, Shutdown, SystemClock, exit, logs};

fn main() -> ExitCode {
    exit::run("github-discovery", || {
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
        let command = arguments.command.unwrap_or(Command::Serve);
        exit::runtime()?.block_on(run(loaded.value, command))
    })
}

async fn run(config: Config, command: Command) -> Result<(), Failure> {
    let logs = logs::start(config.log.format, &config.log.level)
        .map_err(|error| Failure::usage("log.level").because(error))?;
    let store = Store::open(config.database.address(), config.database.max_connections)
        .await
        .map_err(|error| Failure::start("cannot start").because(error))?;
    let crawler = Crawler::new(&config, &store, Arc::new(SystemClock))
        .map_err(|error| Failure::usage("configuration").because(error))?;
    let shutdown = Shutdown::new();
    let done = match command {
        Command::Serve => {
            let parts = ApiParts {
                store: store.clone(),
                clock: Arc::new(SystemClock),
                metrics: Metrics::new("github-discovery")
                    .map_err(|error| Failure::start("metrics").because(error))?,
                readiness: shutdown.readiness(),
                access_log: Some(logs.access_log()),
            };
            let api = Api::new(&config, parts)
                .map_err(|error| Failure::start("cannot start").because(error))?;
            serve(&config, api, crawler, shutdown).await
        }
        Command::Worker => {
            follow_signals(&shutdown)?;
            tracing::info!("working");
            let worked = crawler.work(shutdown).await;
            worked.map_err(|error| Failure::start("the job queue").because(error))
        }
        command => commands::run(&config, &store, &crawler, command).await,
    };
    store.close().await;
    done
}

async fn serve(
    config: &Config,
    api: Api,
    crawler: Crawler,
    shutdown: Shutdown,
) -> Result<(), Failure> {
    let server = Server::bind(config, api, crawler)?;
    follow_signals(&shutdown)?;
    tracing::info!(address = %server.address(), upstream = config.upstream, "listening");
    let report = server.run(shutdown).await?;
    let (finished, aborted) = (report.finished, report.aborted);
    tracing::info!(finished, aborted, "drained");
    Ok(())
}

fn follow_signals(shutdown: &Shutdown) -> Result<(), Failure> {
    let followed = shutdown.follow_signals();
    followed.map_err(|error| Failure::start("signals").because(error))
}
