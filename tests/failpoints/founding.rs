//! Members that die when they start for the first time.

use crate::stage::{REACHED, deaths, prepare, switch};
use keelson_kit::check::{Check, Failure};
use keelson_kit::crash::verdict::same_everywhere;
use keelson_kit::request::{Revision, put};
use keelson_kit::wait::wait_until;

/// All members have fresh directories and die at `point` if they come there; all of them start again, and
/// are a cluster.
///
/// # Errors
/// When none comes there, or they are no cluster.
pub async fn play(point: &str, size: usize) -> Check {
    let mut cluster = prepare(size)?;
    for i in 0..size {
        switch(&cluster, i, &format!("{point}=kill"))?;
        cluster.restart(i)?;
    }
    let why = format!("a member comes to the failpoint {point}");
    wait_until(&why, REACHED, || {
        let died = (0..size).any(|i| !cluster.runs(i) && deaths(&cluster, i, point) > 0);
        async move { died }
    })
    .await
    .map_err(|late| Failure::new(format!("{late}\n{}", cluster.tails())))?;
    for i in 0..size {
        switch(&cluster, i, "")?;
    }
    for i in 0..size {
        if !cluster.runs(i) {
            cluster.restart(i)?;
        }
    }
    for i in 0..size {
        let ready = cluster.ready(i).await;
        // One that had come there before it was switched off.
        if ready.is_err() && !cluster.runs(i) && deaths(&cluster, i, point) > 0 {
            cluster.restart(i)?;
            cluster.ready(i).await?;
        } else {
            ready?;
        }
    }
    let revision = cluster.client()?.put(put("founded", "")).await?.revision();
    same_everywhere(&cluster, revision).await
}
