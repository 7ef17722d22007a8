//! The simulator as tests hold it: start it, talk to its url, order what happens, ask what was seen.

use crate::app_jwt::{self, AppSpec};
use crate::clock::{START, SimClock};
use crate::counters::{Counters, SeenRequest};
use crate::credentials::TokenSpec;
use crate::desk::Desk;
use crate::faults::FaultRule;
use crate::front::{Front, Parts};
use crate::quota::Bucket;
use crate::server;
use crate::service::{self, Direct};
use crate::switches::Switches;
use crate::universe::{LoadError, Scale, Universe, UniverseOptions};
use crate::utility::InstallationSpec;
use crate::world::World;
use bytes::Bytes;
use http::Request;
use serde_json::Value;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How GitHub spells its own address.
const GITHUB: &str = "https://api.github.com";

/// What urls in bodies and headers begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Urls {
    GitHub,
    Own,
}

/// Why a simulator did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    #[error("cannot listen on {address}")]
    Listen {
        address: SocketAddr,
        source: io::Error,
    },
    #[error("cannot load the data")]
    Load(#[source] LoadError),
}

/// Settings of a simulator that is not running yet.
pub struct SimulatorBuilder {
    seed: u64,
    switches: Switches,
    clock: SimClock,
    listen: SocketAddr,
    urls: Urls,
    keep_requests: usize,
    scale: Scale,
    data: Option<PathBuf>,
    world: Option<Box<dyn World>>,
}

impl fmt::Debug for SimulatorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatorBuilder")
            .field("seed", &self.seed)
            .field("listen", &self.listen)
            .field("urls", &self.urls)
            .finish_non_exhaustive()
    }
}

impl SimulatorBuilder {
    /// Everything generated depends on this number alone. Default 1.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    #[must_use]
    pub fn switches(mut self, switches: Switches) -> Self {
        self.switches = switches;
        self
    }

    /// Default: stands still at [`START`]. Whatever ends with time (quota windows, points per minute, the edge cache,
    /// tokens) then lasts until [`SimClock::advance`].
    #[must_use]
    pub fn clock(mut self, clock: SimClock) -> Self {
        self.clock = clock;
        self
    }

    /// Default: a free port of 127.0.0.1.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Print the simulator's own address in urls; default is GitHub's, as the real one does.
    #[must_use]
    pub fn own_urls(mut self) -> Self {
        self.urls = Urls::Own;
        self
    }

    /// Keep the last `count` requests with all headers. Default 0.
    #[must_use]
    pub fn record_requests(mut self, count: usize) -> Self {
        self.keep_requests = count;
        self
    }

    /// How much is generated. Default [`Scale::Small`].
    #[must_use]
    pub fn scale(mut self, scale: Scale) -> Self {
        self.scale = scale;
        self
    }

    /// Put a folder of frozen answers over the generated universe; with [`Scale::Empty`] there is nothing else.
    #[must_use]
    pub fn data(mut self, folder: impl Into<PathBuf>) -> Self {
        self.data = Some(folder.into());
        self
    }

    /// Simulate this world instead of a generated universe.
    #[must_use]
    pub fn world(mut self, world: impl World) -> Self {
        self.world = Some(Box::new(world));
        self
    }

    /// Binds the address and serves on the current tokio runtime.
    ///
    /// # Errors
    /// The address cannot be bound, or the folder of data cannot be read.
    pub async fn start(mut self) -> Result<Simulator, StartError> {
        let world = match self.world.take() {
            Some(world) => world,
            None => Box::new(self.universe().map_err(StartError::Load)?),
        };
        let address = self.listen;
        let refused = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let front = Arc::new(Front::new(Parts {
            clock: self.clock,
            seed: self.seed,
            desk: Desk::new(world),
            switches: self.switches,
            keep_requests: self.keep_requests,
            base: match self.urls {
                Urls::GitHub => GITHUB.to_owned(),
                Urls::Own => format!("http://{address}"),
            },
        }));
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(server::run(listener, Arc::clone(&front), stopped));
        Ok(Simulator {
            front,
            address,
            stop,
            serving,
        })
    }
}

impl SimulatorBuilder {
    /// Everything generated lies before the clock's first second, so that feeds are as young as they should be.
    fn universe(&self) -> Result<Universe, LoadError> {
        let mut universe = Universe::generate(&UniverseOptions {
            seed: self.seed,
            scale: self.scale,
            epoch: self.clock.now(),
        });
        if let Some(folder) = &self.data {
            universe.load_over(folder)?;
        }
        Ok(universe)
    }
}

