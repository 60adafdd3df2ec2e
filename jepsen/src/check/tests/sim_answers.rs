//! What the right server of the world answers.

use super::sim::{MS, Sim, Step};
use crate::history::*;
use crate::model::{Refusal, answer_range};

impl Sim {
    pub(super) fn refused(refusal: Refusal) -> Outcome {
        let (code, text) = match refusal {
            Refusal::Compacted => (
                "OutOfRange",
                "etcdserver: mvcc: required revision has been compacted",
            ),
            Refusal::Future => (
                "OutOfRange",
                "etcdserver: mvcc: required revision is a future revision",
            ),
            Refusal::NoLease => ("NotFound", "etcdserver: requested lease not found"),
            _ => ("InvalidArgument", "etcdserver: bad request"),
        };
        Outcome::Failed {
            code: code.to_owned(),
            text: text.to_owned(),
        }
    }

    pub(super) fn apply(&mut self, op: usize) {
        let outcome = match self.doing[op].call.clone() {
            Call::Kv(KvCall::Range(range)) if range.serializable => self.stale(&range),
            Call::Kv(kv) => match self.store.apply(&kv) {
                Ok(answer) => {
                    self.changed(answer.events);
                    Outcome::Ok(Reply::Kv {
                        header: self.header(),
                        reply: answer.reply,
                    })
                }
                Err(refusal) => Sim::refused(refusal),
            },
            Call::Compact { revision, .. } => match self.store.compact(revision) {
                Ok(()) => Outcome::Ok(Reply::Compact {
                    header: self.header(),
                }),
                Err(refusal) => Sim::refused(refusal),
            },
            Call::Lease(lease) => self.lease(&lease),
            Call::Member(member) => self.member(&member),
            _ => unreachable!("the world asks for nothing else"),
        };
        self.doing[op].outcome = Some(outcome);
    }

    pub(super) fn stale(&mut self, range: &RangeCall) -> Outcome {
        let oldest = self.store.compacted().max(1);
        let span = (self.store.revision() - oldest + 1) as u64;
        let revision = self.store.revision() - self.dice.below(span.min(10)) as i64;
        let found = self.store.range_at(&range.range, revision);
        let reply = KvReply::Range(answer_range(range, &found));
        let header = Header {
            revision,
            ..self.header()
        };
        Outcome::Ok(Reply::Kv { header, reply })
    }

    pub(super) fn lease(&mut self, call: &LeaseCall) -> Outcome {
        let answer = |sim: &Sim, reply: LeaseReply| {
            Outcome::Ok(Reply::Lease {
                header: sim.header(),
                reply,
            })
        };
        match *call {
            LeaseCall::Grant { id, ttl } => {
                self.store.grant(id).unwrap();
                let span = ttl as u64 * 1000 * MS;
                // The world is short: time passes faster for leases that nobody keeps.
                self.leases.insert(id, (self.now + span, span));
                self.at(span, Step::Expire(id));
                answer(self, LeaseReply::Granted { id, ttl })
            }
            LeaseCall::KeepAlive { id } => {
                let now = self.now;
                let Some(lease) = self.leases.get_mut(&id) else {
                    return answer(self, LeaseReply::KeptAlive { ttl: 0 });
                };
                lease.0 = now + lease.1;
                let ttl = (lease.1 / (1000 * MS)) as i64;
                answer(self, LeaseReply::KeptAlive { ttl })
            }
            LeaseCall::Revoke { id } => {
                self.leases.remove(&id);
                match self.store.revoke(id) {
                    Ok(events) => {
                        self.changed(events);
                        answer(self, LeaseReply::Revoked)
                    }
                    Err(refusal) => Sim::refused(refusal),
                }
            }
            LeaseCall::TimeToLive { id, .. } => {
                let Some((until, span)) = self.leases.get(&id).copied() else {
                    return answer(
                        self,
                        LeaseReply::TimeToLive {
                            ttl: -1,
                            granted: 0,
                            keys: Vec::new(),
                        },
                    );
                };
                let left = until.saturating_sub(self.now) / (1000 * MS);
                let (ttl, granted) = (left as i64, (span / (1000 * MS)) as i64);
                answer(
                    self,
                    LeaseReply::TimeToLive {
                        ttl,
                        granted,
                        keys: self.store.keys_of(id),
                    },
                )
            }
            LeaseCall::List => answer(
                self,
                LeaseReply::List {
                    ids: self.leases.keys().copied().collect(),
                },
            ),
        }
    }

    pub(super) fn expire(&mut self, lease: i64) {
        let Some((until, _)) = self.leases.get(&lease).copied() else {
            return;
        };
        if self.now < until {
            let after = until - self.now;
            return self.at(after, Step::Expire(lease));
        }
        self.leases.remove(&lease);
        let events = self.store.revoke(lease).unwrap_or_default();
        self.changed(events);
    }

    pub(super) fn member(&mut self, call: &MemberCall) -> Outcome {
        let mut added = None;
        match call {
            MemberCall::Add { peer_urls, learner } => {
                let id = 100 + self.now;
                added = Some(id);
                let (name, peer_urls) = (String::new(), peer_urls.clone());
                self.members.push(MemberInfo {
                    id,
                    name,
                    peer_urls,
                    learner: *learner,
                });
            }
            MemberCall::Remove { id } => {
                if !self.members.iter().any(|one| one.id == *id) {
                    let (code, text) = (
                        "NotFound".to_owned(),
                        "etcdserver: member not found".to_owned(),
                    );
                    return Outcome::Failed { code, text };
                }
                self.members.retain(|one| one.id != *id);
            }
            _ => {}
        }
        let header = Header {
            revision: 0,
            ..self.header()
        };
        let reply = MemberReply {
            added,
            members: self.members.clone(),
        };
        Outcome::Ok(Reply::Member { header, reply })
    }
}
