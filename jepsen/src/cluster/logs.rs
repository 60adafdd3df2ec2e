//! What members say in their logs, and what of it is no reason for alarm.

use super::Cluster;

/// So etcd ends when it is asked for its status in the moment after it was removed from its cluster. Whoever says so
/// without having been removed ends unasked, and that is seen.
const LAST_WORDS: &str = "panic: failed to find local ID in cluster members";

impl Cluster {
    /// The lines of a member's log that contain `word`.
    pub fn log_lines(&self, i: usize, word: &str) -> Vec<String> {
        let text = std::fs::read(&self.members[i].log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines = text.lines().filter(|line| line.contains(word));
        lines.map(str::to_owned).collect()
    }

    /// How many lines a member has logged, and those that speak of a panic or a broken invariant.
    pub fn scan_log(&self, i: usize) -> (u64, Vec<String>) {
        const WORDS: [&str; 4] = [
            "panicked at",
            "panic: ",
            "fatal error: ",
            "invariant broken",
        ];
        let mut text = std::fs::read(&self.members[i].log).unwrap_or_default();
        let lines = text.iter().filter(|byte| **byte == b'\n').count();
        for part in &self.members[i].excused {
            if let Some(part) = text.get_mut(part.clone()) {
                part.fill(b'\n');
            }
        }
        let text = String::from_utf8_lossy(&text);
        let is_last = |line: &str| line.ends_with(LAST_WORDS);
        let alarming = |line: &&str| WORDS.iter().any(|word| line.contains(word)) && !is_last(line);
        let alarms = text.lines().filter(alarming).map(str::to_owned).collect();
        (lines as u64, alarms)
    }

    /// How long a member's log is, in bytes.
    pub fn log_length(&self, i: usize) -> usize {
        let log = std::fs::metadata(&self.members[i].log);
        log.map_or(0, |log| log.len() as usize)
    }

    /// What a member has logged from a byte on until now is no reason for alarm: it had to end.
    pub fn excuse(&mut self, i: usize, from: usize) {
        let to = self.log_length(i);
        self.members[i].excused.push(from..to);
    }
}
