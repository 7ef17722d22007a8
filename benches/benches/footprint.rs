//! What the mirror takes: memory for each cached object of 5 KB, start-up time, idle memory, the program's size, and
//! what an object takes on disk and in Redis.
//!
//! Objects are fetched through the mirror, each under its own url; memory is the resident set of the process, less what
//! it was before the first object of the run.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use benches::Fallible;
use benches::effort::Effort;
use benches::load::{Extent, Load, Names, Pace, Requests, Wire};
use benches::peers::{Mirror, Settings, Store, mirror_program, start_mirror};
use benches::process::{Place, Program, free_address};
use benches::results::{Plot, Results, Section, median};
use benches::upstream::{self, Mode};
use test_servers::{Plan, Programs};

const CONNECTIONS: usize = 16;
const MEBIBYTE: f64 = 1024.0 * 1024.0;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Fallible<()> {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments
        .iter()
        .position(|argument| argument == "--upstream")
    {
        return upstream::serve(arguments[at + 1].parse()?).await;
    }
    let effort = Effort::from_arguments();
    let folder = tempfile::tempdir()?;
    let upstream = free_address()?;
    let program = std::env::current_exe()?;
    let mut command = upstream::command(&program, upstream);
    let mut running = Program::start("upstream", &mut command, Place::Load)?;
    running.wait_for(upstream).await?;
    let ground = Ground {
        folder: folder.path(),
        upstream,
    };
    let mut results = Results::new("footprint", "What the mirror takes of a machine.");
    results.sections.push(ground.process(effort).await?);
    let sizes: &[u64] = effort.choose(&[1_000, 10_000], &[10_000, 100_000, 1_000_000]);
    // `--most N` leaves out larger ones: a million take ten minutes.
    let most = arguments.windows(2).find(|pair| pair[0] == "--most");
    let most = most.map_or(Ok(u64::MAX), |pair| pair[1].parse())?;
    let sizes: Vec<(u64, Bodies)> = [Bodies::Plain, Bodies::Packed]
        .into_iter()
        .flat_map(|bodies| sizes.iter().map(move |size| (*size, bodies)))
        .filter(|(size, _)| *size <= most)
        .collect();
    results
        .sections
        .push(ground.memory(&sizes, &mut results.notes).await?);
    let objects = effort.choose(1_000, 10_000);
    results.sections.push(ground.levels(objects).await?);
    results.publish()
}

/// How bodies are kept in memory.
#[derive(Clone, Copy)]
enum Bodies {
    Plain,
    Packed,
}

struct Ground<'a> {
    folder: &'a Path,
    upstream: std::net::SocketAddr,
}

