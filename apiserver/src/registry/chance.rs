//! Randomness, handed in so that tests decide it.

/// Chance: for names, uids and the length of watches.
pub trait Random: Send + Sync + 'static {
    /// Fills the buffer with bytes that nobody can foretell.
    fn fill(&self, bytes: &mut [u8]);
}

/// The process's own.
pub(super) struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        rand::fill(bytes);
    }
}
