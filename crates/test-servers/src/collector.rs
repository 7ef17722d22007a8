//! An OpenTelemetry collector that keeps what is posted to it (OTLP over HTTP, protobuf).

use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
pub use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::until;

/// A path and what was posted to it.
type Posted = (String, Vec<u8>);

/// A collector on a free port. Clones are the same one; it ends with the runtime.
#[derive(Clone, Debug)]
pub struct Collector {
    endpoint: String,
    posted: Arc<Mutex<Vec<Posted>>>,
}

impl Collector {
    /// Starts it.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let collector = Self {
            endpoint: format!("http://{}", listener.local_addr().unwrap()),
            posted: Arc::default(),
        };
        let receiving = collector.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let collector = receiving.clone();
                tokio::spawn(async move { collector.receive(stream).await });
            }
        });
        collector
    }

    /// `http://127.0.0.1:port`
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    async fn receive(self, stream: TcpStream) {
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
        self.posted.lock().unwrap().push((path, body));
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        stream.get_mut().write_all(answer).await.unwrap();
    }

    /// What was posted to a path, as it came.
    pub fn received(&self, path: &str) -> Vec<Vec<u8>> {
        let posted = self.posted.lock().unwrap();
        let of_path = posted.iter().filter(|(at, _)| at == path);
        of_path.map(|(_, body)| body.clone()).collect()
    }

    /// All spans that have come so far.
    pub fn spans(&self) -> Vec<Span> {
        let requests = self.received("/v1/traces").into_iter();
        requests
            .flat_map(|body| {
                let request = ExportTraceServiceRequest::decode(body.as_slice());
                request.unwrap().resource_spans
            })
            .flat_map(|resource| resource.scope_spans)
            .flat_map(|scope| scope.spans)
            .collect()
    }

    /// Waits for so many spans.
    pub async fn wait_for_spans(&self, count: usize) -> Vec<Span> {
        until("all spans to arrive", async || {
            let spans = self.spans();
            (spans.len() >= count).then_some(spans)
        })
        .await
    }

    /// Waits for metrics, and gives the names of those that came first.
    pub async fn wait_for_metrics(&self) -> Vec<String> {
        let body = until("metrics to arrive", async || {
            self.received("/v1/metrics").into_iter().next()
        })
        .await;
        let request = ExportMetricsServiceRequest::decode(body.as_slice());
        let resources = request.unwrap().resource_metrics.into_iter();
        resources
            .flat_map(|resource| resource.scope_metrics)
            .flat_map(|scope| scope.metrics)
            .map(|metric| metric.name)
            .collect()
    }
}

/// A text or a whole number that a span bears.
#[track_caller]
pub fn attribute(span: &Span, key: &str) -> String {
    let found = span.attributes.iter().find(|pair| pair.key == key);
    match found.and_then(|pair| pair.value.as_ref()?.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => panic!("{key}: {other:?}"),
    }
}
