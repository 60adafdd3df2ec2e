//! Where apply keeps its part of the state. A disk format: fields are only ever added.
//!
//! | family | key | value |
//! |---|---|---|
//! | `meta` | `apply/applied` | `keelsonpeerpb.LogId` of the last applied entry |
//! | `meta` | `apply/membership` | `keelsonpeerpb.Membership`, as it came |
//! | `meta` | `apply/membership-log-id` | `keelsonpeerpb.LogId` of its entry |
//! | `meta` | `apply/alarm/` + type (4 bytes) + member (8 bytes) | `etcdserverpb.AlarmMember` |
//! | `lease` | id (8 bytes) | `keelsonlogpb.StoredLease` |
//! | `member` | id (8 bytes) | `keelsonlogpb.MemberAttributes` |
//!
//! Numbers in keys are big endian. Which keys hang on a lease is not kept: the records say it.

use super::LogId;
use super::machine::Position;
use crate::LeaseId;
use crate::engine::{Batch, Engine, EngineError, Family};
use crate::lease::Lease;
use bytes::Bytes;
use keelson_proto::etcdserverpb::AlarmMember;
use keelson_proto::log::{MemberAttributes, StoredLease};
use keelson_proto::peer;
use prost::Message;
use std::ops::ControlFlow;

const APPLIED: &[u8] = b"apply/applied";
const MEMBERSHIP: &[u8] = b"apply/membership";
const MEMBERSHIP_LOG_ID: &[u8] = b"apply/membership-log-id";
const ALARM: &[u8] = b"apply/alarm/";
/// The first key behind all alarms.
const ALARM_END: &[u8] = b"apply/alarm0";

pub(super) fn put_applied(batch: &mut Batch, log_id: LogId) {
    put_message(batch, Family::Meta, APPLIED, &encode_log_id(log_id));
}

pub(super) fn put_membership(batch: &mut Batch, log_id: LogId, membership: &[u8]) {
    batch.put(Family::Meta, MEMBERSHIP, &[membership]);
    put_message(
        batch,
        Family::Meta,
        MEMBERSHIP_LOG_ID,
        &encode_log_id(log_id),
    );
}

pub(super) fn put_alarm(batch: &mut Batch, alarm: &AlarmMember) {
    put_message(batch, Family::Meta, &alarm_key(alarm), alarm);
}

pub(super) fn delete_alarm(batch: &mut Batch, alarm: &AlarmMember) {
    batch.delete(Family::Meta, &alarm_key(alarm));
}

pub(super) fn put_lease(batch: &mut Batch, id: LeaseId, lease: Lease) {
    let stored = StoredLease {
        id,
        granted_ttl: lease.granted_ttl,
        remaining_ttl: lease.remaining_ttl.unwrap_or(0),
        since: Some(lease.since),
    };
    put_message(batch, Family::Lease, &id.to_be_bytes(), &stored);
}

pub(super) fn delete_lease(batch: &mut Batch, id: LeaseId) {
    batch.delete(Family::Lease, &id.to_be_bytes());
}

/// Makes the state in `engine` the beginning of another group, which takes it as the outcome of its
/// entry `log_id` and consists of `membership`. Keys and leases stay, and leases count as just
/// renewed. Alarms and attributes go: they speak of members that this group does not have.
pub(crate) fn put_founding(
    engine: &dyn Engine,
    batch: &mut Batch,
    log_id: LogId,
    membership: &[u8],
) -> Result<(), EngineError> {
    put_applied(batch, log_id);
    put_membership(batch, log_id, membership);
    for alarm in alarms(engine)? {
        delete_alarm(batch, &alarm);
    }
    for attributes in attributes(engine)? {
        batch.delete(Family::Member, &attributes.id.to_be_bytes());
    }
    for (id, lease) in leases(engine)? {
        if lease.remaining_ttl.is_some() {
            let renewed = Lease {
                remaining_ttl: None,
                ..lease
            };
            put_lease(batch, id, renewed);
        }
    }
    Ok(())
}

pub(super) fn put_attributes(batch: &mut Batch, attributes: &MemberAttributes) {
    let key = attributes.id.to_be_bytes();
    put_message(batch, Family::Member, &key, attributes);
}

/// How far the state has come.
pub(crate) fn position(engine: &dyn Engine) -> Result<Position, EngineError> {
    let applied = log_id(engine, APPLIED)?;
    let membership = match engine.get(Family::Meta, MEMBERSHIP)? {
        Some(membership) => Some((log_id(engine, MEMBERSHIP_LOG_ID)?, membership)),
        None => None,
    };
    Ok(Position {
        applied,
        membership,
    })
}

/// Every alarm that is raised.
pub(super) fn alarms(engine: &dyn Engine) -> Result<Vec<AlarmMember>, EngineError> {
    messages(engine, Family::Meta, ALARM, ALARM_END)
}

/// Every lease, without its keys.
pub(super) fn leases(engine: &dyn Engine) -> Result<Vec<(LeaseId, Lease)>, EngineError> {
    let stored: Vec<StoredLease> = messages(engine, Family::Lease, b"", b"")?;
    let lease = |stored: StoredLease| {
        let lease = Lease {
            granted_ttl: stored.granted_ttl,
            remaining_ttl: (stored.remaining_ttl > 0).then_some(stored.remaining_ttl),
            since: stored.since.unwrap_or_default(),
        };
        (stored.id, lease)
    };
    Ok(stored.into_iter().map(lease).collect())
}

/// What every member said of itself.
pub(super) fn attributes(engine: &dyn Engine) -> Result<Vec<MemberAttributes>, EngineError> {
    messages(engine, Family::Member, b"", b"")
}

/// What is on disk cannot be what was written.
pub(super) fn damaged(place: &str, detail: impl ToString) -> EngineError {
    EngineError::Damaged {
        place: place.to_owned(),
        detail: detail.to_string(),
    }
}

fn alarm_key(alarm: &AlarmMember) -> Vec<u8> {
    let kind = alarm.alarm.to_be_bytes();
    let member = alarm.member_id.to_be_bytes();
    [ALARM, &kind, &member].concat()
}

fn encode_log_id(log_id: LogId) -> peer::LogId {
    peer::LogId {
        term: log_id.term,
        node_id: log_id.node_id,
        index: log_id.index,
    }
}

fn log_id(engine: &dyn Engine, key: &[u8]) -> Result<Option<LogId>, EngineError> {
    let Some(bytes) = engine.get(Family::Meta, key)? else {
        return Ok(None);
    };
    let stored: peer::LogId = decode(Family::Meta, bytes)?;
    Ok(Some(LogId {
        term: stored.term,
        node_id: stored.node_id,
        index: stored.index,
    }))
}

fn put_message(batch: &mut Batch, family: Family, key: &[u8], message: &impl Message) {
    batch.put(family, key, &[&message.encode_to_vec()]);
}

fn messages<M: Message + Default>(
    engine: &dyn Engine,
    family: Family,
    from: &[u8],
    to: &[u8],
) -> Result<Vec<M>, EngineError> {
    let mut found = Ok(Vec::new());
    engine.scan(family, from, to, &mut |_, value| {
        let message = decode(family, Bytes::copy_from_slice(value));
        match (&mut found, message) {
            (Ok(list), Ok(message)) => list.push(message),
            (_, Err(error)) => found = Err(error),
            (Err(_), Ok(_)) => {}
        }
        match found {
            Ok(_) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    })?;
    found
}

fn decode<M: Message + Default>(family: Family, bytes: Bytes) -> Result<M, EngineError> {
    M::decode(bytes).map_err(|error| damaged(family.name(), error))
}
