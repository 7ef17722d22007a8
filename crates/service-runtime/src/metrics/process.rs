//! What the operating system knows about this process, under the names that Prometheus clients
//! agree on. Linux only: elsewhere there is no /proc and the metrics are absent.

use opentelemetry::metrics::Meter;

/// Ticks in which /proc counts CPU time: `USER_HZ`, 100 on every architecture we build for,
/// whatever the kernel's own tick is (proc(5), time(7)).
const TICKS_PER_SECOND: f64 = 100.0;

pub(super) fn observe(meter: &Meter) {
    if !cfg!(target_os = "linux") {
        return;
    }
    meter
        .u64_observable_gauge("process_resident_memory_bytes")
        .with_description("Resident memory size in bytes.")
        .with_callback(|observer| {
            if let Some(bytes) = read("/proc/self/status")
                .as_deref()
                .and_then(resident_bytes)
            {
                observer.observe(bytes, &[]);
            }
        })
        .build();
    meter
        .f64_observable_counter("process_cpu_seconds_total")
        .with_description("Total user and system CPU time spent in seconds.")
        .with_callback(|observer| {
            if let Some(stat) = read("/proc/self/stat").as_deref().and_then(Stat::parse) {
                observer.observe(stat.cpu_ticks as f64 / TICKS_PER_SECOND, &[]);
            }
        })
        .build();
    meter
        .u64_observable_gauge("process_threads")
        .with_description("Number of operating system threads in the process.")
        .with_callback(|observer| {
            if let Some(stat) = read("/proc/self/stat").as_deref().and_then(Stat::parse) {
                observer.observe(stat.threads, &[]);
            }
        })
        .build();
    meter
        .u64_observable_gauge("process_open_fds")
        .with_description("Number of open file descriptors.")
        .with_callback(|observer| {
            if let Ok(entries) = std::fs::read_dir("/proc/self/fd") {
                // One of them is the directory that is being read.
                observer.observe(entries.count().saturating_sub(1) as u64, &[]);
            }
        })
        .build();
    // Does not change: read once.
    if let Some(started) = start_time() {
        meter
            .f64_observable_gauge("process_start_time_seconds")
            .with_description("Start time of the process since unix epoch in seconds.")
            .with_callback(move |observer| observer.observe(started, &[]))
            .build();
    }
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

fn start_time() -> Option<f64> {
    let stat = Stat::parse(&read("/proc/self/stat")?)?;
    let boot = boot_time(&read("/proc/stat")?)?;
    Some(boot as f64 + stat.start_ticks as f64 / TICKS_PER_SECOND)
}

fn resident_bytes(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

fn boot_time(stat: &str) -> Option<u64> {
    stat.lines()
        .find_map(|line| line.strip_prefix("btime "))?
        .trim()
        .parse()
        .ok()
}

#[derive(Debug, PartialEq, Eq)]
struct Stat {
    cpu_ticks: u64,
    threads: u64,
    start_ticks: u64,
}

impl Stat {
    /// proc(5): the second field is the command in parentheses and may contain anything.
    fn parse(text: &str) -> Option<Stat> {
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        // The first of these is field 3 of the manual.
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Stat {
            cpu_ticks: field(14)? + field(15)?,
            threads: field(20)?,
            start_ticks: field(22)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_is_read_behind_any_command_name() {
        let text = "42 (a) b (c) S 1 1 1 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 7 0 12345 1 2 3";
        let expected = Stat {
            cpu_ticks: 300,
            threads: 7,
            start_ticks: 12345,
        };
        assert_eq!(Stat::parse(text), Some(expected));
        assert_eq!(Stat::parse("42 (short) S 1"), None);
    }

    #[test]
    fn memory_and_boot_time_are_read() {
        assert_eq!(
            resident_bytes("Name:\ta\nVmRSS:\t    2048 kB\n"),
            Some(2_097_152)
        );
        assert_eq!(resident_bytes("Name:\ta\n"), None);
        assert_eq!(
            boot_time("cpu 1 2\nbtime 1700000000\n"),
            Some(1_700_000_000)
        );
    }
}
