//! What the command lines of programs have in common: settings that are shown, checked, or read and used.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::SystemClock;
use crate::config::{Flag, Loaded, ReferenceError, Spec, load, print_config};
use crate::drain::Shutdown;
use crate::exit::Failure;
use crate::export::Traces;
use crate::logs::{self, Logs};
use crate::metrics::Metrics;
use crate::parts::Parts;
use crate::settings::{LogSettings, SettingProblem, TelemetrySettings};

/// The settings of a program.
pub trait Configuration: Serialize + DeserializeOwned + Default {
    /// Prefix, kept names and secrets.
    const SPEC: Spec<'static>;

    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// The first contradiction, naming the key.
    fn check(&self) -> Result<(), SettingProblem>;

    /// The page of all keys.
    ///
    /// # Errors
    /// When it would be wrong.
    fn reference() -> Result<String, ReferenceError>;
}

/// The arguments about settings, to be flattened into a program's own.
#[derive(Debug, Default, clap::Args)]
pub struct ConfigurationArguments {
    /// TOML file with settings; environment variables and flags win over it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Show the settings and where each comes from, then exit
    #[arg(long)]
    print_config: bool,
    /// Check the settings, then exit
    #[arg(long)]
    check_config: bool,
    /// Log lines as text or json [default: text]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Print the page of all settings, then exit
    #[arg(long, hide = true)]
    print_config_docs: bool,
}

/// Where the settings come from besides the environment; read at the start, and again when asked to.
#[derive(Debug)]
pub struct SettingsSource {
    flags: Vec<Flag>,
    file: Option<PathBuf>,
}

/// What the command line asks for.
#[derive(Debug)]
pub enum Asked<C> {
    /// Text only; it has been printed.
    Answered,
    /// The program itself, with these settings.
    Run(C, SettingsSource),
}

impl ConfigurationArguments {
    /// Reads the settings and answers what only asks about them; `flags` are the program's own.
    ///
    /// # Errors
    /// A usage failure that names the key.
    pub fn read<C: Configuration>(
        self,
        flags: impl IntoIterator<Item = Flag>,
    ) -> Result<Asked<C>, Failure> {
        if self.print_config_docs {
            let page = C::reference()
                .map_err(|error| Failure::start("configuration page").because(error))?;
            print!("{page}");
            return Ok(Asked::Answered);
        }
        let format = Flag::given("--log-format", "log.format", self.log_format);
        let source = SettingsSource {
            flags: flags.into_iter().chain(format).collect(),
            file: self.config,
        };
        let loaded = source.read::<C>()?;
        if self.print_config {
            print!("{}", print_config(&C::SPEC, &loaded));
        }
        match self.print_config || self.check_config {
            true => Ok(Asked::Answered),
            false => Ok(Asked::Run(loaded.value, source)),
        }
    }
}

impl SettingsSource {
    /// Reads and checks the settings.
    ///
    /// # Errors
    /// A usage failure that names the key.
    pub fn read<C: Configuration>(&self) -> Result<Loaded<C>, Failure> {
        let loaded = load::<C>(&C::SPEC, self.file.as_deref(), self.flags.clone())?;
        let checked = loaded.value.check();
        checked.map_err(|error| Failure::usage("configuration").because(error))?;
        Ok(loaded)
    }
}

/// What a running program has before its service is built: logs, metrics, traces, and the signal to stop.
#[derive(Debug)]
pub struct Process {
    /// Dropping it waits for the access lines that are still on the way.
    pub logs: Logs,
    /// Where spans go; `None` = nowhere.
    pub traces: Option<Traces>,
    pub shutdown: Shutdown,
    metrics: Metrics,
}

impl Process {
    /// Starts what the settings ask for, in the service's name.
    ///
    /// # Errors
    /// When a setting is wrong, or logging was started before.
    pub fn begin(
        service: &'static str,
        log: &LogSettings,
        telemetry: &TelemetrySettings,
    ) -> Result<Self, Failure> {
        let logs = logs::start(log.format, &log.level)
            .map_err(|error| Failure::usage("log.level").because(error))?;
        let otlp = telemetry.otlp();
        let metrics = Metrics::exported(service, otlp.as_ref())
            .map_err(|error| Failure::start("metrics").because(error))?;
        let traces = otlp.map(|otlp| Traces::start(service, &otlp)).transpose();
        Ok(Self {
            logs,
            traces: traces.map_err(|error| Failure::usage("telemetry").because(error))?,
            shutdown: Shutdown::new(),
            metrics,
        })
    }

    /// What the service is given.
    pub fn parts(&self) -> Parts {
        Parts {
            metrics: self.metrics.clone(),
            access_log: Some(self.logs.access_log()),
            readiness: self.shutdown.readiness(),
            clock: Arc::new(SystemClock),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::config::{KeyDoc, reference_page};

    #[derive(Debug, Default, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Settings {
        workers: u64,
        log: LogSettings,
    }

    impl Configuration for Settings {
        const SPEC: Spec<'static> = Spec {
            prefix: "PROGRAM_TEST_",
            aliases: &[],
            secrets: &[],
        };

        fn check(&self) -> Result<(), SettingProblem> {
            match self.workers {
                13 => Err(SettingProblem::new("workers", "is unlucky")),
                _ => Ok(()),
            }
        }

        fn reference() -> Result<String, ReferenceError> {
            let own: &[KeyDoc<'_>] = &[KeyDoc::new("workers", "threads", "How many.")];
            let docs = [own, LogSettings::DOCS];
            reference_page("program", &Self::SPEC, &Self::default(), &docs)
        }
    }

    fn workers(count: &str) -> Option<Flag> {
        Flag::given("--workers", "workers", Some(count))
    }

    #[test]
    fn flags_reach_the_settings_and_the_source_reads_them_again() {
        let arguments = ConfigurationArguments {
            log_format: Some("json".to_owned()),
            ..ConfigurationArguments::default()
        };
        let Asked::Run(settings, source) = arguments.read::<Settings>(workers("4")).unwrap() else {
            panic!("nothing was asked but to run");
        };
        assert_eq!(settings.workers, 4);
        assert_eq!(settings.log.format, crate::logs::Format::Json);
        assert_eq!(source.read::<Settings>().unwrap().value.workers, 4);
    }

    #[test]
    fn a_contradiction_is_a_usage_failure_that_names_the_key() {
        let failure = ConfigurationArguments::default()
            .read::<Settings>(workers("13"))
            .unwrap_err();
        assert_eq!(failure.line(), "configuration: workers: is unlucky");
        assert_eq!(failure.exit_code(), 64);
    }

    #[test]
    fn checking_does_not_run() {
        let arguments = ConfigurationArguments {
            check_config: true,
            ..ConfigurationArguments::default()
        };
        let asked = arguments.read::<Settings>(workers("1")).unwrap();
        assert!(matches!(asked, Asked::Answered));
    }

    #[test]
    fn the_page_has_every_section() {
        let page = Settings::reference().unwrap();
        assert!(page.starts_with("# Configuration of program\n"), "{page}");
        assert!(page.contains("PROGRAM_TEST_LOG__LEVEL"), "{page}");
    }
}
