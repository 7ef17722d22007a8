//! Metrics: OpenTelemetry instruments, read by Prometheus.
//!
//! Names come out exactly as they are given to the instruments: neither `_total` nor units are
//! added, no `otel_scope_*` labels, no `target_info`. So an instrument carries its full Prometheus
//! name, with the base unit and, for counters, `_total` in it.
//!
//! [`CounterFamily`] and [`HistogramFamily`] are for the path of a request: a lookup by a typed
//! label set instead of a list of attributes (docs/decisions/0004-metrics-hot-path.md).

mod family;
mod labels;
mod process;

use std::fmt;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Registry, TextEncoder};

use crate::export::{self, ExportError, OtlpOptions};

pub use family::{CounterFamily, HistogramFamily, Labels};
pub use labels::{Word, method_label, status_class};
/// The instrument types, so that services need no dependency of their own.
pub use opentelemetry::{self, metrics::BoundCounter, metrics::BoundHistogram};

/// The media type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Why metrics cannot be set up or shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MetricsError {
    #[error("cannot set up metrics")]
    SetUp(#[source] opentelemetry_sdk::error::OTelSdkError),
    #[error("cannot export metrics")]
    Export(#[source] ExportError),
    #[error("cannot write metrics as text")]
    Render(#[source] prometheus::Error),
}

/// All metrics of one service. Clones share them; nothing is global, so tests can have their own.
#[derive(Clone)]
pub struct Metrics {
    provider: SdkMeterProvider,
    registry: Registry,
    meter: Meter,
}

impl Metrics {
    /// Sets up metrics that already contain those of the process.
    ///
    /// # Errors
    /// When the exporter cannot be registered.
    pub fn new(service: &'static str) -> Result<Self, MetricsError> {
        Self::exported(service, None)
    }

    /// The same, and sent to a collector as well if one is named.
    ///
    /// # Errors
    /// As [`new`](Self::new); also when the collector's address is not one.
    pub fn exported(service: &'static str, to: Option<&OtlpOptions>) -> Result<Self, MetricsError> {
        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .without_units()
            .without_counter_suffixes()
            .without_target_info()
            .scope_info_enabled(false)
            .build()
            .map_err(MetricsError::SetUp)?;
        let mut provider = SdkMeterProvider::builder()
            .with_resource(export::resource(service))
            .with_reader(exporter);
        if let Some(options) = to {
            let reader = export::metric_reader(options).map_err(MetricsError::Export)?;
            provider = provider.with_reader(reader);
        }
        let provider = provider.build();
        let meter = provider.meter(service);
        process::observe(&meter);
        Ok(Metrics {
            provider,
            registry,
            meter,
        })
    }

    /// Makes instruments that are not on the path of a request, above all observable ones.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    pub fn counters<L: Labels>(
        &self,
        name: &'static str,
        description: &'static str,
    ) -> CounterFamily<L> {
        CounterFamily::new(
            self.meter
                .u64_counter(name)
                .with_description(description)
                .build(),
        )
    }

    /// `boundaries` are the inclusive upper ends of the buckets, without the last, infinite one.
    pub fn histograms<L: Labels>(
        &self,
        name: &'static str,
        description: &'static str,
        boundaries: &[f64],
    ) -> HistogramFamily<L> {
        let builder = self.meter.f64_histogram(name).with_description(description);
        HistogramFamily::new(builder.with_boundaries(boundaries.to_vec()).build())
    }

    /// A gauge that is asked for its value when metrics are read.
    pub fn gauge(
        &self,
        name: &'static str,
        description: &'static str,
        read: impl Fn() -> u64 + Send + Sync + 'static,
    ) {
        self.meter
            .u64_observable_gauge(name)
            .with_description(description)
            .with_callback(move |observer| observer.observe(read(), &[]))
            .build();
    }

    /// A gauge with labels: `read` gives all its values.
    pub fn gauges(
        &self,
        name: &'static str,
        description: &'static str,
        read: impl Fn(&mut dyn FnMut(f64, &[KeyValue])) + Send + Sync + 'static,
    ) {
        self.meter
            .f64_observable_gauge(name)
            .with_description(description)
            .with_callback(move |observer| {
                read(&mut |value, attributes| observer.observe(value, attributes));
            })
            .build();
    }

    /// Sends what the collector does not have yet. Blocks until that is done or has failed.
    pub fn flush(&self) {
        if let Err(error) = self.provider.force_flush() {
            tracing::debug!(%error, "metrics could not be sent");
        }
    }

    /// The text of `/metrics`.
    ///
    /// # Errors
    /// When a metric cannot be written as text.
    pub fn render(&self) -> Result<String, MetricsError> {
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .map_err(MetricsError::Render)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics")
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[derive(Clone, PartialEq, Eq, Hash)]
    struct Request {
        method: &'static str,
        user: Option<Arc<str>>,
    }

    impl Labels for Request {
        fn attributes(&self) -> Vec<KeyValue> {
            let user = self.user.clone().unwrap_or_else(|| Arc::from("None"));
            vec![
                KeyValue::new("method", self.method),
                KeyValue::new("user", user),
            ]
        }
    }

    const GET: Request = Request {
        method: "GET",
        user: None,
    };

    #[track_caller]
    fn check_lines(text: &str, expected: &[&str]) {
        for line in expected {
            assert!(
                text.lines().any(|have| have == *line),
                "no line {line:?} in\n{text}"
            );
        }
    }

    #[test]
    fn names_come_out_as_given() {
        let metrics = Metrics::new("gate").unwrap();
        let requests = metrics.counters::<Request>("http_request_total", "Requests answered.");
        requests.add(&GET, 2);
        requests.add(
            &Request {
                method: "PUT",
                user: Some(Arc::from("ann")),
            },
            1,
        );
        let latency = metrics.histograms::<Request>(
            "request_latency_seconds",
            "Time to answer a request.",
            &[0.1, 1.0],
        );
        latency.record(&GET, 0.1);
        latency.record(&GET, 5.0);
        let size = Arc::new(AtomicU64::new(7));
        metrics.gauge("gate_size", "Bytes held.", move || {
            size.load(Ordering::Relaxed)
        });
        metrics.gauges("gate_quota_remaining", "Requests left.", |observe| {
            observe(3.0, &[KeyValue::new("resource", "core")]);
        });

        let text = metrics.render().unwrap();
        check_lines(
            &text,
            &[
                "# HELP http_request_total Requests answered.",
                "# TYPE http_request_total counter",
                "http_request_total{method=\"GET\",user=\"None\"} 2",
                "http_request_total{method=\"PUT\",user=\"ann\"} 1",
                "# TYPE request_latency_seconds histogram",
                "request_latency_seconds_bucket{method=\"GET\",user=\"None\",le=\"0.1\"} 1",
                "request_latency_seconds_bucket{method=\"GET\",user=\"None\",le=\"1\"} 1",
                "request_latency_seconds_bucket{method=\"GET\",user=\"None\",le=\"+Inf\"} 2",
                "request_latency_seconds_sum{method=\"GET\",user=\"None\"} 5.1",
                "request_latency_seconds_count{method=\"GET\",user=\"None\"} 2",
                "# TYPE gate_size gauge",
                "gate_size 7",
                "gate_quota_remaining{resource=\"core\"} 3",
            ],
        );
        for unwanted in [
            "_total_total",
            "target_info",
            "otel_scope",
            "_seconds_seconds",
        ] {
            assert!(!text.contains(unwanted), "{unwanted} in\n{text}");
        }
    }

    #[test]
    fn every_metric_has_help_and_type() {
        let text = Metrics::new("gate").unwrap().render().unwrap();
        let names = text.lines().filter(|line| !line.starts_with('#'));
        for name in names.filter_map(|line| line.split([' ', '{']).next()) {
            assert!(text.contains(&format!("# HELP {name} ")), "{name}");
            assert!(text.contains(&format!("# TYPE {name} ")), "{name}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_process_describes_itself() {
        let text = Metrics::new("gate").unwrap().render().unwrap();
        let value = |name: &str| -> f64 {
            let line = text
                .lines()
                .find(|line| line.split(' ').next() == Some(name));
            line.and_then(|line| line.rsplit(' ').next())
                .unwrap()
                .parse()
                .unwrap()
        };
        assert!(value("process_resident_memory_bytes") > 1_000_000.0);
        assert!(value("process_open_fds") >= 3.0);
        assert!(value("process_threads") >= 2.0);
        assert!(value("process_cpu_seconds_total") >= 0.0);
        assert!(value("process_start_time_seconds") > 1_600_000_000.0);
        check_lines(&text, &["# TYPE process_cpu_seconds_total counter"]);
    }

    #[test]
    fn a_flood_of_label_sets_is_folded_together() {
        #[derive(Clone, PartialEq, Eq, Hash)]
        struct Number(u64);
        impl Labels for Number {
            fn attributes(&self) -> Vec<KeyValue> {
                vec![KeyValue::new("number", self.0.to_string())]
            }
        }
        let metrics = Metrics::new("gate").unwrap();
        let flood = metrics.counters::<Number>("flood_total", "Flood.");
        for number in 0..10_000 {
            flood.add(&Number(number), 1);
        }
        let text = metrics.render().unwrap();
        let series: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("flood_total{"))
            .collect();
        assert!(series.len() <= 2_001, "{}", series.len());
        let count = |line: &&str| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap();
        assert_eq!(series.iter().map(count).sum::<u64>(), 10_000);
    }
}
