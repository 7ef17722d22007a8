//! The same load over HTTP/2: one connection, a stream for each that asks at a time.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::SendRequest;
use http::Request;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::Fallible;
use crate::load::{Extent, Load, Outcome, Turns};

const TOKEN: &str = "Bearer ghp_0123456789abcdef0123456789abcdef0000";

pub(crate) async fn run(load: &Load, address: SocketAddr, extent: Extent) -> Fallible<Outcome> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (send, connection): (SendRequest<Bytes>, _) = h2::client::Builder::new()
        .initial_window_size(1 << 20)
        .initial_connection_window_size(1 << 24)
        .handshake(stream)
        .await?;
    let connection = tokio::spawn(connection);
    let begun = Instant::now();
    let mut clients = JoinSet::new();
    for number in 0..load.connections {
        let mut send = send.clone();
        let mut path = load.paths(number);
        let mut turns = Turns::new(load, number, begun, extent);
        clients.spawn(async move {
            let mut outcome = Outcome::default();
            while let Some(due) = turns.next().await {
                let request = Request::get(format!("http://127.0.0.1{}", path()))
                    .header("user-agent", "bench")
                    .header("accept", "application/vnd.github+json")
                    .header("authorization", TOKEN)
                    .body(())?;
                send = send.ready().await?;
                let (answer, _) = send.send_request(request, true)?;
                let (head, mut body) = answer.await?.into_parts();
                while let Some(bytes) = body.data().await {
                    let bytes = bytes?;
                    outcome.body_bytes += bytes.len() as u64;
                    body.flow_control().release_capacity(bytes.len())?;
                }
                outcome.latencies.record(due.elapsed());
                outcome.others += u64::from(head.status != 200);
            }
            Fallible::Ok(outcome)
        });
    }
    let mut all = Outcome::default();
    while let Some(outcome) = clients.join_next().await {
        all.extend(&outcome??);
    }
    all.took = begun.elapsed();
    connection.abort();
    Ok(all)
}
