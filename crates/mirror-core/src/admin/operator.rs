//! What only the program around the mirror can do: change the log level, read its settings again.

use std::fmt;

use serde::Serialize;
use service_runtime::logs::LogLevel;

use super::problem::AdminProblem;
use crate::config::Config;
use crate::mirror::Shared;
use crate::reload;

/// Why settings could not be read again: one line that names the key.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SettingsProblem(pub String);

type ReadSettings = Box<dyn Fn() -> Result<Config, SettingsProblem> + Send + Sync>;

/// The program around a mirror, as far as its operator needs it.
pub struct Administration {
    level: LogLevel,
    read_settings: ReadSettings,
}

impl Administration {
    /// `read_settings` reads file, environment and flags again, as at the start.
    pub fn new(
        level: LogLevel,
        read_settings: impl Fn() -> Result<Config, SettingsProblem> + Send + Sync + 'static,
    ) -> Self {
        Self {
            level,
            read_settings: Box::new(read_settings),
        }
    }
}

impl fmt::Debug for Administration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Administration")
            .field("level", &self.level)
            .finish_non_exhaustive()
    }
}

/// What reading the settings again has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reloaded {
    /// Keys whose new values hold from now on; files that keys name are among them when they were read again.
    pub applied: Vec<String>,
    /// Keys that have changed but hold only after a restart.
    pub needs_restart: Vec<String>,
}

/// An administrative request's way to the program.
pub(super) struct Operator<'a> {
    shared: &'a Shared,
    administration: &'a Administration,
}

impl Shared {
    pub(super) fn administration(&self) -> Result<Operator<'_>, AdminProblem> {
        let administration = self.administration.get();
        Ok(Operator {
            shared: self,
            administration: administration.ok_or(AdminProblem::NotOffered)?,
        })
    }

    /// Reads the settings again and applies what can be applied; nothing changes when any of them is wrong.
    pub(crate) fn read_settings_again(&self) -> Result<Reloaded, AdminProblem> {
        self.administration()?.reload()
    }
}

impl Operator<'_> {
    pub(super) fn level(&self) -> String {
        self.administration.level.current()
    }

    pub(super) fn set_level(&self, level: &str) -> Result<(), AdminProblem> {
        let set = self.administration.level.set(level);
        set.map_err(|_| AdminProblem::Level)
    }

    pub(super) fn reload(&self) -> Result<Reloaded, AdminProblem> {
        let config = (self.administration.read_settings)()
            .map_err(|problem| AdminProblem::Settings(problem.to_string()))?;
        let reloaded = reload::apply(self.shared, config, Some(&self.administration.level))
            .map_err(|problem| AdminProblem::Settings(problem.to_string()))?;
        tracing::info!(
            applied = reloaded.applied.join(","),
            needs_restart = reloaded.needs_restart.join(","),
            "the settings were read again"
        );
        Ok(reloaded)
    }
}
