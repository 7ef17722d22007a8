//! `github-events`: activity of repositories. Everything is in the library `events-stats`; this is its command line.

mod arguments;

use std::process::ExitCode;
use std::sync::Arc;

use arguments::{Arguments, Command};
use events_stats::administration::{Administration, Form};
use events_stats::config::{Exposure, SPEC, reference};
use events_stats::store::Standing;
use events_stats::{Config, Monitor, Parts, Server};
use service_runtime::config::{load, print_config};
use service_runtime::{Failure, Metrics, Shutdown, SystemClock, exit, logs};

fn main() -> ExitCode {
    exit::run("github-events", || {
        let mut arguments: Arguments = exit::parse_arguments()?;
        if arguments.print_config_docs {
            let page =
                reference().map_err(|error| Failure::start("configuration page").because(error))?;
            print!("{page}");
            return Ok(());
        }
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
            command => {
                let text = runtime.block_on(act(&loaded.value, command))?;
                print!("{text}");
                Ok(())
            }
        }
    })
}

async fn serve(config: Config, exposure: Exposure) -> Result<(), Failure> {
    let logs = logs::start(config.log.format, &config.log.level)
        .map_err(|error| Failure::usage("log.level").because(error))?;
    let shutdown = Shutdown::new();
    let monitor = Monitor::new(&config, parts(Some(logs.access_log()), &shutdown)?).await?;
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

async fn act(config: &Config, command: Command) -> Result<String, Failure> {
    let administration = Administration::open(config, parts(None, &Shutdown::new())?).await?;
    let standing = |inactive| match inactive {
        true => Standing::Inactive,
        false => Standing::Active,
    };
    let form = |json| match json {
        true => Form::Json,
        false => Form::Lines,
    };
    match command {
        Command::Serve => Ok(String::new()),
        Command::Add { names, inactive } => administration.add(&names, standing(inactive)).await,
        Command::Activate { name } => administration.activate(&name).await,
        Command::Deactivate { name } => administration.deactivate(&name).await,
        Command::List { json } => administration.list(form(json)).await,
        Command::Poll { name } => administration.poll(config, &name).await,
    }
}

fn parts(access_log: Option<logs::AccessLog>, shutdown: &Shutdown) -> Result<Parts, Failure> {
    Ok(Parts {
        metrics: Metrics::new("github-events")
            .map_err(|error| Failure::start("metrics").because(error))?,
        access_log,
        shutdown: shutdown.clone(),
        clock: Arc::new(SystemClock),
    })
}
