//! What recording one request costs: the numbers of docs/decisions/0004-metrics-hot-path.md.
//!
//! `cargo run --release -p service-runtime --example metrics_cost`

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use service_runtime::logs::{Access, AccessLog, Format, LineWriter};
use service_runtime::metrics::opentelemetry::KeyValue;
use service_runtime::metrics::{Labels, Metrics};
use service_runtime::{Clock, SystemClock};

#[derive(Clone, PartialEq, Eq, Hash)]
struct Request {
    outcome: &'static str,
    status: u16,
    method: &'static str,
    user: Arc<str>,
}

impl Labels for Request {
    fn attributes(&self) -> Vec<KeyValue> {
        vec![
            KeyValue::new("outcome", self.outcome),
            KeyValue::new("status", i64::from(self.status)),
            KeyValue::new("method", self.method),
            KeyValue::new("user", Arc::clone(&self.user)),
        ]
    }
}

const ROUNDS: u32 = 2_000_000;
const BOUNDARIES: [f64; 18] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0,
    2.5, 5.0, 10.0,
];

fn main() {
    let metrics = Metrics::new("cost").expect("metrics can be set up");
    let user: Arc<str> = Arc::from("octocat");
    let get = Request {
        outcome: "ANSWERED",
        status: 200,
        method: "GET",
        user: Arc::clone(&user),
    };

    let plain = metrics
        .meter()
        .f64_histogram("plain_seconds")
        .with_boundaries(BOUNDARIES.into());
    let plain = plain.build();
    measure("OpenTelemetry histogram, attributes", || {
        plain.record(black_box(0.003), &black_box(&get).attributes());
    });
    let family = metrics.histograms::<Request>("family_seconds", "Family.", &BOUNDARIES);
    measure("HistogramFamily", || {
        family.record(black_box(&get), black_box(0.003))
    });
    let bound = family.bind(&get);
    measure("bound histogram", || bound.record(black_box(0.003)));

    let plain = metrics.meter().u64_counter("plain_total").build();
    measure("OpenTelemetry counter, attributes", || {
        plain.add(1, &black_box(&get).attributes());
    });
    let family = metrics.counters::<Request>("family_total", "Family.");
    measure("CounterFamily", || family.add(black_box(&get), 1));
    let bound = family.bind(&get);
    measure("bound counter", || bound.add(1));

    measure("reading the clock", || {
        black_box(SystemClock.now());
    });
    let log = AccessLog::new(Format::Text, LineWriter::new(std::io::sink(), 1024 * 1024));
    let at = SystemClock.now();
    measure("access line", || {
        let url = format_args!("https://{}{}", "api.example.com", "/repos/octo/hello/pulls");
        log.write(&Access {
            at,
            method: "GET",
            label: "ANSWERED",
            url: &url,
            extra: &[],
        });
    });
    println!("lines dropped by the full buffer: {}", log.dropped_lines());

    for threads in [2, 4] {
        let family = Arc::new(metrics.histograms::<Request>("shared_seconds", "S.", &BOUNDARIES));
        let name = format!("HistogramFamily, {threads} threads on one series, per call");
        timed(&name, || {
            std::thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| {
                        for _ in 0..ROUNDS / threads {
                            family.record(black_box(&get), black_box(0.003));
                        }
                    });
                }
            });
        });
    }
}

fn measure(name: &str, mut work: impl FnMut()) {
    for _ in 0..ROUNDS / 10 {
        work();
    }
    timed(name, || {
        for _ in 0..ROUNDS {
            work();
        }
    });
}

#[expect(clippy::disallowed_methods, reason = "measures real time")]
fn timed(name: &str, work: impl FnOnce()) {
    let start = Instant::now();
    work();
    let nanoseconds = start.elapsed().as_nanos() / u128::from(ROUNDS);
    println!("{nanoseconds:>6} ns  {name}");
}
