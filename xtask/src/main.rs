//! Development tasks of this repository; `cargo xtask help` lists them.
//!
//! One small program instead of shell scripts: it compiles in seconds (its only dependency is `serde_json`), runs the
//! same on a laptop and in CI, and its parsers and rules have unit tests.

mod bench;
mod ci;
mod conformance;
mod docs;
mod environment;
mod generated;
mod package;
mod process;
mod routes;
mod tally;
mod test;
mod tools;
mod walls;
mod workspace;

use std::process::ExitCode;

use generated::Generated;
use workspace::Workspace;

const HELP: &str = "\
cargo xtask <task>

  test [filter..]   install what the tests need under target/tools, then run every test and doctest
  ci [step]         test, format, lints, docs, walls, features, packages, examples: all that must hold before a merge
  bench [name..] [-- argument..]
                    build the benches in release, run them, print their tables; `-- --quick` for a look
  bench --report | --check
                    write docs/benchmarks from the last results; compare them with what is to be reached
  package           pack and build the published crates as a registry would; check the Rust version they promise
  conformance [--check]
                    run the public test suite for HTTP caches; write (or compare) its results and their page
  walls             who may depend on whom, and the source rules
  docs [--check]    write (or compare) the generated pages, follow links, run the commands in *.md
  routes [--check]  write (or compare) the table of GitHub's routes
  tools             install the test tools and print the environment that `test` exports";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match dispatch(&arguments) {
        Ok(code) => code,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[&str]) -> Result<ExitCode, String> {
    match arguments {
        [] | ["help" | "--help" | "-h"] => {
            println!("{HELP}");
        }
        ["test", filters @ ..] => return Ok(test::task(&Workspace::load()?, filters)),
        ["bench", arguments @ ..] => bench::task(&Workspace::load()?, arguments)?,
        ["ci"] => return Ok(ci::task(&Workspace::load()?)),
        ["ci", step] => ci::only(&Workspace::load()?, step)?,
        ["package"] => package::task(&Workspace::load()?)?,
        ["conformance"] => conformance::task(&Workspace::load()?, Generated::Write)?,
        ["conformance", "--check"] => conformance::task(&Workspace::load()?, Generated::Compare)?,
        ["walls"] => walls::task(&Workspace::load()?)?,
        ["docs"] => docs::task(&Workspace::load()?, Generated::Write)?,
        ["docs", "--check"] => docs::task(&Workspace::load()?, Generated::Compare)?,
        ["routes"] => generated::route_table(&Workspace::load()?, Generated::Write)?,
        ["routes", "--check"] => generated::route_table(&Workspace::load()?, Generated::Compare)?,
        ["tools"] => tools::task(&Workspace::load()?)?,
        other => return Err(format!("unknown task `{}`\n\n{HELP}", other.join(" "))),
    }
    Ok(ExitCode::SUCCESS)
}
