//! What was measured, as a table for people and as JSON for scripts.

use super::Setup;
use super::drive::Tally;
use super::workload::Watched;
use crate::cli::output::{size, table};
use clap::ValueEnum;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

/// One server process.
pub struct Server {
    /// Its id.
    pub pid: u32,
    /// The program it runs.
    pub name: String,
    /// CPU time it used while measuring.
    pub cpu: Duration,
    /// Memory at the end, in bytes.
    pub rss_bytes: u64,
    /// Most memory it ever held, in bytes.
    pub peak_rss_bytes: u64,
}

/// One measurement.
pub struct Report {
    /// How long it took.
    pub elapsed: Duration,
    /// Counts and latencies.
    pub tally: Tally,
    /// In the order of their ids on the command line, or of the members.
    pub servers: Vec<Server>,
    /// CPU time of the load generator.
    pub own_cpu: Duration,
    /// How far the store's revision went.
    pub revisions: i64,
    /// Every answered request without a conflict made a revision.
    pub writes: bool,
    /// What watchers received.
    pub watched: Option<Watched>,
    /// What was asked for.
    pub setup: Arc<Setup>,
}

impl Report {
    /// What CPU time is divided by: deliveries if there are any, else requests.
    fn units(&self) -> u64 {
        self.watched
            .as_ref()
            .map_or(self.tally.operations, |watched| watched.delivered)
    }

    fn cpu_us(&self, cpu: Duration) -> Option<f64> {
        let units = self.units();
        (units > 0).then(|| cpu.as_secs_f64() * 1e6 / units as f64)
    }

    fn server_cpu(&self) -> Duration {
        self.servers.iter().map(|server| server.cpu).sum()
    }

