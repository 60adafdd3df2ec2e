//! Who leads a cluster, asked of its members.

use crate::check::Check;
use crate::cluster::Cluster;
use crate::wait::wait_for;
use keelson_proto::etcdserverpb::StatusResponse;
use std::time::Duration;

/// Time for the members to agree, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Whether the member that answered leads, by its own account.
pub fn leads(status: &StatusResponse) -> bool {
    let header = status.header.as_ref();
    header.is_some_and(|header| header.member_id == status.leader)
}

impl Cluster {
    /// Waits until a member leads; returns which, and in which term. A member leads when it says so and
    /// more than half of all members agree.
    ///
    /// # Errors
    ///
    /// When they do not agree within two minutes.
    pub async fn leader(&self) -> Check<(usize, u64)> {
        let all: Vec<_> = (0..self.size()).collect();
        self.leader_among(&all).await
    }

    /// The same for a cluster that consists of `members`: the others have left it.
    ///
    /// # Errors
    ///
    /// When they do not agree within two minutes.
    pub async fn leader_among(&self, members: &[usize]) -> Check<(usize, u64)> {
        wait_for("the members agree on a leader", PATIENCE, || async {
            let (mut seen, mut own) = (Vec::new(), None);
            for i in members {
                let Ok(client) = self.client_of(*i) else {
                    continue;
                };
                let Ok(status) = client.status().await else {
                    continue;
                };
                if leads(&status) {
                    own = Some((*i, status.leader, status.raft_term));
                }
                seen.push((status.leader, status.raft_term));
            }
            let (i, id, term) = own?;
            let agree = seen.iter().filter(|view| **view == (id, term)).count();
            (agree * 2 > members.len()).then_some((i, term))
        })
        .await
    }
}
