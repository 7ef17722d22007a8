//! A mirror in front of the simulator, both on real sockets, and a client that sees every byte.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use github_sim::answer::{Answer, Ask, Content, Found, TagRule, Viewer};
use github_sim::{SimClock, Simulator, SimulatorBuilder, Switches, World};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use mirror_core::{Config, Mirror, Parts, Server};
use serde_json::Value;
use service_runtime::listener::ListenAddress;
use service_runtime::logs::AccessLog;
use service_runtime::{Clock, DrainReport, Metrics, Shutdown};
use std::sync::Mutex;
use tokio::task::JoinHandle;

/// A world of a few resources that tests put on a shelf.
#[derive(Clone, Default)]
pub(crate) struct Shelf(Arc<Mutex<Shelved>>);

#[derive(Default)]
struct Shelved {
    resources: BTreeMap<String, Resource>,
    revision: u64,
}

#[derive(Clone)]
struct Resource {
    body: Bytes,
    /// Bodies for single logins, in place of the common one.
    personal: BTreeMap<String, Bytes>,
    /// Logins that may not see it.
    hidden_from: HashSet<String>,
    link: Vec<(&'static str, String)>,
    tag: TagRule,
    status: StatusCode,
    answer: Option<Answer>,
}

impl Shelf {
    pub(crate) fn put(&self, path: &str, body: &Value) {
        self.put_bytes(path, body.to_string());
    }

    pub(crate) fn put_bytes(&self, path: &str, body: impl Into<Bytes>) {
        let body = body.into();
        self.change(path, |resource| resource.body = body);
    }

    pub(crate) fn put_for(&self, path: &str, login: &str, body: &Value) {
        let body = Bytes::from(body.to_string());
        self.change(path, |resource| {
            resource.personal.insert(login.to_owned(), body);
        });
    }

    pub(crate) fn hide(&self, path: &str, login: &str) {
        self.change(path, |resource| {
            resource.hidden_from.insert(login.to_owned());
        });
    }

    pub(crate) fn link(&self, path: &str, link: Vec<(&'static str, String)>) {
        self.change(path, |resource| resource.link = link);
    }

    pub(crate) fn status(&self, path: &str, status: StatusCode) {
        self.change(path, |resource| resource.status = status);
    }

    pub(crate) fn git_object(&self, path: &str, id: &str) {
        self.change(path, |resource| {
            resource.tag = TagRule::GitObject(id.to_owned())
        });
    }

    pub(crate) fn answer(&self, path: &str, answer: Answer) {
        self.change(path, |resource| resource.answer = Some(answer));
    }

    pub(crate) fn remove(&self, path: &str) {
        let mut shelved = self.0.lock().unwrap();
        shelved.resources.remove(path);
        shelved.revision += 1;
    }

    fn change(&self, path: &str, change: impl FnOnce(&mut Resource)) {
        let mut shelved = self.0.lock().unwrap();
        shelved.revision += 1;
        change(
            shelved
                .resources
                .entry(path.to_owned())
                .or_insert_with(|| Resource {
                    body: Bytes::from_static(b"{}"),
                    personal: BTreeMap::new(),
                    hidden_from: HashSet::new(),
                    link: Vec::new(),
                    tag: TagRule::Formula,
                    status: StatusCode::OK,
                    answer: None,
                }),
        );
    }
}

impl World for Shelf {
    fn answer(&mut self, ask: &Ask<'_>) -> Answer {
        let target = match ask.raw_query {
            Some(query) => format!("{}?{query}", ask.path),
            None => ask.path.to_owned(),
        };
        let login = match ask.viewer {
            Viewer::User { login } => login.as_str(),
            _ => "",
        };
        let shelved = self.0.lock().unwrap();
        let resource = shelved.resources.get(&target);
        let Some(resource) = resource.filter(|found| !found.hidden_from.contains(login)) else {
            return Answer::Problem {
                status: StatusCode::NOT_FOUND,
                message: "Not Found".to_owned(),
                errors: None,
                documentation_url: "https://docs.github.com/rest".to_owned(),
                resource: "core",
            };
        };
        if let Some(answer) = &resource.answer {
            return answer.clone();
        }
        let written = *ask.method != Method::GET && *ask.method != Method::HEAD;
        let body = resource
            .personal
            .get(login)
            .unwrap_or(&resource.body)
            .clone();
        Answer::Found(Box::new(Found {
            status: if written {
                StatusCode::CREATED
            } else {
                resource.status
            },
            content: Content::JsonBytes(body),
            tag: resource.tag.clone(),
            last_modified: None,
            link: resource.link.clone(),
            poll_interval: None,
            max_age: Some(60),
            resource: "core",
            headers: Vec::new(),
        }))
    }

