//! The certificate of the TCP listener.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use service_runtime::config::KeyDoc;

use super::ConfigProblem;

/// The section `tls`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    pub cert_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
}

impl TlsConfig {
    pub(super) fn check(&self) -> Result<(), ConfigProblem> {
        match (&self.cert_file, &self.key_file) {
            (Some(_), None) => Err(ConfigProblem::new(
                "tls.key_file",
                "needed with tls.cert_file",
            )),
            (None, Some(_)) => Err(ConfigProblem::new(
                "tls.cert_file",
                "needed with tls.key_file",
            )),
            _ => Ok(()),
        }
    }
}

/// The section's part of the reference page.
pub(super) const DOCS: &[KeyDoc<'static>] = &[
    KeyDoc::new(
        "tls.cert_file",
        "path",
        "PEM certificate chain: the TCP listener speaks TLS (HTTP/1.1 and HTTP/2).",
    ),
    KeyDoc::new(
        "tls.key_file",
        "path",
        "PEM private key of `tls.cert_file`.",
    ),
];
