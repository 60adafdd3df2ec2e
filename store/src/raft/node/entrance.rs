//! The way into a member, and the tasks that carry what comes in.
//!
//! Commands go to the proposer, questions whether a read is safe to the read index, renewals of leases
//! to whoever leads. All of them run on the runtime of consensus; the queues between them and the
//! [`Handle`] are made here, once.

use super::super::forward::Forwarder;
use super::super::handle::{Handle, Identity, Inner, carry_renewals, renewals};
use super::super::proposer::{self, Parts, Proposer};
use super::super::read_index::ReadIndex;
use super::applying::Applying;
use super::assembly::Assembly;
use super::consensus::Consensus;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::sync::mpsc;

/// Rounds of the read index that may wait to be asked; a front has at most one.
const ROUNDS_WAITING_MAX: usize = 64;

/// How long a request may take at a member whose election timeout is `election_timeout`: etcd's rule.
fn request_timeout(election_timeout: Duration) -> Duration {
    Duration::from_secs(5) + 2 * election_timeout
}

impl Assembly {
    /// Makes the handle and starts what carries its requests.
    pub(super) fn open_entrance(&self, applying: &Applying, consensus: &Consensus) -> Handle {
        let (queue, queue_end) = proposer::queue();
        let (rounds, round_requests) = mpsc::channel(ROUNDS_WAITING_MAX);
        let (renewals, waiting_renewals) = renewals();
        let inner = Arc::new(Inner {
            identity: Identity {
                cluster_id: self.recovered.owner.cluster_id,
                member_id: self.recovered.owner.member_id,
                name: self.options.name.clone(),
            },
            caller: consensus.caller.clone(),
            fronts: Arc::clone(&applying.fronts),
            group: Arc::clone(&consensus.group),
            members: Arc::clone(&consensus.members),
            keeper: Arc::clone(&applying.keeper),
            current: Arc::clone(&applying.current),
            jobs: applying.jobs.clone(),
            wal: self.recovered.wal.clone(),
            queue,
            rounds: rounds.clone(),
            renewals,
            request_timeout: request_timeout(self.options.election_timeout),
            election_timeout: self.options.election_timeout,
            stopping: AtomicBool::new(false),
            leader_connection: parking_lot::Mutex::default(),
            runtime: tokio::runtime::Handle::current(),
        });
        // The last front is this runtime's own: for what the member itself proposes.
        let handle = Handle::new(inner, self.options.fronts);
        tokio::spawn(handle.dispatch());
        tokio::spawn(carry_renewals(handle.clone(), waiting_renewals));
        Proposer::start(self.proposer_parts(applying, consensus), queue_end);
        let reader = ReadIndex {
            raft: consensus.raft.clone(),
            caller: consensus.caller.clone(),
            directory: consensus.group.directory(),
            leadership: consensus.group.leadership(),
            fronts: Arc::clone(&applying.fronts),
        };
        tokio::spawn(reader.run(rounds, round_requests));
        handle
    }

    fn proposer_parts(&self, applying: &Applying, consensus: &Consensus) -> Parts {
        Parts {
            origin: self.recovered.owner.member_id,
            incarnation: self.recovered.incarnation,
            fronts: Arc::clone(&applying.fronts),
            appender: consensus.appender.clone(),
            forwarder: Forwarder::new(consensus.caller.clone(), consensus.group.directory()),
            progress: Arc::clone(&applying.progress),
            leadership: consensus.group.leadership(),
        }
    }
}
