//! Nodes in front of the simulator, all on real sockets, and a client that sees every byte.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use github_sim::{Scale, SimClock, Simulator, SimulatorBuilder, Switches};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use read_cache::{Config, Parts, ReadCache, Server};
use serde_json::Value;
use service_runtime::listener::ListenAddress;
use service_runtime::{Clock, DrainReport, Metrics, Shutdown};
use tokio::task::JoinHandle;

/// The frozen organisation: 220 repositories, 30 members.
pub(crate) fn data() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

pub(crate) fn file(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(data().join(name)).unwrap()).unwrap()
}

/// The simulator's clock as the read cache's.
struct SimTime(SimClock);

impl Clock for SimTime {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.0.now().unsigned_abs())
    }
}

/// The simulator, whose clock stands still unless it is moved.
pub(crate) struct Rig {
    pub(crate) sim: Simulator,
    pub(crate) token: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Rig {
    pub(crate) async fn frozen() -> Self {
        Self::with(|sim| sim.scale(Scale::Empty).data(data())).await
    }

    pub(crate) async fn with(prepare: impl FnOnce(SimulatorBuilder) -> SimulatorBuilder) -> Self {
        let switches = Switches {
            // The simulated clock stands still, so that all requests fall into one minute.
            secondary_limits: false,
            deprecation_headers: false,
            ..Switches::default()
        };
        let builder = Simulator::builder()
            .switches(switches)
            .record_requests(2000);
        let sim = prepare(builder).start().await.unwrap();
        // A world of a few resources has every user.
        let _ = sim.change(serde_json::json!({"change": "add_user", "login": "reader"}));
        Self {
            token: sim.user_token("reader"),
            sim,
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// A node that has begun to fill.
    pub(crate) fn node(&self, change: impl FnOnce(&mut Config)) -> Node {
        self.node_with(change, Metrics::new("test").unwrap())
    }

    pub(crate) fn node_with(&self, change: impl FnOnce(&mut Config), metrics: Metrics) -> Node {
        let mut config = Config {
            port: 0,
            upstream: self.sim.url(),
            tokens: self.token.as_str().into(),
            admin_token: "secret".into(),
            ..Config::default()
        };
        // What is tested is not how a slow machine is borne.
        config.cache.hard_timeout_milliseconds = 120_000;
        config.limits.header_read_timeout_seconds = 600;
        // Refreshes happen when the clock says so, not when chance does.
        config.cache.early_refresh_factor = 0.0;
        change(&mut config);
        let shutdown = Shutdown::new();
        let parts = Parts {
            metrics,
            access_log: None,
            readiness: shutdown.readiness(),
            clock: Arc::new(SimTime(self.sim.clock().clone())),
        };
        let cache = ReadCache::new(&config, parts).unwrap();
        let server = Server::bind(&config, cache.clone()).unwrap();
        let [ListenAddress::Tcp(address)] = server.addresses()[..] else {
            panic!("it listens on TCP");
        };
        let serving = tokio::spawn(server.run(shutdown.clone()));
        Node {
            cache,
            url: format!("http://{address}"),
            shutdown,
            serving,
        }
    }

    /// A node that has everything.
    pub(crate) async fn full_node(&self, change: impl FnOnce(&mut Config)) -> Node {
        let node = self.node(change);
        self.wait_full(&node).await;
        node
    }

    pub(crate) async fn wait_full(&self, node: &Node) {
        until("every key has data", async || {
            self.get(node, "/healthcheck").await.status == 200
        })
        .await;
    }

    pub(crate) async fn get(&self, node: &Node, target: &str) -> Reply {
        self.send(&node.url, Method::GET, target, &[], "").await
    }

    pub(crate) async fn get_with(
        &self,
        node: &Node,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Reply {
        self.send(&node.url, Method::GET, target, headers, "").await
    }

    pub(crate) async fn send(
        &self,
        url: &str,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Reply {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{url}{target}"))
            .header("user-agent", "rig");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).unwrap();
        let response = self.client.request(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Reply {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    /// Moves the clock, and makes these nodes see it.
    pub(crate) fn pass(&self, seconds: u64, nodes: &[&Node]) {
        self.sim.clock().advance(Duration::from_secs(seconds));
        for node in nodes {
            node.cache.nudge();
        }
    }

    /// Quota used by all callers together.
    pub(crate) fn quota_used(&self) -> u32 {
        self.sim.counters().quota_used.values().sum()
    }

    pub(crate) fn requests(&self) -> u64 {
        self.sim.counters().total
    }
}

/// One node under test; it ends with the test.
pub(crate) struct Node {
    pub(crate) cache: ReadCache,
    pub(crate) url: String,
    shutdown: Shutdown,
    serving: JoinHandle<DrainReport>,
}

impl Node {
    /// Ends it as SIGTERM would.
    pub(crate) async fn stop(self) {
        self.shutdown.begin();
        self.serving.await.unwrap();
    }

    /// The value of a metric's line that begins so, summed over all such lines.
    pub(crate) fn metric(&self, line: &str) -> f64 {
        let text = self.cache.metrics().render().unwrap();
        text.lines()
            .filter(|found| found.starts_with(line))
            .filter_map(|found| found.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }

    pub(crate) fn refreshes(&self, route: &str, end: &str) -> f64 {
        self.metric(&format!(
            "github_read_cache_refreshes_total{{end=\"{end}\",route=\"{route}\"}}"
        ))
    }
}

/// What the client got.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        match self.headers.get(name) {
            Some(value) => value.to_str().unwrap(),
            None => panic!("no {name} in {:?}", self.headers),
        }
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The ids of a list, in order.
    #[track_caller]
    pub(crate) fn ids(&self) -> Vec<u64> {
        let list = self.json();
        let list = list.as_array().unwrap();
        list.iter()
            .map(|item| item["id"].as_u64().unwrap())
            .collect()
    }
}

/// Waits for something that another task or process does.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..12_000 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited in vain: {what}");
}
