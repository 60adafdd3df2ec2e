//! Throughput and latency over the time of a run, with faults and leaders behind them.

use super::numbers::{asks_for_change, took_ms};
use crate::history::{FaultPhase, History, Nanos, Observation, Outcome};
use crate::recovery::percentile;
use std::fmt::Write as _;

/// Width of every drawing, and of the space left of its axis.
pub const WIDTH: f64 = 1120.0;
/// Where time begins.
pub const LEFT: f64 = 64.0;
const HEIGHT: f64 = 200.0;
const TOP: f64 = 22.0;
const BUCKETS: usize = 240;
/// Points of a cloud beyond which only a part is drawn.
const POINTS_MAX: usize = 4000;

/// Text that may stand in a page.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// Time as a place on the page.
#[derive(Clone, Copy, Debug)]
pub struct Time {
    /// The left end.
    pub from: Nanos,
    /// The right end.
    pub to: Nanos,
}

impl Time {
    /// The place of a moment.
    pub fn x(&self, at: Nanos) -> f64 {
        let span = self.to.saturating_sub(self.from).max(1) as f64;
        let at = at.clamp(self.from, self.to).saturating_sub(self.from) as f64;
        LEFT + at / span * (WIDTH - LEFT - 8.0)
    }

    /// If a moment can be seen.
    pub fn shows(&self, at: Nanos) -> bool {
        (self.from..=self.to).contains(&at)
    }

    /// Marks below a drawing.
    pub fn axis(&self, bottom: f64) -> String {
        let mut svg = String::new();
        let span = self.to.saturating_sub(self.from);
        for nth in 0..=8_u64 {
            let at = self.from + span / 8 * nth;
            let (x, seconds) = (self.x(at), at as f64 / 1e9);
            let anchor = if nth == 8 { "end" } else { "middle" };
            let digits = match span {
                span if span < 100_000_000 => 4,
                span if span < 10_000_000_000 => 2,
                _ => 0,
            };
            let _ = write!(
                svg,
                "<line class='grid' x1='{x:.1}' x2='{x:.1}' y1='{TOP}' y2='{bottom:.1}'/>\
                 <text class='tick' x='{x:.1}' y='{:.1}' text-anchor='{anchor}'>{seconds:.digits$} s</text>",
                bottom + 14.0
            );
        }
        svg
    }
}

/// Faults as bands and leaders as lines, behind a drawing.
pub fn background(history: &History, time: Time, bottom: f64) -> String {
    let mut svg = String::new();
    for fault in &history.faults {
        let (Some((from, first)), Some((to, _))) = (fault.steps.first(), fault.steps.last()) else {
            continue;
        };
        if *to < time.from || *from > time.to {
            continue;
        }
        let was_seen = fault
            .steps
            .iter()
            .any(|(_, one)| matches!(one.phase, FaultPhase::Effective { .. }));
        let class = if was_seen { "fault" } else { "fault idle" };
        let (left, right) = (time.x(*from), time.x(*to));
        let nodes: Vec<String> = first.nodes.iter().map(|node| format!("n{node}")).collect();
        let title = format!("{} {} {}", first.class, first.kind, nodes.join(" "));
        let _ = write!(
            svg,
            "<rect class='{class}' x='{left:.1}' y='{TOP}' width='{:.1}' height='{:.1}'><title>{}</title></rect>",
            (right - left).max(2.0),
            bottom - TOP,
            escape(&title)
        );
    }
    for (at, observation) in &history.observations {
        if let Observation::Leader { node, term } = observation
            && time.shows(*at)
        {
            let x = time.x(*at);
            let _ = write!(
                svg,
                "<line class='leader' x1='{x:.1}' x2='{x:.1}' y1='{TOP}' y2='{bottom:.1}'>\
                 <title>n{node} leads term {term}</title></line>\
                 <text class='leader-name' x='{:.1}' y='{:.1}'>n{node}</text>",
                x + 3.0,
                TOP + 9.0
            );
        }
    }
    svg
}

fn frame(title: &str, unit: &str, inner: &str) -> String {
    format!(
        "<figure><figcaption>{title} <span class='unit'>{unit}</span></figcaption>\
         <svg viewBox='0 0 {WIDTH} {:.0}' role='img' aria-label='{title}'>{inner}</svg></figure>",
        HEIGHT + TOP + 22.0
    )
}

fn levels(most: f64, y: impl Fn(f64) -> f64, values: &[f64]) -> String {
    let mut svg = String::new();
    for value in values.iter().filter(|value| **value <= most) {
        let at = y(*value);
        let _ = write!(
            svg,
            "<line class='grid' x1='{LEFT}' x2='{WIDTH}' y1='{at:.1}' y2='{at:.1}'/>\
             <text class='tick' x='{:.1}' y='{:.1}' text-anchor='end'>{value}</text>",
            LEFT - 6.0,
            at + 4.0
        );
    }
    svg
}

