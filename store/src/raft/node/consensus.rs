//! Consensus over the recovered log and state, and who belongs to the group.
//!
//! It is built without running: it neither stands for election nor answers before peers are served and
//! `Raft::run` is called. A new group gets its first membership here, too.

use super::super::appender::Appender;
use super::super::connection::Caller;
use super::super::group::Group;
use super::super::identity::StartError;
use super::super::log_store::LogStore;
use super::super::members::Members;
use super::super::met::Met;
use super::super::network::Factory;
use super::super::state_machine::StateMachine;
use super::super::types::{PeerNode, Raft};
use super::applying::Applying;
use super::assembly::Assembly;
use super::data_error;
use crate::MemberId;
use crate::faults::failpoint;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Consensus, and the parts that look at it.
pub(super) struct Consensus {
    /// openraft.
    pub(super) raft: Raft,
    /// How this member calls its peers.
    pub(super) caller: Caller,
    /// Who leads, and who is there.
    pub(super) group: Arc<Group>,
    /// Who belongs, and how that changes.
    pub(super) members: Arc<Members>,
    /// Where the leader's entries are made.
    pub(super) appender: Appender,
}

impl Assembly {
    /// Builds consensus; it does not run yet.
    ///
    /// # Errors
    /// [`StartError::Config`], [`StartError::Data`].
    pub(super) async fn build_consensus(
        &self,
        applying: &Applying,
    ) -> Result<Consensus, StartError> {
        let cluster_id = self.recovered.owner.cluster_id;
        let member_id = self.recovered.owner.member_id;
        let caller = Caller {
            cluster_id,
            member_id,
            metrics: Arc::clone(&self.options.metrics),
            way: self.options.world.network.clone(),
            lanes: self.options.world.lanes.clone(),
            removed: Arc::new(tokio::sync::watch::Sender::new(false)),
            met: Arc::new(Met::open(self.recovered.data_dir.path())?),
            reach: Arc::default(),
        };
        let machine = StateMachine::new(applying.jobs.clone());
        let raft = self.build_raft(&caller, machine).await?;
        let group = Group::follow(
            &raft,
            member_id,
            self.options.election_timeout,
            Arc::clone(&self.options.metrics),
        );
        let members = Arc::new(Members {
            cluster_id,
            member_id,
            version: self.options.version,
            learners_max: self.options.learners_max,
            strict: self.options.strict_reconfiguration,
            raft: raft.clone(),
            group: Arc::clone(&group),
            met: Arc::clone(&caller.met),
            current: Arc::clone(&applying.current),
            changing: tokio::sync::Mutex::default(),
        });
        Ok(Consensus {
            appender: Appender::start(raft.clone(), member_id),
            raft,
            caller,
            group,
            members,
        })
    }

    async fn build_raft(&self, caller: &Caller, machine: StateMachine) -> Result<Raft, StartError> {
        let owner = &self.recovered.owner;
        let config = self.options.consensus(owner.cluster_id)?;
        let factory = Factory {
            caller: caller.clone(),
        };
        Raft::build(
            owner.member_id,
            Arc::new(config),
            factory,
            LogStore::new(self.recovered.wal.clone()),
            machine,
        )
        .await
        .map_err(|error| StartError::Data(format!("the log and the state do not fit: {error}")))
    }

    /// Gives a new group its first membership: every member does, with the same one.
    pub(super) async fn initialise(&self, raft: &Raft) -> Result<(), StartError> {
        let initialised = raft.is_initialized().await.map_err(data_error)?;
        if initialised || self.recovered.owner.initial.is_empty() {
            return Ok(());
        }
        let members: BTreeMap<MemberId, PeerNode> = self
            .recovered
            .owner
            .initial
            .iter()
            .map(|(id, urls)| {
                let node = PeerNode {
                    peer_urls: urls.clone(),
                    wants_vote: false,
                };
                (*id, node)
            })
            .collect();
        failpoint!("bootstrap-before");
        // Refused if a peer was quicker and this member has heard from it: then it is done.
        if let Err(error) = raft.initialize(members).await {
            tracing::debug!(%error, "the group is initialised already");
        }
        failpoint!("bootstrap-after");
        Ok(())
    }
}
