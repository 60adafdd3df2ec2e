//! One byte of a member's data is not what was written: in its log, in a table or the list of tables of its state, in
//! a dump.
//!
//! The member must refuse to start and say where, or notice later and end, or answer with an error; what it serves
//! meanwhile is compared with the truth. A byte that nobody reads is no fault: then this one is skipped. In the end
//! the disk answers right again, if nobody has written there since.

use super::bytes::{Damage, choose, is_etcds, settled};
use super::{Active, Injector, Means};
use crate::history::{HashReply, KeyValue, Node, Observation, Observed, Stored};
use crate::offline::everything;
use crate::wire;
use keelson_kit::check::{Check, some};
use keelson_kit::client::Client;
use keelson_kit::wait::{wait_for, wait_until};
use keelson_proto::etcdserverpb::HashKvRequest;
use std::time::Duration;
use tokio::time::timeout;

/// Time from a start to the first answer, or to the refusal, on a busy machine.
const START: Duration = Duration::from_secs(90);
/// Longer is not waited for one answer of a member that reads everything it has.
const ANSWER: Duration = Duration::from_secs(20);
/// A member that has noticed something while it answered ends within this time, if it does.
const NOTICE: Duration = Duration::from_secs(1);

impl Injector<'_> {
    pub(super) async fn damage(&mut self, fault: &mut Active) -> Check<Option<String>> {
        let victim = *some("a victim", fault.victims.first())?;
        let data = self.cluster.data(victim);
        let log = settled(&data).await;
        self.kill(fault)?;
        if let Some(damage) = choose(&data, log, &mut fault.random)? {
            damage.inflict()?;
            fault.means = Means::Damaged(damage);
        }
        self.start(fault)?;
        // Effective once it was noticed.
        Ok(None)
    }

    /// Finds out whether anybody has noticed, and has the disk answer right again.
    pub(super) async fn repair(&mut self, fault: &mut Active) -> Check<String> {
        let victim = *some("a victim", fault.victims.first())?;
        let Means::Damaged(damage) = std::mem::replace(&mut fault.means, Means::None) else {
            self.skip(fault, "nothing was there that could be damaged");
            return self.start(fault);
        };
        let noticed = self.notices(fault, victim, &damage).await;
        if self.cluster.kill(victim) {
            self.note_exit(victim, "signal 9");
        }
        self.cluster.excuse(victim, fault.log_from);
        let is_right = damage.undo()?;
        self.start(fault)?;
        match noticed? {
            Some(what) => self.effective(fault, format!("{}: {what}", damage.words())),
            None => self.skip(fault, &format!("nobody reads it: {}", damage.words())),
        }
        Ok(match is_right {
            true => "the byte is right again, and the member was started".to_owned(),
            false => "the byte was written anew or is gone, and the member was started".to_owned(),
        })
    }

    /// What a member says of its damaged disk, if it notices at all.
    async fn notices(
        &mut self,
        fault: &mut Active,
        victim: usize,
        damage: &Damage,
    ) -> Check<Option<String>> {
        let mut complaint = None;
        if fault.ended.is_none() {
            complaint = self.read_everything(victim, damage).await?;
            fault.ended = self.cluster.ended(victim);
            if let Some(how) = &fault.ended {
                self.note_exit(victim, how);
            }
        }
        let said = self.cluster.said_since(victim, fault.log_from);
        let line = said
            .lines()
            .rev()
            .find(|line| damage.is_told_by(line))
            .map(str::to_owned);
        let Some(how) = fault.ended.take() else {
            return Ok(complaint.or(line));
        };
        let names = damage.names(is_etcds(&self.cluster.data(victim)));
        let on = format!("damaged data ({})", damage.words());
        let quoted = line.unwrap_or_default();
        self.recorder.observe(Observation::Refusal {
            node: victim as Node + 1,
            on,
            how: Some(how.clone()),
            said,
            names,
        });
        Ok(Some(format!("it ended with {how}: {quoted}")))
    }

    /// Has a member read everything it has, unless it ends before. Returns what it complained of; what it served is
    /// for the judges.
    async fn read_everything(&mut self, victim: usize, damage: &Damage) -> Check<Option<String>> {
        let clients = Client::new(&self.cluster.endpoints())?;
        let client = clients.member(victim);
        let cluster = &mut *self.cluster;
        let up = wait_for("the member answers or ends", START, || {
            let (ended, client) = (cluster.ended(victim).is_some(), client.clone());
            async move {
                if ended {
                    return Some(None);
                }
                let answer = timeout(ANSWER, client.range(everything(0))).await.ok()?;
                match answer {
                    Err(status) if status.code() == tonic::Code::Unavailable => None,
                    answer => Some(Some(answer)),
                }
            }
        });
        let complaint = match up.await? {
            None => return Ok(None),
            Some(Err(status)) => Some(status.message().to_owned()),
            Some(Ok(answer)) => {
                let revision = some("a header", answer.header)?.revision;
                let kvs = answer.kvs.iter().map(wire::key_value).collect();
                self.tell(victim, damage, revision, kvs);
                self.compare_hashes(&clients, victim, revision).await
            }
        };
        let cluster = &mut *self.cluster;
        let ends = wait_until("it ends", NOTICE, || {
            let ended = cluster.ended(victim).is_some();
            async move { ended }
        });
        // It need not.
        let _ = ends.await;
        Ok(complaint)
    }

    fn tell(&self, victim: usize, damage: &Damage, revision: i64, kvs: Vec<KeyValue>) {
        let reply = Observed::Got(Stored {
            revision,
            committed: 0,
            applied: 0,
            kvs,
        });
        self.recorder.observe(Observation::Stored {
            node: victim as Node + 1,
            of: format!("damaged data ({})", damage.words()),
            reply,
        });
    }

    /// Hashes of everything that members have at one revision: an answer has been read from all of it. Returns why
    /// there is none of the victim.
    async fn compare_hashes(
        &self,
        clients: &Client,
        victim: usize,
        revision: i64,
    ) -> Option<String> {
        let mut complaint = None;
        for i in 0..clients.members() {
            let member = clients.member(i);
            match timeout(ANSWER, member.hash_kv(HashKvRequest { revision })).await {
                Ok(Ok(reply)) => self.recorder.observe(Observation::HashKv {
                    node: i as Node + 1,
                    asked: revision,
                    reply: Observed::Got(HashReply {
                        hash: reply.hash,
                        hash_revision: reply.hash_revision,
                        compact_revision: reply.compact_revision,
                        revision: reply.header.map_or(0, |header| header.revision),
                    }),
                }),
                Ok(Err(status)) if i == victim => complaint = Some(status.message().to_owned()),
                _ => {}
            }
        }
        complaint
    }
}
