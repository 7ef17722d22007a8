//! `github-events`: activity of repositories. Everything is in the library `events-stats`; this is its command line.

mod arguments;
mod commands;

use std::process::ExitCode;

use arguments::{Arguments, Command};
use events_stats::config::{Exposure, SPEC, reference};
use events_stats::{Config, Monitor, Server};
use service_runtime::config::{load, print_config};
use service_runtime::{Failure, Shutdown, exit, logs};

fn main() -> ExitCode {
    exit::run("github-events", || {
        let mut arguments: Arguments = exit::parse_arguments()?;
        if arguments.print_config_docs {
            let page =
                reference().map_err(|error| Failure::start("configuration page").because(error))?;
            print!("{page}");
            return Ok(());
        }
        let compared = match &arguments.command {
            Some(Command::Simulate { .. }) => arguments.compared()?,
            _ => Vec::new(),
        };
        let flags = arguments.flags();
        let loaded = load::<Config>(&SPEC, arguments.config.as_deref(), flags)?;
        let exposure = loaded.value.check();
        let exposure = exposure.map_err(|error| Failure::usage("configuration").because(error))?;
        if arguments.print_config {
            print!("{}", print_config(&SPEC, &loaded));
        }
        if arguments.print_config || arguments.check_config {
            return Ok(());
        }
        let runtime = exit::runtime()?;
        match arguments.command.unwrap_or(Command::Serve) {
            Command::Serve => runtime.block_on(serve(loaded.value, exposure)),
            Command::Simulate { history } => commands::compare(&loaded.value, &history, &compared),
            command => runtime.block_on(commands::act(&loaded.value, command)),
        }
    })
}

async fn serve(config: Config, exposure: Exposure) -> Result<(), Failure> {
    let logs = logs::start(config.log.format, &config.log.level)
        .map_err(|error| Failure::usage("log.level").because(error))?;
    let shutdown = Shutdown::new();
    let monitor = Monitor::new(
        &config,
        commands::parts(Some(logs.access_log()), &shutdown)?,
    )
    .await?;
    let server = Server::bind(&config, monitor)?;
    shutdown
        .follow_signals()
        .map_err(|error| Failure::start("signals").because(error))?;
    if exposure == Exposure::Loopback {
        tracing::info!(
            "no API_KEYS are set: only this machine is listened to, and everybody on it is let in"
        );
    }
    tracing::info!(address = %server.address(), upstream = config.upstream, "listening");
    let report = server.run(shutdown).await;
    tracing::info!(
        finished = report.finished,
        aborted = report.aborted,
        "drained"
    );
    Ok(())
}
