//! What a scrape shows, in Prometheus' classic format.

use super::Histogram;
use std::fmt::{Display, Write};
use std::sync::Arc;

/// Writes families of a part of the program onto a page whenever somebody scrapes.
pub type Export = Arc<dyn Fn(&mut Page) + Send + Sync>;

/// What values of a family are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// They only grow. The name ends with `_total`.
    Counter,
    /// They go up and down.
    Gauge,
    /// Values by size; see [`Page::histogram`].
    Histogram,
}

/// A page that is being written.
#[derive(Debug, Default)]
pub struct Page {
    text: String,
}

impl Page {
    /// Begins a family; its values follow. Each name comes once on a page.
    pub fn family(&mut self, name: &str, help: &str, kind: Kind) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        self.text += &format!("# HELP {name} {help}.\n# TYPE {name} {kind}\n");
    }

    /// A value of the family. Labels are names with values.
    pub fn value(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.text += name;
        for (at, (label, text)) in labels.iter().enumerate() {
            let between = if at == 0 { '{' } else { ',' };
            // Writing to a String does not fail.
            let _ = write!(self.text, "{between}{label}=\"{}\"", Escaped(text));
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.text, "{end} {value}");
    }

    /// The lines of a histogram of the family.
    pub fn histogram(&mut self, name: &str, labels: &[(&str, &str)], values: &Histogram) {
        let buckets = format!("{name}_bucket");
        let mut count = 0;
        for (bound, below) in values.cumulated() {
            let bound = match bound.is_finite() {
                true => bound.to_string(),
                false => "+Inf".to_owned(),
            };
            let labels: Vec<_> = labels.iter().copied().chain([("le", &*bound)]).collect();
            self.value(&buckets, &labels, below);
            count = below;
        }
        self.value(&format!("{name}_sum"), labels, values.sum());
        self.value(&format!("{name}_count"), labels, count);
    }

    /// Lines that somebody else has written in this format.
    pub fn lines<'l>(&mut self, lines: impl IntoIterator<Item = &'l str>) {
        for line in lines {
            self.text += line;
            self.text.push('\n');
        }
    }

    /// The page.
    pub fn into_text(self) -> String {
        self.text
    }
}

/// A label's value as the format wants it.
struct Escaped<'t>(&'t str);

impl Display for Escaped<'_> {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '\\' => to.write_str("\\\\")?,
                '"' => to.write_str("\\\"")?,
                '\n' => to.write_str("\\n")?,
                other => to.write_char(other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_in_the_classic_format() {
        let mut page = Page::default();
        page.family("jobs_total", "Jobs", Kind::Counter);
        page.value("jobs_total", &[], 3);
        page.value("jobs_total", &[("name", "a\"b\\"), ("kind", "c")], 4.5);
        let times = Histogram::new([0.000_000_01, 0.5]);
        times.observe(0.25);
        page.family("times_seconds", "Times", Kind::Histogram);
        page.histogram("times_seconds", &[("name", "a")], &Histogram::new([0.5]));
        page.histogram("times_seconds", &[], &times);
        let expected = "# HELP jobs_total Jobs.\n# TYPE jobs_total counter\njobs_total 3\n\
                        jobs_total{name=\"a\\\"b\\\\\",kind=\"c\"} 4.5\n\
                        # HELP times_seconds Times.\n# TYPE times_seconds histogram\n\
                        times_seconds_bucket{name=\"a\",le=\"0.5\"} 0\n\
                        times_seconds_bucket{name=\"a\",le=\"+Inf\"} 0\n\
                        times_seconds_sum{name=\"a\"} 0\n\
                        times_seconds_count{name=\"a\"} 0\n\
                        times_seconds_bucket{le=\"0.00000001\"} 0\n\
                        times_seconds_bucket{le=\"0.5\"} 1\n\
                        times_seconds_bucket{le=\"+Inf\"} 1\n\
                        times_seconds_sum 0.25\ntimes_seconds_count 1\n";
        assert_eq!(page.into_text(), expected);
    }
}
