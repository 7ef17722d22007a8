//! How cost grows: with cores, with entries, with tokens, with clients that wait for the same, and what a hundred
//! mirrors on one Redis make GitHub answer. All but the first should be flat.

use std::time::Duration;

use benches::Fallible;
use benches::client::Client;
use benches::effort::Effort;
use benches::load::{Extent, Load, Names, Pace, Requests, Wire};
use benches::measure::{COLUMNS, medians, round};
use benches::peers::{Mirror, Settings, start_mirror};
use benches::process::{Place, Program, free_address};
use benches::results::{Plot, Results, Section, shown};
use benches::stage::Running;
use benches::upstream::{self, Mode};
use mirror_core::config::CacheKind;
use test_servers::{Plan, Programs};

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
    let address = free_address()?;
    let program = std::env::current_exe()?;
    let mut command = upstream::command(&program, address);
    let mut running = Program::start("upstream", &mut command, Place::Load)?;
    running.wait_for(address).await?;
    let start = async |name, place| {
        let settings = Settings {
            place,
            lines: "rewrite_bodies = false",
            ..Settings::default()
        };
        start_mirror(name, folder.path(), address, &settings).await
    };
    let mut results = Results::new("scaling", "How cost grows with what there is more of.");
    let (one, two) = (
        start("one", Place::Proxy).await?,
        start("two", Place::Both).await?,
    );
    let bench = Bench {
        upstream: address,
        effort,
    };
    let mut cores = section("cores", "Revalidated hit of 5 KB by cores", "cores");
    for (name, mirror) in [("1", &one), ("2", &two)] {
        let names = Names::Apart(16);
        bench
            .row(&mut cores, name, mirror, names, 64, 1, Mode::Github)
            .await?;
    }
    results.sections.push(cores);
    drop(two);

    let mut entries = section("entries", "Revalidated hit of 5 KB by entries", "entries");
    for number in effort.choose(&[100, 1_000][..], &[100, 1_000, 10_000, 30_000]) {
        let (name, names) = (shown(*number as f64), Names::Apart(number / 16));
        bench
            .row(&mut entries, &name, &one, names, 16, 1, Mode::Github)
            .await?;
    }
    results.sections.push(entries);

    let mut tokens = section(
        "tokens",
        "Revalidated hit of 5 KB, 100 resources, by tokens",
        "tokens",
    );
    for number in effort.choose(&[1, 20][..], &[1, 10, 100, 256]) {
        let (name, names) = (number.to_string(), Names::Shared(100));
        bench
            .row(&mut tokens, &name, &one, names, 256, *number, Mode::Github)
            .await?;
    }
    results.sections.push(tokens);

    let mut waiters = section(
        "waiters",
        "One hot key, upstream 20 ms away, by clients",
        "clients",
    );
    for number in effort.choose(&[16, 64][..], &[1, 16, 64, 256, 1024]) {
        let name = number.to_string();
        bench
            .row(
                &mut waiters,
                &name,
                &one,
                Names::One,
                *number,
                1,
                Mode::Slow,
            )
            .await?;
    }
    results.sections.push(waiters);

    if let Some(programs) = Programs::redis() {
        let replicas = effort.choose(&[1, 5][..], &[1, 2, 5, 10, 20, 50, 100]);
        results
            .sections
            .push(bench.replicas(&programs, replicas).await?);
    }
    results.publish()
}

fn section(key: &str, title: &str, rows_are: &str) -> Section {
    Section::new(key, title, rows_are, &COLUMNS).drawn(Plot::Bars)
}

struct Bench {
    upstream: std::net::SocketAddr,
    effort: Effort,
}

impl Bench {
    #[expect(
        clippy::too_many_arguments,
        reason = "one line of a table, as it is called there"
    )]
    async fn row(
        &self,
        section: &mut Section,
        name: &str,
        mirror: &Mirror,
        names: Names,
        connections: usize,
        tokens: usize,
        mode: Mode,
    ) -> Fallible<()> {
        let (rounds, time) = self
            .effort
            .choose((1, Duration::from_millis(300)), (5, Duration::from_secs(1)));
        let each = match names {
            Names::Apart(each) | Names::Shared(each) => each as u64,
            _ => 8,
        };
        let load = Load {
            requests: Requests {
                folder: format!("/repos/{}/", mode.as_str()),
                names,
                tokens,
            },
            connections,
            pace: Pace::Closed,
            wire: Wire::Plain,
        };
        load.run(mirror.address, Extent::Each(2 * each)).await?;
        let mut samples = Vec::new();
        for _ in 0..rounds {
            let (program, address) = (&mirror.program, mirror.address);
            samples.push(round(program, address, &load, time, self.upstream).await?);
        }
        section.row(name, medians(&samples));
        Ok(())
    }

    /// Mirrors that share one Redis: each reads the same resources once.
    async fn replicas(&self, programs: &Programs, numbers: &[usize]) -> Fallible<Section> {
        let resources = self.effort.choose(20, 100);
        let mut section = Section::new(
            "replicas",
            "Mirrors on one Redis, each of which is asked for the same resources",
            "mirrors",
            &[
                "upstream 200s per resource",
                "upstream 304s per read",
                "ms per read",
            ],
        );
        for &number in numbers {
            let redis = Plan::plain(programs).start().await;
            let upstream = format!("http://{}", self.upstream);
            let mut mirrors = Vec::new();
            for _ in 0..number {
                mirrors.push(Running::start_before(&upstream, |config| {
                    config.cache.kind = CacheKind::Tiered;
                    config.redis.primary = redis.address();
                })?);
            }
            let before = upstream::counts(self.upstream).await?;
            let client = Client::new("ghs_the_same_for_all_of_them");
            let begun = tokio::time::Instant::now();
            for resource in 0..resources {
                for (place, mirror) in mirrors.iter().enumerate() {
                    let url = format!("{}/repos/github/replicas-{number}-{resource}", mirror.url);
                    client.get(&url).await?;
                    if place == 0 {
                        // The others come when it is there, not within the same millisecond.
                        mirror.mirror.flush_store().await;
                    }
                }
            }
            let took = begun.elapsed().as_secs_f64() * 1e3;
            let counts = upstream::counts(self.upstream).await?.since(before);
            let reads = (resources * number) as f64;
            section.row(
                number.to_string(),
                [
                    Some(counts.whole as f64 / resources as f64),
                    Some(counts.unchanged as f64 / reads),
                    Some(took / reads),
                ],
            );
        }
        Ok(section)
    }
}
