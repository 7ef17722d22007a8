//! Traces and metrics at a collector: one span per request, with templates and reasons, without paths and tokens.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Method;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::json;
use service_runtime::Metrics;
use service_runtime::export::{OtlpOptions, Traces};
use test_servers::until;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use crate::rig::Rig;

/// A path and what was posted to it.
type Posted = (String, Vec<u8>);

/// What was posted to it.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Posted>>>);

impl Collector {
    async fn start() -> (Self, OtlpOptions) {
        let collector = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let options = OtlpOptions {
            endpoint: format!("http://{}", listener.local_addr().unwrap()),
            interval: Duration::from_secs(3600),
            trace_ratio: 1.0,
        };
        let receiving = collector.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let collector = receiving.clone();
                tokio::spawn(async move { collector.receive(stream).await });
            }
        });
        (collector, options)
    }

    async fn receive(self, stream: tokio::net::TcpStream) {
        let mut stream = BufReader::new(stream);
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await.unwrap();
            if line == "\r\n" {
                break;
            }
            head.push(line.trim_end().to_ascii_lowercase());
        }
        let length = head
            .iter()
            .find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.unwrap().parse().unwrap()];
        stream.read_exact(&mut body).await.unwrap();
        assert!(
            head.contains(&"content-type: application/x-protobuf".to_owned()),
            "{head:?}"
        );
        let path = head[0].split(' ').nth(1).unwrap().to_owned();
        self.0.lock().unwrap().push((path, body));
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        stream.get_mut().write_all(answer).await.unwrap();
    }

    fn received(&self, path: &str) -> Vec<Vec<u8>> {
        let received = self.0.lock().unwrap();
        let of_path = received.iter().filter(|(at, _)| at == path);
        of_path.map(|(_, body)| body.clone()).collect()
    }

    fn spans(&self) -> Vec<Span> {
        self.received("/v1/traces")
            .iter()
            .flat_map(|body| {
                ExportTraceServiceRequest::decode(body.as_slice())
                    .unwrap()
                    .resource_spans
            })
            .flat_map(|resource| resource.scope_spans)
            .flat_map(|scope| scope.spans)
            .collect()
    }
}

fn attribute(span: &Span, key: &str) -> String {
    let found = span.attributes.iter().find(|pair| pair.key == key);
    match found.and_then(|pair| pair.value.as_ref()?.value.as_ref()) {
        Some(Any::StringValue(text)) => text.clone(),
        Some(Any::IntValue(number)) => number.to_string(),
        other => panic!("{key}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_is_a_span_that_gives_no_path_and_no_token_away() {
    let (collector, options) = Collector::start().await;
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

    let spans = until("both spans arrive", async || {
        let spans = collector.spans();
        (spans.len() == 2).then_some(spans)
    })
    .await;
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
    let (collector, options) = Collector::start().await;
    let metrics = Metrics::exported("github-mirror", Some(&options)).unwrap();
    let gauge = metrics.clone();
    gauge.gauge("github_mirror_cached_objects", "Entries stored.", || 7);
    tokio::task::spawn_blocking(move || metrics.flush())
        .await
        .unwrap();
    let body = until("metrics arrive", async || {
        collector.received("/v1/metrics").pop()
    })
    .await;
    let request = ExportMetricsServiceRequest::decode(body.as_slice()).unwrap();
    let names: Vec<String> = request
        .resource_metrics
        .into_iter()
        .flat_map(|resource| resource.scope_metrics)
        .flat_map(|scope| scope.metrics)
        .map(|metric| metric.name)
        .collect();
    assert!(
        names.contains(&"github_mirror_cached_objects".to_owned()),
        "{names:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_holds_nobody_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = OtlpOptions {
        endpoint: format!("http://{}", listener.local_addr().unwrap()),
        interval: Duration::from_secs(3600),
        trace_ratio: 1.0,
    };
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