    fn unit(&self) -> &'static str {
        match (&self.watched, self.bound()) {
            (None, _) => "operation",
            (_, None) => "event",
            (_, Some(_)) => "pod",
        }
    }

    /// What was bound to nodes, and how long that took.
    fn bound(&self) -> Option<(&Watched, Duration)> {
        let watched = self.watched.as_ref()?;
        Some((watched, watched.took?))
    }

    fn per_second(&self, count: u64) -> f64 {
        rate(count, self.elapsed)
    }

    /// The store's revision moved by what was acknowledged. `None` where that cannot be said: nothing
    /// was written, or a failed request may have been.
    fn adds_up(&self) -> Option<bool> {
        let written = (self.tally.operations - self.tally.conflicts) as i64;
        (self.writes && self.tally.failed() == 0).then_some(self.revisions == written)
    }

    /// For scripts.
    pub fn json(&self) -> Value {
        let options = &self.setup.options;
        json!({
            "workload": name(options.workload),
            "endpoints": self.setup.endpoints,
            "clients": options.clients,
            "connections": options.connections,
            "threads": options.threads,
            "rate": options.rate,
            "value_size_bytes": options.value_size,
            "key_space": options.key_space,
            "serializable": options.serializable,
            "seconds": self.elapsed.as_secs_f64(),
            "operations": self.tally.operations,
            "operations_per_second": self.per_second(self.tally.operations),
            "bytes_per_second": self.per_second(self.tally.bytes),
            "conflicts": self.tally.conflicts,
            "failed": self.tally.failed(),
            "errors": self.tally.errors.iter()
                .map(|(failure, count)| json!({"reason": failure.0, "count": count}))
                .collect::<Vec<_>>(),
            "latency_us": percentiles(&self.tally.latency),
            "watch": self.watched.as_ref().filter(|watched| watched.took.is_none()).map(|watched| json!({
                "watchers": options.watchers,
                "streams": options.streams,
                "expected": watched.expected,
                "delivered": watched.delivered,
                "events_per_second": self.per_second(watched.delivered),
                "latency_us": percentiles(&watched.latency),
            })),
            "schedule": self.bound().map(|(watched, took)| json!({
                "expected": watched.expected,
                "bound": watched.delivered,
                "seconds": took.as_secs_f64(),
                "pods_per_second": rate(watched.delivered, took),
                "latency_us": percentiles(&watched.latency),
            })),
            "kubernetes": options.workload.is_of_kubernetes().then(|| json!({
                "objects": options.pods.objects,
                "encoding": name(options.pods.encoding),
            })),
            "cpu_us_per": self.unit(),
            "server_cpu_us": self.cpu_us(self.server_cpu()).filter(|_| !self.servers.is_empty()),
            "generator_cpu_us": self.cpu_us(self.own_cpu),
            "servers": self.servers.iter().map(|server| json!({
                "pid": server.pid,
                "name": server.name,
                "cpu_us": self.cpu_us(server.cpu),
                "cpu_seconds": server.cpu.as_secs_f64(),
                "rss_bytes": server.rss_bytes,
                "peak_rss_bytes": server.peak_rss_bytes,
            })).collect::<Vec<_>>(),
            "revisions": self.revisions,
            "adds_up": self.adds_up(),
        })
    }

    /// For people.
    pub fn table(&self) -> String {
        let tally = &self.tally;
        let rate = self.per_second(tally.operations);
        let mut text = format!(
            "{}  {} in {:.2} s  {rate:.0}/s  {}/s\n",
            name(self.setup.options.workload),
            tally.operations,
            self.elapsed.as_secs_f64(),
            size(self.per_second(tally.bytes) as u64),
        );
        if tally.conflicts > 0 {
            let _ = writeln!(text, "conflicts  {}", tally.conflicts);
        }
        for (failure, count) in &tally.errors {
            let _ = writeln!(text, "FAILED  {count}  {}", failure.0);
        }
        if self.adds_up() == Some(false) {
            let _ = writeln!(
                text,
                "REVISIONS  moved by {}, which is not what was acknowledged (is somebody else writing?)",
                self.revisions
            );
        }
        let mut rows = vec![latency_row("request", &tally.latency)];
        if let Some(watched) = &self.watched {
            text.push_str(&self.watched_line(watched));
            let what = if watched.took.is_some() {
                "bound"
            } else {
                "delivery"
            };
            rows.push(latency_row(what, &watched.latency));
        }
        text.push_str(&table(
            &["LATENCY", "MEAN", "P50", "P90", "P99", "P99.9", "MAX"],
            &rows,
        ));
        text.push_str(&self.process_table());
        text
    }

    fn watched_line(&self, watched: &Watched) -> String {
        let Watched {
            delivered,
            expected,
            ..
        } = watched;
        let is_whole = delivered == expected;
        match watched.took {
            None => format!(
                "events  {delivered} of {expected} delivered  {:.0}/s{}\n",
                self.per_second(*delivered),
                if is_whole { "" } else { "  MISSING EVENTS" },
            ),
            Some(took) => format!(
                "pods  {delivered} of {expected} bound in {:.2} s  {:.0}/s{}\n",
                took.as_secs_f64(),
                rate(*delivered, took),
                if is_whole { "" } else { "  THE REST WAS NOT" },
            ),
        }
    }

    fn process_table(&self) -> String {
        let seconds = |cpu: Duration| format!("{:.2}s", cpu.as_secs_f64());
        let micros = |cpu| {
            self.cpu_us(cpu)
                .map_or("-".to_owned(), |us| format!("{us:.1}us"))
        };
        let mut rows: Vec<Vec<String>> = self
            .servers
            .iter()
            .map(|server| {
                vec![
                    server.pid.to_string(),
                    server.name.clone(),
                    seconds(server.cpu),
                    micros(server.cpu),
                    size(server.rss_bytes),
                    size(server.peak_rss_bytes),
                ]
            })
            .collect();
        if self.servers.len() > 1 {
            rows.push(vec![
                "".into(),
                "all servers".into(),
                seconds(self.server_cpu()),
                micros(self.server_cpu()),
            ]);
        }
        rows.push(vec![
            "".into(),
            "(this generator)".into(),
            seconds(self.own_cpu),
            micros(self.own_cpu),
        ]);
        let per = match self.unit() {
            "event" => "CPU/EVENT",
            "pod" => "CPU/POD",
            _ => "CPU/OP",
        };
        table(&["PID", "PROCESS", "CPU", per, "RSS", "PEAK"], &rows)
    }
}

fn rate(count: u64, time: Duration) -> f64 {
    match time.is_zero() {
        true => 0.0,
        false => count as f64 / time.as_secs_f64(),
    }
}

fn name(value: impl ValueEnum) -> String {
    value
        .to_possible_value()
        .map_or(String::new(), |value| value.get_name().to_owned())
}

fn micros(ns: u64) -> f64 {
    ns as f64 / 1e3
}

fn percentiles(latency: &Histogram<u64>) -> Value {
    let at = |quantile| micros(latency.value_at_quantile(quantile));
    json!({
        "mean": latency.mean() / 1e3,
        "min": micros(latency.min()),
        "p50": at(0.5),
        "p90": at(0.9),
        "p99": at(0.99),
        "p999": at(0.999),
        "max": micros(latency.max()),
    })
}

fn latency_row(what: &str, latency: &Histogram<u64>) -> Vec<String> {
    let show = |ns: f64| match ns {
        ns if ns >= 1e9 => format!("{:.2}s", ns / 1e9),
        ns if ns >= 1e6 => format!("{:.2}ms", ns / 1e6),
        ns => format!("{:.0}us", ns / 1e3),
    };
    let mut row = vec![what.to_owned(), show(latency.mean())];
    row.extend([0.5, 0.9, 0.99, 0.999].map(|q| show(latency.value_at_quantile(q) as f64)));
    row.push(show(latency.max() as f64));
    row
}
