//! What can be wrong with a configuration, as one line that names the key and its source.

use std::io;
use std::path::PathBuf;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("cannot read {}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },

    #[error("{}, line {line}, column {column}: {message}", path.display())]
    Syntax {
        path: PathBuf,
        line: usize,
        column: usize,
        message: String,
    },

    #[error("unknown {what}{}", suggestion(nearest.as_deref()))]
    Unknown {
        /// The key or variable and where it was found.
        what: String,
        nearest: Option<String>,
    },

    #[error("{key}: {problem} ({origin})")]
    Invalid {
        key: String,
        problem: String,
        origin: String,
    },

    /// A mistake of the program, not of its operator.
    #[error("the default of {key} holds a secret")]
    SecretDefault { key: String },

    /// A mistake of the program, not of its operator.
    #[error("the default configuration cannot be serialised")]
    Defaults(#[source] Box<dyn std::error::Error + Send + Sync>),
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest
        .map(|nearest| format!("; did you mean {nearest}?"))
        .unwrap_or_default()
}
