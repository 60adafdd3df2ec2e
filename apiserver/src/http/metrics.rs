//! What the server counts, under upstream's names.

use super::inflight::Inflight;
use super::paths::version;
use crate::meter::{Export, Kind, Page};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// Upstream's, in seconds.
const BUCKETS: [f64; 23] = [
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0,
    10.0, 15.0, 20.0, 30.0, 45.0, 60.0,
];

/// What a request was. Resources that are not served do not show, so that clients cannot make labels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RequestLabels {
    pub(super) verb: &'static str,
    pub(super) dry_run: &'static str,
    pub(super) group: String,
    pub(super) version: String,
    pub(super) resource: String,
    pub(super) subresource: String,
    pub(super) scope: &'static str,
    pub(super) component: &'static str,
}

/// The same with how it was answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct AnswerLabels {
    verb: &'static str,
    dry_run: &'static str,
    group: String,
    version: String,
    resource: String,
    subresource: String,
    scope: &'static str,
    component: &'static str,
    code: u16,
}

/// Of a request that reads.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SizeLabels {
    verb: &'static str,
    group: String,
    version: String,
    resource: String,
    subresource: String,
    scope: &'static str,
    component: &'static str,
}

/// Of a watch.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct WatchLabels {
    pub(super) group: String,
    pub(super) version: String,
    pub(super) resource: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    request_kind: &'static str,
}

type Sizes = Family<SizeLabels, Histogram, fn() -> Histogram>;
type Durations = Family<RequestLabels, Histogram, fn() -> Histogram>;

/// All counters.
pub(super) struct Metrics {
    requests: Family<AnswerLabels, Counter>,
    durations: Durations,
    sizes: Sizes,
    running: Family<RequestLabels, Gauge>,
    inflight: Family<KindLabels, Gauge>,
    pub(super) watch_events: Family<WatchLabels, Counter>,
    pub(super) stalled_watches: Counter,
    pub(super) tls_handshake_errors: Counter,
    pub(super) audit_events: Counter,
    pub(super) audit_errors: Counter,
    registry: Registry,
}

