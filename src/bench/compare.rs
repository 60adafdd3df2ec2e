//! `keelson bench-compare`: medians and ratios of what interleaved rounds of measurements left.
//!
//! Reads files called `ROUND.SIDE.WORKLOAD.json`, each one report of `keelson bench -o json`, with
//! the sides `etcd` and `keelson`. Used by `scripts/bench-peer.sh`.

use crate::cli::Context;
use crate::cli::error::{Error, Result};
use crate::cli::output::{self, table};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Arguments of `bench-compare`.
#[derive(clap::Args, Debug)]
pub struct Options {
    /// Directory of the reports
    directory: PathBuf,
}

/// Name, where it stands in a report, by what it is divided, and the unit it has then.
const METRICS: [(&str, &str, f64, &str); 6] = [
    ("throughput", "/operations_per_second", 1.0, "/s"),
    ("p50", "/latency_us/p50", 1e3, "ms"),
    ("p99", "/latency_us/p99", 1e3, "ms"),
    ("p99.9", "/latency_us/p999", 1e3, "ms"),
    ("delivery p99", "/watch/latency_us/p99", 1e3, "ms"),
    ("server CPU", "/server_cpu_us", 1.0, "us"),
];

/// Reports by workload, then side.
type Reports = BTreeMap<String, BTreeMap<String, Vec<Value>>>;

/// Prints the comparison. Fails when a measurement had errors, because its numbers mean nothing.
pub fn run(context: &Context, options: &Options) -> Result<ExitCode> {
    let reports = read(&options.directory)?;
    let mut rows = Vec::new();
    let mut records = Vec::new();
    let mut faults = Vec::new();
    for (workload, sides) in &reports {
        let (Some(etcd), Some(ours)) = (sides.get("etcd"), sides.get("keelson")) else {
            continue;
        };
        faults.extend(
            sides
                .iter()
                .flat_map(|(side, all)| all.iter().filter_map(move |r| fault(side, r))),
        );
        let mut lines: Vec<_> = METRICS
            .iter()
            .filter_map(|(name, path, divisor, unit)| {
                let of =
                    |all: &[Value]| median(all.iter().filter_map(|r| r.pointer(path)?.as_f64()));
                Some((*name, of(etcd)? / divisor, of(ours)? / divisor, *unit))
            })
            .collect();
        if let (Some(etcd), Some(ours)) =
            (median(etcd.iter().map(peak)), median(ours.iter().map(peak)))
        {
            lines.push((
                "peak memory",
                etcd / f64::from(1 << 20),
                ours / f64::from(1 << 20),
                "MiB",
            ));
        }
        for (name, etcd, ours, unit) in lines {
            let ratio = ours / etcd;
            records.push(json!({
                "workload": workload, "metric": name, "unit": unit,
                "etcd": etcd, "keelson": ours, "ratio": ratio,
            }));
            rows.push(vec![
                workload.clone(),
                name.to_owned(),
                format!("{etcd:.2}{unit}"),
                format!("{ours:.2}{unit}"),
                format!("{ratio:.2}x"),
            ]);
        }
    }
    match context.json() {
        true => output::json_document(&records),
        false => output::data(&table(
            &["WORKLOAD", "MEDIAN OF", "ETCD", "KEELSON", "RATIO"],
            &rows,
        )),
    }
    match faults.is_empty() {
        true => Ok(ExitCode::SUCCESS),
        false => Err(Error::failure("some measurements do not count").why(faults.join("\n"))),
    }
}

fn read(directory: &Path) -> Result<Reports> {
    let failed =
        |why: String| Error::failure(format!("cannot read {}", directory.display())).why(why);
    let mut reports = Reports::new();
    for entry in std::fs::read_dir(directory).map_err(|error| failed(error.to_string()))? {
        let path = entry.map_err(|error| failed(error.to_string()))?.path();
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let [_, side, workload, "json"] = name.split('.').collect::<Vec<_>>()[..] else {
            continue;
        };
        let text = std::fs::read_to_string(&path).map_err(|error| failed(error.to_string()))?;
        let report =
            serde_json::from_str(&text).map_err(|error| failed(format!("{name}: {error}")))?;
        let sides = reports.entry(workload.to_owned()).or_default();
        sides.entry(side.to_owned()).or_default().push(report);
    }
    match reports.is_empty() {
        true => Err(failed(
            "there are no files called ROUND.SIDE.WORKLOAD.json".to_owned(),
        )),
        false => Ok(reports),
    }
}

/// What makes a measurement worthless.
fn fault(side: &str, report: &Value) -> Option<String> {
    let workload = report["workload"].as_str().unwrap_or_default();
    if report["failed"].as_u64() != Some(0) {
        return Some(format!(
            "{side}, {workload}: {} requests failed",
            report["failed"]
        ));
    }
    if report["adds_up"].as_bool() == Some(false) {
        return Some(format!(
            "{side}, {workload}: revisions and acknowledged writes differ"
        ));
    }
    let watch = &report["watch"];
    (watch["expected"] != watch["delivered"]).then(|| {
        format!(
            "{side}, {workload}: {} of {} events came",
            watch["delivered"], watch["expected"]
        )
    })
}

/// Bytes all servers together ever held.
fn peak(report: &Value) -> f64 {
    let servers = report["servers"].as_array().map_or(&[][..], Vec::as_slice);
    servers
        .iter()
        .filter_map(|server| server["peak_rss_bytes"].as_f64())
        .sum()
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        count if count % 2 == 1 => Some(values[middle]),
        _ => Some((values[middle - 1] + values[middle]) / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(median([4.0, 1.0].into_iter()), Some(2.5));
        assert_eq!(median([].into_iter()), None);
    }

    #[test]
    fn a_measurement_with_errors_is_named() {
        let report = |failed: u64, adds_up: bool| json!({"workload": "put", "failed": failed, "adds_up": adds_up, "watch": null});
        assert_eq!(fault("etcd", &report(0, true)), None);
        assert!(fault("etcd", &report(3, true)).is_some_and(|why| why.contains("3 requests")));
        assert!(fault("etcd", &report(0, false)).is_some());
        let lost =
            json!({"workload": "watch", "failed": 0, "watch": {"expected": 5, "delivered": 4}});
        assert!(fault("keelson", &lost).is_some_and(|why| why.contains("4 of 5")));
    }
}
