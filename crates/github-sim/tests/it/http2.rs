//! HTTP/2 with prior knowledge: one `Vary` line, and faults that end streams.

use crate::tiny;
use bytes::Bytes;
use github_sim::{FaultKind, FaultRule, Simulator};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

async fn connect(sim: &Simulator) -> SendRequest<Empty<Bytes>> {
    let stream = TcpStream::connect(sim.addr()).await.unwrap();
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

fn request(sim: &Simulator, token: &str) -> Request<Empty<Bytes>> {
    Request::get(format!("{}/repos/octo/hello", sim.url()))
        .header("user-agent", "test")
        .header("authorization", format!("token {token}"))
        .body(Empty::new())
        .unwrap()
}

#[tokio::test]
async fn vary_is_one_line_joined_without_a_space() {
    let sim = tiny::start().await;
    let token = sim.user_token("octo");
    let mut sender = connect(&sim).await;
    let answer = sender.send_request(request(&sim, &token)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let vary: Vec<_> = answer.headers().get_all("vary").iter().collect();
    let joined = "Accept, Authorization, Cookie, X-GitHub-OTP,Accept-Encoding, Accept, \
                  X-Requested-With";
    assert_eq!(vary, [joined]);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, tiny::repository(0));
    let again = sender.send_request(request(&sim, &token)).await.unwrap();
    assert_eq!(again.status(), StatusCode::OK);
    assert_eq!(sim.counters().connections, 1);
}

#[tokio::test]
async fn faults_end_the_stream() {
    let sim = tiny::start().await;
    let token = sim.user_token("octo");
    sim.fault(FaultRule::new(FaultKind::Truncate { after_bytes: 10 }).times(1));
    let mut sender = connect(&sim).await;
    let answer = sender.send_request(request(&sim, &token)).await.unwrap();
    assert!(answer.into_body().collect().await.is_err());
    for kind in [FaultKind::Reset, FaultKind::Garbage] {
        sim.fault(FaultRule::new(kind).times(1));
        let mut sender = connect(&sim).await;
        assert!(sender.send_request(request(&sim, &token)).await.is_err());
    }
    assert_eq!(sim.counters().unanswered, 2);
}
