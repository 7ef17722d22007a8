//! What the events monitor does, in one command and without a network: starts a simulator and a monitor in front of it,
//! lets things happen, and prints the statistics and what GitHub was asked for.
//!
//! Run it with `cargo run --bin events-offline`.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use events_stats::{Config, Monitor, Parts, Server};
use github_sim::{Scale, SimClock, Simulator};
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use service_runtime::{Clock, Metrics, Shutdown};

const HOURS: u64 = 6;

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// The simulator's clock, which is moved by hand: hours pass in a moment.
struct SimTime(SimClock);

impl Clock for SimTime {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.0.now().unsigned_abs())
    }
}

#[tokio::main]
async fn main() -> Fallible<()> {
    let github = Simulator::builder().scale(Scale::Empty).start().await?;
    github.change(json!({"change": "add_user", "login": "octo"}))?;
    github.change(json!({"change": "add_repository", "repo": "octo/hello"}))?;
    happen(&github, "PushEvent", 12, 300)?;
    let folder = tempfile::tempdir()?;
    let mut config = Config {
        port: 0,
        upstream: github.url(),
        token: github.user_token("octo").into(),
        repositories: vec!["octo/hello".to_owned()],
        ..Config::default()
    };
    let file = folder.path().join("events.sqlite3");
    config.database.url = file.to_string_lossy().into_owned().into();
    let shutdown = Shutdown::new();
    let parts = Parts {
        metrics: Metrics::new("events-offline")?,
        access_log: None,
        shutdown: shutdown.clone(),
        clock: Arc::new(SimTime(github.clock().clone())),
    };
    let monitor = Monitor::new(&config, parts).await?;
    let server = Server::bind(&config, monitor.clone())?;
    let demo = Demo {
        address: format!("http://{}", server.address()),
        client: Client::builder(TokioExecutor::new()).build_http(),
        monitor,
        github,
    };
    let serving = tokio::spawn(server.run(shutdown.clone()));
    let ended = tokio::time::timeout(Duration::from_secs(120), demo.run()).await;
    shutdown.begin();
    serving.await?;
    ended?
}

fn happen(github: &Simulator, kind: &str, count: u32, spacing: u32) -> Fallible<()> {
    github.change(json!({
        "change": "append_events", "repo": "octo/hello", "type": kind, "count": count, "spacing": spacing,
    }))?;
    Ok(())
}

struct Demo {
    address: String,
    client: Client<HttpConnector, Full<Bytes>>,
    monitor: Monitor,
    github: Simulator,
}

impl Demo {
    async fn run(&self) -> Fallible<()> {
        println!(
            "simulated GitHub on {}, monitor on {}\n",
            self.github.url(),
            self.address
        );
        self.until_stored(12).await?;
        for hour in 1..=HOURS {
            if hour % 3 == 0 {
                happen(&self.github, "WatchEvent", 4, 60)?;
            }
            self.github.clock().advance(Duration::from_secs(3600));
            self.monitor.wake();
            self.until_stored(12 + hour / 3 * 4).await?;
            self.until_polls(hour + 1).await?;
        }
        let stats = self.get("/api/repos/octo/hello/events/stats").await?;
        println!("type        events  mean gap");
        let rows = stats["stats"].as_array().into_iter().flatten();
        for row in rows {
            println!(
                "{:<11} {:>6}  {:>6.0} s",
                row["type"].as_str().unwrap_or("-"),
                row["count"].as_u64().unwrap_or_default(),
                row["average_seconds"].as_f64().unwrap_or_default()
            );
        }
        println!(
            "\ncomplete: {}; in {HOURS} hours {} requests, {} of them answered 304",
            stats["window"]["complete"],
            self.feeds(None),
            self.feeds(Some(304))
        );
        match stats["all"]["count"].as_u64() {
            Some(20) => Ok(()),
            other => Err(format!("{other:?} events instead of 20").into()),
        }
    }

    /// Requests for feeds, those with this status or all.
    fn feeds(&self, status: Option<u16>) -> u64 {
        self.github.counters().count(|one| {
            one.path.ends_with("/events") && status.is_none_or(|status| one.status == status)
        })
    }

    async fn until_polls(&self, count: u64) -> Fallible<()> {
        while self.feeds(None) < count {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    async fn until_stored(&self, count: u64) -> Fallible<()> {
        while self.get("/api/repos/octo/hello").await?["events_stored"] != count {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    async fn get(&self, target: &str) -> Fallible<Value> {
        let request = Request::get(format!("{}{target}", self.address)).body(Full::default())?;
        let answer = self.client.request(request).await?;
        Ok(serde_json::from_slice(
            &answer.into_body().collect().await?.to_bytes(),
        )?)
    }
}