/// A running simulator; dropping it ends every connection at once.
#[derive(Debug)]
pub struct Simulator {
    front: Arc<Front>,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Simulator {
    pub fn builder() -> SimulatorBuilder {
        SimulatorBuilder {
            seed: 1,
            switches: Switches::default(),
            clock: SimClock::still(START),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            urls: Urls::GitHub,
            keep_requests: 0,
            scale: Scale::default(),
            data: None,
            world: None,
        }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    pub fn clock(&self) -> &SimClock {
        &self.front.clock
    }

    /// Finishes requests in flight (for two seconds at most), then closes everything.
    pub async fn shutdown(mut self) {
        // Without a receiver the server has ended already.
        let _ended = self.stop.send(true);
        let _joined = (&mut self.serving).await;
    }

    /// Makes a token known and returns it.
    ///
    /// # Errors
    /// The specification lacks an owner, or names a login that does not exist.
    pub fn add_token(&self, spec: TokenSpec) -> Result<String, String> {
        self.front.add_token(spec)
    }

    /// A new classic token of `login`.
    ///
    /// # Panics
    /// The universe has no such login.
    #[track_caller]
    pub fn user_token(&self, login: &str) -> String {
        match self.add_token(TokenSpec::user(login)) {
            Ok(token) => token,
            Err(error) => panic!("{error}"),
        }
    }

    /// A token of some login that exists, to begin with; `None` in a world without users.
    pub fn example_token(&self) -> Option<String> {
        let login = self.front.desk.example_login()?;
        self.add_token(TokenSpec::user(&login)).ok()
    }

    /// A new token of an installation, valid for one hour; its form follows
    /// [`Switches::stateless_installation_tokens`].
    ///
    /// # Panics
    /// Never: installations need not exist.
    #[track_caller]
    pub fn installation_token(&self, id: u64) -> String {
        match self.add_token(TokenSpec::installation(id)) {
            Ok(token) => token,
            Err(error) => panic!("{error}"),
        }
    }

    /// A new token with the same owner; the old one ends.
    ///
    /// # Panics
    /// The token is not known.
    #[track_caller]
    pub fn rotate_token(&self, token: &str) -> String {
        match self.front.credentials.rotate(token, self.front.clock.now()) {
            Some(new) => new,
            None => panic!("the token to rotate is not known"),
        }
    }

    /// Ends a token: 401 from now on. `None` if there was no such token.
    pub fn revoke_token(&self, token: &str) -> Option<()> {
        self.front.credentials.revoke(token)
    }

    /// A JSON web token of the simulator's own GitHub App (id 12345), issued a minute ago.
    pub fn app_jwt(&self) -> String {
        app_jwt::unsigned(&self.front.default_app(), self.front.clock.now())
    }

    /// Registers a GitHub App, or replaces the one with the same id.
    pub fn add_app(&self, app: AppSpec) {
        self.front.credentials.add_app(app);
    }

    /// Registers an installation that the universe does not know.
    pub fn add_installation(&self, installation: InstallationSpec) {
        self.front.add_installation(installation);
    }

    /// Registers an OAuth app for `Basic client_id:secret`.
    pub fn add_oauth_app(&self, client_id: &str, secret: &str) {
        self.front.credentials.add_oauth_app(client_id, secret);
    }

    /// Asks without a socket: GitHub's rules alone, ordered faults and delays left out. For tests on paused time, where
    /// nothing may wait for a socket. The request is under way until the answer is dropped.
    pub fn ask(&self, request: &Request<Bytes>) -> Direct {
        service::direct(&self.front, request)
    }

    pub fn counters(&self) -> Counters {
        self.front.recorder.snapshot(self.front.quota.used())
    }

    /// Forgets what was counted and recorded; quota keeps running.
    pub fn reset_counters(&self) {
        self.front.recorder.reset();
    }

    /// The recorded requests, oldest first; see [`SimulatorBuilder::record_requests`].
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.front.recorder.requests()
    }

    pub fn fault(&self, rule: FaultRule) {
        self.front.faults.add(rule);
    }

    pub fn clear_faults(&self) {
        self.front.faults.clear();
    }

    pub fn switches(&self) -> Switches {
        (*self.front.switches()).clone()
    }

    pub fn set_switches(&self, switches: Switches) {
        self.front.set_switches(switches);
    }

    /// Changes the universe.
    ///
    /// # Errors
    /// What the world says about a wrong change.
    pub fn change(&self, change: Value) -> Result<Value, String> {
        self.front.desk.control(&change, self.front.clock.now())
    }

    /// Empties or fills a bucket such as `user:octocat/core`.
    ///
    /// # Panics
    /// The name is not one of a bucket.
    #[track_caller]
    pub fn set_quota(&self, bucket: &str, remaining: u32) {
        match bucket.parse::<Bucket>() {
            Ok(bucket) => {
                let now = self.front.clock.now();
                self.front.quota.set_remaining(bucket, remaining, now);
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Sets one component of the status page, e.g. `API Requests` to `major_outage`.
    ///
    /// # Panics
    /// There is no such component or state.
    #[track_caller]
    pub fn set_status(&self, component: &str, status: &str) {
        let now = self.front.clock.now();
        if let Err(error) = self.front.status_page.set(component, status, now) {
            panic!("{error}");
        }
    }
}
