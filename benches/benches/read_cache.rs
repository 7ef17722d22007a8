//! What a view of the read cache costs beside a fresh hit of the mirror, and what refreshing 10,000 repositories takes.
//!
//! The first part has everything in one process; mirror and read cache take turns in short rounds. In the second the
//! node is a process of its own (this program, started again), so that its memory is its own.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use benches::Fallible;
use benches::client::Client;
use benches::effort::Effort;
use benches::latency::{Latencies, microseconds};
use benches::process::megabytes;
use benches::results::{Plot, Results, Section};
use benches::stage::Running;
use github_sim::{Scale, SimClock, Simulator, Switches};
use read_cache::{Config, Parts, ReadCache, Server};
use service_runtime::{Metrics, Shutdown, SystemClock};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::Instant;

const DATA: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../crates/read-cache/tests/data"
);
const VIEW: &str = "/view/top/10/stars";
/// About as large as the view, so that what is compared is not the size.
const SMALL: &str = "/users/xuorig/orgs";
const LARGE: usize = 10_000;

#[tokio::main]
async fn main() -> Fallible<()> {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--node") {
        return be_a_node(&arguments[at + 1], &arguments[at + 2]).await;
    }
    let effort = Effort::from_arguments();
    let mut results = Results::new(
        "read_cache",
        "The read cache beside a fresh hit of the mirror, and how it refreshes a large organisation.",
    );
    results.sections.push(hits(effort).await?);
    let repositories = effort.choose(1_000, LARGE);
    results.sections.push(large(repositories).await?);
    results.publish()
}

async fn github(data: &Path) -> Fallible<Simulator> {
    let switches = Switches {
        secondary_limits: false,
        ..Switches::default()
    };
    let github = Simulator::builder()
        .scale(Scale::Empty)
        .data(data)
        .clock(SimClock::real())
        .switches(switches)
        .start()
        .await?;
    Ok(github)
}

/// A node in this process; returns its url.
fn node(upstream: &str, token: &str, shutdown: &Shutdown) -> Fallible<String> {
    let mut config = Config {
        port: 0,
        upstream: upstream.to_owned(),
        tokens: token.into(),
        admin_token: "bench".into(),
        ..Config::default()
    };
    config.cache.hard_timeout_milliseconds = 600_000;
    let parts = Parts {
        metrics: Metrics::new("bench")?,
        access_log: None,
        readiness: shutdown.readiness(),
        clock: Arc::new(SystemClock),
    };
    let server = Server::bind(&config, ReadCache::new(&config, parts)?)?;
    let url = format!("http://{}", server.addresses()[0]);
    tokio::spawn(server.run(shutdown.clone()));
    Ok(url)
}

/// A hit of the mirror that asks nobody, and what the read cache answers from memory.
async fn hits(effort: Effort) -> Fallible<Section> {
    let (rounds, reads) = effort.choose((2, 200), (40, 1_000));
    let github = github(Path::new(DATA)).await?;
    let client = Client::anonymous();
    let mirror = Running::start(&github, |_| {})?;
    let shutdown = Shutdown::new();
    let cache = node(&github.url(), &github.installation_token(1), &shutdown)?;
    let targets = [
        ("mirror, fresh hit", format!("{}{SMALL}", mirror.url)),
        ("view, top 10", format!("{cache}{VIEW}")),
        ("view, all 220", format!("{cache}/view/top/220/stars")),
        ("/orgs/{org}", format!("{cache}/orgs/Netflix")),
        (
            "/orgs/{org}/repos, 190 KB",
            format!("{cache}/orgs/Netflix/repos"),
        ),
    ];
    let mut measured = vec![Latencies::default(); targets.len()];
    let mut sizes = Vec::new();
    for (_, url) in &targets {
        sizes.push(client.get(url).await?.body.len());
    }
    let before = github.counters().total;
    for _ in 0..rounds {
        for ((_, url), latencies) in targets.iter().zip(&mut measured) {
            for _ in 0..reads {
                let reply = client.get(url).await?;
                if reply.status != 200 {
                    return Err(format!("{url}: {}", reply.status).into());
                }
                latencies.record(reply.took);
            }
        }
    }
    if github.counters().total > before + 4 {
        return Err("GitHub was asked for what should have been hits".into());
    }
    let title = format!("Hits over one connection, {} reads each", rounds * reads);
    let columns = ["p50 us", "p99 us", "of the mirror's", "bytes"];
    let mut section = Section::new("hits", &title, "what", &columns);
    let base = microseconds(measured[0].median());
    for (((name, _), latencies), bytes) in targets.iter().zip(&measured).zip(sizes) {
        let [p50, p99] = [latencies.median(), latencies.p99()].map(microseconds);
        section.row(*name, [p50, p99, p50 / base, bytes as f64].map(Some));
    }
    shutdown.begin();
    Ok(section.drawn(Plot::Bars))
}

