//! What is looked for in a line of a watch. Lines are long and many, so nothing is parsed.

use super::template::{DIGITS, SENT};

/// Digits of a time in an annotation.
const TIME_DIGITS: usize = 20;

/// Where the first of these bytes are.
pub fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// Finds what stands behind a marker. Remembers where that was: in the next line it is often there again.
pub struct Behind {
    marker: Vec<u8>,
    at: usize,
}

impl Behind {
    /// When an update was sent.
    pub fn sent() -> Behind {
        Behind::new(format!("\"{SENT}\":\""))
    }

    /// The number in the name of a Pod of a run.
    pub fn number(run: &str) -> Behind {
        Behind::new(format!("\"name\":\"{run}-"))
    }

    fn new(marker: String) -> Behind {
        Behind {
            marker: marker.into_bytes(),
            at: 0,
        }
    }

    /// The time behind the marker.
    pub fn time(&mut self, line: &[u8]) -> Option<u64> {
        self.digits(line, TIME_DIGITS)
    }

    /// The number of a Pod behind the marker.
    pub fn pod(&mut self, line: &[u8]) -> Option<u64> {
        self.digits(line, DIGITS)
    }

    fn digits(&mut self, line: &[u8], count: usize) -> Option<u64> {
        let is_there = |at| {
            line.get(at..)
                .is_some_and(|rest: &[u8]| rest.starts_with(&self.marker))
        };
        if !is_there(self.at) {
            self.at = find(line, &self.marker)?;
        }
        let digits = line.get(self.at + self.marker.len()..)?.get(..count)?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }
}

/// The patch that says when it was sent.
pub fn patch(now: u64) -> String {
    format!("{{\"metadata\":{{\"annotations\":{{\"{SENT}\":\"{now:0TIME_DIGITS$}\"}}}}}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_patch_is_found_wherever_it_stands() {
        let mut behind = Behind::sent();
        for (front, time) in [("", 5), ("longer", 7), ("", u64::MAX), ("longer", 0)] {
            let line = format!("{front}{}\n", patch(time));
            assert_eq!(behind.time(line.as_bytes()), Some(time));
        }
        assert_eq!(behind.time(b"{}"), None);
        assert_eq!(behind.time(format!("\"{SENT}\":\"12").as_bytes()), None);
    }

    #[test]
    fn pods_of_other_runs_have_no_number() {
        let mut behind = Behind::number("r1");
        let line = |name: &str| format!("{{\"metadata\":{{\"name\":\"{name}\"}}}}");
        assert_eq!(behind.pod(line("r1-0000000012").as_bytes()), Some(12));
        assert_eq!(behind.pod(line("r2-0000000012").as_bytes()), None);
        assert_eq!(behind.pod(line("r1-0000000013").as_bytes()), Some(13));
    }
}
