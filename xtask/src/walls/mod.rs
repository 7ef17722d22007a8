//! `cargo xtask walls`: the architecture's walls, checked by machine.
//!
//! Two pure rule sets over parsed values: [`dependencies`] reads the manifests, [`sources`] reads the files. Why this
//! is not `cargo deny`: docs/decisions/0003-dependency-walls.md.

mod code;
mod dependencies;
mod sources;

use std::fmt;

use crate::environment;
use crate::workspace::Workspace;

/// One broken rule, printed the way compilers do, so that editors can jump to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    file: String,
    /// Counted from 1; 0 for a rule about the file as a whole.
    line: usize,
    message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(out, "{}: {}", self.file, self.message),
            line => write!(out, "{}:{line}: {}", self.file, self.message),
        }
    }
}

pub(crate) fn task(workspace: &Workspace) -> Result<(), String> {
    let mut violations = Vec::new();
    for package in &workspace.packages {
        let manifest = workspace.read(format!("{}/Cargo.toml", package.folder))?;
        violations.extend(dependencies::check(package, &workspace.packages, &manifest));
    }
    let files = workspace.files()?;
    let machine_paths = sources::machine_paths(&workspace.root, environment::home().as_deref());
    for file in &files {
        // Binary files have no text rules.
        if let Ok(text) = workspace.read(file) {
            violations.extend(sources::check(file, &text, &machine_paths));
        }
    }
    if violations.is_empty() {
        println!(
            "walls: {} packages and {} files obey",
            workspace.packages.len(),
            files.len()
        );
        return Ok(());
    }
    violations.sort();
    for violation in &violations {
        eprintln!("{violation}");
    }
    Err(format!("{} walls are broken", violations.len()))
}
