//! What the read cache does, in one command and without a network: starts a simulator that holds a frozen organisation
//! and a read cache in front of it, asks some things, and prints what GitHub was asked for.
//!
//! Run it with `cargo run --bin read-cache-offline`.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use github_sim::{FaultKind, FaultRule, Scale, Simulator};
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use read_cache::{Config, Parts, ReadCache, Server};
use service_runtime::{Metrics, Shutdown, SystemClock};

const CLIENTS: usize = 1000;

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Fallible<()> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/read-cache/tests/data");
    let github = Simulator::builder()
        .scale(Scale::Empty)
        .data(data)
        .start()
        .await?;
    let shutdown = Shutdown::new();
    let cache = start(&github, &shutdown)?;
    println!(
        "simulated GitHub on {}, read cache on {cache}\n",
        github.url()
    );
    let demo = Demo {
        github,
        cache,
        client: Client::builder(TokioExecutor::new()).build_http(),
    };
    demo.run().await?;
    shutdown.begin();
    Ok(())
}

/// A read cache as the binary `github-read-cache` runs it, on a free port, with one node and no Redis.
fn start(github: &Simulator, shutdown: &Shutdown) -> Fallible<String> {
    let config = Config {
        port: 0,
        upstream: github.url(),
        tokens: github.installation_token(1).into(),
        ..Config::default()
    };
    let parts = Parts {
        metrics: Metrics::new("read-cache-offline")?,
        access_log: None,
        readiness: shutdown.readiness(),
        clock: Arc::new(SystemClock),
    };
    let server = Server::bind(&config, ReadCache::new(&config, parts)?)?;
    let address = server.addresses().swap_remove(0);
    tokio::spawn(server.run(shutdown.clone()));
    Ok(format!("http://{address}"))
}

struct Demo {
    github: Simulator,
    cache: String,
    client: Client<HttpConnector, Empty<Bytes>>,
}

impl Demo {
    async fn run(&self) -> Fallible<()> {
        let filling = async {
            while self.get("/healthcheck").await?.status() != 200 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Fallible::Ok(())
        };
        tokio::time::timeout(Duration::from_secs(60), filling).await??;
        let filled = self.quota_used();
        println!("filled: 220 repositories, 30 members, {filled} units of quota");

        for path in [
            "/view/top/3/forks",
            "/view/bottom/2/stars",
            "/view/top/1/last_updated",
        ] {
            let view = self.get(path).await?;
            println!("{path:<26} {}", String::from_utf8_lossy(view.body()));
        }
        let repositories = self.get("/orgs/netflix/repos").await?;
        let count = header(&repositories, "x-total-count");
        println!(
            "/orgs/netflix/repos        {count} in one list of {} bytes",
            repositories.body().len()
        );

        self.github.fault(FaultRule::new(FaultKind::Outage));
        for client in 0..CLIENTS {
            let answer = self
                .get(["/orgs/Netflix", "/view/top/9/stars"][client % 2])
                .await?;
            if answer.status() != 200 {
                return Err(format!("a client got {}", answer.status()).into());
            }
        }
        println!("GitHub is down: {CLIENTS} more requests were answered, none failed");

        let used = self.quota_used();
        if (filled, used) != (6, 6) {
            return Err(format!("{filled} and then {used} units of quota instead of 6").into());
        }
        println!("\nquota used in all: {used}");
        Ok(())
    }

    async fn get(&self, target: &str) -> Fallible<Response<Bytes>> {
        let request = Request::get(format!("{}{target}", self.cache)).body(Empty::new())?;
        let (parts, body) = self.client.request(request).await?.into_parts();
        Ok(Response::from_parts(
            parts,
            body.collect().await?.to_bytes(),
        ))
    }

    fn quota_used(&self) -> u32 {
        self.github.counters().quota_used.values().sum()
    }
}

fn header<'a>(answer: &'a Response<Bytes>, name: &str) -> &'a str {
    answer
        .headers()
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("-")
}
