//! A monitor that serves, and a client that sees every byte.

use std::sync::Arc;

use bytes::Bytes;
use events_stats::{Config, Monitor, Parts, Server};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use service_runtime::listener::ListenAddress;
use service_runtime::{DrainReport, Metrics, Shutdown};
use tempfile::TempDir;
use test_servers::until;
use tokio::task::JoinHandle;

use super::place::Place;
use crate::github::{Github, SimTime};

/// A monitor that serves; it ends with the test.
pub(crate) struct Served {
    pub(crate) url: String,
    pub(crate) github: Arc<Github>,
    pub(crate) folder: TempDir,
    database: String,
    monitor: Monitor,
    shutdown: Shutdown,
    serving: JoinHandle<DrainReport>,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Served {
    /// Over a file.
    pub(crate) async fn start(change: impl FnOnce(&mut Config)) -> Self {
        Place::Files.start(change).await
    }

    /// Over an empty database of its own.
    pub(crate) async fn over(place: &Place, change: impl FnOnce(&mut Config)) -> Self {
        let folder = TempDir::new().unwrap();
        let database = place.database(folder.path());
        let github = Arc::new(Github::start().await);
        Self::of(github, folder, database, change).await
    }

    /// Another process over the same database and the same GitHub.
    pub(crate) async fn beside(&self) -> Self {
        let (github, folder) = (Arc::clone(&self.github), TempDir::new().unwrap());
        Self::of(github, folder, self.database.clone(), |_| {}).await
    }

    async fn of(
        github: Arc<Github>,
        folder: TempDir,
        database: String,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let mut config = Config {
            port: 0,
            upstream: github.sim.url(),
            token: github.token.as_str().into(),
            ..Config::default()
        };
        config.database.url = database.as_str().into();
        // What is tested is not how a slow machine is borne.
        config.limits.header_read_timeout_seconds = 600;
        change(&mut config);
        // They exist: what GitHub does not know would stop being active with the first poll.
        for name in &config.repositories {
            github.repository(name.rsplit('/').next().unwrap());
        }
        let shutdown = Shutdown::new();
        let parts = Parts {
            metrics: Metrics::new("test").unwrap(),
            access_log: None,
            shutdown: shutdown.clone(),
            clock: Arc::new(SimTime(github.sim.clock().clone())),
        };
        let monitor = Monitor::new(&config, parts).await.unwrap();
        let server = Server::bind(&config, monitor.clone()).unwrap();
        let ListenAddress::Tcp(address) = server.address() else {
            panic!("it listens on TCP");
        };
        let serving = tokio::spawn(server.run(shutdown.clone()));
        Self {
            url: format!("http://{address}"),
            github,
            folder,
            database,
            monitor,
            shutdown,
            serving,
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// Over a file, with `octo/r`, which has events and has been polled.
    pub(crate) async fn with_events(count: u32) -> Self {
        Place::Files.with_events(count).await
    }

    /// Lets `octo/r` have events, adds it, and waits until it has been polled.
    pub(crate) async fn watch_with_events(&self, count: u32) {
        self.github.repository("r");
        self.github.happen("r", count, 60);
        let added = self.post("/api/repos/", r#"{"full_name":"octo/r"}"#).await;
        assert_eq!(added.status, 201, "{}", added.text());
        self.until_polled("octo/r").await;
    }

    pub(crate) async fn until_polled(&self, name: &str) {
        until("it has been polled", async || {
            let object = self.get(&format!("/api/repos/{name}")).await.json();
            object["last_poll_at"].is_string().then_some(())
        })
        .await;
    }

    /// Moves the clock, and makes the poller see it.
    pub(crate) fn pass(&self, seconds: u64) {
        self.github.pass(seconds);
        self.monitor.wake();
    }

    pub(crate) async fn get(&self, target: &str) -> Reply {
        self.get_with(target, &[]).await
    }

    pub(crate) async fn get_with(&self, target: &str, headers: &[(&str, &str)]) -> Reply {
        self.send(Method::GET, target, headers, "").await
    }

    pub(crate) async fn post(&self, target: &str, body: &'static str) -> Reply {
        self.send(Method::POST, target, &[], body).await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Reply {
        let answer = self.open(method, target, headers, body).await;
        let (parts, body) = answer.into_parts();
        Reply {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    /// An answer whose body is still coming.
    pub(crate) async fn open(
        &self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Response<Incoming> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{target}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).unwrap();
        self.client.request(request).await.unwrap()
    }

    /// Ends it as SIGTERM would.
    pub(crate) async fn stop(self) {
        self.shutdown.begin();
        self.serving.await.unwrap();
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

    /// What stands under a key in each element of a list.
    #[track_caller]
    pub(crate) fn each(&self, key: &str) -> Vec<String> {
        let list = self.json();
        let elements = list.as_array().unwrap().iter();
        elements
            .map(|one| one[key].as_str().unwrap().to_owned())
            .collect()
    }
}