    fn control(&mut self, _change: &Value, _now: i64) -> Result<Value, String> {
        Err("the shelf is changed directly".to_owned())
    }

    fn revision(&self) -> Option<u64> {
        Some(self.0.lock().unwrap().revision)
    }

    fn user_id(&self, login: &str) -> Option<u64> {
        Some(login.bytes().map(u64::from).sum())
    }
}

/// The simulator's clock as the mirror's.
struct SimTime(SimClock);

impl Clock for SimTime {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.0.now().unsigned_abs())
    }
}

/// One mirror under test.
pub(crate) struct Rig {
    pub(crate) sim: Simulator,
    pub(crate) shelf: Shelf,
    pub(crate) mirror: Mirror,
    pub(crate) url: String,
    /// Where the administration listens, if it does so apart.
    pub(crate) admin_url: Option<String>,
    pub(crate) shutdown: Shutdown,
    pub(crate) serving: JoinHandle<DrainReport>,
    pub(crate) client: Client<HttpConnector, Full<Bytes>>,
}

/// One more mirror in front of a rig's simulator; it ends when it is dropped.
pub(crate) struct Instance {
    pub(crate) mirror: Mirror,
    pub(crate) url: String,
    admin_url: Option<String>,
    shutdown: Shutdown,
    serving: JoinHandle<DrainReport>,
}

impl Instance {
    fn start(sim: &Simulator, change: impl FnOnce(&mut Config)) -> Self {
        Self::logging(sim, change, None)
    }

    /// With a line per request.
    pub(crate) fn logging(
        sim: &Simulator,
        change: impl FnOnce(&mut Config),
        access_log: Option<AccessLog>,
    ) -> Self {
        let mut config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            upstream: sim.url(),
            ..Config::default()
        };
        change(&mut config);
        let shutdown = Shutdown::new();
        let parts = Parts {
            metrics: Metrics::new("test").unwrap(),
            access_log,
            readiness: shutdown.readiness(),
            clock: Arc::new(SimTime(sim.clock().clone())),
        };
        let mirror = Mirror::new(&config, parts).unwrap();
        let server = Server::bind(&config, mirror.clone()).unwrap();
        let ListenAddress::Tcp(address) = server.addresses().remove(0) else {
            panic!("the first listener is TCP");
        };
        let admin_url = server
            .admin_address()
            .map(|address| format!("http://{address}"));
        let serving = tokio::spawn(server.run(shutdown.clone()));
        Self {
            mirror,
            url: format!("http://{address}"),
            admin_url,
            shutdown,
            serving,
        }
    }

    /// Ends it as SIGTERM would, twice.
    pub(crate) async fn stop(self) {
        self.shutdown.begin();
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
            None => panic!("no {name} in {self:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Checks status, `X-Cache` and `Cache-Status` in one go.
    #[track_caller]
    pub(crate) fn check(&self, status: u16, x_cache: &str, cache_status: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("x-cache"), x_cache, "{self:?}");
        assert_eq!(
            self.header("cache-status"),
            format!("github-mirror; {cache_status}")
        );
    }
}

