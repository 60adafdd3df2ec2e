//! A hunt, and the same without the mistake.

use super::hunts::How;
use super::process::{Ended, run};
use super::programs::{Program, Programs};
use keelson_kit::check::{Check, Failure};
use keelson_plants::Plant;
use serde::Serialize;
use std::time::Duration;

/// What became of a mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The hunt failed with it and passed without.
    Caught,
    /// The hunt passed with it.
    Missed,
    /// The hunt was not over within its time.
    OutOfTime,
    /// The hunt fails without it, too, so that it says nothing.
    FailsAnyway,
    /// The hunt cannot run here.
    NotHunted,
}

/// A hunt that is over.
#[derive(Clone, Debug)]
pub struct Hunted {
    /// Its verdict.
    pub verdict: Verdict,
    /// How long it took until the mistake was found, or the hunt was over; without the control. In seconds.
    pub seconds: f64,
    /// What was found, in the words of who found it; or why nothing was.
    pub words: String,
}

/// Hunts.
#[derive(Clone, Debug)]
pub struct Hunter {
    /// What is there to hunt with.
    pub programs: Programs,
    /// The longest a hunt may take, and its control.
    pub limit: Duration,
}

/// One attempt of a hunt.
struct Attempt {
    program: Program,
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
    /// Exit codes that mean that something was found.
    finds: fn(i32) -> bool,
    /// So many tests must have run, or none was there.
    least_tests: usize,
}

impl Hunter {
    /// Hunts one mistake.
    pub fn hunt(&self, plant: Plant, how: How) -> Hunted {
        self.try_hunt(plant, how).unwrap_or_else(|failure| Hunted {
            verdict: Verdict::NotHunted,
            seconds: 0.0,
            words: failure.to_string(),
        })
    }

    fn try_hunt(&self, plant: Plant, how: How) -> Check<Hunted> {
        let mut seconds = 0.0;
        let mut words = "nothing was found".to_owned();
        let mut verdict = Verdict::Missed;
        for number in 0..attempts(how) {
            let attempt = self.attempt(plant, how, number)?;
            let left = self.limit.saturating_sub(Duration::from_secs_f64(seconds));
            let ended = attempt.carry_out(Some(plant), left)?;
            seconds += ended.seconds;
            let Some(code) = ended.code else {
                verdict = Verdict::OutOfTime;
                words = format!("not over after {} s", self.limit.as_secs());
                break;
            };
            if !(attempt.finds)(code) {
                continue;
            }
            let without = attempt.carry_out(None, self.limit)?;
            if without.code == Some(0) {
                attempt.has_run(&without)?;
                let words = said(&ended.output);
                let verdict = Verdict::Caught;
                return Ok(Hunted {
                    verdict,
                    seconds,
                    words,
                });
            }
            verdict = Verdict::FailsAnyway;
            words = format!("without it: {}", said(&without.output));
        }
        Ok(Hunted {
            verdict,
            seconds,
            words,
        })
    }

    /// The attempt of this number.
    fn attempt(&self, plant: Plant, how: How, number: u64) -> Check<Attempt> {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let program = match how {
            How::Tests { of, .. } => self.programs.tests(of)?,
            How::Seeds { .. } => self.programs.program("keelson-sim")?,
            How::Statement { .. } => self.programs.tests("conformance")?,
        };
        let mut attempt = Attempt {
            program: program.clone(),
            arguments: Vec::new(),
            environment: Vec::new(),
            finds: |code| code != 0,
            least_tests: 0,
        };
        match how {
            How::Tests { names, .. } => {
                if names.is_empty() {
                    return Err(Failure::new(format!("there is no hunt for {plant:?}")));
                }
                attempt.arguments = words(names);
                attempt.arguments.push("--exact".to_owned());
                attempt.least_tests = names.len();
            }
            How::Seeds { .. } => {
                attempt.arguments = words(&["--seed", &number.to_string()]);
                // 2: the command line was wrong.
                attempt.finds = |code| code != 0 && code != 2;
            }
            How::Statement { test, name } => {
                attempt.arguments = words(&[test, "--exact", "--nocapture"]);
                attempt.environment = vec![("KEELSON_STATEMENT", name.to_owned())];
                attempt.least_tests = 1;
            }
        }
        Ok(attempt)
    }

    /// Runs tests without any mistake. They must pass.
    ///
    /// # Errors
    ///
    /// When they do not, or are not there.
    pub fn pass(&self, of: &'static str, names: &'static [&'static str]) -> Check {
        let attempt = self.attempt(Plant::ALL[0], How::Tests { of, names }, 0)?;
        let ended = attempt.carry_out(None, self.limit)?;
        if ended.code != Some(0) {
            return Err(Failure::new(said(&ended.output)));
        }
        attempt.has_run(&ended)
    }
}

impl Attempt {
    fn carry_out(&self, plant: Option<Plant>, limit: Duration) -> Check<Ended> {
        run(
            &self.program,
            &self.arguments,
            &self.environment,
            plant,
            limit,
        )
    }

    /// A name that no test has makes a run of no tests, which passes.
    fn has_run(&self, ended: &Ended) -> Check {
        let counts = ended.output.lines().filter_map(|line| {
            let count = line.strip_prefix("running ")?.split(' ').next()?;
            count.parse::<usize>().ok()
        });
        match counts.sum::<usize>() >= self.least_tests {
            true => Ok(()),
            false => Err(Failure::new(format!(
                "no tests are called {:?}",
                self.arguments
            ))),
        }
    }
}

/// How often a hunt may try.
fn attempts(how: How) -> u64 {
    match how {
        How::Tests { .. } | How::Statement { .. } => 1,
        How::Seeds { most } => most,
    }
}

/// The words in which something was found: what broke, or where a test gave up and what it says there.
pub(super) fn said(output: &str) -> String {
    let mut lines = output.lines().map(str::trim);
    let is_first = |line: &str| {
        line.starts_with("BROKEN: ")
            || line.contains("invariant broken")
            || line.contains("panicked at")
    };
    let Some(first) = lines.find(|line| is_first(line)) else {
        return last(output);
    };
    let words = match first.contains("panicked at") {
        true => lines.find(|line| !line.is_empty()).unwrap_or(first),
        false => first.trim_start_matches("BROKEN: "),
    };
    shortened(words)
}

/// The last line: a run that found something says so there.
fn last(output: &str) -> String {
    shortened(
        output
            .lines()
            .rfind(|line| !line.trim().is_empty())
            .unwrap_or("no word"),
    )
}

/// For one cell of a table.
fn shortened(words: &str) -> String {
    const LENGTH: usize = 100;
    let words = words.replace('|', "/");
    match words.char_indices().nth(LENGTH) {
        Some((at, _)) => format!("{} ...", &words[..at]),
        None => words,
    }
}
