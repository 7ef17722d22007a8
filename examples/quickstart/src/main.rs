//! What the mirror saves, in one command and without a network: starts a simulator of api.github.com and a mirror in
//! front of it, makes some calls through the mirror, and prints what each of them cost.
//!
//! Run it with `cargo run --bin quickstart`.

use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use github_sim::{FaultKind, FaultRule, Simulator};
use http::{Request, Response};
use http_body_util::Empty;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use mirror_core::{Config, Mirror, Parts, Server};
use serde_json::json;
use service_runtime::{Metrics, Shutdown, SystemClock};

const USER: &str = "/users/octocat";
const STARGAZERS: &str = "/repos/octocat/Hello-World/stargazers?per_page=10";

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Fallible<()> {
    let github = Simulator::builder().seed(7).start().await?;
    let mirror = start_mirror(&github.url())?;
    println!("simulated GitHub on {}, mirror on {mirror}\n", github.url());
    let demo = Demo {
        github,
        mirror,
        client: Client::builder(TokioExecutor::new()).build_http(),
    };
    demo.run().await
}

/// A mirror as the binary `github-mirror` runs it, on a free port.
fn start_mirror(upstream: &str) -> Fallible<String> {
    let config = Config {
        listen: ([127, 0, 0, 1], 0).into(),
        upstream: upstream.to_owned(),
        ..Config::default()
    };
    let shutdown = Shutdown::new();
    let parts = Parts {
        metrics: Metrics::new("quickstart")?,
        access_log: None,
        readiness: shutdown.readiness(),
        clock: Arc::new(SystemClock),
    };
    let server = Server::bind(&config, Mirror::new(&config, parts)?)?;
    let address = server.addresses().remove(0);
    tokio::spawn(server.run(shutdown));
    Ok(format!("http://{address}"))
}

struct Demo {
    github: Simulator,
    mirror: String,
    client: Client<HttpConnector, Empty<Bytes>>,
}

impl Demo {
    async fn run(&self) -> Fallible<()> {
        let alice = self.github.user_token("octocat");
        let bob = self.github.user_token("hubot");
        println!(
            "{:<46} before  after  cost  X-Cache",
            "call through the mirror"
        );

        self.call("a user, never seen before", USER, &alice, 1)
            .await?;
        self.call("the same again", USER, &alice, 0).await?;
        self.call("the same with another token", USER, &bob, 0)
            .await?;
        let bob = self.github.rotate_token(&bob);
        self.call("the same with that token rotated", USER, &bob, 0)
            .await?;

        self.resize_stargazers(10)?;
        self.call("a list: 10 stargazers, 10 to a page", STARGAZERS, &alice, 1)
            .await?;
        self.call(
            "the full page again: anything behind it?",
            STARGAZERS,
            &alice,
            0,
        )
        .await?;
        self.resize_stargazers(11)?;
        self.call(
            "the list has grown: Link names page 2",
            STARGAZERS,
            &alice,
            1,
        )
        .await?;
        self.call("page 2", &format!("{STARGAZERS}&page=2"), &alice, 0)
            .await?;

        self.github
            .change(json!({"change": "touch_user", "login": "octocat"}))?;
        self.call("the user has changed", USER, &alice, 1).await?;
        self.github.fault(FaultRule::new(FaultKind::Outage));
        self.call("GitHub is down: still served", USER, &alice, 0)
            .await?;
        self.github.clear_faults();
        self.call("GitHub is back", USER, &alice, 0).await?;

        let counters = self.github.counters();
        println!(
            "\nGitHub answered {} requests, of which {} cost nothing (304).",
            counters.total,
            counters.count_status(304)
        );
        Ok(())
    }

    /// Makes one call and prints what it cost; an unexpected cost is an error, so that the table cannot lie.
    async fn call(&self, what: &str, target: &str, token: &str, expected: u32) -> Fallible<()> {
        let before = self.quota_used();
        let answer = self.fetch(target, token).await?;
        let after = self.quota_used();
        let cost = after - before;
        let x_cache = answer
            .headers()
            .get("x-cache")
            .map_or("-", |value| value.to_str().unwrap_or("-"));
        println!("{what:<46} {before:>6} {after:>6} {cost:>5}  {x_cache}");
        if !answer.status().is_success() {
            return Err(format!("{what}: status {}", answer.status()).into());
        }
        if cost != expected {
            return Err(format!("{what}: cost {cost} instead of {expected}").into());
        }
        Ok(())
    }

    fn resize_stargazers(&self, items: u32) -> Fallible<()> {
        let path = "/repos/octocat/Hello-World/stargazers";
        self.github
            .change(json!({"change": "resize_list", "path": path, "items": items}))?;
        Ok(())
    }

    async fn fetch(&self, target: &str, token: &str) -> Fallible<Response<Bytes>> {
        use http_body_util::BodyExt;
        let request = Request::get(format!("{}{target}", self.mirror))
            .header("authorization", format!("token {token}"))
            .header("user-agent", "quickstart")
            .body(Empty::new())?;
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
