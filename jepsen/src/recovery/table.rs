//! The numbers of all rounds: servers beside each other, for people and for machines.

use super::measure::{Loss, Sample};
use super::percentile;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Where it was measured, and what.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Processors.
    pub processors: usize,
    /// The kernel.
    pub kernel: String,
    /// Load averages of a minute at the beginning of each measurement: others were at work, too.
    pub loads: Vec<f64>,
    /// What kept the members apart.
    pub enclosure: String,
    /// Members.
    pub nodes: usize,
    /// Each server, as it says it is, and the program.
    pub servers: BTreeMap<String, String>,
}

/// A whole measurement.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Recoveries {
    /// Where and what.
    pub place: Place,
    /// Every loss of a leader.
    pub samples: Vec<Sample>,
    /// What could not be done, and why: not measured.
    pub skipped: Vec<String>,
}

/// Shares of one number, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Half are shorter.
    pub p50_ms: f64,
    /// One in a hundred is longer. Of fewer than a hundred it is the longest.
    pub p99_ms: f64,
}

impl Spread {
    fn of(numbers: impl Iterator<Item = f64>) -> Spread {
        let mut all: Vec<f64> = numbers.collect();
        all.sort_by(f64::total_cmp);
        Spread {
            p50_ms: percentile(&all, 0.5),
            p99_ms: percentile(&all, 0.99),
        }
    }
}

/// One way to lose a leader, one server.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// How the leader was lost.
    pub loss: Loss,
    /// Whose.
    pub server: String,
    /// How often.
    pub times: usize,
    /// From the last acknowledged write to the next.
    pub no_write: Spread,
    /// The longest pause of linearizable reads through one of the other members.
    pub others_reads: Spread,
    /// The same of writes.
    pub others_writes: Spread,
    /// How often the leader kept its place.
    pub kept: usize,
}

impl Recoveries {
    /// A row for each way and server, ways together.
    pub fn rows(&self) -> Vec<Row> {
        let mut groups: BTreeMap<(Loss, &str), Vec<&Sample>> = BTreeMap::new();
        for sample in &self.samples {
            let group = (sample.loss, sample.server.as_str());
            groups.entry(group).or_default().push(sample);
        }
        let mut rows: Vec<Row> = groups
            .into_iter()
            .map(|((loss, server), samples)| Row {
                loss,
                server: server.to_owned(),
                times: samples.len(),
                no_write: Spread::of(samples.iter().map(|one| one.no_write_ms)),
                others_reads: Spread::of(samples.iter().map(|one| one.others_reads_ms)),
                others_writes: Spread::of(samples.iter().map(|one| one.others_writes_ms)),
                kept: samples.iter().filter(|one| one.terms == 0).count(),
            })
            .collect();
        // Ours first.
        rows.sort_by_key(|row| (row.loss, row.server == "etcd"));
        rows
    }

    /// For people, in Markdown: milliseconds, `p50 / p99`, and how the first server's median relates to the second's.
    pub fn table(&self) -> String {
        let mut text =
            "| leader | server | times | no acknowledged write | reads through others pause \
                        | writes through others pause |\n|---|---|---|---|---|---|\n"
                .to_owned();
        let rows = self.rows();
        for row in &rows {
            let cell = |spread: &Spread| format!("{:.0} / {:.0}", spread.p50_ms, spread.p99_ms);
            let other = rows
                .iter()
                .find(|other| other.loss == row.loss && other.server != row.server)
                .filter(|_| row.server != "etcd");
            let ratio = other.map_or(String::new(), |other| {
                format!(" ({:.2}×)", row.no_write.p50_ms / other.no_write.p50_ms)
            });
            let kept = match row.kept {
                0 => String::new(),
                kept => format!(", {kept} kept its place"),
            };
            let _ = writeln!(
                text,
                "| {}{kept} | {} | {} | {}{ratio} | {} | {} |",
                row.loss.name(),
                row.server,
                row.times,
                cell(&row.no_write),
                cell(&row.others_reads),
                cell(&row.others_writes),
            );
        }
        for skipped in &self.skipped {
            let _ = writeln!(text, "\nSKIPPED: {skipped}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(server: &str, no_write_ms: f64, terms: u64) -> Sample {
        Sample {
            server: server.to_owned(),
            round: 1,
            loss: Loss::Kill,
            no_write_ms,
            others_reads_ms: no_write_ms + 20.0,
            others_writes_ms: no_write_ms + 40.0,
            terms,
        }
    }

    #[test]
    fn servers_stand_beside_each_other_with_the_ratio_of_their_medians() {
        let recoveries = Recoveries {
            samples: vec![
                sample("etcd", 1000.0, 1),
                sample("keelson", 300.0, 1),
                sample("keelson", 500.0, 0),
                sample("keelson", 400.0, 1),
                sample("etcd", 2000.0, 1),
            ],
            skipped: vec!["disk stalled: no images".to_owned()],
            ..Recoveries::default()
        };
        let table = recoveries.table();
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(
            lines[2],
            "| killed, 1 kept its place | keelson | 3 | 400 / 500 (0.40×) | 420 / 520 | 440 / 540 |"
        );
        assert_eq!(
            lines[3],
            "| killed | etcd | 2 | 1000 / 2000 | 1020 / 2020 | 1040 / 2040 |"
        );
        assert!(table.contains("SKIPPED: disk stalled"), "{table}");
    }
}
