//! Rules about the text of files: sources, manifests, lock files, documents.

use std::path::{Component, Path};

use super::{Violation, code};

const LONGEST_FILE: usize = 800;
const LONGEST_MAIN: usize = 100;

/// Something that must not stand in code.
struct Forbidden {
    text: &'static str,
    scope: Scope,
    message: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// Tests too.
    Everywhere,
    /// Not in tests, test-servers, examples, benches, xtask and service-runtime.
    Services,
    /// Tests too, but not in xtask, which waits for other programs.
    OutsideXtask,
}

const FORBIDDEN: &[Forbidden] = &[
    Forbidden {
        text: "std::env",
        scope: Scope::Services,
        message: "the environment is read by service-runtime only",
    },
    Forbidden {
        text: "#[ignore",
        scope: Scope::Everywhere,
        message: "a test that is not run proves nothing: repair or remove it",
    },
    Forbidden {
        text: "todo!",
        scope: Scope::Everywhere,
        message: "unfinished code",
    },
    Forbidden {
        text: "unimplemented!",
        scope: Scope::Everywhere,
        message: "unfinished code",
    },
    Forbidden {
        text: "thread::sleep",
        scope: Scope::OutsideXtask,
        message: "no sleeping on the wall clock: use tokio time, paused in tests",
    },
];

/// Checks one file; `machine_paths` come from [`machine_paths`].
pub(super) fn check(path: &str, text: &str, machine_paths: &[String]) -> Vec<Violation> {
    let mut violations = every_file(path, text, machine_paths);
    if path.ends_with(".rs") {
        violations.extend(rust(path, text));
    }
    violations.extend(pins(path, text));
    violations
}

fn rust(path: &str, text: &str) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut report = |line, message: String| {
        violations.push(Violation {
            file: path.to_owned(),
            line,
            message,
        });
    };
    let lines = text.lines().count();
    if lines > LONGEST_FILE {
        report(
            0,
            format!("{lines} lines; split it, {LONGEST_FILE} is the limit"),
        );
    }
    if is_main_of_a_binary(path) && lines > LONGEST_MAIN {
        report(
            0,
            format!("{lines} lines; a binary only wires, {LONGEST_MAIN} is the limit"),
        );
    }
    if !is_test_file(path) && !text.starts_with("//!") {
        report(
            1,
            "the first line must be `//!` and say what the module is responsible for".to_owned(),
        );
    }
    let bare = code::bare(text);
    let tests = code::test_lines(&bare);
    for (index, line) in bare.lines().enumerate() {
        let in_test = is_test_file(path) || tests.iter().any(|range| range.contains(&index));
        for rule in FORBIDDEN {
            let applies = match rule.scope {
                Scope::Everywhere => true,
                Scope::Services => !in_test && !may_read_environment(path),
                Scope::OutsideXtask => !path.starts_with("xtask/"),
            };
            if applies && has_word(line, rule.text) {
                report(index + 1, format!("`{}`: {}", rule.text, rule.message));
            }
        }
    }
    violations
}

/// Whether `word` stands in `line` and is not the end of a longer name.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let joins = |symbol: Option<char>| {
            symbol.is_some_and(|symbol| symbol.is_alphanumeric() || symbol == '_')
        };
        !joins(before) && (!word.ends_with(char::is_alphanumeric) || !joins(after))
    })
}

fn is_main_of_a_binary(path: &str) -> bool {
    path.starts_with("bins/") && path.ends_with("/src/main.rs")
}

fn is_test_file(path: &str) -> bool {
    path.split('/')
        .any(|part| ["tests", "drills", "benches"].contains(&part))
        || path.ends_with("/tests.rs")
}

fn may_read_environment(path: &str) -> bool {
    let folders = [
        "crates/service-runtime/",
        "crates/test-servers/",
        "xtask/",
        "examples/",
        "benches/",
    ];
    folders.iter().any(|folder| path.starts_with(folder)) || path.contains("/examples/")
}

