//! Lease commands.

use super::command::Executor;
use super::schema;
use crate::lease::{Change, Lease};
use crate::reply::Reply;
use crate::{Error, LeaseId, validate};
use keelson_proto::etcdserverpb::{LeaseCheckpoint, LeaseCheckpointRequest, LeaseGrantRequest};
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
        let lease = Lease {
            granted_ttl: ttl,
            remaining_ttl: None,
        };
        self.set_lease(id, lease);
        self.lease_changes.push(Change::Granted { id, ttl });
        let revision = self.writer.revision();
        Ok(Reply::LeaseGrant { id, ttl, revision })
    }

    /// Deletes the attached keys, ascending, in one revision. Without keys there is no new revision.
    pub(super) fn lease_revoke(&mut self, id: LeaseId) -> Result<Reply, Error> {
        let leases = self.state.leases();
        if !leases.contains(id) {
            return Err(Error::LeaseNotFound);
        }
        for key in leases.keys(id) {
            self.delete(&key);
        }
        leases.remove(id);
        schema::delete_lease(self.writer.batch(), id);
        self.lease_changes.push(Change::Revoked { id });
        let revision = self.writer.end_revision();
        Ok(Reply::LeaseRevoke { revision })
    }

    /// Notes remaining times. Leases that are gone meanwhile are passed over. A remaining time that
    /// is not below the granted one, or zero, removes the note.
    pub(super) fn lease_checkpoint(&mut self, request: &LeaseCheckpointRequest) -> Reply {
        for &LeaseCheckpoint { id, remaining_ttl } in &request.checkpoints {
            let Some(mut lease) = self.state.leases().get(id) else {
                continue;
            };
            let noted = 0 < remaining_ttl && remaining_ttl < lease.granted_ttl;
            let remaining = noted.then_some(remaining_ttl);
            lease.remaining_ttl = remaining;
            self.set_lease(id, lease);
            self.lease_changes
                .push(Change::Checkpointed { id, remaining });
        }
        self.done()
    }

    fn set_lease(&mut self, id: LeaseId, lease: Lease) {
        schema::put_lease(self.writer.batch(), id, lease);
        self.state.leases().set(id, lease);
    }
}
