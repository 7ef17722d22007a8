//! What each way of caching makes GitHub answer: eight hours of many clients with 20 tokens that rotate hourly, objects
//! that change, lists that grow, ten minutes without GitHub. Virtual time: the same numbers on every machine.

use std::sync::Arc;
use std::time::Duration;

use benches::Fallible;
use benches::effort::Effort;
use benches::replay::{
    Coalescing, Kept, Ours, Reads, Strategy, Workload, World, WorldOptions, replay,
};
use benches::results::{Plot, Results, Section};

const COLUMNS: [&str; 8] = [
    "upstream 200s per version seen",
    "client reads",
    "upstream requests",
    "upstream 200s (quota)",
    "versions seen",
    "outdated %",
    "failed %",
    "failed in outage %",
];

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Fallible<()> {
    let effort = Effort::from_arguments();
    let hours = effort.choose(2, 8);
    let time = Duration::from_secs(hours * 3600);
    let workload = Workload {
        time,
        reads_per_second: 10.0,
        tokens: 20,
        rotation: Duration::from_secs(3600),
    };
    let options = WorldOptions {
        objects: 800,
        lists: 200,
        time,
        // In the middle of an hour: a token that is new in an outage is confirmed for nothing.
        outage: time / 2 + Duration::from_secs(1200)..time / 2 + Duration::from_secs(1800),
    };
    let mut results = Results::new(
        "quota_replay",
        "Many clients with 20 tokens that rotate hourly, 1000 resources by Zipf's law, an outage of ten minutes; virtual time.",
    );
    results.notes.push(format!(
        "{hours} hours, {} reads a second and {} changes; 120 ms to GitHub and back.",
        workload.reads_per_second,
        World::new(options.clone()).changes()
    ));
    let mut section = Section::new(
        "strategies",
        "What GitHub answers, by way of caching",
        "strategy",
        &COLUMNS,
    )
    .drawn(Plot::Bars);
    let world = || Arc::new(World::new(options.clone()));
    let here = world();
    let ours = Ours::new(&here)?;
    measure(&mut section, "ours", &here, workload, ours).await?;
    let minute = Duration::from_secs(60);
    for (name, kept, coalescing) in [
        ("tag per token, coalesced", Kept::PerToken, Coalescing::Yes),
        ("tag per token", Kept::PerToken, Coalescing::No),
        ("tag per url", Kept::PerUrl, Coalescing::No),
        ("60 s per token", Kept::ForATime(minute), Coalescing::Yes),
        ("no cache", Kept::Nothing, Coalescing::No),
    ] {
        let here = world();
        let strategy = Strategy::new(&here, kept, coalescing);
        measure(&mut section, name, &here, workload, strategy).await?;
    }
    results.sections.push(section);
    results.publish()
}

async fn measure(
    section: &mut Section,
    name: &str,
    world: &Arc<World>,
    workload: Workload,
    reader: impl Reads,
) -> Fallible<()> {
    let tally = replay(world, workload, reader).await?;
    let counts = world.counts();
    let versions = tally.versions.len() as f64;
    let per_cent = |part: u64, all: u64| 100.0 * part as f64 / (all as f64).max(1.0);
    let values = [
        counts.whole as f64 / versions,
        tally.reads as f64,
        counts.requests as f64,
        counts.whole as f64,
        versions,
        per_cent(tally.outdated, tally.reads),
        per_cent(tally.failed, tally.reads),
        per_cent(tally.failed_in_outage, tally.in_outage),
    ];
    section.row(name, values.map(Some));
    println!("{name:<26} {:.4} upstream 200s per version seen", values[0]);
    Ok(())
}
