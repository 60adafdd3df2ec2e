//! What was seen of revisions that no acknowledged write claims: in watches, and in answers that show
//! a version with that number.

use super::order::Order;
use crate::history::{
    Event, EventKind, History, KeyRange, KeyValue, KvCall, KvReply, Nanos, Observation, Observed,
    Outcome, Reply, WatchRecord,
};
use std::collections::{HashMap, HashSet};

/// What is known of one revision.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Some of its events, without versions before. Of a deletion that was only read about there is
    /// none.
    pub events: Vec<Event>,
    /// If these are all its events.
    pub is_whole: bool,
    /// When a watch first told of it: whoever made it had begun by then.
    pub told: Option<Nanos>,
}

/// Everything that is known of unclaimed revisions.
#[derive(Debug, Default)]
pub struct Evidence {
    /// By revision; a revision that is not here was claimed.
    pub unclaimed: HashMap<i64, Seen>,
}

impl Evidence {
    /// Collects it.
    pub fn of(history: &History, order: &Order, first_revision: i64) -> Evidence {
        let entries = order.entries.iter();
        let claimed: HashSet<i64> = entries
            .filter(|entry| entry.is_write)
            .map(|entry| entry.revision)
            .collect();
        let unclaimed = (first_revision + 1..=order.last_revision)
            .filter(|revision| !claimed.contains(revision))
            .map(|revision| (revision, Seen::default()))
            .collect();
        let mut evidence = Evidence { unclaimed };
        if evidence.unclaimed.is_empty() {
            return evidence;
        }
        evidence.watches(history);
        for operation in &history.operations {
            if let Outcome::Ok(Reply::Kv { reply, .. }) = &operation.outcome {
                let is_keys_only = is_keys_only(&operation.call);
                evidence.reply(reply, is_keys_only);
            }
        }
        for (_, observation) in &history.observations {
            if let Observation::FullRange {
                reply: Observed::Got((_, kvs)),
                ..
            } = observation
            {
                kvs.iter().for_each(|kv| evidence.version(kv));
            }
        }
        evidence
    }

    fn event(&mut self, kind: EventKind, kv: &KeyValue) {
        let Some(seen) = self.unclaimed.get_mut(&kv.mod_revision) else {
            return;
        };
        let is_known = seen
            .events
            .iter()
            .any(|event| event.kind == kind && event.kv == *kv);
        if !is_known {
            let kv = kv.clone();
            let prev = None;
            seen.events.push(Event { kind, kv, prev });
        }
    }

    fn version(&mut self, kv: &KeyValue) {
        if kv.version > 0 {
            self.event(EventKind::Put, kv);
        }
    }

    fn watches(&mut self, history: &History) {
        for watch in &history.watches {
            let sees_all =
                is_everything(&watch.open.range) && !watch.open.no_put && !watch.open.no_delete;
            for (at, record) in &watch.records {
                let WatchRecord::Events {
                    events, fragment, ..
                } = record
                else {
                    continue;
                };
                for event in events {
                    self.event(event.kind, &event.kv);
                    if let Some(prev) = &event.prev {
                        self.version(prev);
                    }
                    let Some(seen) = self.unclaimed.get_mut(&event.kv.mod_revision) else {
                        continue;
                    };
                    seen.told = Some(seen.told.map_or(*at, |told| told.min(*at)));
                    // The pieces before came too, or the stream would have broken.
                    seen.is_whole |= sees_all && !fragment;
                }
            }
        }
    }

    fn reply(&mut self, reply: &KvReply, is_keys_only: bool) {
        match reply {
            KvReply::Range(_) if is_keys_only => {}
            KvReply::Range(range) => range.kvs.iter().for_each(|kv| self.version(kv)),
            KvReply::Put(put) => put.prev.iter().for_each(|kv| self.version(kv)),
            KvReply::Delete(delete) => delete.prev.iter().for_each(|kv| self.version(kv)),
            KvReply::Txn(txn) => txn
                .replies
                .iter()
                .for_each(|reply| self.reply(reply, is_keys_only)),
        }
    }
}

/// If some read in a request leaves values out: then its versions are no evidence of a value.
fn is_keys_only(call: &crate::history::Call) -> bool {
    fn any(call: &KvCall) -> bool {
        match call {
            KvCall::Range(range) => range.keys_only,
            KvCall::Txn(txn) => txn.success.iter().chain(&txn.failure).any(any),
            _ => false,
        }
    }
    matches!(call, crate::history::Call::Kv(kv) if any(kv))
}

fn is_everything(range: &KeyRange) -> bool {
    *range.end == [0] && (range.key.is_empty() || *range.key == [0])
}
