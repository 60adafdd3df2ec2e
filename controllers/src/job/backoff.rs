//! How long a Job waits before it replaces a Pod that failed.

use super::observe::Observed;
use super::pod::finished_us;
use super::tally::failures;
use crate::objects::Pod;

/// After the first failure. It doubles with each one more.
const FIRST_US: i64 = 10_000_000;
const LONGEST_US: i64 = 600_000_000;

/// The pause after this many failures in a row, the last of which was then.
fn left_us(failures: i32, last_us: i64, now_us: i64) -> i64 {
    if failures <= 0 {
        return 0;
    }
    let doublings = u32::try_from(failures - 1).unwrap_or_default().min(10);
    let pause = (FIRST_US << doublings).min(LONGEST_US);
    (last_us.saturating_add(pause) - now_us).max(0)
}

/// How long the Job makes no Pods: by the failures since the last success, and since it runs.
pub fn of_job(observed: &Observed) -> i64 {
    let succeeded = observed
        .pods
        .iter()
        .filter(|pod| pod.status.phase == "Succeeded");
    let success = succeeded.map(|pod| finished_us(pod)).max();
    let since = observed.started_us().unwrap_or(i64::MIN);
    // Pods that were let go because the Job was suspended are older than it runs.
    let failed = observed.pods.iter().filter(|pod| observed.is_failed(pod));
    let (mut number, mut last) = (0, i64::MIN);
    for at in failed.map(|pod| finished_us(pod)) {
        if at >= since && success.is_none_or(|success| at > success) {
            number += 1;
            last = last.max(at);
        }
    }
    left_us(number, last, observed.now_us)
}

/// How long the index of a Pod that failed gets no other one.
pub fn of_index(replaced: &Pod, now_us: i64) -> i64 {
    let number = failures(replaced).saturating_add(1);
    left_us(number, finished_us(replaced), now_us)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn j3_the_pause_doubles_from_ten_seconds_to_ten_minutes() {
        let pauses = [
            (0, 0),
            (1, 10),
            (2, 20),
            (3, 40),
            (6, 320),
            (7, 600),
            (99, 600),
        ];
        for (failures, pause_s) in pauses {
            assert_eq!(left_us(failures, 0, 0), pause_s * 1_000_000, "{failures}");
        }
        assert_eq!(left_us(1, 0, 4_000_000), 6_000_000);
        assert_eq!(left_us(1, 0, 11_000_000), 0);
    }
}
