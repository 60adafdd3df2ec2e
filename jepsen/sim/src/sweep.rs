//! Many seeds, each in a process of its own, so that nothing of one reaches another.

use crate::ledger::{Entry, Ledger};
use crate::plan::Planted;
use crate::tally::Tally;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// Every so many seeds one runs twice, and both runs must leave the same trace.
const TWICE_EVERY: u64 = 50;

/// What to run.
pub struct Sweep {
    /// The first seed.
    pub from: u64,
    /// How many.
    pub seeds: u64,
    /// How many at once.
    pub jobs: usize,
    /// What is broken on purpose.
    pub planted: Option<(String, Planted)>,
    /// What is swept, as whoever does it calls it.
    pub label: String,
    /// Where to write down what it was.
    pub ledger: Option<Ledger>,
}

struct Running {
    seed: u64,
    first: Child,
    second: Option<Child>,
}

struct Finished {
    seed: u64,
    fine: bool,
    output: String,
}

impl Sweep {
    /// Runs all of it. Returns how many seeds failed.
    ///
    /// # Errors
    /// The system has no processes to give.
    pub fn run(&self) -> std::io::Result<u64> {
        let planted = self.planted.as_ref().map(|(name, _)| name.as_str());
        let mut entry = Entry::new(&self.label, planted, self.from);
        if let Some(ledger) = &self.ledger {
            entry = ledger.resume(entry)?;
        }
        let end = self.from + self.seeds;
        let mut waiting = self.from + entry.seeds..end;
        println!("seeds {} to {}", waiting.start, end.saturating_sub(1));
        let before_s = entry.seconds;
        let began = Instant::now();
        let mut running: Vec<Running> = Vec::new();
        loop {
            while running.len() < self.jobs
                && let Some(seed) = waiting.next()
            {
                running.push(self.start(seed)?);
            }
            if running.is_empty() {
                break;
            }
            let finished = running.remove(0).finish()?;
            entry.seeds += 1;
            entry.tally.add(&Tally::of(&finished.output));
            entry.seconds = before_s + began.elapsed().as_secs_f64() * self.jobs as f64;
            if !finished.fine {
                println!("seed {} failed\n{}", finished.seed, finished.output);
                entry.violations.push(finished.seed);
            }
            if let Some(ledger) = &self.ledger {
                ledger.keep(&entry)?;
            }
        }
        if let Some(ledger) = &self.ledger {
            ledger.append(&entry)?;
        }
        println!("{}", entry.text());
        // The last line, which is the one that is read.
        if let Some(seed) = entry.violations.first() {
            let plant = self.planted.as_ref();
            let plant = plant.map_or(String::new(), |(name, _)| format!(" --plant {name}"));
            println!(
                "seed {seed} failed; again: keelson-sim --seed {seed}{plant} --trace --log info"
            );
        }
        Ok(entry.violations.len() as u64)
    }

    fn start(&self, seed: u64) -> std::io::Result<Running> {
        let start = || {
            let mut command = Command::new(std::env::current_exe()?);
            command.args(["--seed", &seed.to_string()]);
            if let Some((name, _)) = &self.planted {
                command.args(["--plant", name]);
            }
            command.stdout(Stdio::piped()).spawn()
        };
        Ok(Running {
            seed,
            first: start()?,
            second: match seed.is_multiple_of(TWICE_EVERY) {
                true => Some(start()?),
                false => None,
            },
        })
    }
}

impl Running {
    fn finish(self) -> std::io::Result<Finished> {
        let first = self.first.wait_with_output()?;
        let mut output = String::from_utf8_lossy(&first.stdout).into_owned();
        let mut fine = first.status.success();
        if let Some(second) = self.second {
            let second = second.wait_with_output()?;
            if second.stdout != first.stdout {
                fine = false;
                output.push_str("and the second run was another one:\n");
                output.push_str(&String::from_utf8_lossy(&second.stdout));
            }
        }
        Ok(Finished {
            seed: self.seed,
            fine,
            output,
        })
    }
}