/// Operations per second by how they ended, one on top of the other.
pub fn throughput(history: &History, time: Time) -> String {
    let mut buckets = [[0_u32; 3]; BUCKETS];
    let span = time.to.saturating_sub(time.from).max(1);
    for operation in &history.operations {
        let at = operation.complete.unwrap_or(operation.invoke).min(time.to);
        let bucket =
            (at.saturating_sub(time.from) as u128 * BUCKETS as u128 / u128::from(span)) as usize;
        let kind = match operation.outcome {
            Outcome::Ok(_) => 0,
            Outcome::Failed { .. } => 1,
            Outcome::Unknown { .. } => 2,
        };
        buckets[bucket.min(BUCKETS - 1)][kind] += 1;
    }
    let seconds = span as f64 / 1e9 / BUCKETS as f64;
    let most = buckets
        .iter()
        .map(|one| one.iter().sum::<u32>())
        .max()
        .unwrap_or(0);
    let most = (f64::from(most) / seconds).max(1.0);
    let bottom = TOP + HEIGHT;
    let y = |rate: f64| bottom - rate / most * (HEIGHT - 8.0);
    let mut svg = background(history, time, bottom) + &time.axis(bottom);
    let step = 10_f64.powf(most.log10().floor());
    let step = if most / step < 2.5 { step / 2.0 } else { step };
    let marks: Vec<f64> = (0..=20).map(|nth| f64::from(nth) * step).collect();
    svg += &levels(most, y, &marks);
    let width = (WIDTH - LEFT - 8.0) / BUCKETS as f64;
    for (nth, bucket) in buckets.iter().enumerate() {
        let x = LEFT + nth as f64 * width;
        let mut below = 0.0;
        for (kind, class) in ["ok", "failed", "unknown"].iter().enumerate() {
            let rate = f64::from(bucket[kind]) / seconds;
            if rate > 0.0 {
                let (top, base) = (y(below + rate), y(below));
                let _ = write!(
                    svg,
                    "<rect class='{class}' x='{x:.1}' y='{top:.1}' width='{:.1}' height='{:.1}'/>",
                    width * 0.92,
                    (base - top).max(0.6)
                );
                below += rate;
            }
        }
    }
    frame("Throughput", "operations per second", &svg)
}

/// Latencies as a cloud, and their median and 99th percentile as lines, on a logarithmic scale.
pub fn latency(history: &History, time: Time) -> String {
    let bottom = TOP + HEIGHT;
    let points: Vec<(Nanos, f64, bool)> = history
        .operations
        .iter()
        .filter_map(|one| Some((one.complete?, took_ms(one)?, asks_for_change(&one.call))))
        .collect();
    let slowest = points.iter().map(|one| one.1).fold(1.0, f64::max);
    let fastest = points
        .iter()
        .map(|one| one.1)
        .fold(slowest, f64::min)
        .max(0.01);
    let (low, high) = (
        fastest.log10().floor(),
        slowest.log10().ceil().max(fastest.log10().floor() + 1.0),
    );
    let y = |ms: f64| {
        let share = (ms.max(fastest).log10() - low) / (high - low);
        bottom - share * (HEIGHT - 8.0)
    };
    let mut svg = background(history, time, bottom) + &time.axis(bottom);
    let marks: Vec<f64> = (low as i32..=high as i32)
        .map(|power| 10_f64.powi(power))
        .collect();
    svg += &levels(10_f64.powf(high), y, &marks);
    let every = points.len().div_ceil(POINTS_MAX).max(1);
    for (at, ms, writes) in points.iter().step_by(every) {
        let class = if *writes { "write" } else { "read" };
        let _ = write!(
            svg,
            "<circle class='{class}' cx='{:.1}' cy='{:.1}' r='1.6'/>",
            time.x(*at),
            y(*ms)
        );
    }
    for (share, class) in [(0.5, "p50"), (0.99, "p99")] {
        let line = percentiles(&points, time, share);
        let path: Vec<String> = line
            .iter()
            .map(|(x, ms)| format!("{x:.1},{:.1}", y(*ms)))
            .collect();
        let _ = write!(
            svg,
            "<polyline class='{class}' points='{}'/>",
            path.join(" ")
        );
    }
    frame(
        "Latency",
        "milliseconds; dots: reads and writes, lines: median and 99th percentile",
        &svg,
    )
}

fn percentiles(points: &[(Nanos, f64, bool)], time: Time, share: f64) -> Vec<(f64, f64)> {
    let mut buckets: Vec<Vec<f64>> = vec![Vec::new(); BUCKETS / 4];
    let span = time.to.saturating_sub(time.from).max(1);
    for (at, ms, _) in points {
        let offset = at.saturating_sub(time.from);
        let bucket = u128::from(offset) * buckets.len() as u128 / u128::from(span);
        let last = buckets.len() - 1;
        buckets[(bucket as usize).min(last)].push(*ms);
    }
    let width = (WIDTH - LEFT - 8.0) / buckets.len() as f64;
    let mut line = Vec::new();
    for (nth, bucket) in buckets.iter_mut().enumerate() {
        if !bucket.is_empty() {
            bucket.sort_by(f64::total_cmp);
            line.push((LEFT + (nth as f64 + 0.5) * width, percentile(bucket, share)));
        }
    }
    line
}
