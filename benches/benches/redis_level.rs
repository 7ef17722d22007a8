//! What a store in Redis on loopback adds to a revalidated hit: every read asks GitHub, gets a 304, and is served from
//! memory, from Redis, or from memory over Redis.
//!
//! Client, mirrors and simulator share this process and its cores. The mirrors take turns in short rounds, so that
//! whatever else the machine does hurts all of them alike.

use benches::Fallible;
use benches::client::Client;
use benches::effort::Effort;
use benches::latency::{Latencies, microseconds};
use benches::results::{Plot, Results, Section};
use benches::stage::{self, Running};
use mirror_core::config::CacheKind;
use test_servers::{Plan, Programs};

const PATH: &str = "/repos/octocat/Hello-World";
const STORES: [(&str, CacheKind); 3] = [
    ("in-memory", CacheKind::InMemory),
    ("redis", CacheKind::Redis),
    ("tiered", CacheKind::Tiered),
];
const CONNECTIONS: [usize; 2] = [1, 16];

#[tokio::main]
async fn main() -> Fallible<()> {
    let effort = Effort::from_arguments();
    let (rounds, reads) = effort.choose((2, 100), (40, 500));
    let programs = Programs::redis().ok_or("redis-server and redis-cli are needed")?;
    let redis = Plan::plain(&programs).start().await;
    let github = stage::github().await?;
    let client = Client::new(&github.user_token("octocat"));

    let mut mirrors = Vec::new();
    for (name, kind) in STORES {
        let mirror = Running::start(&github, |config| {
            config.cache.kind = kind;
            config.redis.primary = redis.address();
            config.redis.namespace = format!("bench-{name}");
        })?;
        let url = format!("{}{PATH}", mirror.url);
        client.get(&url).await?;
        mirror.mirror.flush_store().await;
        mirrors.push((mirror, url));
    }
    let bytes = client.hit(&mirrors[0].1).await?.body.len();
    let mut results = Results::new(
        "redis_level",
        "What a store in Redis on loopback adds to a revalidated hit.",
    );
    results.notes.push(format!(
        "{bytes} bytes, {} reads each; client, mirrors and simulator share one process and its cores.",
        rounds * reads
    ));
    for connections in CONNECTIONS {
        let mut measured = vec![Latencies::default(); STORES.len()];
        for _ in 0..rounds {
            for ((_, url), latencies) in mirrors.iter().zip(&mut measured) {
                latencies.extend(round(&client, url, connections, reads / connections).await?);
            }
        }
        let key = format!("connections-{connections}");
        let title = format!("Revalidated hit, {connections} at a time");
        let columns = ["p50 us", "p50 added us", "p99 us", "p99 added us"];
        let mut section = Section::new(&key, &title, "store", &columns);
        let [base, slowest] = [measured[0].median(), measured[0].p99()].map(microseconds);
        for ((name, _), latencies) in STORES.iter().zip(&measured) {
            let [p50, p99] = [latencies.median(), latencies.p99()].map(microseconds);
            section.row(*name, [p50, p50 - base, p99, p99 - slowest].map(Some));
        }
        results.sections.push(section.drawn(Plot::Bars));
    }
    results.publish()
}

/// So many clients at once, each reading one after the other.
async fn round(
    client: &Client,
    url: &str,
    connections: usize,
    reads: usize,
) -> Fallible<Latencies> {
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..connections {
        let (client, url) = (client.clone(), url.to_owned());
        clients.spawn(async move {
            let mut latencies = Latencies::default();
            for _ in 0..reads {
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
