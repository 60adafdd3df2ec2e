//! Lease commands.

use super::command::Executor;
use super::schema;
use crate::faults::{Plant, failpoint, planted};
use crate::lease::{Change, Lease};
use crate::reply::Reply;
use crate::{Error, LeaseId, validate};
use keelson_proto::etcdserverpb::{LeaseCheckpointRequest, LeaseGrantRequest};
use keelson_proto::log::{LeaseExpiry, LeaseNotes};
use tonic::Code;

impl Executor<'_, '_> {
    /// The id and the time to live were settled by the member that took the request.
    pub(super) fn lease_grant(&mut self, request: &LeaseGrantRequest) -> Result<Reply, Error> {
        validate::check_lease_grant(request)?;
        let id = request.id;
        if id == 0 {
            let text = "keelson: a lease was proposed without an id; nothing was changed";
            return Err(Error::Other(Code::Internal as i32, text.to_owned()));
        }
        if self.state.leases().contains(id) {
            return Err(Error::LeaseExists);
        }
        let ttl = request.ttl.max(1);
        let since = self.place;
        let lease = Lease {
            granted_ttl: ttl,
            remaining_ttl: None,
            since,
        };
        self.set_lease(id, lease);
        self.lease_changes.push(Change::Granted { id, ttl, since });
        failpoint!("lease-granted");
        let revision = self.writer.revision();
        Ok(Reply::LeaseGrant { id, ttl, revision })
    }

    /// A client's: hits whatever has the id. Deletes the attached keys, ascending, in one revision.
    /// Without keys there is no new revision.
    pub(super) fn lease_revoke(&mut self, id: LeaseId) -> Result<Reply, Error> {
        let leases = self.state.leases();
        if !leases.contains(id) {
            return Err(Error::LeaseNotFound);
        }
        let mut keys = leases.keys(id);
        if planted(Plant::OrderPerMember) && !self.wanted {
            keys.reverse();
        }
        for key in keys {
            self.delete(&key);
        }
        leases.remove(id);
        schema::delete_lease(self.writer.batch(), id);
        self.lease_changes.push(Change::Revoked { id });
        failpoint!("lease-revoked");
        let revision = self.writer.end_revision();
        Ok(Reply::LeaseRevoke { revision })
    }

    /// The leader's: revokes the lease whose time it saw run out, and no other.
    pub(super) fn lease_expiry(&mut self, expiry: LeaseExpiry) -> Result<Reply, Error> {
        let since = expiry.since.unwrap_or_default();
        match self.state.leases().get(expiry.id) {
            Some(lease) if lease.since == since || planted(Plant::ExpiryHitsNamesake) => {
                self.lease_revoke(expiry.id)
            }
            _ => Err(Error::LeaseNotFound),
        }
    }

    /// Notes remaining times. Leases that are gone meanwhile, or not what they were, are passed over.
    pub(super) fn lease_notes(&mut self, notes: &LeaseNotes) -> Reply {
        for note in &notes.notes {
            let since = note.since.unwrap_or_default();
            self.note(note.id, note.remaining_ttl, |lease| lease.since == since);
        }
        failpoint!("notes-applied");
        self.done()
    }

    /// As [`lease_notes`](Self::lease_notes), of whatever has the ids. In logs of earlier versions.
    pub(super) fn lease_checkpoint(&mut self, request: &LeaseCheckpointRequest) -> Reply {
        for checkpoint in &request.checkpoints {
            self.note(checkpoint.id, checkpoint.remaining_ttl, |_| true);
        }
        self.done()
    }

    /// A remaining time that is not below the granted one, or zero, removes the note.
    fn note(&mut self, id: LeaseId, remaining_ttl: i64, is_meant: impl Fn(&Lease) -> bool) {
        let lease = self.state.leases().get(id);
        let Some(mut lease) = lease.filter(is_meant) else {
            return;
        };
        let noted = 0 < remaining_ttl && remaining_ttl < lease.granted_ttl;
        let remaining = noted.then_some(remaining_ttl);
        lease.remaining_ttl = remaining;
        if remaining.is_none() {
            lease.since = self.place;
        }
        self.set_lease(id, lease);
        self.lease_changes.push(Change::Checkpointed {
            id,
            remaining,
            since: lease.since,
        });
    }

    fn set_lease(&mut self, id: LeaseId, lease: Lease) {
        schema::put_lease(self.writer.batch(), id, lease);
        self.state.leases().set(id, lease);
    }
}
