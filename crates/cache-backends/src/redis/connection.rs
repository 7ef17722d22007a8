//! One connection (of a cluster: one per node) that is kept up for as long as somebody holds it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fred::clients::Client;
use fred::error::{Error, ErrorKind};
use fred::interfaces::{ClientLike, EventInterface};
use fred::types::config::{
    ClusterDiscoveryPolicy, Config, ConnectionConfig, Options, ReconnectPolicy, Server,
    ServerConfig, TlsConfig, TlsHostMapping, UnresponsiveConfig,
};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::failure::Failure;
use super::options::{
    ClusterNames, Endpoint, RedisDeployment, RedisOptions, RedisOptionsError, RedisTls, Secret,
};
use super::random;
use super::silence::{Scope, Silence, Verdict};
use super::statistics::Counters;

/// Pause before the second attempt to connect; doubled with each, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Commands that fail in time.
pub(crate) type Commands = fred::clients::WithOptions<Client>;

/// A client that connects by itself; dropping it closes the connection.
#[derive(Debug)]
pub(crate) struct Connection {
    clients: watch::Receiver<Client>,
    line: Arc<Line>,
    _keeper: AbortOnDrop,
}

/// What the commands tell the keeper, and the keeper the commands.
#[derive(Debug)]
struct Line {
    is_up: AtomicBool,
    silence: Silence,
    given_up: Notify,
}

#[derive(Debug)]
pub(crate) struct AbortOnDrop(JoinHandle<()>);

impl AbortOnDrop {
    pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(task))
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Connection {
    /// Starts to connect, and returns at once.
    pub(crate) fn open(
        server: ServerConfig,
        options: &RedisOptions,
        counters: Arc<Counters>,
    ) -> Result<Self, RedisOptionsError> {
        let scope = match server.is_clustered() {
            true => Scope::Cluster,
            false => Scope::OneServer,
        };
        let line = Arc::new(Line {
            is_up: AtomicBool::new(false),
            silence: Silence::new(options.unresponsive_after, scope),
            given_up: Notify::new(),
        });
        let plan = Plan::new(server, options)?;
        let (sender, clients) = watch::channel(plan.client(&[]));
        let keeper = keep(plan, sender, Arc::clone(&line), counters);
        Ok(Self {
            clients,
            line,
            _keeper: AbortOnDrop::spawn(keeper),
        })
    }

    pub(crate) fn is_up(&self) -> bool {
        self.line.is_up.load(Ordering::Relaxed) && self.clients.borrow().is_connected()
    }

    /// Runs a command about the key `name` that fails after `timeout`, and at once when the connection breaks.
    pub(crate) async fn ask<T, F: Future<Output = Result<T, Error>>>(
        &self,
        name: &str,
        timeout: Duration,
        command: impl FnOnce(Commands) -> F,
    ) -> Result<T, Error> {
        let asked = Instant::now();
        let asking = command(self.client().with_options(&Options {
            timeout: Some(timeout),
            // MOVED is followed. ASK is not: fred 10.1 sends ASKING to the new node and the command to the old one,
            // which asks again; out of attempts it would close all connections, out of redirections it only fails.
            max_redirections: Some(2),
            max_attempts: Some(8),
            fail_fast: true,
            ..Options::default()
        }));
        // fred's own limit frees the command. It has been seen not to hold when the connection broke at that moment
        // (tests/it/redis/leases.rs), so that the promise is kept here.
        let answer = tokio::time::timeout(timeout + timeout / 10, asking)
            .await
            .unwrap_or_else(|_| Err(Error::new(ErrorKind::Timeout, "no answer in time")));
        match &answer {
            Err(error) if Failure::of(error) == Failure::Timeout => {
                let silence = &self.line.silence;
                if silence.unanswered(name, asked, Instant::now()) == Verdict::GiveUp {
                    self.line.is_up.store(false, Ordering::Relaxed);
                    self.line.given_up.notify_one();
                }
            }
            _ => self.line.silence.answered(name),
        }
        answer
    }

    pub(crate) fn client(&self) -> Client {
        self.clients.borrow().clone()
    }

    /// The client of now, and those that take its place.
    pub(crate) fn clients(&self) -> watch::Receiver<Client> {
        self.clients.clone()
    }
}

