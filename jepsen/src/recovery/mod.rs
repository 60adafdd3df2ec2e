//! How long clients wait when the leader is lost.
//!
//! A *pause* is the time between two answers that follow each other. Of a fault that is the longest which touches
//! the time from its beginning to its end: also a second one counts that comes when the lost member is back.
//! Reports of runs have the pause of writes around each fault, and [`measure`] does nothing else: it takes the
//! leader away in four ways, asks all members all the time, and [`table`] puts two servers beside each other that
//! were measured in turns. What never happens here: a judgement of what the answers say.
//!
//! | file | what |
//! |---|---|
//! | `pulse` | clients that ask at a steady pace, whether they were answered or not |
//! | `measure` | one cluster that loses its leader in each way |
//! | `table` | the numbers of all rounds |

pub mod measure;
pub mod pulse;
pub mod table;

/// The longest time between two answers that follow each other, of those that touch a time. Answers and the time
/// are of any one clock; answers ascend. If none came any more, the pause lasts until the end of the time at least.
pub fn longest_pause(answers: &[u64], from: u64, to: u64) -> u64 {
    let first = answers.partition_point(|at| *at < from).saturating_sub(1);
    let mut longest = 0;
    let mut before = answers.get(first).map_or(from, |at| (*at).min(from));
    for at in &answers[first.min(answers.len())..] {
        if before > to {
            return longest;
        }
        longest = longest.max(at.saturating_sub(before));
        before = *at;
    }
    longest.max(to.saturating_sub(before))
}

/// The least of ascending numbers that this share of them does not exceed; zero of none.
pub fn percentile(sorted: &[f64], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    let at = rank.saturating_sub(1).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWERS: [u64; 6] = [0, 10, 20, 500, 510, 2000];

    #[test]
    fn the_pause_that_the_fault_made_is_measured_from_the_last_answer_before() {
        assert_eq!(longest_pause(&ANSWERS, 25, 100), 480);
        assert_eq!(longest_pause(&ANSWERS, 505, 508), 10);
    }

    #[test]
    fn a_second_pause_counts_when_it_begins_before_the_end() {
        assert_eq!(longest_pause(&ANSWERS, 25, 510), 1490);
        assert_eq!(longest_pause(&ANSWERS, 25, 509), 480);
    }

    #[test]
    fn answers_that_never_came_are_a_pause_until_the_end() {
        assert_eq!(longest_pause(&ANSWERS, 2500, 9000), 7000);
        assert_eq!(longest_pause(&[], 100, 900), 800);
    }

    #[test]
    fn percentiles_are_of_what_was_seen() {
        let seen = [1.0, 2.0, 3.0, 4.0, 100.0];
        assert_eq!(
            (percentile(&seen, 0.5), percentile(&seen, 0.99)),
            (3.0, 100.0)
        );
        assert_eq!(percentile(&[], 0.5), 0.0);
    }
}
