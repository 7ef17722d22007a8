//! Binding, and what is said when it does not work.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::sync::Arc;

use service_runtime::listener::{Limits, ListenAddress, Listener};
use service_runtime::{Drain, Failure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{Notify, mpsc};

use super::client::{loopback, run};

#[tokio::test]
async fn a_taken_address_is_named() {
    let first = Listener::tcp(loopback()).unwrap();
    let ListenAddress::Tcp(address) = first.address() else {
        unreachable!()
    };
    let failure = Failure::from(Listener::tcp(address).unwrap_err());
    assert_eq!(
        failure.line(),
        format!("cannot listen on {address}: address in use")
    );
    assert_eq!(failure.exit_code(), 1);
}

#[tokio::test]
async fn a_unix_socket_serves_and_is_removed_at_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gate.sock");
    let listener = Listener::unix(&path).unwrap();
    assert_eq!(listener.address(), ListenAddress::Unix(path.clone()));
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);

    let drain = Drain::default();
    let shutdown = drain.shutdown.clone();
    let (arrival, _arrived) = mpsc::unbounded_channel();
    let release = Arc::new(Notify::new());
    let server = tokio::spawn(run(
        vec![listener],
        Limits::default(),
        drain,
        release,
        arrival,
    ));
    let mut client = UnixStream::connect(&path).await.unwrap();
    client
        .write_all(b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("GET /x 0 SameHost Plain"), "{answer}");

    shutdown.begin();
    server.await.unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn a_stale_socket_is_replaced_and_a_living_one_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gate.sock");
    // The standard library leaves the file behind, as a killed process does.
    drop(StdUnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let living = Listener::unix(&path).unwrap();
    let error = Listener::unix(&path).unwrap_err();
    let line = format!("cannot listen on {}: address in use", path.display());
    assert_eq!(error.to_string(), line);
    assert!(path.exists());
    drop(living);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("precious");
    std::fs::write(&path, "data").unwrap();
    let error = Listener::unix(&path).unwrap_err().to_string();
    assert!(
        error.ends_with("precious: the path exists and is not a socket"),
        "{error}"
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "data");
}

#[tokio::test]
async fn the_successor_of_a_socket_is_not_removed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gate.sock");
    let old = Listener::unix(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let _successor = Listener::unix(&path).unwrap();
    drop(old);
    assert!(path.exists());
}
