//! Running other programs: to the end, line by line, or as a group that is ended with everything it started.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::environment;

/// A cargo command; it never waits for input.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(environment::cargo());
    command.args(arguments);
    forget_our_package(&mut command);
    if environment::place() == environment::Place::Ci {
        // Nobody rebuilds after a CI run: incremental artefacts would only cost time and disk.
        command.env("CARGO_INCREMENTAL", "0");
    }
    command
}

/// Takes away what the `cargo run` that started us has said of our own package, for a command that is cargo or may call
/// it: some build scripts run again when it changes, and all that depends on them is then compiled again, as often as
/// `cargo` and `cargo xtask` take turns.
pub(crate) fn forget_our_package(command: &mut Command) {
    for name in environment::set_for_our_package() {
        command.env_remove(name);
    }
}

/// `program arguments`, as a reader would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let program = program.rsplit('/').next().unwrap_or_default().to_owned();
    let words = command
        .get_args()
        .map(|word| word.to_string_lossy().into_owned());
    std::iter::once(program)
        .chain(words)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Runs to the end with inherited output.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    eprintln!("$ {}", shown(command));
    let status = command.stdin(Stdio::null()).status();
    judge(
        command,
        status.map_err(|error| cannot_start(command, &error))?,
    )
}

/// Runs to the end and returns its standard output; standard error is part of the message on failure.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| cannot_start(command, &error))?;
    judge(command, output.status).map_err(|message| {
        format!(
            "{message}\n{}",
            String::from_utf8_lossy(&output.stderr).trim()
        )
    })?;
    String::from_utf8(output.stdout).map_err(|_| format!("`{}` printed no UTF-8", shown(command)))
}

/// Runs to the end, copies each output line to our own output and shows it to `on_line`.
pub(crate) fn stream(
    command: &mut Command,
    mut on_line: impl FnMut(&str),
) -> Result<ExitStatus, String> {
    eprintln!("$ {}", shown(command));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .map_err(|error| cannot_start(command, &error))?;
    let (sender, lines) = mpsc::channel();
    let out = child
        .stdout
        .take()
        .map(|pipe| forward(pipe, std::io::stdout(), sender.clone()));
    let err = child
        .stderr
        .take()
        .map(|pipe| forward(pipe, std::io::stderr(), sender));
    for line in lines {
        on_line(&line);
    }
    for copier in [out, err].into_iter().flatten() {
        copier
            .join()
            .map_err(|_| "a thread that copies output panicked".to_owned())?;
    }
    child
        .wait()
        .map_err(|error| format!("`{}` cannot be waited for: {error}", shown(command)))
}

fn forward<From, To>(from: From, mut to: To, lines: mpsc::Sender<String>) -> thread::JoinHandle<()>
where
    From: Read + Send + 'static,
    To: Write + Send + 'static,
{
    thread::spawn(move || {
        let mut reader = BufReader::new(from);
        let mut raw = Vec::new();
        // Output that is not UTF-8 is copied as it is; only the copy that is parsed is lossy.
        while reader
            .read_until(b'\n', &mut raw)
            .is_ok_and(|count| count > 0)
        {
            let copied = to.write_all(&raw).and_then(|()| to.flush());
            let line = String::from_utf8_lossy(&raw).trim_end().to_owned();
            if copied.is_err() || lines.send(line).is_err() {
                return;
            }
            raw.clear();
        }
    })
}

/// Runs in a process group of its own and kills that group at the end, whatever it left running.
///
/// # Errors
/// How it ended, without its name: a script is too long to repeat.
pub(crate) fn run_group(command: &mut Command, limit: Duration) -> Result<(), String> {
    command.stdin(Stdio::null()).process_group(0);
    let mut child = command
        .spawn()
        .map_err(|error| cannot_start(command, &error))?;
    let group = child.id();
    let (sender, ended) = mpsc::channel();
    let waiter = thread::spawn(move || {
        // The receiver may have given up by then.
        let _ = sender.send(child.wait());
    });
    let outcome = ended.recv_timeout(limit);
    kill_group(group)?;
    waiter
        .join()
        .map_err(|_| "the thread that waits for a program panicked".to_owned())?;
    match outcome {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(status.to_string()),
        Ok(Err(error)) => Err(format!("cannot be waited for: {error}")),
        Err(_) => Err(format!("did not end within {} s", limit.as_secs())),
    }
}

fn kill_group(group: u32) -> Result<(), String> {
    // The shell's own `kill`: a minimal machine has no /bin/kill. A group that has ended is no error.
    let mut command = Command::new("bash");
    command.args(["-c", &format!("kill -KILL -- -{group} 2>/dev/null || true")]);
    let status = command.stdin(Stdio::null()).status();
    judge(
        &command,
        status.map_err(|error| cannot_start(&command, &error))?,
    )
}

fn judge(command: &Command, status: ExitStatus) -> Result<(), String> {
    if status.success() {
        return Ok(());
    }
    Err(format!("`{}` failed: {status}", shown(command)))
}

fn cannot_start(command: &Command, error: &std::io::Error) -> String {
    format!("`{}` cannot be started: {error}", shown(command))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bash(script: &str) -> Command {
        let mut command = Command::new("bash");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn both_outputs_are_shown_line_by_line() {
        let mut seen = Vec::new();
        let mut command = bash("echo out; echo err >&2; exit 3");
        let status = stream(&mut command, |line| seen.push(line.to_owned())).unwrap();
        seen.sort();
        assert_eq!(seen, ["err", "out"]);
        assert_eq!(status.code(), Some(3));
    }

    #[test]
    fn what_cargo_says_of_our_package_is_not_handed_on() {
        let said = || bash("echo ${CARGO_PKG_NAME-} ${CARGO_MANIFEST_DIR+set} ${PATH+set}");
        assert_eq!(output(&mut said()).unwrap().trim(), "xtask set set");
        let mut command = said();
        forget_our_package(&mut command);
        assert_eq!(output(&mut command).unwrap().trim(), "set");
        let cargo = cargo(&[]);
        let mut taken_away = cargo.get_envs().filter(|(_, value)| value.is_none());
        assert!(taken_away.any(|(name, _)| name == "CARGO_PKG_NAME"));
    }

    #[test]
    fn a_failing_program_names_itself_and_its_error_output() {
        let message = output(&mut bash("echo why >&2; exit 4")).unwrap_err();
        assert!(
            message.contains("bash -c") && message.contains("why"),
            "{message}"
        );
    }

    #[test]
    fn a_group_is_ended_with_what_it_started() {
        let pid_file = std::env::temp_dir().join(format!("xtask-group-{}", std::process::id()));
        let script = format!("sleep 600 & echo $! > {}", pid_file.display());
        run_group(&mut bash(&script), Duration::from_secs(30)).unwrap();
        let pid = std::fs::read_to_string(&pid_file).unwrap();
        std::fs::remove_file(&pid_file).unwrap();
        // A killed orphan may stay a zombie until init reaps it; it must not be running.
        let state = format!(
            "s=$(sed 's/.*) //' /proc/{}/stat 2>/dev/null) || exit 0; [ \"${{s:0:1}}\" = Z ]",
            pid.trim()
        );
        run_group(&mut bash(&state), Duration::from_secs(30)).unwrap();
    }

    #[test]
    fn a_program_that_does_not_end_is_killed() {
        let message = run_group(&mut bash("sleep 600"), Duration::from_millis(50)).unwrap_err();
        assert!(message.contains("did not end"), "{message}");
    }
}
