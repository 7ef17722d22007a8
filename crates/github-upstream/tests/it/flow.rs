//! Bodies of any size in flat memory, both ways: whoever is slow slows the other down.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use github_upstream::RequestBody;
use http::Method;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::client::{client, get, request, send};

const BODY: usize = 64 << 20;
const PART: usize = 64 << 10;
/// What sockets and buffers of both sides may hold; far less than the body.
const IN_FLIGHT: usize = 16 << 20;

/// Lets the others work until all of them wait. The jump in time wakes nobody else: no limit is that short.
async fn until_all_wait() {
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(1)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn downwards() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let written = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&written);
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        assert!(stream.read(&mut request).await.unwrap() > 0);
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {BODY}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        for number in 0..BODY / PART {
            let part = [u8::try_from(number % 251).unwrap(); PART];
            stream.write_all(&part).await.unwrap();
            counter.fetch_add(PART, Ordering::Relaxed);
        }
    });

    let client = client(&url);
    let mut body = send(&client, get("/blob")).await.unwrap().into_body();
    until_all_wait().await;
    let ahead = written.load(Ordering::Relaxed);
    assert!(
        ahead < IN_FLIGHT,
        "{ahead} bytes sent to a caller who reads none"
    );

    let mut total = 0;
    while let Some(frame) = body.frame().await {
        let data = frame.unwrap().into_data().unwrap();
        for byte in [data[0], data[data.len() - 1]] {
            assert!(byte < 251);
        }
        assert_eq!(usize::from(data[0]), total / PART % 251);
        total += data.len();
    }
    assert_eq!(total, BODY);
    serving.await.unwrap();
}

#[tokio::test]
async fn upwards() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (start_reading, started) = oneshot::channel::<()>();
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        started.await.unwrap();
        let mut received = 0;
        let mut buffer = vec![0; PART];
        while received < BODY {
            let read = stream.read(&mut buffer).await.unwrap();
            assert!(read > 0);
            received += read;
        }
        stream
            .write_all(b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n")
            .await
            .unwrap();
    });

    let taken = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&taken);
    let parts = stream::iter(0..BODY / PART).map(move |_| {
        counter.fetch_add(PART, Ordering::Relaxed);
        Ok::<_, std::io::Error>(Frame::data(Bytes::from_static(&[7; PART])))
    });
    let asked =
        request(Method::POST, "/blob").map(|_| RequestBody::streamed(StreamBody::new(parts)));
    let client = client(&url);
    let answer = tokio::spawn(async move { send(&client, asked).await });
    until_all_wait().await;
    let ahead = taken.load(Ordering::Relaxed);
    assert!(
        ahead > 0 && ahead < IN_FLIGHT,
        "{ahead} bytes taken for a peer who reads none"
    );

    start_reading.send(()).unwrap();
    assert_eq!(answer.await.unwrap().unwrap().status(), 201);
    assert_eq!(taken.load(Ordering::Relaxed), BODY);
    serving.await.unwrap();
}
