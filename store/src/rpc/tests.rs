//! A member in this process, as its clients see it.

mod changes;
mod fuzz;
mod member;
mod snapshots;
mod stalled;
pub(super) mod taker;

use std::future::Future;
use std::time::Duration;

/// For whatever takes as long as the machine is busy.
pub(super) const DEADLINE: Duration = Duration::from_secs(60);
/// Pause between two looks at a condition.
const STEP: Duration = Duration::from_millis(10);

/// Looks again and again until `condition` holds; `why` is what the failure will say.
pub(super) async fn wait_until<F: Future<Output = bool>>(
    why: &str,
    mut condition: impl FnMut() -> F,
) {
    let met = async {
        while !condition().await {
            tokio::time::sleep(STEP).await;
        }
    };
    let met = tokio::time::timeout(DEADLINE, met).await;
    assert!(met.is_ok(), "after {DEADLINE:?} still waiting until {why}");
}
