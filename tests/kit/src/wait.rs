//! Waiting for a condition: with a reason, with a deadline, never for a fixed time.

use crate::check::{Check, Failure};
use std::future::Future;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Pause between two looks at a condition.
const STEP: Duration = Duration::from_millis(10);

/// Looks again and again until `condition` gives a value; `why` is what the failure will say.
#[track_caller]
pub fn wait_for<'a, T, F, Fut>(
    why: &'a str,
    deadline: Duration,
    condition: F,
) -> impl Future<Output = Check<T>> + use<'a, T, F, Fut>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let late = Failure::new(format!("after {deadline:?} still waiting until {why}"));
    poll(late, deadline, condition)
}

/// The same for a condition without a value.
#[track_caller]
pub fn wait_until<'a, F, Fut>(
    why: &'a str,
    deadline: Duration,
    mut condition: F,
) -> impl Future<Output = Check> + use<'a, F, Fut>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = bool>,
{
    let late = Failure::new(format!("after {deadline:?} still waiting until {why}"));
    poll(late, deadline, move || {
        let met = condition();
        async move { met.await.then_some(()) }
    })
}

async fn poll<T, F, Fut>(late: Failure, deadline: Duration, mut condition: F) -> Check<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let end = Instant::now() + deadline;
    loop {
        if let Some(value) = condition().await {
            return Ok(value);
        }
        if Instant::now() >= end {
            return Err(late);
        }
        sleep(STEP).await;
    }
}
