//! What became of all mistakes, for people and for machines.

use super::hunt::{Hunted, Verdict};
use super::hunts::how;
use keelson_plants::Plant;
use serde::Serialize;
use std::fmt::Write;

/// What became of one mistake.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Its number in the list of mistakes.
    pub number: u8,
    /// Its name.
    pub name: &'static str,
    /// What goes wrong.
    pub what: &'static str,
    /// What must find it.
    pub found_by: &'static str,
    /// How it was hunted.
    pub hunt: String,
    /// What became of it.
    pub verdict: Verdict,
    /// How long it took to catch, in seconds.
    pub seconds: f64,
    /// The words of who found it; or why nothing was found.
    pub words: String,
}

impl Row {
    /// Of a hunt.
    pub fn new(plant: Plant, hunted: Hunted) -> Row {
        Row {
            number: plant.number(),
            name: plant.name(),
            what: plant.what(),
            found_by: plant.found_by(),
            hunt: how(plant).text(),
            verdict: hunted.verdict,
            seconds: hunted.seconds,
            words: hunted.words,
        }
    }
}

/// A self-test of the harness: what would be hidden, and whether it would be.
#[derive(Clone, Debug, Serialize)]
pub struct SelfTest {
    /// H1 to H6.
    pub name: &'static str,
    /// What a bad harness would do.
    pub what: &'static str,
    /// Whether that is no pass here.
    pub is_flagged: bool,
    /// Why not.
    pub words: String,
}

/// All of it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// The mistakes, in the order of their numbers.
    pub plants: Vec<Row>,
    /// The self-tests.
    pub harness: Vec<SelfTest>,
}

impl Report {
    /// Whether everything was found.
    pub fn is_complete(&self) -> bool {
        let caught = |row: &Row| row.verdict == Verdict::Caught;
        self.plants.iter().all(caught) && self.harness.iter().all(|one| one.is_flagged)
    }

    /// Half of those that were caught took no longer than this, in seconds.
    pub fn median_seconds(&self) -> f64 {
        let caught = self
            .plants
            .iter()
            .filter(|row| row.verdict == Verdict::Caught);
        let mut seconds: Vec<f64> = caught.map(|row| row.seconds).collect();
        seconds.sort_by(f64::total_cmp);
        seconds.get(seconds.len() / 2).copied().unwrap_or_default()
    }

    /// A sentence with the counts.
    pub fn sum(&self) -> String {
        let count = |verdict| {
            self.plants
                .iter()
                .filter(|row| row.verdict == verdict)
                .count()
        };
        let flagged = self.harness.iter().filter(|one| one.is_flagged).count();
        format!(
            "{} of {} planted bugs caught, half of them within {:.1} s; {} missed, {} out of time, {} hunts \
             that fail anyway, {} not hunted; {flagged} of {} self-tests of the harness",
            count(Verdict::Caught),
            self.plants.len(),
            self.median_seconds(),
            count(Verdict::Missed),
            count(Verdict::OutOfTime),
            count(Verdict::FailsAnyway),
            count(Verdict::NotHunted),
            self.harness.len(),
        )
    }

    /// For people, and for the documentation.
    pub fn table(&self) -> String {
        let mut table = "| | What goes wrong | Caught by | in |\n|---|---|---|---|\n".to_owned();
        for row in &self.plants {
            let end = match row.verdict {
                Verdict::Caught => format!("{:.1} s", row.seconds),
                Verdict::Missed => "**not caught**".to_owned(),
                Verdict::OutOfTime => "**out of time**".to_owned(),
                Verdict::FailsAnyway => "**the hunt fails anyway**".to_owned(),
                Verdict::NotHunted => "*not hunted*".to_owned(),
            };
            let _ = writeln!(
                table,
                "| {} `{}` | {} | {}; {} | {end} |",
                row.number, row.name, row.what, row.found_by, row.hunt
            );
        }
        for one in &self.harness {
            let end = if one.is_flagged { "flagged" } else { "**no**" };
            let _ = writeln!(
                table,
                "| {} | {} | self-test of the harness | {end} |",
                one.name, one.what
            );
        }
        table
    }
}
