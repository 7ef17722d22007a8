//! Throw-away processes: pinned to a core, ended with everything they started, and what they cost.

use std::collections::HashMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::Instant;

use crate::Fallible;

/// Where a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// With the load and the upstream.
    Load,
    /// With nobody else.
    Proxy,
    /// On both.
    Both,
}

impl Place {
    fn cores(self) -> &'static str {
        match self {
            Self::Load => "0",
            Self::Proxy => "1",
            Self::Both => "0,1",
        }
    }
}

/// Whether processes can be kept on their cores here.
pub fn can_pin() -> bool {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let works = Command::new("taskset")
        .args(["-c", "1", "true"])
        .stderr(Stdio::null())
        .status();
    (cores >= 2 || works.as_ref().is_ok_and(|status| status.success()))
        && works.is_ok_and(|status| status.success())
}

/// Keeps this process, and what it starts from now on, with the load.
///
/// # Errors
/// When `taskset` fails.
pub fn pin_self() -> Fallible<()> {
    let pid = std::process::id().to_string();
    let status = Command::new("taskset")
        .args(["-a", "-c", "-p", Place::Load.cores(), &pid])
        .stdout(Stdio::null())
        .status()?;
    match status.success() {
        true => Ok(()),
        false => Err("taskset cannot move this process".into()),
    }
}

/// A running program.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
}

impl Program {
    /// Starts `command` at its place, where that can be chosen.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(name: &str, command: &mut Command, place: Place) -> Fallible<Self> {
        let mut pinned = Command::new("taskset");
        let command = if can_pin() {
            pinned
                .args(["-c", place.cores()])
                .arg(command.get_program())
                .args(command.get_args());
            for (key, value) in command.get_envs() {
                if let Some(value) = value {
                    pinned.env(key, value);
                }
            }
            &mut pinned
        } else {
            command
        };
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("{name}: {error}"))?;
        Ok(Self {
            name: name.to_owned(),
            child,
        })
    }

    /// Waits until it listens; the time that took.
    ///
    /// # Errors
    /// When it ends before, or takes ten seconds.
    pub async fn wait_for(&mut self, address: SocketAddr) -> Fallible<Duration> {
        let begun = Instant::now();
        loop {
            if TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok() {
                return Ok(begun.elapsed());
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("{} has ended: {status}", self.name).into());
            }
            if begun.elapsed() > Duration::from_secs(10) {
                return Err(format!("{} does not listen at {address}", self.name).into());
            }
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
    }

    /// Processor time so far, of the whole tree.
    ///
    /// # Errors
    /// When /proc tells nothing.
    pub fn processor_time(&self) -> Fallible<Duration> {
        let processes = processes()?;
        let ticks: u64 = tree(self.child.id(), &processes)
            .iter()
            .filter_map(|pid| processes.get(pid))
            .map(|process| process.ticks)
            .sum();
        Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
    }

    /// A line of /proc/PID/status in bytes, summed over the tree: `VmRSS:`, `VmHWM:`.
    ///
    /// # Errors
    /// When /proc tells nothing.
    pub fn memory(&self, line: &str) -> Fallible<u64> {
        Ok(self.status(line)? * 1024)
    }

    /// Threads of the tree.
    ///
    /// # Errors
    /// When /proc tells nothing.
    pub fn threads(&self) -> Fallible<u64> {
        self.status("Threads:")
    }

    fn status(&self, line: &str) -> Fallible<u64> {
        let processes = processes()?;
        let pids = tree(self.child.id(), &processes);
        pids.into_iter().map(|pid| status(pid, line)).sum()
    }
}

/// A number of /proc/PID/status; sizes are in KiB.
fn status(pid: u32, line: &str) -> Fallible<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let found = status.lines().find_map(|found| found.strip_prefix(line));
    let number = found.map(|value| value.trim().trim_end_matches(" kB"));
    Ok(number.ok_or("no such line in /proc")?.parse()?)
}

/// A line of /proc/PID/status, `VmRSS:` or `VmHWM:`, in megabytes.
///
/// # Errors
/// When there is no such process or line.
pub fn megabytes(pid: u32, line: &str) -> Fallible<f64> {
    Ok(status(pid, line)? as f64 * 1024.0 / 1e6)
}

impl Drop for Program {
    fn drop(&mut self) {
        // Asked first, because masters end their workers; whatever is left after a while is killed.
        let pids = processes().map(|processes| tree(self.child.id(), &processes));
        let pids = pids.unwrap_or_else(|_| vec![self.child.id()]);
        signal("TERM", &pids[..1]).status().ok();
        let later = signal("KILL", &pids).env("DELAY", "5").spawn();
        self.child.wait().ok();
        if let Ok(mut later) = later {
            later.kill().ok();
            later.wait().ok();
        }
    }
}

/// A signal to processes, after `DELAY` seconds; one that is gone already is what was wanted.
fn signal(name: &str, pids: &[u32]) -> Command {
    let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
    let pids = pids.join(" ");
    let line = format!("sleep ${{DELAY:-0}}; kill -{name} {pids} 2>/dev/null || true");
    let mut command = Command::new("bash");
    command.args(["-c", &line]);
    // Its `sleep` may outlive it, and would keep open what we write to.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Linux counts in hundredths of a second wherever this runs.
const TICKS_PER_SECOND: u64 = 100;

struct Process {
    parent: u32,
    ticks: u64,
}

fn processes() -> Fallible<HashMap<u32, Process>> {
    let mut found = HashMap::new();
    for folder in fs::read_dir("/proc")? {
        let name = folder?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // A process may end while the list is read.
        if let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat"))
            && let Some(process) = parse(&stat)
        {
            found.insert(pid, process);
        }
    }
    Ok(found)
}

/// Parent and processor time of `pid (name) state parent ..`; the name may hold anything.
fn parse(stat: &str) -> Option<Process> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    // utime and stime, and those of children that have ended.
    let ticks = (11..15).map(number).sum::<Option<u64>>()?;
    Some(Process {
        parent: u32::try_from(number(1)?).ok()?,
        ticks,
    })
}

fn tree(root: u32, processes: &HashMap<u32, Process>) -> Vec<u32> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        next += 1;
        let children = processes.iter();
        found.extend(
            children
                .filter(|(_, process)| process.parent == parent)
                .map(|(pid, _)| pid),
        );
    }
    found
}

/// An address nobody listens at.
///
/// # Errors
/// When there is none.
pub fn free_address() -> Fallible<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// A program of the machine by its name: on the path, or where administrators' programs are.
pub fn installed(name: &str) -> Option<std::path::PathBuf> {
    let found = Command::new("bash")
        .args([
            "-c",
            "PATH=$PATH:/usr/sbin:/usr/local/sbin command -v \"$0\"",
            name,
        ])
        .output()
        .ok()?;
    let path = String::from_utf8(found.stdout).ok()?;
    (!path.trim().is_empty()).then(|| path.trim().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_proc() {
        let line = "42 (a) b) S 7 42 42 0 -1 4194304 100 0 0 0 11 22 3 4 20 0 1 0 500";
        let process = parse(line).unwrap();
        assert_eq!((process.parent, process.ticks), (7, 40));
    }

    #[test]
    fn a_tree_is_ended_with_its_root() {
        let mut command = Command::new("bash");
        command.args(["-c", "sleep 600 & trap 'kill $!; exit' TERM; wait"]);
        let program = Program::start("bash", &mut command, Place::Both).unwrap();
        assert!(program.memory("VmRSS:").unwrap() > 0);
        let pid = program.child.id();
        drop(program);
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    }
}
