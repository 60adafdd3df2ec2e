//! The replicated state beside the keys: leases, alarms, who belongs to the group, what members said of themselves.
//!
//! Small, so it is held in memory whole. Written by the apply thread, just before the engine batch of
//! the same run; readable from any thread.

use super::schema;
use crate::MemberId;
use crate::engine::{Engine, EngineError};
use crate::lease::Leases;
use bytes::Bytes;
use keelson_proto::etcdserverpb::{AlarmMember, AlarmType};
use keelson_proto::log::MemberAttributes;
use parking_lot::RwLock;
use std::collections::{BTreeMap, BTreeSet};

/// Leases, alarms, the membership and members' attributes. Shared as `Arc<State>`.
#[derive(Debug, Default)]
pub struct State {
    leases: Leases,
    /// (type, member).
    alarms: RwLock<BTreeSet<(i32, MemberId)>>,
    attributes: RwLock<BTreeMap<MemberId, MemberAttributes>>,
    membership: RwLock<Option<Bytes>>,
}

impl State {
    /// Reads everything but the attachments of keys to leases.
    pub(super) fn load(engine: &dyn Engine) -> Result<State, EngineError> {
        let state = State::default();
        for (id, lease) in schema::leases(engine)? {
            state.leases.set(id, lease);
        }
        for alarm in schema::alarms(engine)? {
            state.raise(&alarm);
        }
        for attributes in schema::attributes(engine)? {
            state.set_attributes(attributes);
        }
        if let Some((_, membership)) = schema::position(engine)?.membership {
            state.set_membership(membership);
        }
        Ok(state)
    }

    /// The leases.
    pub fn leases(&self) -> &Leases {
        &self.leases
    }

    /// The alarms that are raised, by type, then member.
    pub fn alarms(&self) -> Vec<AlarmMember> {
        let alarms = self.alarms.read();
        let member = |&(alarm, member_id): &(i32, MemberId)| AlarmMember { member_id, alarm };
        alarms.iter().map(member).collect()
    }

    /// Whether any member has raised this alarm.
    pub fn is_raised(&self, alarm: AlarmType) -> bool {
        let kind = alarm as i32;
        let alarms = self.alarms.read();
        alarms
            .range((kind, 0)..=(kind, MemberId::MAX))
            .next()
            .is_some()
    }

    /// What a member said of itself; `None` if it has never started.
    pub fn attributes(&self, id: MemberId) -> Option<MemberAttributes> {
        self.attributes.read().get(&id).cloned()
    }

    /// What every member said of itself, by id. May name members that were removed.
    pub fn all_attributes(&self) -> Vec<MemberAttributes> {
        self.attributes.read().values().cloned().collect()
    }

    /// The newest membership that was applied, so one that is committed: the encoded `keelsonpeerpb.Membership`.
    /// `None` before the first.
    pub fn membership(&self) -> Option<Bytes> {
        self.membership.read().clone()
    }

    pub(super) fn set_membership(&self, membership: Bytes) {
        *self.membership.write() = Some(membership);
    }

    pub(super) fn raise(&self, alarm: &AlarmMember) {
        self.alarms.write().insert((alarm.alarm, alarm.member_id));
    }

    /// Whether it was raised.
    pub(super) fn clear(&self, alarm: &AlarmMember) -> bool {
        self.alarms.write().remove(&(alarm.alarm, alarm.member_id))
    }

    pub(super) fn set_attributes(&self, attributes: MemberAttributes) {
        self.attributes.write().insert(attributes.id, attributes);
    }
}
