//! Traces and metrics to an OpenTelemetry collector: OTLP over HTTP with protobuf bodies.
//!
//! Off unless asked for, and then it costs nothing. Batches leave from the SDK's own threads, so a slow or absent
//! collector never makes a request wait: what does not fit the queue is dropped.
//!
//! The collector is a neighbour (the usual agent or sidecar): plain HTTP, so that no second HTTP client and no second
//! TLS set-up come into the process.

mod post;
mod requests;

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags,
    TraceId, TraceState, Tracer as _, TracerProvider,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{
    ExporterBuildError, MetricExporter, SpanExporter, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::PeriodicReader;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};

use post::Post;
pub use requests::{AnsweredRequest, TRACEPARENT};

use crate::metrics::Metrics;

/// Where traces and metrics go, and how many.
#[derive(Clone, Debug, PartialEq)]
pub struct OtlpOptions {
    /// The collector: `http://host:port`, to which `/v1/traces` and `/v1/metrics` are added.
    pub endpoint: String,
    /// How often metrics are sent.
    pub interval: Duration,
    /// How many traces of all that begin here are kept, from 0 to 1. A caller that traces decides for its own.
    pub trace_ratio: f64,
}

/// How long one batch may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Why nothing can be exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The endpoint is not one.
    #[error("expected http://host:port")]
    Endpoint,
    /// The exporter refuses to be built.
    #[error("cannot set up the export")]
    SetUp(#[source] ExporterBuildError),
}

pub(crate) fn resource(service: &'static str) -> Resource {
    Resource::builder_empty().with_service_name(service).build()
}

/// What sends metrics every now and then.
pub(crate) fn metric_reader(
    options: &OtlpOptions,
) -> Result<PeriodicReader<MetricExporter>, ExportError> {
    let exporter = MetricExporter::builder()
        .with_http()
        .with_http_client(Post::to(&options.endpoint, TIMEOUT)?)
        .with_endpoint(signal(options, "metrics"))
        .with_timeout(TIMEOUT)
        .build()
        .map_err(ExportError::SetUp)?;
    Ok(PeriodicReader::builder(exporter)
        .with_interval(options.interval)
        .build())
}

fn signal(options: &OtlpOptions, name: &str) -> String {
    format!("{}/v1/{name}", options.endpoint.trim_end_matches('/'))
}

/// Where spans go. Clones share it.
#[derive(Clone)]
pub struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

/// One thing that was done.
#[derive(Debug)]
pub struct Work<'a> {
    /// From a bounded set: a route template, never a path.
    pub name: Cow<'static, str>,
    pub started: SystemTime,
    pub duration: Duration,
    /// The caller's `traceparent`, if it sent one (W3C Trace Context).
    pub parent: Option<&'a str>,
    pub attributes: Vec<KeyValue>,
    pub success: Success,
}

/// Whether the work came to a good end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Success {
    Yes,
    No(&'static str),
}

impl Traces {
    /// Starts the export of spans.
    ///
    /// # Errors
    /// When the endpoint is not one.
    pub fn start(service: &'static str, options: &OtlpOptions) -> Result<Self, ExportError> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Post::to(&options.endpoint, TIMEOUT)?)
            .with_endpoint(signal(options, "traces"))
            .with_timeout(TIMEOUT)
            .build()
            .map_err(ExportError::SetUp)?;
        let sampler = Sampler::TraceIdRatioBased(options.trace_ratio);
        let provider = SdkTracerProvider::builder()
            .with_resource(resource(service))
            .with_sampler(Sampler::ParentBased(Box::new(sampler)))
            .with_batch_exporter(exporter)
            .build();
        let tracer = provider.tracer(service);
        Ok(Self { provider, tracer })
    }

    /// Tells of work that is done.
    pub fn record(&self, work: Work<'_>) {
        let parent = work.parent.and_then(span_context);
        let parent = match parent {
            Some(parent) => Context::new().with_remote_span_context(parent),
            None => Context::new(),
        };
        let builder = SpanBuilder::from_name(work.name)
            .with_kind(SpanKind::Server)
            .with_start_time(work.started)
            .with_attributes(work.attributes);
        let mut span = self.tracer.build_with_context(builder, &parent);
        if let Success::No(reason) = work.success {
            span.set_status(Status::error(reason));
        }
        span.end_with_timestamp(work.started + work.duration);
    }

    /// Sends what is waiting. Blocks until that is done or has failed.
    pub fn flush(&self) {
        if let Err(error) = self.provider.force_flush() {
            tracing::debug!(%error, "traces could not be sent");
        }
    }
}

/// Sends what is waiting when the process ends. Without traces nothing is exported, so there is nothing to do.
///
/// A collector that hangs must not keep the process: after `limit` it ends without it.
pub async fn flush(metrics: Metrics, traces: Option<Traces>, limit: Duration) {
    let Some(traces) = traces else { return };
    let sent = tokio::task::spawn_blocking(move || {
        traces.flush();
        metrics.flush();
    });
    if tokio::time::timeout(limit, sent).await.is_err() {
        tracing::warn!("the collector did not take all telemetry in time");
    }
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Traces")
    }
}

/// `00-<32 hex digits>-<16 hex digits>-<2 hex digits>`; a later version may go on behind that.
fn span_context(traceparent: &str) -> Option<SpanContext> {
    let mut parts = traceparent.trim().split('-');
    let (version, trace, span, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex = |text: &str, length| {
        text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let sound = hex(version, 2) && hex(trace, 32) && hex(span, 16) && hex(flags, 2);
    if !sound || version == "ff" || (version == "00" && parts.next().is_some()) {
        return None;
    }
    let flags = u8::from_str_radix(flags, 16).ok()? & TraceFlags::SAMPLED.to_u8();
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        TraceFlags::new(flags),
        true,
        TraceState::NONE,
    );
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sound_traceparent_is_a_parent() {
        let sound = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let context = span_context(sound).unwrap();
        assert!(context.is_sampled() && context.is_remote());
        assert_eq!(context.span_id().to_string(), "00f067aa0ba902b7");
        for unsound in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        ] {
            assert!(span_context(unsound).is_none(), "{unsound}");
        }
    }
}
