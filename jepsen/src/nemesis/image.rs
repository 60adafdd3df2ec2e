//! Copies of a member's disk, taken while it works: what would be there if the power went at that moment.
//!
//! The member stands still only while its disk is copied, and goes on. The copy is looked at beside it, by a member
//! alone on a host without wires; a judge compares what that has with the truth.

use super::bytes::is_etcds;
use super::{Active, Injector, Means};
use crate::history::{Node, Observation, Observed};
use crate::offline::{Found, Offline};
use keelson_kit::check::{Check, Failure, some};
use keelson_kit::wait::wait_until;
use rand::Rng;
use std::thread::JoinHandle;
use std::time::Duration;

/// A signal is there at once, but the kernel may be busy.
const SIGNAL: Duration = Duration::from_secs(2);

/// A member that is being looked at.
#[derive(Debug)]
pub(super) struct Looking(JoinHandle<Check<Found>>);

impl Injector<'_> {
    pub(super) async fn copy_disk(&mut self, fault: &mut Active) -> Check<Option<String>> {
        let victim = *some("a victim", fault.victims.first())?;
        let mount = self.cluster.disk(victim).directory().to_owned();
        let (image, directory) = (mount.with_extension("copy"), mount.with_extension("at"));
        let mut arguments = self.cluster.elsewhere(victim, &directory.join("data"))?;
        if is_etcds(&self.cluster.data(victim)) {
            // It serves nobody before it has had a leader once. So it leads, and forgets what was not committed.
            arguments.push("--force-new-cluster".to_owned());
        }
        let offline = Offline {
            arguments,
            addresses: some("wires", self.cluster.addresses(victim))?,
            client_url: self.cluster.endpoints()[victim].clone(),
            log: self
                .cluster
                .directory()
                .join(format!("{}.image.log", self.cluster.name(victim))),
            older: fault.random.random(),
            image,
            directory,
        };
        self.cluster.pause(victim, true);
        let cluster = &*self.cluster;
        let stands = wait_until("the process is stopped", SIGNAL, || async {
            cluster.state(victim) == Some('T')
        });
        let stands = stands.await;
        let copied = self.cluster.disk(victim).copy(&offline.image);
        self.cluster.pause(victim, false);
        stands.and(copied)?;
        let thread = std::thread::Builder::new().name("offline".to_owned());
        fault.means = Means::Looking(Looking(thread.spawn(|| offline.examine())?));
        // Whether anything is missing on the copy is seen when it is looked at.
        Ok(None)
    }

    pub(super) fn look_at_copy(&mut self, fault: &mut Active) -> Check<String> {
        let victim = *some("a victim", fault.victims.first())?;
        let Means::Looking(looking) = std::mem::replace(&mut fault.means, Means::None) else {
            return Ok(String::new());
        };
        let panicked = |_| Failure::new("whoever looked at the copy panicked");
        let found = looking.0.join().map_err(panicked)??;
        let (node, of) = (victim as Node + 1, "a copy of its disk".to_owned());
        let observe = |reply| {
            let of = of.clone();
            self.recorder
                .observe(Observation::Stored { node, of, reply });
        };
        let seen = match found.stored {
            Observed::Error(error) => {
                observe(Observed::Error(error));
                "the member did not open it".to_owned()
            }
            Observed::Got(all) => {
                let newest = some("what it has", all.first())?;
                let seen = format!(
                    "alone on it, the member has {} keys at revision {}, applied {} of {} committed",
                    newest.kvs.len(),
                    newest.revision,
                    newest.applied,
                    newest.committed
                );
                all.into_iter().for_each(|one| observe(Observed::Got(one)));
                seen
            }
        };
        if found.is_crash {
            let lacks = "the copy lacks a file that was written and not synced";
            self.effective(fault, format!("{lacks}; {seen}"));
        }
        Ok("the copy is thrown away".to_owned())
    }
}
