//! `github-mirror`: a drop-in GitHub API url. Everything is in the library `mirror-core`; this is its command line.

mod arguments;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use arguments::Arguments;
use mirror_core::config::{SPEC, reference};
use mirror_core::{Administration, BuildError, Config, Mirror, Parts, Server, SettingsProblem};
use service_runtime::config::{Flag, Loaded, load, print_config};
use service_runtime::export::Traces;
use service_runtime::{Failure, Metrics, Shutdown, SystemClock, exit, logs};

fn main() -> ExitCode {
    exit::run("github-mirror", || {
        let mut arguments: Arguments = exit::parse_arguments()?;
        if arguments.print_config_docs {
            let page =
                reference().map_err(|error| Failure::start("configuration page").because(error))?;
            print!("{page}");
            return Ok(());
        }
        let settings = Settings {
            flags: arguments.flags().collect(),
            file: arguments.config.take(),
        };
        let loaded = settings.read()?;
        if arguments.print_config {
            print!("{}", print_config(&SPEC, &loaded));
        }
        if arguments.print_config || arguments.check_config {
            return Ok(());
        }
        exit::runtime()?.block_on(run(loaded.value, settings))
    })
}

/// Where the settings come from besides the environment; read at the start, and again when asked to.
struct Settings {
    flags: Vec<Flag>,
    file: Option<PathBuf>,
}

impl Settings {
    fn read(&self) -> Result<Loaded<Config>, Failure> {
        let loaded = load::<Config>(&SPEC, self.file.as_deref(), self.flags.clone())?;
        let checked = loaded.value.check();
        checked.map_err(|error| Failure::usage("configuration").because(error))?;
        Ok(loaded)
    }
}

async fn run(config: Config, settings: Settings) -> Result<(), Failure> {
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
    let read_again = move || match settings.read() {
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