fn every_file(path: &str, text: &str, machine_paths: &[String]) -> Vec<Violation> {
    let found = |line: &str| {
        machine_paths
            .iter()
            .find(|machine_path| has_path(line, machine_path))
    };
    text.lines()
        .enumerate()
        .filter_map(|(index, line)| Some((index, found(line)?)))
        .map(|(index, machine_path)| Violation {
            file: path.to_owned(),
            line: index + 1,
            message: format!("`{machine_path}` exists on one machine only"),
        })
        .collect()
}

/// Whether `line` holds `path` as the beginning of an absolute path, and not as the middle of a url.
fn has_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|symbol| symbol.is_alphanumeric() || "._-}*".contains(symbol))
    })
}

/// Folders that mean something on this machine only: those around the checkout, and personal folders.
pub(super) fn machine_paths(root: &Path, home: Option<&Path>) -> Vec<String> {
    // Names that containers and documents use with good reason.
    const USUAL: [&str; 11] = [
        "/", "/tmp", "/home", "/root", "/opt", "/srv", "/src", "/app", "/usr/src", "/var", "/mnt",
    ];
    let around = root
        .ancestors()
        .filter(|folder| folder.components().count() > 1);
    let mut found: Vec<String> = around
        .chain(home)
        .filter(|folder| {
            folder
                .components()
                .all(|part| !matches!(part, Component::ParentDir))
        })
        .filter_map(Path::to_str)
        .filter(|folder| !USUAL.contains(folder))
        .map(|folder| format!("{folder}/"))
        .collect();
    // Spelled in two halves, or this line would be its own violation.
    found.extend([
        concat!("/Us", "ers/").to_owned(),
        concat!("/ro", "ot/").to_owned(),
    ]);
    found.sort();
    found.dedup();
    found
}

