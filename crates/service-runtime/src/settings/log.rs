//! What is logged, and in which form.

use serde::{Deserialize, Serialize};

use crate::config::KeyDoc;
use crate::logs::Format;

/// The section `log`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSettings {
    pub format: Format,
    pub level: String,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            format: Format::Text,
            level: "info".to_owned(),
        }
    }
}

impl LogSettings {
    /// Its part of the reference page.
    pub const DOCS: &'static [KeyDoc<'static>] = &[
        KeyDoc::new(
            "log.format",
            "text, json",
            "The form of log lines. The path is shown, never the query.",
        ),
        KeyDoc::new(
            "log.level",
            "off, error, warn, info, debug, trace",
            "How much is logged. The line per request is of level info and has a name of its own: `warn,access=info` keeps it.",
        ),
    ];
}
