//! How long a node waits for another Pod after one failed, so that a kubelet that refuses Pods is not fed
//! with them. It is only remembered: after a change of the leader it begins anew.

use std::collections::HashMap;
use std::time::Duration;

const FIRST_US: i64 = 1_000_000;
const LONGEST_US: i64 = 15 * 60 * 1_000_000;

/// Pauses by DaemonSet (its uid) and node: one for each node on which a Pod has failed within half an hour.
#[derive(Debug, Default)]
pub struct Failures(HashMap<(String, String), Failure>);

#[derive(Clone, Copy, Debug)]
struct Failure {
    pause_us: i64,
    since_us: i64,
}

impl Failure {
    /// So long ago that it does not matter any more.
    fn is_old(self, now_us: i64) -> bool {
        now_us - self.since_us > 2 * LONGEST_US
    }
}

impl Failures {
    /// How much longer a Pod that failed on this node is left alone.
    pub fn left(&self, set: &str, node: &str, now_us: i64) -> Option<Duration> {
        let failure = self.0.get(&(set.to_owned(), node.to_owned()))?;
        let left_us = failure.since_us + failure.pause_us - now_us;
        let left_us = u64::try_from(left_us).ok().filter(|left_us| *left_us > 0)?;
        Some(Duration::from_micros(left_us))
    }

    /// A Pod that failed on this node is removed now.
    pub fn note(&mut self, set: &str, node: &str, now_us: i64) {
        self.0.retain(|_, failure| !failure.is_old(now_us));
        let key = (set.to_owned(), node.to_owned());
        let pause_us = self.0.get(&key).map_or(FIRST_US, |failure| {
            failure.pause_us.saturating_mul(2).min(LONGEST_US)
        });
        let since_us = now_us;
        self.0.insert(key, Failure { pause_us, since_us });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ds3_the_pause_of_a_node_doubles_up_to_a_quarter_of_an_hour_and_is_forgotten() {
        let mut failures = Failures::default();
        let mut now_us = 0;
        for pause_s in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
            failures.note("set", "node", now_us);
            let left = failures.left("set", "node", now_us);
            assert_eq!(left, Some(Duration::from_secs(pause_s)));
            assert_eq!(failures.left("set", "other", now_us), None);
            now_us += left.map_or(0, |left| left.as_micros() as i64);
            assert_eq!(failures.left("set", "node", now_us), None);
        }
        failures.note("set", "node", now_us + 2 * LONGEST_US + 1);
        let left = failures.left("set", "node", now_us + 2 * LONGEST_US + 1);
        assert_eq!(left, Some(Duration::from_secs(1)));
    }
}
