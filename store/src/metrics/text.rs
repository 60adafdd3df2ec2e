//! From values to the text of a scrape.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::Registry;
use std::fmt;

/// Labels of one sample.
type Labels<'a> = &'a [(&'a str, &'a str)];

/// One value of a metric with labels.
pub struct Sample<'a> {
    /// Names and values.
    pub labels: Labels<'a>,
    /// The value.
    pub value: f64,
}

/// Where a closure puts what it read. See [`super::Metrics::pull`].
pub struct Samples<'a>(DescriptorEncoder<'a>);

const NO_EXEMPLAR: Option<&Exemplar<NoLabelSet, f64>> = None;

impl Samples<'_> {
    /// A value that goes up and down.
    pub fn gauge(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        self.0
            .encode_descriptor(name, help, None, MetricType::Gauge)?
            .encode_gauge(&value)
    }

    /// A value that only grows. `name` is without the `_total` that every counter ends with.
    pub fn counter(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        self.0
            .encode_descriptor(name, help, None, MetricType::Counter)?
            .encode_counter(&value, NO_EXEMPLAR)
    }

    /// A gauge with labels.
    pub fn gauges<'s>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = Sample<'s>>,
    ) -> fmt::Result {
        let mut metric = self
            .0
            .encode_descriptor(name, help, None, MetricType::Gauge)?;
        for Sample { labels, value } in samples {
            metric.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    /// Writes many values of one counter, for callers whose labels do not live long enough to be
    /// collected first.
    pub(super) fn family(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        write: impl FnOnce(&mut prometheus_client::encoding::MetricEncoder<'_>) -> fmt::Result,
    ) -> fmt::Result {
        write(&mut self.0.encode_descriptor(name, help, None, kind)?)
    }
}

/// One value of a counter in a family.
pub(super) fn count(
    metric: &mut prometheus_client::encoding::MetricEncoder<'_>,
    labels: Labels<'_>,
    value: u64,
) -> fmt::Result {
    metric
        .encode_family(&labels)?
        .encode_counter(&value, NO_EXEMPLAR)
}

type Read = dyn Fn(&mut Samples<'_>) -> fmt::Result + Send + Sync;

/// A closure that is asked at every scrape.
pub(super) struct Pulled(pub(super) Box<Read>);

impl fmt::Debug for Pulled {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Pulled")
    }
}

impl Collector for Pulled {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        (self.0)(&mut Samples(encoder))
    }
}

/// The registry in Prometheus' classic text format, as etcd serves it.
///
/// The library writes OpenMetrics, which differs: the `HELP` and `TYPE` lines of a counter leave out
/// `_total`, and there is a line that marks the end.
pub(super) fn render(registry: &Registry) -> String {
    let mut open = String::new();
    if text::encode(&mut open, registry).is_err() {
        // Writing to a string cannot fail; a closure may give up.
        tracing::warn!("a metric could not be read; the scrape is incomplete");
    }
    let mut classic = String::with_capacity(open.len() + open.len() / 16);
    let mut help = None;
    for line in open.lines() {
        if line.starts_with("# HELP ") {
            help = Some(line);
        } else if let Some(described) = line.strip_prefix("# TYPE ") {
            let help = help.take().unwrap_or("");
            describe(&mut classic, help, described);
        } else if !line.starts_with('#') {
            // Whole numbers as Go writes them.
            classic.push_str(line.strip_suffix(".0").unwrap_or(line));
            classic.push('\n');
        }
    }
    classic
}

fn describe(classic: &mut String, help: &str, described: &str) {
    let (name, kind) = described.split_once(' ').unwrap_or((described, "untyped"));
    let suffix = match kind {
        "counter" => "_total",
        _ => "",
    };
    let help = help.splitn(4, ' ').nth(3).unwrap_or("");
    for part in ["# HELP ", name, suffix, " ", help, "\n"] {
        classic.push_str(part);
    }
    for part in ["# TYPE ", name, suffix, " ", kind, "\n"] {
        classic.push_str(part);
    }
}