/// Aborts fred's own task, which would otherwise outlive everybody who could use it.
struct Router(JoinHandle<Result<(), Error>>);

impl Drop for Router {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Connects, and connects anew whenever fred gives up: it takes some answers for final that are not, such as a server
/// that is being reconfigured.
///
/// Each time with a new client: fred counts the commands that wait for its task, forgets to count down those that went
/// down with a task, and sends nothing while it believes that more is to come.
async fn keep(
    plan: Plan,
    clients: watch::Sender<Client>,
    line: Arc<Line>,
    counters: Arc<Counters>,
) {
    let mut failures = 0_u32;
    let mut met = Vec::new();
    loop {
        let client = clients.borrow().clone();
        let mut connected = client.reconnect_rx();
        let mut errors = client.error_rx();
        let mut router = Router(client.connect());
        loop {
            tokio::select! {
                biased;
                event = connected.recv() => if !matches!(event, Err(RecvError::Closed)) {
                    failures = 0;
                    met = client.active_connections();
                    counters.connects.add_one();
                    line.is_up.store(true, Ordering::Relaxed);
                },
                event = errors.recv() => match event {
                    Ok((error, _)) => {
                        counters.connection_errors.add_one();
                        counters.note_error(&error);
                    }
                    Err(_) => counters.connection_errors.add_one(),
                },
                ended = &mut router.0 => {
                    if let Ok(Err(error)) = ended {
                        counters.note_error(&error);
                    }
                    break;
                }
                () = line.given_up.notified() => {
                    counters.connection_errors.add_one();
                    counters.note_error(&"the server is silent");
                    break;
                }
            }
        }
        line.is_up.store(false, Ordering::Relaxed);
        // Before the pause: a task that is stuck in a full socket must not be waited for.
        drop(router);
        clients.send_replace(plan.client(&met));
        tokio::time::sleep(pause_before_attempt(failures)).await;
        failures = failures.saturating_add(1);
    }
}

/// Half of it is chance, so that a hundred processes do not come back at once.
pub(super) fn pause_before_attempt(failures: u32) -> Duration {
    let longest = FIRST_PAUSE
        .saturating_mul(1 << failures.min(10))
        .min(LONGEST_PAUSE);
    longest.mul_f64(0.5 + random::part() / 2.0)
}

/// What every client of a connection is made of.
struct Plan {
    config: Config,
    connection: ConnectionConfig,
    reconnects: ReconnectPolicy,
}

impl Plan {
    fn new(server: ServerConfig, options: &RedisOptions) -> Result<Self, RedisOptionsError> {
        if server.hosts().is_empty() {
            return Err(RedisOptionsError::NoNodes);
        }
        let is_cluster = server.is_clustered();
        let config = Config {
            server,
            // The keeper makes the first attempt at once, and decides on the next.
            fail_fast: true,
            username: options.username.clone(),
            password: options.password.as_ref().map(text),
            database: (!is_cluster && options.database != 0).then_some(options.database),
            tls: options.tls.as_ref().map(tls).transpose()?,
            ..Config::default()
        };
        let connection = ConnectionConfig {
            connection_timeout: options.connect_timeout,
            internal_command_timeout: options.connect_timeout,
            unresponsive: UnresponsiveConfig {
                max_timeout: Some(options.unresponsive_after),
                interval: options.unresponsive_after / 4,
            },
            tcp: fred::types::config::TcpConfig {
                nodelay: Some(true),
                ..Default::default()
            },
            // A user whose password was changed is logged in again, on a new connection.
            reconnect_on_auth_error: true,
            ..ConnectionConfig::default()
        };
        let first = u32::try_from(FIRST_PAUSE.as_millis()).unwrap_or(50);
        let longest = u32::try_from(LONGEST_PAUSE.as_millis()).unwrap_or(2000);
        let mut reconnects = ReconnectPolicy::new_exponential(0, first, longest, 2);
        reconnects.set_jitter(first);
        Ok(Self {
            config,
            connection,
            reconnects,
        })
    }

