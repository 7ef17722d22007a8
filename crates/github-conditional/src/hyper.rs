//! hyper-util's client, made ready for GitHub.
//!
//! `hyper_util::client::legacy::Client` is a tower service already, so the layer wraps it as it is:
//! `layer.layer(client)`.
//! What is here saves the twenty lines that make one.

use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

/// An HTTP client over TLS; plain HTTP where the url says so, for a mirror or a simulator.
pub type HttpsClient<B = Full<Bytes>> = Client<HttpsConnector<HttpConnector>, B>;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// A client with a pool of connections: HTTP/1.1 or HTTP/2 as the server chooses, Mozilla's trust anchors.
///
/// A TCP connection is given up after 10 s, an idle one is closed after 60 s.
/// There is no limit on how long an answer may take; put one around it, or use [`Client`](crate::Client), which has
/// one.
///
/// # Errors
/// When the TLS library refuses its own defaults.
pub fn https_client<B>() -> Result<HttpsClient<B>, TlsError>
where
    B: Body + Send,
    B::Data: Send,
{
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let connector = HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
        .map_err(TlsError)?
        .https_or_http()
        .enable_all_versions()
        .wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_TIMEOUT)
        .build(connector))
}

/// TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("tls cannot be set up")]
pub struct TlsError(#[source] rustls::Error);
