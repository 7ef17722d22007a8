//! What discovery does, in one command and without a network: starts a simulator and a server in front of it, lets the
//! graph grow from one login, and prints what was found and what GitHub was asked for.
//!
//! Run it with `cargo run --bin discovery-offline`.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use discovery::{Api, ApiParts, Config, Crawler, Server, Store, add_user};
use github_sim::{Scale, SimClock, Simulator};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use service_runtime::{Clock, Metrics, Shutdown, SystemClock};

/// Who is known at first.
const SEED: &str = "octocat";

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Fallible<()> {
    let builder = Simulator::builder().scale(Scale::Small);
    let github = builder.clock(SimClock::real()).start().await?;
    github.change(json!({"change": "add_user", "login": "crawler"}))?;
    let folder = tempfile::tempdir()?;
    let mut config = Config {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        upstream: github.url(),
        ..Config::default()
    };
    let file = folder.path().join("discovery.db");
    config.database.url = file.to_string_lossy().into_owned().into();
    config.github.tokens = github.user_token("crawler").into();
    config.discovery.count = 2;
    config.worker.poll_milliseconds = 50;

    let store = Store::open(config.database.address(), config.database.max_connections).await?;
    let clock = Arc::new(SystemClock);
    let shutdown = Shutdown::new();
    let parts = ApiParts {
        store: store.clone(),
        clock: clock.clone(),
        metrics: Metrics::new("discovery-offline")?,
        readiness: shutdown.readiness(),
        access_log: None,
    };
    let crawler = Crawler::new(&config, &store, clock.clone())?;
    let server = Server::bind(&config, Api::new(&config, parts)?, crawler)?;
    let demo = Demo {
        address: format!("http://{}", server.address()),
        key: add_user(&store, "reader", "a long password", clock.now()).await?,
        client: Client::builder(TokioExecutor::new()).build_http(),
        github,
    };
    let serving = tokio::spawn(server.run(shutdown.clone()));
    let ended = tokio::time::timeout(Duration::from_secs(120), demo.run()).await;
    shutdown.begin();
    serving.await??;
    store.close().await;
    ended?
}

struct Demo {
    address: String,
    key: String,
    client: Client<HttpConnector, Full<Bytes>>,
    github: Simulator,
}

impl Demo {
    async fn run(&self) -> Fallible<()> {
        println!(
            "simulated GitHub on {}, discovery on {}\n",
            self.github.url(),
            self.address
        );
        println!("               requests   304   quota");
        let profile = json!({"name": "full_profile_sync", "username": SEED});
        self.do_task("the first pass", &profile).await?;
        let again = self.do_task("the second", &profile).await?;
        let scraper = json!({"name": "discovery_scraper"});
        self.do_task("discovery", &scraper).await?;

        let stats = self.get("/github/stats/").await?;
        println!(
            "\nknown: {} developers, {} repositories, {} follow, {} star",
            stats["developers"], stats["repositories"], stats["follows"], stats["stars"]
        );
        let list = "/github/developers/?ordering=-followers_count&page_size=3&relations=count";
        let top = self.get(list).await?;
        for developer in top["results"].as_array().into_iter().flatten() {
            println!(
                "{:<20} {:>4} followers, {} of them known",
                developer["login"].as_str().unwrap_or("-"),
                developer["followers_count"],
                developer["followers"]
            );
        }
        match again {
            0 => Ok(()),
            more => Err(format!("an unchanged second pass cost {more} requests of quota").into()),
        }
    }

    /// Asks for a task, waits until nothing is left to do, and tells what it took of the quota.
    async fn do_task(&self, what: &str, task: &Value) -> Fallible<u32> {
        let before = self.spent();
        let made = self.send(Method::POST, "/github/tasks/", task).await?;
        if made["success"] != "yes" {
            return Err(format!("{what}: {made}").into());
        }
        while self.get("/github/queue/").await?["count"] != 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let after = self.spent();
        let spent = [0, 1, 2].map(|at| after[at] - before[at]);
        println!("{what:<14} {:>8} {:>5} {:>7}", spent[0], spent[1], spent[2]);
        Ok(spent[2])
    }

    /// Requests, those of them that were answered 304, and units of quota.
    fn spent(&self) -> [u32; 3] {
        let counters = self.github.counters();
        let whole = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        [
            whole(counters.count(|_| true)),
            whole(counters.count(|one| one.status == 304)),
            counters.quota_used.values().sum(),
        ]
    }

    async fn get(&self, target: &str) -> Fallible<Value> {
        self.send(Method::GET, target, &Value::Null).await
    }

    async fn send(&self, method: Method, target: &str, body: &Value) -> Fallible<Value> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{target}", self.address))
            .header("x-api-key", &self.key)
            .header("content-type", "application/json")
            .body(Full::from(body.to_string()))?;
        let answer = self.client.request(request).await?;
        Ok(serde_json::from_slice(
            &answer.into_body().collect().await?.to_bytes(),
        )?)
    }
}