/// Package sources other than the public default belong into nobody's repository.
fn pins(path: &str, text: &str) -> Vec<Violation> {
    let name = path.rsplit('/').next().unwrap_or_default();
    let foreign = |line: &str| match name {
        "Cargo.lock" => {
            line.starts_with("source = ")
                && !line.contains("\"registry+https://github.com/rust-lang/crates.io-index\"")
        }
        "package-lock.json" => line.trim_start().starts_with("\"resolved\":"),
        _ if name.starts_with("requirements") => line.contains("://") || line.starts_with('-'),
        ".npmrc" => line.contains("registry=") || line.contains("_auth"),
        "config.toml" if path.ends_with(".cargo/config.toml") => {
            line.starts_with("[source") || line.starts_with("[registr")
        }
        _ => false,
    };
    text.lines()
        .enumerate()
        .filter(|(_, line)| foreign(line))
        .map(|(index, _)| Violation {
            file: path.to_owned(),
            line: index + 1,
            message: "packages come from the public default registry, without naming a host"
                .to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_text(path: &str, text: &str, expected: &[&str]) {
        let found: Vec<String> = check(path, text, &["/builder/".to_owned()])
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(found.len(), expected.len(), "{path}: {found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                found.contains(expected),
                "{path}: {found} has no {expected}"
            );
        }
    }

    const CORE: &str = "crates/mirror-core/src/engine.rs";

    #[test]
    fn the_environment_is_read_in_one_crate() {
        let text = "//! Doc.\nfn f() { std::env::var_os(\"X\"); }\n";
        check_text(CORE, text, &["engine.rs:2: `std::env`"]);
        check_text(
            CORE,
            "//! Doc.\nuse std::env;\n",
            &["engine.rs:2: `std::env`"],
        );
        check_text("bins/github-mirror/src/main.rs", text, &[":2: `std::env`"]);
        check_text("crates/service-runtime/src/settings.rs", text, &[]);
        check_text("crates/mirror-core/tests/it/main.rs", text, &[]);
        check_text("crates/mirror-core/src/drills/stop.rs", text, &[]);
        check_text("crates/mirror-core/examples/embed.rs", text, &[]);
        check_text("xtask/src/main.rs", text, &[]);
        check_text(
            CORE,
            "//! Doc.\n// std::env::var\nconst S: &str = \"std::env::var\";\n",
            &[],
        );
        check_text(
            CORE,
            "//! Doc.\n#[cfg(test)]\nmod tests {\n    use std::env;\n}\n",
            &[],
        );
        check_text(CORE, "//! Doc.\nuse std::environment;\n", &[]);
    }

    #[test]
    fn unfinished_and_unrun_code_is_found_in_tests_too() {
        check_text(CORE, "//! Doc.\nfn f() { todo!() }\n", &[":2: `todo!`"]);
        check_text(
            CORE,
            "//! Doc.\nfn f() { unimplemented!() }\n",
            &[":2: `unimplemented!`"],
        );
        check_text(
            "crates/mirror-core/tests/it/a.rs",
            "#[ignore = \"slow\"]\n",
            &[":1: `#[ignore`"],
        );
        check_text(
            "crates/mirror-core/tests/it/a.rs",
            "std::thread::sleep(x);\n",
            &[":1: `thread::sleep`"],
        );
        check_text(CORE, "//! Doc.\nfn f() { /* todo!() */ my_todo!() }\n", &[]);
    }

    #[test]
    fn modules_say_what_they_are_responsible_for() {
        check_text(
            CORE,
            "use std::fmt;\n",
            &["engine.rs:1: the first line must be"],
        );
        check_text(
            "crates/mirror-core/src/engine/tests.rs",
            "use std::fmt;\n",
            &[],
        );
    }

    #[test]
    fn long_files_are_split() {
        let of_lines = |count: usize| format!("//! Doc.\n{}", "\n".repeat(count - 1));
        check_text(CORE, &of_lines(800), &[]);
        check_text(CORE, &of_lines(801), &["801 lines"]);
        check_text("bins/github-mirror/src/main.rs", &of_lines(100), &[]);
        check_text(
            "bins/github-mirror/src/main.rs",
            &of_lines(101),
            &["101 lines; a binary only wires"],
        );
    }

    #[test]
    fn paths_of_one_machine_are_found_in_any_file() {
        check_text(
            "README.md",
            "see /builder/main/x\n",
            &["README.md:1: `/builder/` exists"],
        );
        check_text(
            "README.md",
            "see https://example.com/builder/x and ./builder/ and ${X}/builder/\n",
            &[],
        );
    }

    #[test]
    fn machine_paths_are_those_around_the_checkout() {
        let found = machine_paths(
            Path::new("/builder/deep/checkout"),
            Some(Path::new("/home/me")),
        );
        for expected in [
            "/builder/",
            "/builder/deep/",
            "/builder/deep/checkout/",
            "/home/me/",
        ] {
            assert!(found.iter().any(|path| path == expected), "{found:?}");
        }
        let usual = machine_paths(Path::new("/tmp/checkout"), None);
        assert!(
            !usual.contains(&"/tmp/".to_owned()) && usual.contains(&"/tmp/checkout/".to_owned()),
            "{usual:?}"
        );
    }

    #[test]
    fn packages_come_from_public_registries() {
        let public = "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n";
        check_text("Cargo.lock", public, &[]);
        check_text(
            "Cargo.lock",
            "source = \"registry+https://packages.example/index\"\n",
            &["Cargo.lock:1"],
        );
        check_text(
            "a/package-lock.json",
            "  \"resolved\": \"https://x\",\n",
            &["package-lock.json:1"],
        );
        check_text(
            "a/requirements.txt",
            "--index-url https://x\n",
            &["requirements.txt:1"],
        );
        check_text("a/requirements.txt", "# pins\nrequests==2.34.2\n", &[]);
        check_text("a/.npmrc", "registry=https://x\n", &[".npmrc:1"]);
        check_text(
            ".cargo/config.toml",
            "[source.crates-io]\n",
            &["config.toml:1"],
        );
    }
}
