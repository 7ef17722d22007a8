//! Builds the one stack. Read from the bottom of the wire to the top:
//! names, TCP, TLS, connect time-out, pool and protocol; above them, in `service`, address, turn, retry and ledger.

use std::path::Path;
use std::sync::Arc;

use http::Extensions;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::GaiResolver;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::clock::WallClock;
use crate::dial::{Dialer, Names};
use crate::error::BuildError;
use crate::governor::Gate;
use crate::ledger::{CallerId, SharedLedger};
use crate::observer::UpstreamObserver;
use crate::options::{Protocol, UpstreamOptions};
use crate::service::{Parts, Upstream};

/// How much of one answer GitHub may send ahead of the caller who reads it.
const HTTP2_STREAM_WINDOW_BYTES: u32 = 512 * 1024;
/// The same for all answers on a connection together. More than the windows of the 100 streams that GitHub allows, or a
/// few callers who do not read would keep everybody else from being answered (RFC 9113 §5.2.2).
const HTTP2_CONNECTION_WINDOW_BYTES: u32 = 64 * 1024 * 1024;

/// Builds an [`Upstream`].
pub struct UpstreamBuilder {
    options: UpstreamOptions,
    observer: Arc<dyn UpstreamObserver>,
    clock: WallClock,
    caller_of: CallerOf,
}

/// Finds out who asks.
pub(crate) type CallerOf = Arc<dyn Fn(&Extensions) -> Option<CallerId> + Send + Sync>;

impl std::fmt::Debug for UpstreamBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UpstreamBuilder")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl UpstreamBuilder {
    pub(crate) fn new(options: UpstreamOptions) -> Self {
        Self {
            options,
            observer: Arc::new(()),
            clock: WallClock::default(),
            caller_of: Arc::new(|extensions| extensions.get().copied()),
        }
    }

    /// Who is told what happens. Default: nobody.
    #[must_use]
    pub fn observer(mut self, observer: impl UpstreamObserver) -> Self {
        self.observer = Arc::new(observer);
        self
    }

    /// The time of day. Default: the operating system's.
    #[must_use]
    pub fn clock(mut self, clock: WallClock) -> Self {
        self.clock = clock;
        self
    }

    /// How a request's extensions tell who asks. Default: a [`CallerId`] among them. Requests without `Authorization` are
    /// anonymous without being asked for.
    #[must_use]
    pub fn caller_from(
        mut self,
        caller_of: impl Fn(&Extensions) -> Option<CallerId> + Send + Sync + 'static,
    ) -> Self {
        self.caller_of = Arc::new(caller_of);
        self
    }

    /// The stack. Opens no connection.
    ///
    /// # Errors
    /// When the file of extra authorities cannot be used, or a time-out is zero.
    pub fn build(self) -> Result<Upstream, BuildError> {
        let Self {
            options,
            observer,
            clock,
            caller_of,
        } = self;
        check(&options)?;

        let mut tcp = HttpConnector::new_with_resolver(Names(GaiResolver::new()));
        // A request is one small write; waiting for more would delay each by a round trip.
        tcp.set_nodelay(true);
        // Notices peers that vanished while a connection was idle or a body was awaited.
        tcp.set_keepalive(Some(options.pool_idle_timeout.max(options.connect_timeout)));
        // Shared out among a name's addresses, so that one that is dead does not use up the whole time.
        tcp.set_connect_timeout(Some(options.connect_timeout));
        tcp.enforce_http(false);

        let tls = HttpsConnectorBuilder::new().with_tls_config(tls_config(&options)?);
        let tls = if options.base_url.is_https() {
            tls.https_only()
        } else {
            tls.https_or_http()
        };
        let tls = match options.protocol {
            Protocol::Auto => tls.enable_all_versions().wrap_connector(tcp),
            Protocol::Http1 => tls.enable_http1().wrap_connector(tcp),
            Protocol::Http2 => tls.enable_http2().wrap_connector(tcp),
        };

        let dialer = Dialer {
            tls,
            timeout: options.connect_timeout,
            protocol: options.protocol,
        };

        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(options.pool_idle_timeout)
            .pool_max_idle_per_host(match options.pool_idle_timeout.is_zero() {
                true => 0,
                false => options.max_idle_connections,
            })
            // Safe for writes too; see `retry`.
            .retry_canceled_requests(true)
            .http2_only(options.protocol == Protocol::Http2)
            .http2_keep_alive_interval(options.http2_ping_interval)
            .http2_keep_alive_timeout(options.response_timeout)
            .http2_initial_stream_window_size(HTTP2_STREAM_WINDOW_BYTES)
            .http2_initial_connection_window_size(HTTP2_CONNECTION_WINDOW_BYTES)
            .build(dialer);

        // Only TLS can choose HTTP/2 while connecting.
        let host = match options.protocol {
            Protocol::Auto if options.base_url.is_https() => None,
            Protocol::Auto | Protocol::Http1 => options.base_url.host(),
            Protocol::Http2 => None,
        };
        let ledger = SharedLedger::new(options.max_ledger_callers);
        let gate = Gate::new(
            options.pacing.clone(),
            ledger.clone(),
            clock.clone(),
            options.max_ledger_callers,
        );
        Ok(Upstream::new(Parts {
            client,
            host,
            options,
            ledger,
            gate,
            clock,
            observer,
            caller_of,
        }))
    }
}

fn check(options: &UpstreamOptions) -> Result<(), BuildError> {
    let durations = [
        ("connect_timeout", options.connect_timeout),
        ("response_timeout", options.response_timeout),
        ("body_idle_timeout", options.body_idle_timeout),
        ("http2_ping_interval", options.http2_ping_interval),
    ];
    match durations.iter().find(|(_, duration)| duration.is_zero()) {
        Some((option, _)) => Err(BuildError::Zero { option }),
        None => Ok(()),
    }
}

/// The public authorities and the extra ones, with ring; no process-wide default is read or set.
fn tls_config(options: &UpstreamOptions) -> Result<ClientConfig, BuildError> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if let Some(path) = &options.extra_root_certificates {
        add_certificates(&mut roots, path).map_err(|source| BuildError::RootCertificates {
            path: path.clone(),
            source,
        })?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(BuildError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn add_certificates(
    roots: &mut RootCertStore,
    path: &Path,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let before = roots.len();
    for certificate in CertificateDer::pem_file_iter(path)? {
        roots.add(certificate?)?;
    }
    if roots.len() == before {
        return Err("the file holds no certificate".into());
    }
    Ok(())
}
