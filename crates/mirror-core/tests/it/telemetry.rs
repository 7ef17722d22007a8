//! Traces and metrics at a collector: one span per request, with templates and reasons, without paths and tokens.

use std::time::Duration;

use http::Method;
use serde_json::json;
use service_runtime::Metrics;
use service_runtime::export::{OtlpOptions, Traces};
use test_servers::{Collector, attribute};
use tokio::net::TcpListener;

use crate::rig::Rig;

fn options(endpoint: &str) -> OtlpOptions {
    OtlpOptions {
        endpoint: endpoint.to_owned(),
        interval: Duration::from_secs(3600),
        trace_ratio: 1.0,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_is_a_span_that_gives_no_path_and_no_token_away() {
    let collector = Collector::start().await;
    let options = options(collector.endpoint());
    let rig = Rig::new().await;
    let traces = Traces::start("github-mirror", &options).unwrap();
    rig.mirror.trace_to(traces.clone());
    rig.shelf
        .put("/repos/octo/hello?q=SECRET", &json!({"id": 1}));
    let token = rig.sim.user_token("ann");
    rig.get("/repos/octo/hello?q=SECRET", &token).await;
    let authorization = format!("token {token}");
    let traced = [
        ("authorization", authorization.as_str()),
        (
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ),
    ];
    rig.send(Method::GET, "/repos/octo/hello?q=SECRET", &traced, "")
        .await;
    tokio::task::spawn_blocking(move || traces.flush())
        .await
        .unwrap();

    let spans = collector.wait_for_spans(2).await;
    for span in &spans {
        assert_eq!(span.name, "GET /repos/{owner}/{repo}");
        assert_eq!(attribute(span, "http.route"), "/repos/{owner}/{repo}");
        assert_eq!(attribute(span, "http.response.status_code"), "200");
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
    }
    let of = |outcome: &str| {
        spans
            .iter()
            .find(|span| attribute(span, "github_mirror.outcome") == outcome)
            .unwrap()
    };
    assert!(of("fetched").parent_span_id.is_empty());
    let child = of("revalidated");
    assert_eq!(attribute(child, "github_mirror.detail"), "own-tag");
    assert_eq!(
        child.parent_span_id,
        [0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7]
    );
    for body in collector.received("/v1/traces") {
        let text = String::from_utf8_lossy(&body);
        for secret in [token.as_str(), "SECRET", "octo/hello"] {
            assert!(!text.contains(secret), "{secret} was sent to the collector");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_arrive_under_the_same_names() {
    let collector = Collector::start().await;
    let options = options(collector.endpoint());
    let metrics = Metrics::exported("github-mirror", Some(&options)).unwrap();
    let gauge = metrics.clone();
    gauge.gauge("github_mirror_cached_objects", "Entries stored.", || 7);
    tokio::task::spawn_blocking(move || metrics.flush())
        .await
        .unwrap();
    let names = collector.wait_for_metrics().await;
    assert!(
        names.contains(&"github_mirror_cached_objects".to_owned()),
        "{names:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_holds_nobody_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = options(&format!("http://{}", listener.local_addr().unwrap()));
    drop(listener);
    let rig = Rig::new().await;
    let traces = Traces::start("github-mirror", &options).unwrap();
    rig.mirror.trace_to(traces.clone());
    rig.shelf.put("/repos/octo/hello", &json!({"id": 1}));
    let token = rig.sim.user_token("ann");
    for _ in 0..3 {
        assert_eq!(rig.get("/repos/octo/hello", &token).await.status, 200);
    }
    tokio::task::spawn_blocking(move || traces.flush())
        .await
        .unwrap();
}
