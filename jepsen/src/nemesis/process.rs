//! Faults of processes: killed, stopped, asked to end.

use super::{Active, Injector, Means};
use crate::history::{Node, Observation};
use keelson_kit::check::{Check, holds};
use keelson_kit::wait::wait_until;
use std::time::Duration;

/// A signal is there at once, but the kernel may be busy.
const SIGNAL: Duration = Duration::from_secs(2);
/// Time for a clean end.
const CLEAN: Duration = Duration::from_secs(20);

impl Injector<'_> {
    pub(super) fn kill(&mut self, fault: &mut Active) -> Check<Option<String>> {
        let mut killed = Vec::new();
        for i in fault.victims.clone() {
            let pid = self.cluster.pid(i);
            if self.cluster.kill(i) {
                self.note_exit(i, "signal 9");
                killed.push(format!(
                    "{} (pid {})",
                    self.cluster.name(i),
                    pid.unwrap_or_default()
                ));
            }
        }
        fault.means = Means::Down;
        Ok(
            (!killed.is_empty())
                .then(|| format!("ran until then and ended: {}", killed.join(", "))),
        )
    }

    pub(super) async fn stop(&mut self, fault: &mut Active) -> Check<Option<String>> {
        fault.means = Means::Down;
        for i in fault.victims.clone() {
            holds("it ran", self.cluster.runs(i))?;
            let status = self.cluster.stop(i, CLEAN).await?;
            self.note_exit(i, &status.to_string());
        }
        Ok(Some("ended when asked to".to_owned()))
    }

    pub(super) fn start(&mut self, fault: &Active) -> Check<String> {
        for i in &fault.victims {
            self.cluster.start(*i)?;
            if let Some(pid) = self.cluster.pid(*i) {
                self.recorder.observe(Observation::Start {
                    node: *i as Node + 1,
                    pid,
                    member: None,
                });
            }
        }
        Ok("started".to_owned())
    }

    pub(super) async fn pause(&mut self, fault: &mut Active) -> Check<Option<String>> {
        let victims = fault.victims.clone();
        for i in &victims {
            self.cluster.pause(*i, true);
        }
        let cluster = &*self.cluster;
        let all = || victims.iter().all(|i| cluster.state(*i) == Some('T'));
        wait_until("the processes are stopped", SIGNAL, || async { all() }).await?;
        Ok(Some(
            "the kernel says that they are stopped (state T)".to_owned(),
        ))
    }

    pub(super) fn resume(&mut self, fault: &Active) -> Check<String> {
        for i in &fault.victims {
            self.cluster.pause(*i, false);
        }
        Ok("go on".to_owned())
    }
}
