//! What a test says of its target, and the short run.

use crate::corpus::{self, Named};
#[cfg(fuzzing)]
use crate::engine;
use crate::mutate::{Form, mutate};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// What is tried. See the crate's essay.
#[derive(Clone, Debug)]
pub struct Target {
    pub(crate) name: &'static str,
    pub(crate) form: Form,
    pub(crate) rounds: u32,
    pub(crate) length_max: usize,
}

impl Target {
    /// A target whose corpus lies in `fuzz/corpus/<name>`. The test that runs it is called `fuzz_<name>`:
    /// `make fuzz` finds it by that.
    pub fn new(name: &'static str, form: Form) -> Target {
        Target {
            name,
            form,
            rounds: 1500,
            length_max: 4096,
        }
    }

    /// How many inputs are made in a short run, if not 1,500: fewer where one takes long.
    pub fn rounds(self, rounds: u32) -> Target {
        Target { rounds, ..self }
    }

    /// How many bytes an input that is made has at most, if not 4,096.
    pub fn length_max(self, length_max: usize) -> Target {
        Target { length_max, ..self }
    }

    /// Runs `check` over the corpus, over `seeds`, and over inputs that are made of both. Under libFuzzer
    /// (`scripts/fuzz.sh`) it does what that wants instead, and then ends the process.
    ///
    /// # Panics
    /// If the check does for one of them, and says which one.
    #[track_caller]
    pub fn run(&self, seeds: Vec<Vec<u8>>, check: impl Fn(&[u8])) {
        let seeds = seeds.into_iter().enumerate().map(|(number, bytes)| Named {
            name: format!("seed {number}"),
            bytes,
        });
        let seeds: Vec<Named> = seeds.collect();
        #[cfg(fuzzing)]
        if engine::is_asked_for() {
            return engine::run(self, &seeds, &check, std::panic::Location::caller());
        }
        let mut inputs = corpus::read(&corpus::directory(self.name));
        inputs.extend(seeds);
        if inputs.is_empty() {
            let (name, bytes) = ("nothing".to_owned(), Vec::new());
            inputs.push(Named { name, bytes });
        }
        self.run_short(&inputs, &check);
    }

    fn run_short(&self, inputs: &[Named], check: &dyn Fn(&[u8])) {
        for input in inputs {
            self.try_one(&input.name, &input.bytes, check);
        }
        let mut random = SmallRng::seed_from_u64(corpus::hash(self.name.as_bytes()));
        let mut last = Vec::new();
        for round in 0..self.rounds {
            let mut pick = || &inputs[random.random_range(0..inputs.len())].bytes;
            let (one, other) = (pick(), pick());
            // Every other one goes a step further than the one before.
            let one = if round % 2 == 1 { &last } else { one };
            let made = mutate(self.form, one, other, self.length_max, &mut random);
            self.try_one(&format!("round {round}"), &made, check);
            last = made;
        }
    }

    fn try_one(&self, name: &str, bytes: &[u8], check: &dyn Fn(&[u8])) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(bytes))) {
            let directory = corpus::directory(self.name);
            let place = match corpus::write(&directory, "crash-", bytes) {
                Ok(path) => path.display().to_string(),
                Err(error) => format!("nowhere ({error}); it was {bytes:02x?}"),
            };
            eprintln!(
                "fuzz: target {} fails at {name}; the input is in {place}",
                self.name
            );
            resume_unwind(panic);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};

    #[test]
    fn seeds_come_first_and_then_the_same_inputs_each_time() {
        let run = || {
            let seen = RefCell::new(Vec::new());
            Target::new("none", Form::Bytes).rounds(50).run(
                vec![b"one".to_vec(), b"two".to_vec()],
                |input| {
                    seen.borrow_mut().push(input.to_vec());
                },
            );
            seen.into_inner()
        };
        let seen = run();
        assert_eq!(seen.len(), 52);
        assert_eq!(&seen[..2], [b"one", b"two"]);
        assert_eq!(seen, run());
    }

    #[test]
    fn what_fails_is_told() {
        let rounds = Cell::new(0);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            Target::new("none-fails", Form::Bytes).run(vec![], |_| {
                rounds.set(rounds.get() + 1);
                assert!(rounds.get() < 10, "the tenth is one too many");
            });
        }));
        assert!(outcome.is_err());
        let left = corpus::read(&corpus::directory("none-fails"));
        assert_eq!(left.len(), 1, "the input is kept");
        std::fs::remove_dir_all(corpus::directory("none-fails")).expect("what was written can go");
    }

    /// Four bytes, then a number of them: nobody finds both by chance. A long run must, or it is not led by what
    /// inputs reach (`scripts/fuzz-check.sh`).
    #[test]
    fn fuzz_guided() {
        Target::new("guided", Form::Bytes)
            .rounds(10)
            .run(vec![b"none".to_vec()], |input| {
                let Some((word, rest)) = input.split_first_chunk::<4>() else {
                    return;
                };
                let number = rest.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
                let is_found = word == b"keel" && number == Some(0x5eed_cafe);
                assert!(!is_found, "what was hidden is found");
            });
    }
}
