//! A cluster of processes with hollow nodes, and a user: from its start, through whatever becomes of it, to the
//! judgement of its history.

use super::{MACHINE, MEMBERS, NODES, judge, judged, program};
use keelson_kit::check::{Check, Failure};
use keelson_kit::client::Client;
use keelson_kit::dev::Dev;
use keelson_kit::kubectl::{Kubectl, programs};
use keelson_kit::kubernetes::Recorder;
use tokio::sync::RwLockReadGuard;

/// A leader that is paused this long has been replaced.
pub const PAUSE: std::time::Duration = std::time::Duration::from_secs(2);

/// A cluster that has outlived a storm.
pub struct Outlived {
    pub dev: Dev,
    pub seen: judge::Seen,
    _beside_others: RwLockReadGuard<'static, ()>,
}

/// Starts a cluster with these flags, and judges its history after the storm, which returns how many rounds it
/// had. `None`: there is no kubectl here, which the test of this name says.
pub async fn outlive(
    test: &str,
    flags: &[&str],
    storm: impl AsyncFnOnce(&Dev, &Kubectl) -> Check<usize>,
) -> Check<Option<Outlived>> {
    let Some(programs) = programs(test, None)? else {
        return Ok(None);
    };
    let beside_others = MACHINE.read().await;
    let nodes = NODES.to_string();
    let flags = [&["--restart", "--nodes", nodes.as_str()], flags].concat();
    let dev = Dev::start(program(), MEMBERS, &flags).await?;
    let kubectl = Kubectl::new(&programs, dev.kubeconfig()?, "keelson-dev", MEMBERS);
    let recorder = Recorder::start(&dev.endpoints())?;
    let rounds = storm(&dev, &kubectl).await;
    let told = |failure| Failure::new(format!("{failure}\n{}", dev.tails()));
    let rounds = rounds.map_err(told)?;
    recorder.catches_up(&Client::new(&dev.endpoints())?).await?;
    Ok(Some(Outlived {
        seen: judged(&recorder, rounds)?,
        dev,
        _beside_others: beside_others,
    }))
}
