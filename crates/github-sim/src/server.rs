//! The listener: accepts connections, speaks HTTP/1.1 and HTTP/2 (prior knowledge) on each, drains on shutdown.

use crate::front::Front;
use crate::service::{Connection, serve};
use crate::stream::{Order, SimStream};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long requests in flight may take after the shutdown has begun.
const DRAIN: Duration = Duration::from_secs(2);

/// Serves until `stop` turns true, then drains. Dropping the future ends every connection at once.
pub(crate) async fn run(listener: TcpListener, front: Arc<Front>, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    let for_connections = stop.clone();
    loop {
        tokio::select! {
            () = stopped(&mut stop) => break,
            accepted = listener.accept() => match accepted {
                Ok((tcp, peer)) => {
                    front.recorder.connection();
                    let stop = for_connections.clone();
                    connections.spawn(welcome(tcp, peer, Arc::clone(&front), stop));
                }
                // Out of file descriptors or a peer that has gone: the next one may be well.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_ended) = connections.join_next() => {}
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    // What is left after the time for draining is aborted with the set.
    let _in_time = tokio::time::timeout(DRAIN, drained).await;
}

/// Serves a connection, unless there is an outage and it does not ask for the controls: whoever ordered an outage must
/// be able to end it.
async fn welcome(tcp: TcpStream, peer: SocketAddr, front: Arc<Front>, stop: watch::Receiver<bool>) {
    if front.faults.outage() && !asks_for_controls(&tcp).await && front.faults.refuses_connection()
    {
        return;
    }
    connection(tcp, peer, front, stop).await;
}

/// Looks at the first line without taking it.
async fn asks_for_controls(tcp: &TcpStream) -> bool {
    let mut first = [0; 64];
    match tokio::time::timeout(Duration::from_millis(200), tcp.peek(&mut first)).await {
        Ok(Ok(length)) => {
            let line = first[..length]
                .split(|byte| *byte == b'\r')
                .next()
                .unwrap_or_default();
            line.windows(7).any(|window| window == b" /_sim/")
        }
        Ok(Err(_)) | Err(_) => false,
    }
}

async fn connection(
    tcp: TcpStream,
    peer: SocketAddr,
    front: Arc<Front>,
    mut stop: watch::Receiver<bool>,
) {
    // Small answers must not wait for more; a socket that refuses works all the same.
    let _refused = tcp.set_nodelay(true);
    let order = Order::default();
    let stream = TokioIo::new(SimStream::new(tcp, order.clone()));
    let context = Connection {
        front,
        peer: peer.ip(),
        order,
    };
    let service = service_fn(move |request| serve(context.clone(), request));
    let builder = auto::Builder::new(TokioExecutor::new());
    let mut serving = pin!(builder.serve_connection(stream, service));
    tokio::select! {
        // How a connection ends is the client's concern; the counters know the requests.
        _ended = serving.as_mut() => return,
        () = stopped(&mut stop) => {}
    }
    serving.as_mut().graceful_shutdown();
    let _ended = serving.await;
}

/// Ends when the simulator is told to stop, or has gone.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _told_or_gone = stop.wait_for(|stopped| *stopped).await;
}
