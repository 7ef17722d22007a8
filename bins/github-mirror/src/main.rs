//! `github-mirror`: a drop-in GitHub API url. Everything is in the library `mirror-core`; this is its command line.

mod arguments;

use std::process::ExitCode;

use arguments::Arguments;
use mirror_core::{Administration, BuildError, Config, Mirror, Server, SettingsProblem};
use service_runtime::program::{Asked, Process, SettingsSource};
use service_runtime::{Failure, exit};

/// A request is a few dozen small allocations that live as long as it: docs/decisions/0022-speed.md has the numbers.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
    let process = Process::begin("github-mirror", &config.log, &config.telemetry)?;
    let mirror = Mirror::new(&config, process.parts()).map_err(|error: BuildError| match error
        .is_config()
    {
        true => Failure::usage("configuration").because(error),
        false => Failure::start("cannot start").because(error),
    })?;
    if let Some(traces) = &process.traces {
        mirror.trace_to(traces.clone());
    }
    let read_again = move || match source.read::<Config>() {
        Ok(loaded) => Ok(loaded.value),
        Err(failure) => Err(SettingsProblem(failure.line())),
    };
    mirror.administer(Administration::new(process.logs.level(), read_again));
    let server = Server::bind(&config, mirror.clone())?;
    process
        .shutdown
        .follow_signals()
        .and_then(|()| mirror.follow_hangups())
        .map_err(|error| Failure::start("signals").because(error))?;
    for address in server.addresses() {
        tracing::info!(%address, upstream = config.upstream, "listening");
    }
    if let Some(address) = server.admin_address() {
        tracing::info!(%address, "administration listening");
    }
    let report = server.run(process.shutdown.clone()).await;
    tracing::info!(
        finished = report.finished,
        aborted = report.aborted,
        "drained"
    );
    Ok(())
}
