//! A flood: clients that ask a member for far too much. Others must not notice, and its memory must stay bounded,
//! which a judge decides by what was observed of it.

use super::flood_clients::{Flood, Victim};
use super::{Active, Injector, Means};
use crate::history::Node;
use keelson_kit::check::{Check, Failure, some};
use keelson_kit::wait::wait_until;
use std::time::Duration;

/// A flood has come in within this time, also on a busy machine.
const RISES: Duration = Duration::from_secs(10);

impl Injector<'_> {
    pub(super) async fn flood(&mut self, fault: &mut Active) -> Check<Option<String>> {
        let victim = *some("a victim", fault.victims.first())?;
        let flood = Flood::start(
            Victim {
                node: victim as Node + 1,
                pid: some("a process", self.cluster.pid(victim))?,
                url: self.cluster.endpoints()[victim].clone(),
                data: self.cluster.data(victim),
            },
            self.recorder.clone(),
        )?;
        let counts = &flood.counts;
        let risen = wait_until("a flood has come in", RISES, || async {
            counts.are_enough()
        });
        let risen = risen.await;
        let evidence = counts.text();
        risen.map_err(|late| Failure::new(format!("{late}: {evidence}")))?;
        fault.means = Means::Flood(flood);
        Ok(Some(evidence))
    }
}

/// Ends a flood, and says how much it was.
pub(super) fn ebb(fault: &mut Active) -> String {
    match std::mem::replace(&mut fault.means, Means::None) {
        Means::Flood(flood) => {
            let text = flood.counts.text();
            drop(flood);
            text
        }
        _ => "it did not come in".to_owned(),
    }
}
