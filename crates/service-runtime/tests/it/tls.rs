//! TLS from files: both protocols, and errors that name the file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use service_runtime::listener::{Certificate, Limits, ListenAddress, Listener, tls_from_files};
use service_runtime::{Drain, Failure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::client::{loopback, run};

struct Files {
    directory: tempfile::TempDir,
    certificate: CertificateDer<'static>,
}

impl Files {
    fn new() -> Files {
        let directory = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(directory.path().join("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(
            directory.path().join("key.pem"),
            made.signing_key.serialize_pem(),
        )
        .unwrap();
        Files {
            directory,
            certificate: made.cert.der().clone(),
        }
    }

    /// A new certificate in the same place, as a renewal makes it.
    fn renew(&mut self) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(self.path("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(self.path("key.pem"), made.signing_key.serialize_pem()).unwrap();
        self.certificate = made.cert.der().clone();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    async fn connect(&self, address: ListenAddress, protocol: &str) -> TlsStream<TcpStream> {
        let ListenAddress::Tcp(address) = address else {
            unreachable!()
        };
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut configuration = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        configuration.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let connector = TlsConnector::from(Arc::new(configuration));
        let stream = TcpStream::connect(address).await.unwrap();
        connector
            .connect(ServerName::try_from("localhost").unwrap(), stream)
            .await
            .unwrap()
    }
}

fn start(files: &Files) -> (ListenAddress, Drain) {
    let tls = tls_from_files(&files.path("cert.pem"), &files.path("key.pem")).unwrap();
    start_with(tls)
}

fn start_with(tls: rustls::ServerConfig) -> (ListenAddress, Drain) {
    let listener = Listener::tcp(loopback()).unwrap().with_tls(tls);
    let address = listener.address();
    let drain = Drain {
        limit: std::time::Duration::from_secs(30),
        ..Drain::default()
    };
    let (arrival, _) = mpsc::unbounded_channel();
    let release = Arc::new(Notify::new());
    tokio::spawn(run(
        vec![listener],
        Limits::default(),
        drain.clone(),
        release,
        arrival,
    ));
    (address, drain)
}

#[tokio::test]
async fn http_1_over_tls() {
    let files = Files::new();
    let (address, _drain) = start(&files);
    let mut stream = files.connect(address, "http/1.1").await;
    stream
        .write_all(b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("GET /x 0 SameHost Tls"), "{answer}");
}

#[tokio::test]
async fn http_2_over_tls_and_its_drain() {
    let files = Files::new();
    let (address, drain) = start(&files);
    let stream = files.connect(address, "h2").await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    let io = TokioIo::new(stream);
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    let request = Request::get("https://localhost/y")
        .body(Empty::<Bytes>::new())
        .unwrap();
    let answer = sender.send_request(request).await.unwrap();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "GET /y 0 SameHost Tls");
    drain.shutdown.begin();
    connection.await.unwrap().unwrap();
}

#[tokio::test]
async fn http_2_with_prior_knowledge() {
    let server = super::client::Server::start();
    let io = TokioIo::new(TcpStream::connect(server.address).await.unwrap());
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
        .await
        .unwrap();
    tokio::spawn(connection);
    let request = Request::get("http://localhost/z")
        .body(Empty::<Bytes>::new())
        .unwrap();
    let answer = sender.send_request(request).await.unwrap();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "GET /z 0 SameHost Plain");
}

#[track_caller]
fn check_refused(certificate: &Path, key: &Path, parts: &[&str]) {
    let failure = Failure::from(tls_from_files(certificate, key).unwrap_err());
    assert_eq!(failure.exit_code(), 64);
    let line = failure.line();
    for part in parts {
        assert!(line.contains(part), "no {part:?} in {line:?}");
    }
}

#[test]
fn errors_name_the_file() {
    let files = Files::new();
    let other = Files::new();
    let (certificate, key) = (files.path("cert.pem"), files.path("key.pem"));
    let absent = files.path("absent.pem");
    check_refused(
        &absent,
        &key,
        &["certificate file", "absent.pem does not exist"],
    );
    check_refused(
        &certificate,
        &absent,
        &["key file", "absent.pem does not exist"],
    );
    check_refused(&certificate, &certificate, &["cert.pem holds no PEM key"]);
    check_refused(&key, &key, &["key.pem holds no certificate"]);
    let belongs = ["key.pem does not belong to certificate file", "cert.pem"];
    check_refused(&certificate, &other.path("key.pem"), &belongs);
    check_refused(
        files.directory.path(),
        &key,
        &["cannot read certificate file"],
    );
}

/// Sends a request on a connection that stays open, and reads to the end of its answer.
async fn exchange(stream: &mut TlsStream<TcpStream>) -> String {
    let request = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"Tls") {
        let mut byte = [0];
        assert_eq!(stream.read(&mut byte).await.unwrap(), 1, "closed early");
        answer.push(byte[0]);
    }
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_and_open_connections_stay() {
    let mut files = Files::new();
    let certificate = Certificate::read(&files.path("cert.pem"), &files.path("key.pem")).unwrap();
    let (address, _drain) = start_with(certificate.server_config().unwrap());
    let mut before = files.connect(address.clone(), "http/1.1").await;
    assert!(exchange(&mut before).await.starts_with("HTTP/1.1 200"));

    files.renew();
    certificate.reload().unwrap();
    // This one trusts the new certificate only.
    let mut after = files.connect(address.clone(), "http/1.1").await;
    assert!(exchange(&mut after).await.starts_with("HTTP/1.1 200"));
    assert!(exchange(&mut before).await.starts_with("HTTP/1.1 200"));

    std::fs::write(files.path("key.pem"), "nonsense").unwrap();
    let problem = certificate.reload().unwrap_err().to_string();
    assert!(problem.contains("key.pem"), "{problem}");
    let mut still = files.connect(address, "http/1.1").await;
    assert!(exchange(&mut still).await.starts_with("HTTP/1.1 200"));
}