/// Fills and refreshes an organisation of so many repositories.
async fn large(repositories: usize) -> Fallible<Section> {
    let folder = std::env::temp_dir().join(format!("read-cache-bench-{}", std::process::id()));
    write_large(&folder, repositories)?;
    let github = github(&folder).await?;
    std::fs::remove_dir_all(&folder)?;
    let token = github.installation_token(1);
    let client = Client::anonymous();
    let begun = Instant::now();
    let (child, url) = start_process(&github.url(), &token).await?;
    let mut spent = Spent::default();
    let bytes = client
        .get(&format!("{url}/orgs/Netflix/repos"))
        .await?
        .body
        .len();
    let wait = begun.elapsed();
    let title = format!(
        "Refresh of {repositories} repositories, {:.1} MB of JSON, in pages of 100",
        bytes as f64 / 1e6
    );
    let columns = [
        "ms",
        "requests",
        "quota",
        "memory now MB",
        "memory at most MB",
    ];
    let mut section = Section::new("large", &title, "refresh", &columns);
    section.row("first", spent.row(wait, &github, &child)?);
    let path = "/orgs/Netflix/repos";
    for what in ["unchanged", "one page changed"] {
        if what != "unchanged" {
            github.change(serde_json::json!({
                "change": "list_edit", "path": path, "id": 5_000_000 + repositories as u64 / 2, "set": {"forks_count": 9}
            }))?;
        }
        let before = refreshes(&client, &url).await?;
        let begun = Instant::now();
        client
            .post(&format!("{url}/admin/refresh?path={path}"), "bench")
            .await?;
        while refreshes(&client, &url).await? == before {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        section.row(what, spent.row(begun.elapsed(), &github, &child)?);
    }
    Ok(section)
}

/// How often the repositories were published.
async fn refreshes(client: &Client, url: &str) -> Fallible<f64> {
    let metrics = client.get(&format!("{url}/metrics")).await?;
    let text = String::from_utf8_lossy(&metrics.body).into_owned();
    let line = "github_read_cache_refreshes_total{end=\"published\",route=\"/orgs/{org}/repos\"}";
    let found = text.lines().find_map(|found| found.strip_prefix(line));
    Ok(found.map_or(Ok(0.0), |value| value.trim().parse())?)
}

/// Requests and quota so far.
#[derive(Default)]
struct Spent {
    requests: u64,
    quota: u32,
}

impl Spent {
    fn row(
        &mut self,
        time: Duration,
        github: &Simulator,
        child: &Child,
    ) -> Fallible<[Option<f64>; 5]> {
        let pid = child.id().ok_or("the node has ended")?;
        let counters = github.counters();
        let (requests, quota) = (counters.total, counters.quota_used.values().sum::<u32>());
        let row = [
            microseconds(time) / 1e3,
            (requests - self.requests) as f64,
            f64::from(quota - self.quota),
            megabytes(pid, "VmRSS:")?,
            megabytes(pid, "VmHWM:")?,
        ];
        (self.requests, self.quota) = (requests, quota);
        Ok(row.map(Some))
    }
}

/// Repositories as large as GitHub's, which have some eighty fields.
fn write_large(folder: &Path, repositories: usize) -> Fallible<()> {
    std::fs::create_dir_all(folder)?;
    for name in ["root.json", "org.json", "members.json"] {
        std::fs::copy(Path::new(DATA).join(name), folder.join(name))?;
    }
    let text = std::fs::read_to_string(Path::new(DATA).join("repos.json"))?;
    let frozen: Vec<serde_json::Value> = serde_json::from_str(&text)?;
    let mut file = std::io::BufWriter::new(std::fs::File::create(folder.join("repos.json"))?);
    for number in 0..repositories {
        let mut repository = frozen[number % frozen.len()].clone();
        let name = format!("Netflix/repository-{number:05}");
        repository["id"] = (5_000_000 + number).into();
        repository["full_name"] = name.as_str().into();
        for field in 0..45 {
            let url = format!("https://api.github.com/repos/{name}/resource_{field:02}{{/number}}");
            repository[format!("resource_{field:02}_url")] = url.into();
        }
        write!(file, "{}{repository}", if number == 0 { "[" } else { "," })?;
    }
    write!(file, "]")?;
    Ok(file.flush()?)
}

async fn start_process(upstream: &str, token: &str) -> Fallible<(Child, String)> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["--node", upstream, token])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let output = child.stdout.take().ok_or("no output")?;
    let mut lines = BufReader::new(output).lines();
    let url = lines.next_line().await?.ok_or("the node did not start")?;
    Ok((child, url))
}

async fn be_a_node(upstream: &str, token: &str) -> Fallible<()> {
    let shutdown = Shutdown::new();
    println!("{}", node(upstream, token, &shutdown)?);
    shutdown.requested().await;
    Ok(())
}
