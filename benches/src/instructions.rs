//! Instructions of one call, counted by valgrind where there is one: unlike time they do not depend on what else the
//! machine does.
//!
//! A bench that wants them starts itself with `--calls NAME NUMBER`, which does so many calls and nothing else.

use std::process::Command;

use crate::Fallible;

/// What the command line asks to be called: a name, and how often.
///
/// # Errors
/// When the number is none.
pub fn calls(arguments: &[String]) -> Fallible<Option<(&str, u32)>> {
    let Some(at) = arguments.iter().position(|argument| argument == "--calls") else {
        return Ok(None);
    };
    match arguments.get(at + 1..at + 3) {
        Some([name, number]) => Ok(Some((name, number.parse()?))),
        _ => Err("--calls NAME NUMBER".into()),
    }
}

/// Instructions of one call: what `many` calls take more than `few`. None without valgrind.
///
/// # Errors
/// When the calls fail.
pub fn of_one_call(name: &str, few: u32, many: u32) -> Fallible<Option<u64>> {
    let (Some(fewer), Some(more)) = (counted(name, few)?, counted(name, many)?) else {
        return Ok(None);
    };
    Ok(Some(more.saturating_sub(fewer) / u64::from(many - few)))
}

/// Instructions of a run of so many calls; `None` without valgrind.
fn counted(name: &str, calls: u32) -> Fallible<Option<u64>> {
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["--calls", name, &calls.to_string()])
        .output();
    let Ok(run) = run else { return Ok(None) };
    let told = String::from_utf8_lossy(&run.stderr);
    let count = told
        .lines()
        .find_map(|line| line.split_once("Collected : "))
        .and_then(|(_, count)| count.trim().parse().ok());
    match count {
        Some(count) if run.status.success() => Ok(Some(count)),
        _ => Err(format!("valgrind: {told}").into()),
    }
}
