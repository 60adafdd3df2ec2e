//! Finds the first thing two runs of one script do not agree on.

use super::run::{Item, Reply, Run};
use super::step::Step;
use keelson_proto::etcdserverpb::range_request::SortTarget;
use keelson_proto::etcdserverpb::request_op::Request;
use keelson_proto::etcdserverpb::response_op::Response;
use keelson_proto::etcdserverpb::*;
use keelson_proto::mvccpb::KeyValue;
use std::fmt;

/// Faults of the reference that a right server does not have.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tolerance {
    /// Etcd 3.7 answers keys-only ranges without the keys' leases.
    pub keys_only_without_lease: bool,
    /// The reference has no RangeStream.
    pub no_range_stream: bool,
}

/// Something two servers do not agree on.
#[derive(Debug)]
pub struct Difference {
    /// Index of the step whose answers differ; `None` for watches and the final state.
    pub step: Option<usize>,
    what: String,
    reference: String,
    subject: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "difference in {}", self.what)?;
        writeln!(out, "  reference: {}", self.reference)?;
        write!(out, "  subject:   {}", self.subject)
    }
}

/// The first difference, answers before watches before the final state.
pub fn first(
    steps: &[Step],
    reference: &Run,
    subject: &Run,
    tolerance: Tolerance,
) -> Option<Difference> {
    let replies = reference.replies.iter().zip(&subject.replies);
    for (i, ((left, right), step)) in replies.zip(steps).enumerate() {
        if matches!(step, Step::RangeStream(_)) && tolerance.no_range_stream {
            continue;
        }
        let left = comparable(left, step, tolerance);
        let right = comparable(right, step, tolerance);
        if left != right {
            return Some(Difference {
                step: Some(i),
                what: format!("the answer to step {i}: {step}"),
                reference: format!("{left:?}"),
                subject: format!("{right:?}"),
            });
        }
    }
    watches(reference, subject).or_else(|| {
        let ends = reference.end.iter().zip(&subject.end).enumerate();
        let left = format!("{} answers", reference.end.len());
        let right = format!("{} answers", subject.end.len());
        ends.map(|(i, (left, right))| {
            let left = comparable(left, &Step::Settle, tolerance);
            let right = comparable(right, &Step::Settle, tolerance);
            (i, format!("{left:?}"), format!("{right:?}"))
        })
        .chain([(reference.end.len(), left, right)])
        .find(|(_, left, right)| left != right)
        .map(|(i, reference, subject)| Difference {
            step: None,
            what: format!("the final state, answer {i}"),
            reference,
            subject,
        })
    })
}

fn watches(reference: &Run, subject: &Run) -> Option<Difference> {
    let none: Vec<Item> = Vec::new();
    let mut keys: Vec<_> = reference
        .watches
        .keys()
        .chain(subject.watches.keys())
        .collect();
    keys.sort();
    keys.dedup();
    for key in keys {
        let left = reference.watches.get(key).unwrap_or(&none);
        let right = subject.watches.get(key).unwrap_or(&none);
        let longest = left.len().max(right.len());
        let differs = (0..longest).find(|i| left.get(*i) != right.get(*i));
        if let Some(i) = differs {
            let (stream, generation, id) = key;
            return Some(Difference {
                step: None,
                what: format!(
                    "watch {id} on stream {stream} (opened {generation} times), item {i}"
                ),
                reference: format!("{:?}", left.get(i)),
                subject: format!("{:?}", right.get(i)),
            });
        }
    }
    None
}

/// The answer without what two right servers may differ in.
pub fn comparable(reply: &Reply, step: &Step, tolerance: Tolerance) -> Reply {
    let mut reply = reply.clone();
    match &mut reply {
        Reply::Range(reply) => {
            plain(&mut reply.header);
            if let Step::Range(range) | Step::RangeStream(range) = step {
                plain_range(reply, range, tolerance);
            }
        }
        Reply::Put(reply) => plain(&mut reply.header),
        Reply::Delete(reply) => plain(&mut reply.header),
        Reply::Txn(reply) => {
            plain(&mut reply.header);
            if let Step::Txn(txn) = step {
                plain_ranges(reply, txn, tolerance);
            }
        }
        Reply::Compact(reply) => plain(&mut reply.header),
        Reply::Grant(reply) => plain(&mut reply.header),
        Reply::Revoke(reply) => plain(&mut reply.header),
        Reply::KeepAlive(reply) => plain(&mut reply.header),
        Reply::TimeToLive(reply) => {
            plain(&mut reply.header);
            // Seconds left depend on the clock; that there are some does not.
            reply.ttl = reply.ttl.signum();
            reply.keys.sort();
        }
        Reply::Leases(reply) => {
            plain(&mut reply.header);
            reply.leases.sort_by_key(|lease| lease.id);
        }
        Reply::HashKv(reply) => {
            plain(&mut reply.header);
            // Two stores may hash differently; which revisions were hashed is the same.
            reply.hash = 0;
        }
        Reply::Refused(..) | Reply::Nothing => {}
    }
    reply
}

fn plain(header: &mut Option<ResponseHeader>) {
    if let Some(header) = header {
        header.cluster_id = 0;
        header.member_id = 0;
        header.raft_term = 0;
    }
}

fn plain_range(reply: &mut RangeResponse, range: &RangeRequest, tolerance: Tolerance) {
    if range.keys_only && tolerance.keys_only_without_lease {
        for kv in &mut reply.kvs {
            kv.lease = 0;
        }
    }
    settle_ties(reply, range);
}

/// The same for all ranges of a txn's answer.
fn plain_ranges(reply: &mut TxnResponse, txn: &TxnRequest, tolerance: Tolerance) {
    let asked = match reply.succeeded {
        true => &txn.success,
        false => &txn.failure,
    };
    for (op, asked) in reply.responses.iter_mut().zip(asked) {
        match (&mut op.response, &asked.request) {
            (Some(Response::ResponseRange(reply)), Some(Request::RequestRange(range))) => {
                plain_range(reply, range, tolerance);
            }
            (Some(Response::ResponseTxn(reply)), Some(Request::RequestTxn(txn))) => {
                plain_ranges(reply, txn, tolerance);
            }
            _ => {}
        }
    }
}

/// Etcd sorts more than twelve keys with an algorithm that is not stable, so the order of keys that
/// are equal in what they are sorted by, and which of them a limit cuts off, mean nothing.
fn settle_ties(reply: &mut RangeResponse, range: &RangeRequest) {
    let target = range.sort_target();
    if reply.count <= 12 || target == SortTarget::Key {
        return;
    }
    let equal = |left: &KeyValue, right: &KeyValue| match target {
        SortTarget::Key => false,
        SortTarget::Version => left.version == right.version,
        SortTarget::Create => left.create_revision == right.create_revision,
        SortTarget::Mod => left.mod_revision == right.mod_revision,
        // Values that are not shown may all be equal.
        SortTarget::Value => left.value == right.value,
    };
    let more = reply.more;
    for ties in reply.kvs.chunk_by_mut(equal) {
        ties.sort_by(|left, right| left.key.cmp(&right.key));
    }
    if let Some(cut) = reply.kvs.chunk_by_mut(equal).last().filter(|_| more) {
        cut.fill(KeyValue::default());
    }
}
