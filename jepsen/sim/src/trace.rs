//! What happened, in order: one line for each change, and a checksum over all of them, by which two
//! runs of a seed are compared.

use std::hash::{DefaultHasher, Hasher};

/// See the module's essay.
pub struct Trace {
    hasher: DefaultHasher,
    shown: bool,
    lines: u64,
}

impl Trace {
    /// An empty one. Lines go to standard error if they are to be `shown`.
    pub fn new(shown: bool) -> Trace {
        Trace {
            hasher: DefaultHasher::new(),
            shown,
            lines: 0,
        }
    }

    /// Something happened in the `tick` of this number.
    pub fn note(&mut self, tick: u64, what: impl FnOnce() -> String) {
        let line = format!("{tick:>6} {}", what());
        self.hasher.write(line.as_bytes());
        self.lines += 1;
        if self.shown {
            eprintln!("{line}");
        }
    }

    /// The checksum.
    pub fn sum(&self) -> u64 {
        self.hasher.finish()
    }

    /// How many lines there are.
    pub fn lines(&self) -> u64 {
        self.lines
    }
}
