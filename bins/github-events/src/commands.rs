//! What the commands beside `serve` do: each prints what it has come to.

use std::path::Path;
use std::sync::Arc;

use events_stats::{
    Administration, Config, Extent, Form, Parts, Policy, Standing, StatisticsChoice,
    StatisticsForm, simulate_file,
};
use service_runtime::{Failure, Metrics, Shutdown, SystemClock};

use crate::arguments::Command;

/// Changes or shows the watched repositories.
pub(crate) async fn act(config: &Config, command: Command) -> Result<(), Failure> {
    let administration = Administration::open(config, parts()?).await?;
    let text = match command {
        Command::Serve | Command::Simulate { .. } => String::new(),
        Command::Add { names, inactive } => {
            let standing = match inactive {
                true => Standing::Inactive,
                false => Standing::Active,
            };
            administration.add(&names, standing).await?
        }
        Command::Activate { name } => administration.activate(&name).await?,
        Command::Deactivate { name } => administration.deactivate(&name).await?,
        Command::List { json } => {
            let form = match json {
                true => Form::Json,
                false => Form::Lines,
            };
            administration.list(form).await?
        }
        Command::Poll { name } => administration.poll(config, &name).await?,
        Command::Backfill { gharchive } => administration.backfill(&gharchive).await?,
        Command::Stats {
            name,
            json,
            csv,
            types,
            days,
            max_events,
        } => {
            let extent = Extent {
                days: days.unwrap_or(config.window.days),
                max_events: max_events.map_or(config.window.events, |events| events as usize),
            };
            let form = match (json, csv) {
                (true, _) => StatisticsForm::Json,
                (false, true) => StatisticsForm::Csv,
                (false, false) => StatisticsForm::Table,
            };
            let choice = StatisticsChoice {
                name,
                types,
                extent,
            };
            administration.statistics(&choice, form).await?
        }
    };
    print!("{text}");
    Ok(())
}

/// Compares policies on past events, of as many repositories as may be active.
pub(crate) fn compare(config: &Config, history: &Path, policies: &[Policy]) -> Result<(), Failure> {
    let allowance = config.polling.allowance();
    let comparison = simulate_file(history, policies, allowance, config.max_active);
    let comparison = comparison.map_err(|error| Failure::start("cannot go on").because(error))?;
    print!("{comparison}");
    Ok(())
}

/// What the library is given where nothing is served.
fn parts() -> Result<Parts, Failure> {
    Ok(Parts {
        metrics: Metrics::new("github-events")
            .map_err(|error| Failure::start("metrics").because(error))?,
        access_log: None,
        shutdown: Shutdown::new(),
        clock: Arc::new(SystemClock),
    })
}
