//! Files of this repository that programs write: made anew, or compared in CI.

use std::fs;
use std::process::Command;

use crate::workspace::Workspace;
use crate::{process, routes, tools};

/// What to do with a generated file that is not current.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Generated {
    Write,
    Compare,
}

/// A page that one of our programs prints.
struct Page {
    file: &'static str,
    program: &'static str,
    arguments: &'static [&'static str],
}

const PAGES: &[Page] = &[
    Page {
        file: "docs/configuration.md",
        program: "github-mirror",
        arguments: &["--print-config-docs"],
    },
    Page {
        file: "docs/read-cache-configuration.md",
        program: "github-read-cache",
        arguments: &["--print-config-docs"],
    },
    Page {
        file: "docs/events-configuration.md",
        program: "github-events",
        arguments: &["--print-config-docs"],
    },
    Page {
        file: "docs/discovery-configuration.md",
        program: "github-discovery",
        arguments: &["--print-config-docs"],
    },
];

const ROUTE_TABLE: &str = "crates/github-headers/src/route/table.txt";

/// The pages of `docs/`; returns what is wrong with them. The programs must have been built.
pub(crate) fn pages(workspace: &Workspace, mode: Generated) -> Vec<String> {
    let page = |page: &Page| {
        let mut command = Command::new(workspace.debug_folder().join(page.program));
        let text = process::output(command.current_dir(&workspace.root).args(page.arguments))?;
        settle(workspace, page.file, &text, mode, "cargo xtask docs")
    };
    PAGES.iter().filter_map(|one| page(one).err()).collect()
}

/// GitHub's routes, from its OpenAPI description.
pub(crate) fn route_table(workspace: &Workspace, mode: Generated) -> Result<(), String> {
    let description = tools::openapi_description(workspace)?;
    let fresh = workspace.target.join("tools/route-table.txt");
    routes::generate(&description, &fresh)?;
    let text = workspace.read(&fresh)?;
    settle(workspace, ROUTE_TABLE, &text, mode, "cargo xtask routes")
}

fn settle(
    workspace: &Workspace,
    file: &str,
    text: &str,
    mode: Generated,
    task: &str,
) -> Result<(), String> {
    if workspace.read(file).is_ok_and(|found| found == text) {
        println!("{file}: current");
        return Ok(());
    }
    match mode {
        Generated::Compare => Err(format!("{file} is not current: run `{task}`")),
        Generated::Write => {
            println!("{file}: written");
            fs::write(workspace.root.join(file), text)
                .map_err(|error| format!("cannot write {file}: {error}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_file_is_an_error_in_ci_and_rewritten_at_the_desk() {
        let root = std::env::temp_dir().join(format!("xtask-generated-{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        let workspace = Workspace {
            target: root.join("target"),
            root: root.clone(),
            packages: Vec::new(),
        };
        let settle = |mode| settle(&workspace, "page.md", "new", mode, "cargo xtask docs");
        let missing = settle(Generated::Compare).unwrap_err();
        assert!(missing.contains("run `cargo xtask docs`"), "{missing}");
        settle(Generated::Write).unwrap();
        settle(Generated::Compare).unwrap();
        fs::write(root.join("page.md"), "old").unwrap();
        settle(Generated::Compare).unwrap_err();
        fs::remove_dir_all(&root).unwrap();
    }
}
