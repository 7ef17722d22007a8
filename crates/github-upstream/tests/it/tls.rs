//! TLS with an authority of the test's own.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use github_upstream::{BuildError, Protocol, Reason, Upstream, UpstreamOptions};
use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::NamedTempFile;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::client::{chain, fetch, get, options, send};

struct TlsPeer {
    address: SocketAddr,
    authority: NamedTempFile,
    connections: Arc<AtomicUsize>,
}

impl TlsPeer {
    /// Answers with the version of HTTP and the host it was asked for; the certificate is for these names.
    async fn start(names: &[&str], alpn: &[&[u8]]) -> Self {
        let authority_key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new(vec![]).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_certificate = authority.self_signed(&authority_key).unwrap();
        let issuer = Issuer::new(authority, authority_key);
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let certificate = CertificateParams::new(names)
            .unwrap()
            .signed_by(&key, &issuer)
            .unwrap();

        let mut file = NamedTempFile::new().unwrap();
        file.write_all(authority_certificate.pem().as_bytes())
            .unwrap();

        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from(certificate)],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = Self {
            address: listener.local_addr().unwrap(),
            authority: file,
            connections: Arc::default(),
        };
        let connections = Arc::clone(&peer.connections);
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.fetch_add(1, Ordering::Relaxed);
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // A client that does not trust us goes away.
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    auto::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), service_fn(echo))
                        .await
                        .ok();
                });
            }
        });
        peer
    }

    fn options(&self, host: &str) -> UpstreamOptions {
        let mut options = options(&format!("https://{host}:{}", self.address.port()));
        options.extra_root_certificates = Some(self.authority.path().to_owned());
        options
    }
}

async fn echo(request: Request<Incoming>) -> Result<Response<String>, std::convert::Infallible> {
    let host = match request.version() {
        Version::HTTP_2 => request.uri().authority().unwrap().to_string(),
        _ => request.headers()["host"].to_str().unwrap().to_owned(),
    };
    Ok(Response::new(format!("{:?} {host}", request.version())))
}

const BOTH: &[&[u8]] = &[b"h2", b"http/1.1"];

#[tokio::test]
async fn the_version_is_negotiated() {
    for (protocol, alpn, version) in [
        (Protocol::Auto, BOTH, "HTTP/2.0"),
        (Protocol::Auto, &[b"http/1.1" as &[u8]][..], "HTTP/1.1"),
        (Protocol::Auto, &[][..], "HTTP/1.1"),
        (Protocol::Http1, BOTH, "HTTP/1.1"),
        (Protocol::Http2, BOTH, "HTTP/2.0"),
    ] {
        // One by its name, one by its address.
        for host in ["localhost", "127.0.0.1"] {
            let peer = TlsPeer::start(&["localhost", "127.0.0.1"], alpn).await;
            let mut options = peer.options(host);
            options.protocol = protocol;
            let client = Upstream::builder(options).build().unwrap();
            for _ in 0..2 {
                let whole = fetch(&client, get("http://evil.example/zen"))
                    .await
                    .unwrap();
                let expected = format!("{version} {host}:{}", peer.address.port());
                assert_eq!(whole.text(), expected);
            }
            assert_eq!(peer.connections.load(Ordering::Relaxed), 1);
        }
    }
}

#[tokio::test]
async fn strangers_and_other_names_are_not_trusted() {
    let peer = TlsPeer::start(&["elsewhere.example"], BOTH).await;
    let mut stranger = peer.options("127.0.0.1");
    stranger.extra_root_certificates = None;
    for options in [stranger, peer.options("127.0.0.1")] {
        let client = Upstream::builder(options).build().unwrap();
        let error = send(&client, get("/zen")).await.unwrap_err();
        assert_eq!(error.reason(), Reason::Tls, "{}", chain(&error));
        assert!(error.is_connect() && !error.is_timeout());
    }
}

#[tokio::test]
async fn a_peer_that_does_not_speak_tls() {
    use crate::peer::{Peer, write};
    let peer = Peer::start(vec![vec![write("HTTP/1.1 400 Bad Request\r\n\r\n")]]).await;
    let client = Upstream::builder(options(&format!("https://{}", peer.address)))
        .build()
        .unwrap();
    let error = send(&client, get("/zen")).await.unwrap_err();
    assert_eq!(error.reason(), Reason::Tls, "{}", chain(&error));
}

#[test]
fn a_file_without_certificates_is_refused() {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(b"nothing").unwrap();
    let mut with_file = options("https://127.0.0.1:1");
    with_file.extra_root_certificates = Some(file.path().to_owned());
    let mut missing = options("https://127.0.0.1:1");
    missing.extra_root_certificates = Some("/nonexistent/authorities.pem".into());
    for options in [with_file, missing] {
        let error = Upstream::builder(options).build().unwrap_err();
        assert!(matches!(error, BuildError::RootCertificates { .. }));
    }
}
