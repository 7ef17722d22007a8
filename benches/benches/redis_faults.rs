//! What a sick Redis adds to a revalidated hit: 8 clients read through a mirror while Redis is killed, hangs, is slow,
//! full, or behind a network that stalls. The first second of each fault is shown by itself: later Redis is left alone.
//!
//! Client, mirror and simulator share this process and its cores.

use std::time::Duration;

use benches::Fallible;
use benches::client::Client;
use benches::effort::Effort;
use benches::latency::{Latencies, microseconds};
use benches::results::{Plot, Results, Section};
use benches::stage::{self, Running};
use mirror_core::config::CacheKind;
use test_servers::{Network, Plan, Programs, Server};
use tokio::time::Instant;

const PATH: &str = "/repos/octocat/Hello-World";
const CLIENTS: usize = 8;

/// What is wrong with Redis.
#[derive(Clone, Copy, Debug)]
enum Harm {
    Nothing,
    Full,
    Slow,
    Stalled,
    Hanging,
    Killed,
}

impl Harm {
    const ALL: [Self; 6] = [
        Self::Nothing,
        Self::Full,
        Self::Slow,
        Self::Stalled,
        Self::Hanging,
        Self::Killed,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "well",
            Self::Full => "full (noeviction)",
            Self::Slow => "slow (200 ms)",
            Self::Stalled => "network stalls",
            Self::Hanging => "hangs (SIGSTOP)",
            Self::Killed => "killed",
        }
    }

    fn begin(self, redis: &mut Server, network: &Network) {
        match self {
            Self::Nothing => {}
            Self::Full => {
                redis.ask(&["CONFIG", "SET", "maxmemory", "1"]);
            }
            Self::Slow => network.slow(Duration::from_millis(200)),
            Self::Stalled => network.stall(),
            Self::Hanging => redis.freeze(),
            Self::Killed => redis.kill(),
        }
    }

    async fn end(self, redis: &mut Server, network: &Network) {
        match self {
            Self::Nothing => {}
            Self::Full => {
                redis.ask(&["CONFIG", "SET", "maxmemory", "0"]);
            }
            Self::Slow | Self::Stalled => network.open(),
            Self::Hanging => redis.thaw(),
            Self::Killed => redis.start().await,
        }
    }
}

#[tokio::main]
async fn main() -> Fallible<()> {
    let effort = Effort::from_arguments();
    let later = effort.choose(Duration::from_secs(1), Duration::from_secs(10));
    let programs = Programs::redis().ok_or("redis-server and redis-cli are needed")?;
    let mut redis = Plan::plain(&programs).start().await;
    let network = Network::to(redis.port());
    let github = stage::github().await?;
    let client = Client::new(&github.user_token("octocat"));
    let mirror = Running::start(&github, |config| {
        config.cache.kind = CacheKind::Redis;
        config.redis.primary = network.address();
    })?;
    let url = format!("{}{PATH}", mirror.url);
    client.get(&url).await?;
    mirror.mirror.flush_store().await;

    let mut results = Results::new(
        "redis_faults",
        "What a sick Redis adds to a revalidated hit of a mirror that keeps its entries there.",
    );
    let note = "Client, mirror and simulator share one process and its cores; a healthy Redis is the first row.";
    results.notes.push(note.to_owned());
    let columns = [
        "first second: p99 us",
        "longest us",
        "then: p50 us",
        "then: p99 us",
        "then: longest us",
        "reads",
    ];
    let title = format!("Revalidated hits, {CLIENTS} clients");
    let mut section = Section::new("harms", &title, "Redis is", &columns);
    for harm in Harm::ALL {
        harm.begin(&mut redis, &network);
        let first = load(&client, &url, Duration::from_secs(1)).await?;
        let then = load(&client, &url, later).await?;
        harm.end(&mut redis, &network).await;
        healed(&client, &url, &mirror).await?;
        let times = [
            first.p99(),
            first.longest(),
            then.median(),
            then.p99(),
            then.longest(),
        ];
        let reads = (first.count() + then.count()) as f64;
        let values = times.map(microseconds).into_iter().chain([reads]);
        section.row(harm.as_str(), values.map(Some));
    }
    results.sections.push(section.drawn(Plot::Bars));
    results.publish()
}

/// Clients that read one after the other for so long; an answer that is no hit is an error.
async fn load(client: &Client, url: &str, time: Duration) -> Fallible<Latencies> {
    let end = Instant::now() + time;
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        let (client, url) = (client.clone(), url.to_owned());
        clients.spawn(async move {
            let mut latencies = Latencies::default();
            while Instant::now() < end {
                latencies.record(client.hit(&url).await?.took);
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(latencies)
        });
    }
    let mut all = Latencies::default();
    while let Some(measured) = clients.join_next().await {
        all.extend(measured??);
    }
    Ok(all)
}

/// Reads until Redis serves again.
async fn healed(client: &Client, url: &str, mirror: &Running) -> Fallible<()> {
    let line = "github_mirror_store_loads_total{level=\"redis\",result=\"hit\"}";
    let hits = || {
        let metrics = mirror.mirror.metrics().render().unwrap_or_default();
        let found = metrics.lines().find(|found| found.starts_with(line));
        found.map(ToOwned::to_owned)
    };
    let before = hits();
    let end = Instant::now() + Duration::from_secs(60);
    while hits() == before {
        client.hit(url).await?;
        if Instant::now() > end {
            return Err("Redis is not used again".into());
        }
    }
    Ok(())
}
