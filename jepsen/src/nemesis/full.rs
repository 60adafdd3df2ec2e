//! Disks that are full, and members that find out when there is room again.

use super::{Active, Injector};
use crate::history::{FaultPhase, FaultRecord, Node, Observation};
use keelson_kit::check::{Check, Failure, some};
use keelson_kit::client::Client;
use keelson_proto::etcdserverpb::AlarmRequest;
use keelson_proto::etcdserverpb::alarm_request::AlarmAction;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// A full disk has no room for anything that a member wants to write.
const NOTHING: u64 = 64 << 10;
/// A member that can be reached answers within this time.
const ANSWER: Duration = Duration::from_secs(5);
/// Time for a cluster to answer after a disk was full.
const ALARMS: Duration = Duration::from_secs(60);
/// Between two attempts to take alarms back.
const REST: Duration = Duration::from_millis(100);
/// So the kernel says it, in capitals or not.
const NO_SPACE: &str = "no space left on device";

/// A member that was still there when its disk had room again. What it could not write before that it may learn of
/// later, from work that it does beside its requests; then it ends, as it would have with the disk still full.
#[derive(Debug)]
pub(super) struct Freed {
    victim: usize,
    /// Its process. One that is started later has no such excuse.
    pid: Option<u32>,
    log_from: usize,
    record: FaultRecord,
}

impl Injector<'_> {
    pub(super) fn fill(&mut self, fault: &mut Active) -> Check<Option<String>> {
        let victim = *some("a victim", fault.victims.first())?;
        let left = self.cluster.disk(victim).fill()?;
        Ok((left < NOTHING).then(|| format!("{left} bytes are free")))
    }

    pub(super) async fn free(&mut self, fault: &mut Active) -> Check<String> {
        let victim = *some("a victim", fault.victims.first())?;
        self.cluster.disk(victim).free()?;
        let became = match fault.ended.take() {
            None => {
                self.freed.push(Freed {
                    victim,
                    pid: self.cluster.pid(victim),
                    log_from: fault.log_from,
                    record: fault.record.clone(),
                });
                "the member went on".to_owned()
            }
            Some(how) => {
                self.start(fault)?;
                format!("the member had ended with {how} and was started")
            }
        };
        let alarms = self.clear_alarms().await?;
        Ok(format!("{became}; {alarms} alarms taken back"))
    }

    /// Takes alarms back, as an operator does after making room. Returns how many there were.
    async fn clear_alarms(&mut self) -> Check<usize> {
        let client = Client::new(&self.cluster.endpoints())?;
        let until = Instant::now() + ALARMS;
        loop {
            // Who ends late is started, and may be needed for this.
            self.note_ends();
            if let Some(count) = take_alarms_back(&client).await {
                return Ok(count);
            }
            if Instant::now() >= until {
                let seconds = ALARMS.as_secs();
                let why = format!("after {seconds}s still waiting until no alarm is left");
                return Err(Failure::new(why));
            }
            sleep(REST).await;
        }
    }

    /// Whose process is another one by now has nothing left to find out.
    pub(super) fn forget_freed(&mut self) {
        let cluster = &*self.cluster;
        self.freed.retain(|one| one.pid == cluster.pid(one.victim));
    }

    /// A member has ended that no fault explains which goes on. Its disk was full, and it says that it ends for that?
    pub(super) fn take_freed(&mut self, i: usize) -> Option<Freed> {
        let place = self.freed.iter().position(|one| one.victim == i)?;
        let said = self.cluster.said_since(i, self.freed[place].log_from);
        blames_space(&said).then(|| self.freed.remove(place))
    }

    /// Starts a member that has ended late, as its operator does.
    pub(super) fn start_freed(&mut self, freed: Freed) {
        self.cluster.excuse(freed.victim, freed.log_from);
        if let Err(failure) = self.cluster.start(freed.victim) {
            let error = failure.to_string();
            let phase = FaultPhase::Failed { error };
            self.recorder.fault(FaultRecord {
                phase,
                ..freed.record
            });
            return;
        }
        self.recorder.observe(Observation::Start {
            node: freed.victim as Node + 1,
            pid: self.cluster.pid(freed.victim).unwrap_or_default(),
            member: None,
        });
    }
}

/// Whether the end of what a member has said is that there is no space.
fn blames_space(said: &str) -> bool {
    said.to_lowercase().contains(NO_SPACE)
}

/// One attempt. Returns how many alarms there were, or nothing where somebody did not answer.
async fn take_alarms_back(client: &Client) -> Option<usize> {
    let every = AlarmRequest {
        action: AlarmAction::Get as i32,
        ..AlarmRequest::default()
    };
    let asked = timeout(ANSWER, client.alarm(every)).await;
    let raised = asked.ok()?.ok()?.alarms;
    for one in &raised {
        let request = AlarmRequest {
            action: AlarmAction::Deactivate as i32,
            member_id: one.member_id,
            alarm: one.alarm,
        };
        timeout(ANSWER, client.alarm(request)).await.ok()?.ok()?;
    }
    Some(raised.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_ends_for_want_of_space_is_told_from_one_that_ends_otherwise() {
        let ours = r#"keelson: invariant broken, stopping this member: the state could not be made durable: IO error: No space left on device: While appending to file: 000009.sst"#;
        let etcds = r#"{"level":"fatal","msg":"failed to save Raft hard state","error":"write: no space left on device"}"#;
        assert!(blames_space(ours) && blames_space(etcds));
        assert!(!blames_space(
            "keelson: invariant broken, stopping this member: two leaders in term 4"
        ));
    }
}
