//! Command blocks and relative links of a Markdown page.
//!
//! A block fenced as `sh` or `console` is executed. In `console` blocks the lines that begin with `$ ` are the commands
//! (`> ` continues one) and the rest is output for the reader. A block that cannot run in CI says why:
//! `sh ignore=needs a real GitHub token`. Other languages are left alone.

/// A command block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// Of the opening fence, counted from 1.
    pub(super) line: usize,
    pub(super) treatment: Treatment,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Treatment {
    Run(String),
    Ignored(String),
}

/// # Errors
/// `line: problem` for a tag that is not understood, an ignore without a reason, a fence that never closes, a block
/// without a command.
pub(super) fn blocks(text: &str) -> Result<Vec<Block>, String> {
    let mut found = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let Some((fence, info)) = opening(line) else {
            continue;
        };
        let number = index + 1;
        let indent = line.len() - line.trim_start().len();
        let mut body = Vec::new();
        loop {
            let Some((_, line)) = lines.next() else {
                return Err(format!("{number}: the code block never closes"));
            };
            if closes(line, fence) {
                break;
            }
            // Blocks inside lists are indented as a whole.
            body.push(line.get(indent..).unwrap_or_else(|| line.trim_start()));
        }
        if let Some(treatment) =
            treatment(info, &body).map_err(|problem| format!("{number}: {problem}"))?
        {
            found.push(Block {
                line: number,
                treatment,
            });
        }
    }
    Ok(found)
}

/// The fence itself and what follows it.
fn opening(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start();
    let symbol = line
        .chars()
        .next()
        .filter(|symbol| matches!(symbol, '`' | '~'))?;
    let length = line.len() - line.trim_start_matches(symbol).len();
    (length >= 3).then(|| (&line[..length], line[length..].trim()))
}

fn closes(line: &str, fence: &str) -> bool {
    opening(line).is_some_and(|(found, rest)| found.starts_with(fence) && rest.is_empty())
}

fn treatment(info: &str, body: &[&str]) -> Result<Option<Treatment>, String> {
    let (language, tags) = info.split_once(' ').unwrap_or((info, ""));
    let script = match language {
        "sh" | "bash" | "shell" => body.join("\n"),
        "console" => commands(body),
        _ => return Ok(None),
    };
    match tags.trim().split_once('=') {
        None if tags.trim().is_empty() && script.trim().is_empty() => {
            Err("no command in this block".to_owned())
        }
        None if tags.trim().is_empty() => Ok(Some(Treatment::Run(script))),
        Some(("ignore", reason)) if !reason.trim().is_empty() => {
            Ok(Some(Treatment::Ignored(reason.trim().to_owned())))
        }
        _ => Err(format!("`{tags}` is not `ignore=reason`")),
    }
}

fn commands(body: &[&str]) -> String {
    let command = |line: &&str| {
        line.strip_prefix("$ ")
            .or_else(|| line.strip_prefix("> "))
            .map(str::to_owned)
    };
    body.iter()
        .filter_map(command)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Relative links whose target `exists` denies, with their lines.
pub(super) fn dead_links(
    page: &str,
    text: &str,
    exists: impl Fn(&str) -> bool,
) -> Vec<(usize, String)> {
    let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut dead = Vec::new();
    let mut fence = None;
    for (index, line) in text.lines().enumerate() {
        match fence {
            Some(open) => {
                if closes(line, open) {
                    fence = None;
                }
                continue;
            }
            None => fence = opening(line).map(|(fence, _)| fence),
        }
        for target in targets(line) {
            let path = target.split('#').next().unwrap_or_default();
            if !path.is_empty() && !exists(&resolve(folder, path)) {
                dead.push((index + 1, target.to_owned()));
            }
        }
    }
    dead
}

/// Link targets of one line that are neither urls nor absolute.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
        .map(|target| target.split(' ').next().unwrap_or_default())
        .filter(|target| !target.contains(':') && !target.starts_with('/'))
}

fn resolve(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(usize, Treatment)]) {
        let found: Vec<_> = blocks(text)
            .unwrap()
            .into_iter()
            .map(|block| (block.line, block.treatment))
            .collect();
        assert_eq!(found, expected);
    }

    fn runs(script: &str) -> Treatment {
        Treatment::Run(script.to_owned())
    }

    #[test]
    fn command_blocks_are_found() {
        check("Text\n```sh\na\nb\n```\n", &[(2, runs("a\nb"))]);
        check(
            "```console\n$ a \\\n> more\noutput\n$ b\n```\n",
            &[(1, runs("a \\\nmore\nb"))],
        );
        check(
            "- item\n\n  ```sh\n  a\n    b\n  ```\n",
            &[(3, runs("a\n  b"))],
        );
        check("````sh\n```\n````\n", &[(1, runs("```"))]);
        check("```rust\nfn main() {}\n```\n```\nplain\n```\n", &[]);
        check("````text\n```sh\nshown, not run\n```\n````\n", &[]);
        let reason = Treatment::Ignored("needs a real token".to_owned());
        check("```sh ignore=needs a real token\na\n```\n", &[(1, reason)]);
    }

    #[test]
    fn mistakes_are_errors() {
        for (text, problem) in [
            ("```sh ignore=\na\n```\n", "1: `ignore=` is not"),
            ("```sh no_run\na\n```\n", "1: `no_run` is not"),
            ("x\n```sh\na\n", "2: the code block never closes"),
            ("```console\nonly output\n```\n", "1: no command"),
        ] {
            let message = blocks(text).unwrap_err();
            assert!(message.starts_with(problem), "{message}");
        }
    }

    #[test]
    fn dead_relative_links_are_found() {
        let exists = |path: &str| ["docs/a.md", "README.md"].contains(&path);
        let text = "[a](a.md#part) [r](../README.md) [u](https://x.example/y) [h](#here)\n```\n[c](code.md)\n```\n[d](gone.md \"title\")\n";
        assert_eq!(
            dead_links("docs/b.md", text, exists),
            [(5, "gone.md".to_owned())]
        );
    }
}
