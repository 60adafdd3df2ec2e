//! How many writes of loops were refused because they came too late.

use super::problem::Problem;
use std::sync::atomic::{AtomicU64, Ordering};

/// See the module. Each is a proof that somebody else had acted meanwhile, and harmless.
#[derive(Debug, Default)]
pub struct Refused {
    fenced: AtomicU64,
    stale: AtomicU64,
}

impl Refused {
    /// Writes, and claims, under a term that had ended.
    pub fn fenced(&self) -> u64 {
        self.fenced.load(Ordering::Relaxed)
    }

    /// Writes that rested on something that had changed, the claim of the loop included.
    pub fn stale(&self) -> u64 {
        self.stale.load(Ordering::Relaxed)
    }

    /// A write has failed.
    pub(super) fn note(&self, problem: &Problem) {
        let count = match problem {
            Problem::Fenced => &self.fenced,
            Problem::Stale => &self.stale,
            _ => return,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}
