//! `cargo xtask docs`: generated pages are current, links lead somewhere, commands in Markdown run.

mod markdown;

use std::process::Command;
use std::time::Duration;

use crate::environment;
use crate::generated::{self, Generated};
use crate::process;
use crate::test;
use crate::workspace::Workspace;
use markdown::{Block, Treatment};

const BLOCK_LIMIT: Duration = Duration::from_secs(600);

pub(crate) fn task(workspace: &Workspace, mode: Generated) -> Result<(), String> {
    test::build(workspace)?;
    let mut problems = generated::pages(workspace, mode);
    let files = workspace.files()?;
    for file in files.iter().filter(|file| file.ends_with(".md")) {
        let text = workspace.read(file)?;
        for (line, target) in
            markdown::dead_links(file, &text, |path| workspace.root.join(path).exists())
        {
            problems.push(format!("{file}:{line}: the link `{target}` leads nowhere"));
        }
        match markdown::blocks(&text) {
            Ok(blocks) => problems.extend(
                blocks
                    .iter()
                    .filter_map(|block| treat(workspace, file, block).err()),
            ),
            Err(problem) => problems.push(format!("{file}:{problem}")),
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems.join("\n"))
    }
}

fn treat(workspace: &Workspace, file: &str, block: &Block) -> Result<(), String> {
    let place = format!("{file}:{}", block.line);
    match &block.treatment {
        Treatment::Ignored(reason) => {
            println!("{place}: not run: {reason}");
            Ok(())
        }
        Treatment::Run(script) => {
            println!("{place}: running");
            execute(workspace, script).map_err(|problem| format!("{place}: {problem}"))
        }
    }
}

/// A fresh shell in the repository root; what it leaves running ends with it.
fn execute(workspace: &Workspace, script: &str) -> Result<(), String> {
    let mut programs = vec![workspace.debug_folder(), workspace.target.join("release")];
    programs.retain(|folder| folder.is_dir());
    let mut command = Command::new("bash");
    command
        .current_dir(&workspace.root)
        .args([
            "-o", "errexit", "-o", "nounset", "-o", "pipefail", "-o", "xtrace", "-c", script,
        ])
        .env("PATH", environment::path_with(&programs)?);
    process::forget_our_package(&mut command);
    process::run_group(&mut command, BLOCK_LIMIT)
}
