//! Instruments with labels, made cheap enough for every request.
//!
//! OpenTelemetry looks a measurement's series up by a slice of attributes, which has to be put
//! together, compared and hashed as strings each time. A family keeps, for every label set it has
//! seen, the instrument bound to it; the key is the service's own type, mostly plain enums.

use std::fmt;
use std::hash::Hash;

use foldhash::HashMap;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{BoundCounter, BoundHistogram, Counter, Histogram};
use parking_lot::RwLock;

/// A set of label values. Cheap to hash and to clone: enums, `&'static str`, `Arc<str>`.
///
/// Values must come from a bounded set (route templates, never paths): more than
/// 2000 of them share one series, `otel_metric_overflow`.
pub trait Labels: Clone + Eq + Hash + Send + Sync + 'static {
    fn attributes(&self) -> Vec<KeyValue>;
}

/// A family without labels.
impl Labels for () {
    fn attributes(&self) -> Vec<KeyValue> {
        Vec::new()
    }
}

/// The SDK's own limit for one instrument.
const MOST_SERIES: usize = 2_000;

/// A counter for each label set.
pub struct CounterFamily<L> {
    counter: Counter<u64>,
    series: Series<L, BoundCounter<u64>>,
}

impl<L: Labels> CounterFamily<L> {
    pub(super) fn new(counter: Counter<u64>) -> Self {
        CounterFamily {
            counter,
            series: Series::default(),
        }
    }

    pub fn add(&self, labels: &L, amount: u64) {
        self.series.with(
            labels,
            |attributes| self.counter.bind(attributes),
            |bound| bound.add(amount),
        );
    }

    /// The counter of one label set, to keep where the labels never change.
    pub fn bind(&self, labels: &L) -> BoundCounter<u64> {
        self.series.with(
            labels,
            |attributes| self.counter.bind(attributes),
            Clone::clone,
        )
    }
}

/// A histogram for each label set.
pub struct HistogramFamily<L> {
    histogram: Histogram<f64>,
    series: Series<L, BoundHistogram<f64>>,
}

impl<L: Labels> HistogramFamily<L> {
    pub(super) fn new(histogram: Histogram<f64>) -> Self {
        HistogramFamily {
            histogram,
            series: Series::default(),
        }
    }

    pub fn record(&self, labels: &L, value: f64) {
        self.series.with(
            labels,
            |attributes| self.histogram.bind(attributes),
            |bound| bound.record(value),
        );
    }

    /// The histogram of one label set, to keep where the labels never change.
    pub fn bind(&self, labels: &L) -> BoundHistogram<f64> {
        self.series.with(
            labels,
            |attributes| self.histogram.bind(attributes),
            Clone::clone,
        )
    }
}

struct Series<L, B>(RwLock<HashMap<L, B>>);

impl<L, B> Default for Series<L, B> {
    fn default() -> Self {
        Series(RwLock::default())
    }
}

impl<L: Labels, B> Series<L, B> {
    fn with<R>(
        &self,
        labels: &L,
        bind: impl FnOnce(&[KeyValue]) -> B,
        measure: impl FnOnce(&B) -> R,
    ) -> R {
        if let Some(bound) = self.0.read().get(labels) {
            return measure(bound);
        }
        let mut series = self.0.write();
        if series.len() >= MOST_SERIES && !series.contains_key(labels) {
            drop(series);
            // The SDK folds it into its overflow series; remembering it would be a leak.
            return measure(&bind(&labels.attributes()));
        }
        measure(
            series
                .entry(labels.clone())
                .or_insert_with(|| bind(&labels.attributes())),
        )
    }
}

impl<L> fmt::Debug for CounterFamily<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CounterFamily").finish_non_exhaustive()
    }
}

impl<L> fmt::Debug for HistogramFamily<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HistogramFamily").finish_non_exhaustive()
    }
}