impl Ground<'_> {
    async fn mirror(&self, store: Store) -> Fallible<Mirror> {
        let settings = Settings {
            store,
            ..Settings::default()
        };
        start_mirror("mirror", self.folder, self.upstream, &settings).await
    }

    async fn process(&self, effort: Effort) -> Fallible<Section> {
        let mut section = Section::new(
            "process",
            "The process, before the first request",
            "program",
            &["idle MB", "start-up ms", "program MB", "threads"],
        );
        let mut times = Vec::new();
        let mut idle = Vec::new();
        let mut threads = Vec::new();
        for _ in 0..effort.choose(3, 15) {
            let mirror = self.mirror(Store::Memory(256 << 20)).await?;
            times.push(mirror.started_in.as_secs_f64() * 1e3);
            tokio::time::sleep(Duration::from_millis(300)).await;
            idle.push(mirror.program.memory("VmRSS:")? as f64 / MEBIBYTE);
            threads.push(mirror.program.threads()? as f64);
        }
        let size = std::fs::metadata(mirror_program()?)?.len() as f64 / MEBIBYTE;
        let values = [median(idle), median(times), Some(size), median(threads)];
        section.row("github-mirror", values);
        Ok(section)
    }

    async fn memory(&self, sizes: &[(u64, Bodies)], notes: &mut Vec<String>) -> Fallible<Section> {
        let mut section = Section::new(
            "memory",
            "Memory of cached objects of 5 KB, in memory",
            "objects",
            &["KB per object", "resident MB", "fetched/s"],
        )
        .drawn(Plot::Bars);
        for &(objects, bodies) in sizes {
            let needed = match bodies {
                Bodies::Plain => objects * 9_000,
                Bodies::Packed => objects * 4_000,
            };
            if available_bytes()? < 2 * needed {
                notes.push(format!(
                    "{objects} objects do not fit into this machine's memory."
                ));
                continue;
            }
            let bound = needed + (64 << 20);
            let (store, how) = match bodies {
                Bodies::Plain => (Store::Memory(bound), ""),
                Bodies::Packed => (Store::Packed(bound), ", compressed"),
            };
            let mirror = self.mirror(store).await?;
            let names = Arc::new(AtomicU64::new(0));
            // Connections, buffers and pools are not the objects'.
            self.fetch(&mirror, &names, CONNECTIONS as u64 * 20).await?;
            let before = mirror.program.memory("VmRSS:")? as f64;
            let rate = self.fetch(&mirror, &names, objects).await?;
            let after = mirror.program.memory("VmRSS:")? as f64;
            let per_object = (after - before) / objects as f64 / 1000.0;
            section.row(
                format!("{} objects{how}", benches::results::shown(objects as f64)),
                [Some(per_object), Some(after / MEBIBYTE), Some(rate)],
            );
        }
        Ok(section)
    }

    async fn levels(&self, objects: u64) -> Fallible<Section> {
        let mut section = Section::new(
            "levels",
            "Bytes of an object of 5 KB outside the process",
            "where",
            &["KB per object"],
        );
        let names = Arc::new(AtomicU64::new(0));
        let file = self.folder.join("disk");
        let mirror = self.mirror(Store::Disk(file.clone())).await?;
        self.fetch(&mirror, &names, objects).await?;
        // It writes behind the answers; ending it writes the rest.
        drop(mirror);
        let bytes = size_of(&file)?;
        section.row("disk", [Some(bytes as f64 / objects as f64 / 1000.0)]);
        if let Some(programs) = Programs::redis() {
            let redis = Plan::plain(&programs).start().await;
            let mirror = self.mirror(Store::Redis(redis.address())).await?;
            // It serves without waiting for Redis; what it fetches until they are connected is not there.
            let mut tries = 0..1_000;
            while stored_in(&redis)? == 0.0 && tries.next().is_some() {
                self.fetch(&mirror, &names, 1).await?;
            }
            let (keys, before) = (stored_in(&redis)?, used_memory(&redis)?);
            self.fetch(&mirror, &names, objects).await?;
            drop(mirror);
            let stored = stored_in(&redis)? - keys;
            if stored < objects as f64 {
                return Err(format!("Redis holds {stored} of {objects} objects").into());
            }
            let used = used_memory(&redis)? - before;
            section.row("Redis", [Some(used / stored / 1000.0)]);
        }
        Ok(section)
    }

    /// Has so many further objects fetched; how many a second.
    async fn fetch(&self, mirror: &Mirror, names: &Arc<AtomicU64>, objects: u64) -> Fallible<f64> {
        let load = Load {
            requests: Requests {
                folder: format!("/repos/{}/", Mode::Github.as_str()),
                names: Names::New(Arc::clone(names)),
                tokens: 1,
            },
            connections: CONNECTIONS,
            pace: Pace::Closed,
            wire: Wire::Plain,
        };
        let each = objects.div_ceil(CONNECTIONS as u64);
        let outcome = load.run(mirror.address, Extent::Each(each)).await?;
        match outcome.others {
            0 => Ok(outcome.per_second()),
            others => Err(format!("{others} answers are no 200").into()),
        }
    }
}

fn stored_in(redis: &test_servers::Server) -> Fallible<f64> {
    Ok(redis.ask(&["DBSIZE"]).parse()?)
}

fn used_memory(redis: &test_servers::Server) -> Fallible<f64> {
    let used = redis.info("memory", "used_memory");
    Ok(used.ok_or("Redis tells no memory")?.trim().parse()?)
}

fn available_bytes() -> Fallible<u64> {
    let told = std::fs::read_to_string("/proc/meminfo")?;
    let line = told
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix("kB"));
    Ok(kibibytes.ok_or("no MemAvailable")?.trim().parse::<u64>()? * 1024)
}

/// Bytes of a file, or of what is in a folder.
fn size_of(path: &Path) -> Fallible<u64> {
    let about = std::fs::metadata(path)?;
    if !about.is_dir() {
        return Ok(about.len());
    }
    let mut total = 0;
    for entry in std::fs::read_dir(path)? {
        total += size_of(&entry?.path())?;
    }
    Ok(total)
}
