//! Schemathesis: sends a running service what its own OpenAPI description allows, and what it forbids.

use std::path::PathBuf;

use super::python;
use crate::workspace::Workspace;

/// The path of the program.
///
/// # Errors
/// Says what failed when it was installed.
pub(super) fn program(workspace: &Workspace) -> Result<PathBuf, String> {
    let environment = python(
        workspace,
        "schemathesis",
        "xtask/clients/schemathesis/requirements.txt",
    )?;
    Ok(environment.join("bin/schemathesis"))
}
