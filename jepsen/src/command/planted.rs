//! `planted`: whether the tests find the mistakes that they are there for.

use super::Output;
use super::run::length;
use clap::Args;
use keelson_jepsen::planted::{self, Hunter, Programs, Report, Row, SELF_TESTS, SelfTest, how};
use keelson_kit::check::{Check, some};
use keelson_plants::Plant;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Makes each mistake that test builds can make, and demands that it is found.
#[derive(Args, Clone, Debug)]
pub struct Planted {
    /// What cargo said, in JSON, when it built the tests (`scripts/planted.sh` does that).
    #[arg(long)]
    programs: PathBuf,
    /// Only these.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Only the one whose turn it is, by this text; the hash of a commit, say.
    #[arg(long, conflicts_with = "only")]
    rotate: Option<String>,
    /// The longest a hunt may take.
    #[arg(long, default_value = "5m", value_parser = length)]
    limit: Duration,
    /// Where the report goes.
    #[arg(long)]
    out: Option<PathBuf>,
    /// How to print it.
    #[arg(short = 'o', long = "output", default_value = "table")]
    output: Output,
}

impl Planted {
    /// Hunts. 1 if something was not found.
    pub fn carry_out(&self) -> Check<ExitCode> {
        let hunter = Hunter {
            programs: Programs::read(&self.programs)?,
            limit: self.limit,
        };
        let mut report = Report::default();
        for plant in self.chosen()? {
            eprint!("{}: {} ... ", plant.name(), plant.what());
            let row = Row::new(plant, hunter.hunt(plant, how(plant)));
            eprintln!("{:?} in {:.1} s: {}", row.verdict, row.seconds, row.words);
            report.plants.push(row);
        }
        if self.rotate.is_none() && self.only.is_empty() {
            report.harness = self_tests(&hunter);
        }
        report.plants.sort_by_key(|row| (row.number, row.name));
        if let Some(out) = &self.out {
            std::fs::create_dir_all(out)?;
            std::fs::write(
                out.join("planted.json"),
                serde_json::to_string_pretty(&report)?,
            )?;
            std::fs::write(out.join("planted.md"), report.table())?;
        }
        match self.output {
            Output::Table => println!("{}\n{}", report.table(), report.sum()),
            Output::Json => println!("{}", serde_json::to_string_pretty(&report)?),
        }
        Ok(ExitCode::from(u8::from(!report.is_complete())))
    }

    fn chosen(&self) -> Check<Vec<Plant>> {
        if let Some(text) = &self.rotate {
            return Ok(vec![planted::of_the_day(text)]);
        }
        if self.only.is_empty() {
            return Ok(planted::order());
        }
        let names = self.only.iter();
        names
            .map(|name| some("a planted bug of this name", Plant::named(name)))
            .collect()
    }
}

fn self_tests(hunter: &Hunter) -> Vec<SelfTest> {
    let tests = SELF_TESTS.into_iter();
    let tests = tests.map(|(name, what, tests)| {
        let passed = hunter.pass("keelson_jepsen", tests);
        SelfTest {
            name,
            what,
            is_flagged: passed.is_ok(),
            words: passed.err().map_or_else(String::new, |why| why.to_string()),
        }
    });
    tests.collect()
}