    /// A client that is not connected; it also knows the nodes of a cluster that were met before, since the seeds may
    /// be gone.
    fn client(&self, met: &[Server]) -> Client {
        let mut config = self.config.clone();
        if let ServerConfig::Clustered { hosts, .. } = &mut config.server {
            for node in met {
                if !hosts.contains(node) {
                    hosts.push(node.clone());
                }
            }
        }
        let (connection, reconnects) = (self.connection.clone(), self.reconnects.clone());
        Client::new(config, None, Some(connection), Some(reconnects))
    }
}

/// The servers that take writes, and those that take reads if they are others.
pub(crate) fn servers(deployment: &RedisDeployment) -> (ServerConfig, Option<ServerConfig>) {
    let centralized = |endpoint: &Endpoint| ServerConfig::Centralized {
        server: server(endpoint),
    };
    match deployment {
        RedisDeployment::Standalone { primary, reader } => {
            (centralized(primary), reader.as_ref().map(centralized))
        }
        RedisDeployment::Sentinel(sentinel) => {
            let servers = ServerConfig::Sentinel {
                hosts: sentinel.nodes.iter().map(server).collect(),
                service_name: sentinel.service.clone(),
                username: sentinel.username.clone(),
                password: sentinel.password.as_ref().map(text),
            };
            (servers, None)
        }
        RedisDeployment::Cluster { seeds } => {
            let servers = ServerConfig::Clustered {
                hosts: seeds.iter().map(server).collect(),
                // Seeds may be gone when the cluster has moved on.
                policy: ClusterDiscoveryPolicy::UseCache,
            };
            (servers, None)
        }
    }
}

fn server(endpoint: &Endpoint) -> Server {
    Server::new(endpoint.host.clone(), endpoint.port)
}

fn text(secret: &Secret) -> String {
    secret.expose().to_owned()
}

fn tls(tls: &RedisTls) -> Result<TlsConfig, RedisOptionsError> {
    let wrong = RedisOptionsError::Tls;
    let roots = match &tls.authorities_pem {
        None => RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        },
        Some(pem) => {
            let mut roots = RootCertStore::empty();
            for authority in certificates(pem).ok_or(wrong("authorities"))? {
                roots.add(authority).map_err(|_| wrong("authorities"))?;
            }
            roots
        }
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| wrong("versions"))?
        .with_root_certificates(roots);
    let config = match &tls.identity {
        None => config.with_no_client_auth(),
        Some(identity) => {
            let chain = certificates(&identity.certificates_pem).ok_or(wrong("certificates"))?;
            let key = PrivateKeyDer::from_pem_slice(identity.key_pem.expose().as_bytes())
                .map_err(|_| wrong("key"))?;
            config
                .with_client_auth_cert(chain, key)
                .map_err(|_| wrong("identity"))?
        }
    };
    Ok(TlsConfig {
        connector: config.into(),
        hostnames: match tls.cluster_names {
            ClusterNames::Told => TlsHostMapping::None,
            ClusterNames::Asked => TlsHostMapping::DefaultHost,
        },
    })
}

/// At least one certificate, and nothing that is none.
fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .ok()?;
    (!certificates.is_empty()).then_some(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_bound_and_are_never_all_chance() {
        for (failures, longest) in [(0, 50), (1, 100), (4, 800), (6, 2000), (u32::MAX, 2000)] {
            let longest = Duration::from_millis(longest);
            for _ in 0..100 {
                let pause = pause_before_attempt(failures);
                assert!(pause <= longest && pause >= longest / 2, "{pause:?}");
            }
        }
    }

    #[test]
    fn certificates_that_are_none_are_refused() {
        let broken = RedisTls {
            authorities_pem: Some(b"not a certificate".to_vec()),
            ..RedisTls::default()
        };
        assert_eq!(
            tls(&broken).unwrap_err(),
            RedisOptionsError::Tls("authorities")
        );
        assert!(tls(&RedisTls::default()).is_ok());
    }
}
