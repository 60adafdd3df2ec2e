//! Somebody who changes the membership: adds a host that is nobody's, promotes it, removes a member,
//! through the cluster's own services, and starts or throws away what the list says.
//!
//! It acts on a list that some member has confirmed, never on what it was told about a change: whether
//! that happened is seen in the next list.

use crate::ask::reach;
use crate::client::Desk;
use crate::member::Member;
use crate::plan::Plan;
use keelson_proto::etcdserverpb::cluster_client::ClusterClient;
use keelson_proto::etcdserverpb::{
    self as etcd, MemberAddRequest, MemberListRequest, MemberPromoteRequest, MemberRemoveRequest,
};
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tonic::Status;
use tonic::transport::Channel;

/// How long it waits for an answer.
const PATIENCE: Duration = Duration::from_secs(8);

/// See the module's essay.
pub struct Operator {
    /// What the seed wants.
    pub plan: Plan,
    /// Where it is told to come to an end.
    pub desk: Arc<Desk>,
    /// All there are.
    pub hosts: Vec<Arc<Member>>,
}

impl Operator {
    /// Changes the membership until the trouble is over, and leaves nothing half done.
    pub async fn work(self) -> turmoil::Result {
        let mut random = SmallRng::seed_from_u64(self.plan.seed ^ 0x6f70_6572_6174_6f72);
        loop {
            let pause_ms = random.random_range(0..=2 * self.plan.change_every_ms);
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            let mut member = random.random_range(0..self.hosts.len());
            let healed = self.desk.healed.load(Ordering::SeqCst);
            if healed {
                // Time counts now, and nobody lives on most hosts where one is left of three.
                member = self.next_somebody(member);
            }
            let tending = self.tend(member, healed, &mut random);
            let tended = tokio::time::timeout(PATIENCE, tending).await;
            if healed && matches!(tended, Ok(Ok(()))) {
                self.desk.settled.store(true, Ordering::SeqCst);
                return Ok(());
            }
        }
    }

    /// The first host from this one on that belongs to a group.
    fn next_somebody(&self, from: usize) -> usize {
        let size = self.hosts.len();
        let mut all = (0..size).map(|behind| (from + behind) % size);
        all.find(|host| self.hosts[*host].is_somebody())
            .unwrap_or(from)
    }

    async fn tend(&self, member: usize, last: bool, random: &mut SmallRng) -> Result<(), Status> {
        let mut client = ClusterClient::new(reach(member).await?);
        let request = MemberListRequest { linearizable: true };
        let members = client.member_list(request).await?.into_inner().members;
        self.follow(&members);
        if last {
            return Ok(());
        }
        self.change(client, &members, random).await
    }

    /// Who is in the list lives, and who is not goes.
    fn follow(&self, members: &[etcd::Member]) {
        for host in &self.hosts {
            let url = host.peer_url();
            let listed = members.iter().any(|one| one.peer_ur_ls.contains(&url));
            match (listed, host.is_somebody()) {
                (true, false) => host.invite(self.names(members)),
                (false, true) => host.dismissed.store(true, Ordering::SeqCst),
                _ => {}
            }
        }
    }

    fn names(&self, members: &[etcd::Member]) -> Vec<(String, Vec<String>)> {
        let name = |one: &etcd::Member| {
            let mut hosts = self.hosts.iter();
            let host = hosts.find(|host| one.peer_ur_ls.contains(&host.peer_url()))?;
            Some((host.name.clone(), one.peer_ur_ls.clone()))
        };
        members.iter().filter_map(name).collect()
    }

    async fn change(
        &self,
        mut client: ClusterClient<Channel>,
        members: &[etcd::Member],
        random: &mut SmallRng,
    ) -> Result<(), Status> {
        let (learners, voters): (Vec<_>, Vec<_>) = members.iter().partition(|one| one.is_learner);
        let free: Vec<_> = self.hosts.iter().filter(|one| !one.is_somebody()).collect();
        if let Some(learner) = learners.first()
            && random.random_bool(0.9)
        {
            let id = learner.id;
            client.member_promote(MemberPromoteRequest { id }).await?;
            return Ok(());
        }
        let grows = voters.len() < self.plan.members || random.random_bool(0.5);
        if grows && let Some(host) = free.choose(random) {
            let request = MemberAddRequest {
                peer_ur_ls: vec![host.peer_url()],
                is_learner: random.random_bool(0.7),
            };
            client.member_add(request).await?;
        } else if let Some(member) = members.choose(random) {
            let id = member.id;
            client.member_remove(MemberRemoveRequest { id }).await?;
        }
        Ok(())
    }
}