impl Rig {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}, |sim| sim).await
    }

    pub(crate) async fn configured(change: impl FnOnce(&mut Config)) -> Self {
        Self::with(change, |sim| sim).await
    }

    pub(crate) async fn with(
        change: impl FnOnce(&mut Config),
        prepare: impl FnOnce(SimulatorBuilder) -> SimulatorBuilder,
    ) -> Self {
        let shelf = Shelf::default();
        let world = shelf.clone();
        Self::assemble(shelf, change, |sim| prepare(sim.world(world))).await
    }

    /// In front of a generated universe instead of the shelf.
    pub(crate) async fn universe(change: impl FnOnce(&mut Config)) -> Self {
        Self::assemble(Shelf::default(), change, |sim| sim.seed(7)).await
    }

    async fn assemble(
        shelf: Shelf,
        change: impl FnOnce(&mut Config),
        prepare: impl FnOnce(SimulatorBuilder) -> SimulatorBuilder,
    ) -> Self {
        let switches = Switches {
            // Link would hold rel="deprecation" on most answers; one test of its own is enough for that.
            deprecation_headers: false,
            ..Switches::default()
        };
        let builder = Simulator::builder()
            .switches(switches)
            .record_requests(1000);
        let sim = prepare(builder).start().await.unwrap();
        let instance = Instance::start(&sim, change);
        Self {
            sim,
            shelf,
            mirror: instance.mirror,
            url: instance.url,
            admin_url: instance.admin_url,
            shutdown: instance.shutdown,
            serving: instance.serving,
            // Gives up an idle connection before the mirror does, so that the two never meet half-way.
            client: Client::builder(TokioExecutor::new())
                .pool_idle_timeout(Duration::from_secs(5))
                .build_http(),
        }
    }

    /// Another mirror of the same upstream.
    pub(crate) fn another(&self, change: impl FnOnce(&mut Config)) -> Instance {
        Instance::start(&self.sim, change)
    }

    /// As [`get`](Self::get), through another mirror.
    pub(crate) async fn get_at(&self, instance: &Instance, target: &str, token: &str) -> Reply {
        let authorization = format!("token {token}");
        let headers = [("authorization", authorization.as_str())];
        self.send_to(&instance.url, Method::GET, target, &headers, "")
            .await
    }

    /// Without secondary limits: the simulated clock stands still, so all requests fall into one minute.
    pub(crate) async fn unhurried() -> Self {
        Self::configured_unhurried(|_| {}).await
    }

    pub(crate) async fn configured_unhurried(change: impl FnOnce(&mut Config)) -> Self {
        let switches = Switches {
            secondary_limits: false,
            deprecation_headers: false,
            ..Switches::default()
        };
        Self::with(change, |sim| sim.switches(switches)).await
    }

    /// A client with a connection for each request.
    pub(crate) fn client_without_pool() -> Client<HttpConnector, Full<Bytes>> {
        Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build_http()
    }

    /// A user with a token of their own, who exists at GitHub.
    pub(crate) fn user(&self, login: &str) -> String {
        let id: u32 = login.bytes().map(u32::from).sum();
        let body = serde_json::json!({"login": login, "id": id});
        self.shelf.put_for("/user", login, &body);
        self.sim.user_token(login)
    }

    /// The value of a metric line that begins like this; 0 if there is none.
    pub(crate) fn metric(&self, line: &str) -> f64 {
        let text = self.mirror.metrics().render().unwrap();
        let value = text.lines().find_map(|found| found.strip_prefix(line));
        value.map_or(0.0, |value| value.trim().parse().unwrap())
    }

    pub(crate) async fn get(&self, target: &str, token: &str) -> Reply {
        self.send(
            Method::GET,
            target,
            &[("authorization", &format!("token {token}"))],
            "",
        )
        .await
    }

    pub(crate) async fn anonymous(&self, target: &str) -> Reply {
        self.send(Method::GET, target, &[], "").await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Reply {
        self.send_to(&self.url, method, target, headers, body).await
    }

    pub(crate) async fn send_to(
        &self,
        url: &str,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Reply {
        let reply = self.try_send_to(url, method, target, headers, body.into());
        match reply.await {
            Ok(reply) => reply,
            Err(error) => panic!("no whole answer from {url}{target}: {error:?}"),
        }
    }

    /// As [`get`](Self::get), through a mirror at `url` that may be killed at any moment; `None` = no whole answer.
    pub(crate) async fn try_get(&self, url: &str, target: &str, token: &str) -> Option<Reply> {
        let authorization = format!("token {token}");
        let headers = [("authorization", authorization.as_str())];
        self.try_send_to(url, Method::GET, target, &headers, Bytes::new())
            .await
            .ok()
    }

    async fn try_send_to(
        &self,
        url: &str,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Reply, Box<dyn std::error::Error>> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{url}{target}"))
            .header("user-agent", "rig");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body)).unwrap();
        let (parts, body) = self.client.request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Reply {
            status: parts.status,
            headers: parts.headers,
            body,
        })
    }

    /// Upstream answers with this status since the last reset.
    pub(crate) fn upstream(&self, status: u16) -> u64 {
        self.sim.counters().count_status(status)
    }

    /// Quota used by all callers together.
    pub(crate) fn quota_used(&self) -> u32 {
        self.sim.counters().quota_used.values().sum()
    }
}