impl Default for Metrics {
    fn default() -> Metrics {
        let mut metrics = Metrics {
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            sizes: Family::new_with_constructor(|| {
                Histogram::new(exponential_buckets(1000.0, 10.0, 7))
            }),
            running: Family::default(),
            inflight: Family::default(),
            watch_events: Family::default(),
            stalled_watches: Counter::default(),
            tls_handshake_errors: Counter::default(),
            audit_events: Counter::default(),
            audit_errors: Counter::default(),
            registry: Registry::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        // The encoder adds `_total` to counters.
        let registry = &mut self.registry;
        registry.register("apiserver_request", "Requests", self.requests.clone());
        registry.register(
            "apiserver_request_duration_seconds",
            "Time from the head of a request to the end of its answer",
            self.durations.clone(),
        );
        registry.register(
            "apiserver_response_sizes",
            "Bytes of answers to requests that read, as they were sent",
            self.sizes.clone(),
        );
        registry.register(
            "apiserver_longrunning_requests",
            "Watches and the like that run now",
            self.running.clone(),
        );
        registry.register(
            "apiserver_current_inflight_requests",
            "Requests that run now",
            self.inflight.clone(),
        );
        registry.register(
            "apiserver_watch_events",
            "Events that were sent to watches",
            self.watch_events.clone(),
        );
        registry.register(
            "apiserver_terminated_watchers",
            "Watches that were ended because their client did not read",
            self.stalled_watches.clone(),
        );
        registry.register(
            "apiserver_tls_handshake_errors",
            "Connections that did not get through the handshake",
            self.tls_handshake_errors.clone(),
        );
        registry.register(
            "apiserver_audit_event",
            "Lines that were handed to the audit log",
            self.audit_events.clone(),
        );
        registry.register(
            "apiserver_audit_error",
            "Lines that were dropped because the audit log was behind",
            self.audit_errors.clone(),
        );
    }

    /// A watch or the like runs; it is over when [`Metrics::ends`] is called.
    pub(super) fn begins(&self, labels: &RequestLabels) {
        self.running.get_or_create(labels).inc();
    }

    /// See [`Metrics::begins`].
    pub(super) fn ends(&self, labels: &RequestLabels) {
        self.running.get_or_create(labels).dec();
    }

    /// A request was answered.
    pub(super) fn answered(&self, labels: &RequestLabels, code: u16, seconds: f64) {
        self.durations.get_or_create(labels).observe(seconds);
        let labels = labels.clone();
        let labels = AnswerLabels {
            verb: labels.verb,
            dry_run: labels.dry_run,
            group: labels.group,
            version: labels.version,
            resource: labels.resource,
            subresource: labels.subresource,
            scope: labels.scope,
            component: labels.component,
            code,
        };
        self.requests.get_or_create(&labels).inc();
    }

    /// A request that reads was answered with so many bytes.
    pub(super) fn sent(&self, labels: &RequestLabels, bytes: u64) {
        let labels = labels.clone();
        let labels = SizeLabels {
            verb: labels.verb,
            group: labels.group,
            version: labels.version,
            resource: labels.resource,
            subresource: labels.subresource,
            scope: labels.scope,
            component: labels.component,
        };
        self.sizes.get_or_create(&labels).observe(bytes as f64);
    }

    /// As `/metrics` shows it. `exports`: what other parts of the program count.
    pub(super) fn to_text(&self, inflight: &Inflight, exports: &[Export]) -> String {
        let (reading, mutating) = inflight.taken();
        for (request_kind, taken) in [("readOnly", reading), ("mutating", mutating)] {
            let gauge = self.inflight.get_or_create(&KindLabels { request_kind });
            gauge.set(i64::try_from(taken).unwrap_or(i64::MAX));
        }
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = encode(&mut text, &self.registry);
        let mut page = Page::default();
        page.lines(classic(&text).lines());
        refused(&mut page, inflight);
        build(&mut page);
        for export in exports {
            export(&mut page);
        }
        page.into_text()
    }
}

/// Requests that found no room. There are no queues by user, so no levels and schemas but these.
fn refused(page: &mut Page, inflight: &Inflight) {
    const NAME: &str = "apiserver_flowcontrol_rejected_requests_total";
    let help = "Requests that were refused because too many others ran";
    page.family(NAME, help, Kind::Counter);
    let (reading, mutating) = inflight.refused();
    for (level, refused) in [("readOnly", reading), ("mutating", mutating)] {
        let labels = [
            ("flow_schema", "in-flight"),
            ("priority_level", level),
            ("reason", "concurrency-limit"),
        ];
        page.value(NAME, &labels, refused);
    }
}

/// Which release this is, as `/version` says it.
fn build(page: &mut Page) {
    const NAME: &str = "kubernetes_build_info";
    let version = version();
    let labels = [
        ("build_date", "buildDate"),
        ("compiler", "compiler"),
        ("git_commit", "gitCommit"),
        ("git_tree_state", "gitTreeState"),
        ("git_version", "gitVersion"),
        ("go_version", "goVersion"),
        ("major", "major"),
        ("minor", "minor"),
        ("platform", "platform"),
    ];
    let labels = labels.map(|(label, field)| (label, version[field].as_str().unwrap_or_default()));
    page.family(NAME, "The release whose API is served", Kind::Gauge);
    page.value(NAME, &labels, 1);
}

/// The form of Prometheus out of that of OpenMetrics, where a counter is named without its `_total` in the
/// lines about it, and would have no type in the other one.
fn classic(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    let mut help = None;
    for line in open_metrics.lines() {
        let is_counter = line.ends_with(" counter");
        let total = if is_counter { "_total" } else { "" };
        if let Some(about) = line.strip_prefix("# HELP ") {
            help = about.split_once(' ');
        } else if let Some((name, kind)) = line
            .strip_prefix("# TYPE ")
            .and_then(|about| about.split_once(' '))
        {
            let told = help.take().map_or("", |(_, told)| told);
            text += &format!("# HELP {name}{total} {told}\n# TYPE {name}{total} {kind}\n");
        } else if line != "# EOF" {
            text += line;
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_has_its_type_under_its_whole_name() {
        let metrics = Metrics::default();
        let labels = RequestLabels {
            verb: "GET",
            ..RequestLabels::default()
        };
        metrics.answered(&labels, 200, 0.01);
        let text = metrics.to_text(&Inflight::new(1, 1), &[]);
        for line in [
            "# TYPE apiserver_request_total counter",
            "# HELP apiserver_request_total Requests.",
            "# TYPE apiserver_request_duration_seconds histogram",
            "# TYPE apiserver_current_inflight_requests gauge",
            "apiserver_audit_event_total 0",
        ] {
            assert!(text.lines().any(|there| there == line), "{line}: {text}");
        }
        let build = "kubernetes_build_info{build_date=\"1970-01-01T00:00:00Z\",compiler=\"rustc\",";
        assert!(text.contains(build), "{text}");
        assert!(!text.contains("# EOF"), "{text}");
        assert!(
            text.contains("\napiserver_request_total{verb=\"GET\""),
            "{text}"
        );
    }
}
