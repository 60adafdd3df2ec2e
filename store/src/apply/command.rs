//! One command: may it run, and who runs it.

use super::{LogId, State, schema};
use crate::faults::{Plant, planted};
use crate::lease::{self, Place};
use crate::mvcc::Writer;
use crate::reply::Reply;
use crate::{Error, Revision, broken, validate};
use keelson_proto::etcdserverpb::{AlarmType, ResponseHeader};
use keelson_proto::log::command::Operation;
use keelson_proto::log::{Command, MemberAttributes};

/// What a command needs to take effect. The other files of this module add what it can do.
pub(super) struct Executor<'a, 'w> {
    pub(super) writer: &'a mut Writer<'w>,
    pub(super) state: &'a State,
    /// Where in the log the command is.
    pub(super) place: Place,
    pub(super) lease_changes: &'a mut Vec<lease::Change>,
    pub(super) compacted: &'a mut Option<Revision>,
    /// Somebody waits for the reply. If not, a reply is still given, but nothing is read for it.
    pub(super) wanted: bool,
}

impl Executor<'_, '_> {
    /// Carries out a command of the entry at `log_id`, or refuses it and changes nothing.
    pub(super) fn execute(&mut self, log_id: LogId, command: Command) -> Result<Reply, Error> {
        let Some(operation) = command.operation else {
            broken!(
                "log entry {} holds a command that this version does not know; start a version that does",
                log_id.index
            );
        };
        check_fence(command.fence_term, log_id.term)?;
        self.check_alarms(&operation)?;
        let reply = self.run(operation);
        debug_assert!(
            !self.writer.changed(),
            "a command closes its revision, and a refused one changes nothing"
        );
        reply
    }

    fn run(&mut self, operation: Operation) -> Result<Reply, Error> {
        match operation {
            Operation::Put(request) => self.put(&request).map(Reply::Put),
            Operation::DeleteRange(request) => self.delete_range(&request).map(Reply::DeleteRange),
            Operation::Txn(request) => self.txn(&request).map(Reply::Txn),
            Operation::Compact(request) => self.compact(request.revision),
            Operation::LeaseGrant(request) => self.lease_grant(&request),
            Operation::LeaseRevoke(request) => self.lease_revoke(request.id),
            Operation::LeaseCheckpoint(request) => Ok(self.lease_checkpoint(&request)),
            Operation::LeaseExpiry(expiry) => self.lease_expiry(expiry),
            Operation::LeaseNotes(notes) => Ok(self.lease_notes(&notes)),
            Operation::Alarm(request) => Ok(self.alarm(&request)),
            Operation::MemberAttributes(attributes) => Ok(self.member_attributes(attributes)),
            Operation::Nothing(_) => Ok(self.done()),
        }
    }

    /// Under NOSPACE nothing that stores may run; under CORRUPT nothing that changes or depends on
    /// data.
    fn check_alarms(&self, operation: &Operation) -> Result<(), Error> {
        if touches_data(operation) && self.state.is_raised(AlarmType::Corrupt) {
            return Err(Error::Corrupt);
        }
        if self.state.is_raised(AlarmType::Nospace) && validate::cost(operation) > 0 {
            return Err(Error::NoSpace);
        }
        Ok(())
    }

    fn member_attributes(&mut self, attributes: MemberAttributes) -> Reply {
        schema::put_attributes(self.writer.batch(), &attributes);
        self.state.set_attributes(attributes);
        self.done()
    }

    pub(super) fn done(&self) -> Reply {
        Reply::Done(self.writer.revision())
    }

    /// A header with the revision that a reader would see now: one higher once something changed.
    pub(super) fn header(&self) -> Option<ResponseHeader> {
        let revision = self.writer.revision() + Revision::from(self.writer.changed());
        Some(ResponseHeader {
            revision,
            ..ResponseHeader::default()
        })
    }
}

fn touches_data(operation: &Operation) -> bool {
    match operation {
        Operation::Put(_)
        | Operation::DeleteRange(_)
        | Operation::Txn(_)
        | Operation::Compact(_)
        | Operation::LeaseGrant(_)
        | Operation::LeaseRevoke(_)
        | Operation::LeaseExpiry(_) => true,
        Operation::LeaseCheckpoint(_)
        | Operation::LeaseNotes(_)
        | Operation::Alarm(_)
        | Operation::MemberAttributes(_)
        | Operation::Nothing(_) => false,
    }
}

/// A fenced command takes effect only in the term it was meant for.
fn check_fence(fence_term: u64, term: u64) -> Result<(), Error> {
    match fence_term == 0 || fence_term == term || planted(Plant::FenceIgnored) {
        true => Ok(()),
        false => Err(Error::Fenced),
    }
}
