//! Who is a member, and how that is changed: through the leader, from whichever member is asked.

use super::{Handle, answered};
use crate::raft::types::{Membership, membership_from_peer};
use crate::{Error, MemberId};
use keelson_proto::etcdserverpb;
use keelson_proto::peer::{self, change_members_request::Change};

impl Handle {
    /// The members as this member knows them, by ascending id.
    pub fn members(&self) -> Vec<etcdserverpb::Member> {
        self.inner.members.list()
    }

    /// Changes the membership, through the leader. Returns, once the change is committed, the members as it
    /// left them: another change may have followed. Whoever wants to see it in [`Handle::members`] waits for
    /// [`Handle::read_barrier`]; a member that has removed itself would wait in vain.
    ///
    /// # Errors
    /// Etcd's words for what does not fit; [`Error::Timeout`] if it is unknown whether it happened.
    pub async fn change_members(&self, change: Change) -> Result<Vec<etcdserverpb::Member>, Error> {
        let after = self.retry_with_leader(|| self.change_members_once(change.clone()));
        Ok(self.inner.members.list_of(&after.await?))
    }

    async fn change_members_once(&self, change: Change) -> Result<Membership, Error> {
        let Some(connection) = self.leader()? else {
            return self.inner.members.change_here(change).await;
        };
        let mut client = connection.client().await.map_err(|_| Error::NoLeader)?;
        let request = peer::ChangeMembersRequest {
            change: Some(change),
        };
        let call = client.change_members(connection.request(request));
        let answer = call
            .await
            .map_err(|status| answered(&connection, &status))?;
        let after = answer.into_inner().membership;
        // The change is made. A leader that cannot say what came of it leaves the caller in doubt.
        after
            .as_ref()
            .and_then(membership_from_peer)
            .ok_or(Error::Timeout)
    }

    /// Hands leadership to `target`. Only the leader can.
    ///
    /// # Errors
    /// [`Error::NotLeader`], [`Error::BadLeaderTransferee`], [`Error::Timeout`].
    pub async fn move_leader(&self, target: MemberId) -> Result<(), Error> {
        self.inner.members.move_leader(target).await
    }
}
