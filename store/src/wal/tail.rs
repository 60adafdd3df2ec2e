//! The newest entries, in memory.

use super::{Entry, LogId};
use std::collections::VecDeque;

/// The newest entries of the log: everything that is not yet on disk, and older ones as far as the
/// budget goes.
pub struct Tail {
    entries: VecDeque<Entry>,
    /// The index of the first entry here, or of the next one.
    first: u64,
    bytes: usize,
    budget: usize,
    /// Entries below this index are on disk.
    durable: u64,
}

/// What an entry takes in memory, about.
fn cost(entry: &Entry) -> usize {
    size_of::<Entry>() + entry.payload_len()
}

impl Tail {
    /// An empty tail of a log whose next entry has index `next`.
    pub fn new(next: u64, budget: usize) -> Tail {
        Tail {
            entries: VecDeque::new(),
            first: next,
            bytes: 0,
            budget,
            durable: next,
        }
    }

    /// The index of the first entry here, or of the next one.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// Adds the next entry.
    pub fn push(&mut self, entry: Entry) {
        self.bytes += cost(&entry);
        self.entries.push_back(entry);
    }

    /// Forgets the entries from `next` on.
    pub fn cut(&mut self, next: u64) {
        while self.first + self.entries.len() as u64 > next {
            match self.entries.pop_back() {
                Some(entry) => self.bytes -= cost(&entry),
                None => {
                    self.first = next;
                    break;
                }
            }
        }
        self.durable = self.durable.min(next);
    }

    /// Forgets the entries below `next`: nobody will ask for them.
    pub fn drop_below(&mut self, next: u64) {
        while self.first < next && self.pop() {}
        if self.entries.is_empty() {
            self.first = self.first.max(next);
        }
    }

    /// Notes that entries below `next` are on disk, and forgets the oldest ones that are too many.
    pub fn durable_below(&mut self, next: u64) {
        self.durable = next;
        while self.bytes > self.budget && self.first < self.durable && self.pop() {}
    }

    /// Copies entries out from `from` up to `to` while they fit `bytes_max`; one in any case if
    /// `taken` is empty.
    pub fn read(&self, from: u64, to: u64, bytes_max: usize, taken: &mut Vec<Entry>) {
        let mut bytes = 0;
        for entry in self
            .entries
            .range((from - self.first) as usize..(to - self.first) as usize)
        {
            bytes += cost(entry);
            if bytes > bytes_max && !taken.is_empty() {
                return;
            }
            taken.push(entry.clone());
        }
    }

    fn pop(&mut self) -> bool {
        let Some(entry) = self.entries.pop_front() else {
            return false;
        };
        self.bytes -= cost(&entry);
        self.first += 1;
        true
    }

    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Which leader wrote which entries: one element per change of leader.
#[derive(Default)]
pub struct Leaders {
    runs: VecDeque<LogId>,
}

impl Leaders {
    /// Adds the next entry's id.
    pub fn push(&mut self, log_id: LogId) {
        let same = |run: &LogId| run.term == log_id.term && run.node_id == log_id.node_id;
        if !self.runs.back().is_some_and(same) {
            self.runs.push_back(log_id);
        }
    }

    /// Forgets the entries from `next` on.
    pub fn cut(&mut self, next: u64) {
        while self.runs.back().is_some_and(|run| run.index >= next) {
            self.runs.pop_back();
        }
    }

    /// Forgets the entries below `next`, as far as whole runs go.
    pub fn drop_below(&mut self, next: u64) {
        while self.runs.get(1).is_some_and(|run| run.index <= next) {
            self.runs.pop_front();
        }
    }

    /// The id of the entry at `index`, which is in the log.
    pub fn at(&self, index: u64) -> Option<LogId> {
        let after = self.runs.partition_point(|run| run.index <= index);
        let run = self.runs.get(after.checked_sub(1)?)?;
        Some(LogId { index, ..*run })
    }
}
