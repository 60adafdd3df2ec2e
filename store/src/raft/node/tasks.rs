//! What a running member does of its own accord: tasks on the runtime of consensus.
//!
//! The lease keeper and the leader's chores have rooms of their own and are only started here. The
//! small ones live here: telling the group our name, dying when consensus dies, noticing that the group
//! goes on without us. None of them answers a client.

use super::super::handle::Handle;
use super::super::keeper::KeeperParts;
use super::super::members::Members;
use super::super::types::Raft;
use super::applying::Applying;
use super::assembly::Assembly;
use super::consensus::Consensus;
use keelson_proto::log::{Command, MemberAttributes, command::Operation};
use openraft::async_runtime::watch::WatchReceiver;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

impl Assembly {
    /// Starts them all. They end with the runtime.
    pub(super) fn start_tasks(&self, applying: &Applying, consensus: &Consensus, handle: &Handle) {
        tokio::spawn(Arc::clone(&applying.keeper).run(KeeperParts {
            member_id: self.recovered.owner.member_id,
            handle: handle.clone(),
            current: Arc::clone(&applying.current),
            progress: Arc::clone(&applying.progress),
            leadership: consensus.group.leadership(),
            extension: self.options.election_timeout,
        }));
        tokio::spawn(Arc::clone(&consensus.members).tend());
        tokio::spawn(publish_attributes(
            handle.clone(),
            self.options.advertise_client_urls.clone(),
        ));
        tokio::spawn(stop_when_fatal(consensus.raft.clone()));
        tokio::spawn(notice_removal(
            Arc::clone(&consensus.members),
            Arc::clone(&consensus.caller.removed),
        ));
    }
}

/// Tells the group this member's name and client addresses, until it knows them.
async fn publish_attributes(handle: Handle, client_urls: Vec<String>) {
    let attributes = MemberAttributes {
        id: handle.identity().member_id,
        name: handle.identity().name.clone(),
        client_urls,
    };
    loop {
        if handle.state().attributes(attributes.id).as_ref() == Some(&attributes) {
            return;
        }
        let command = Command {
            operation: Some(Operation::MemberAttributes(attributes.clone())),
            fence_term: 0,
        };
        match handle.propose(command).await {
            Ok(_) | Err(crate::Error::Stopped) => return,
            Err(error) => {
                tracing::info!(%error, "the group has not taken this member's name yet");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

/// Without consensus the process is worth nothing, and what stopped it may be the disk: no second try.
async fn stop_when_fatal(raft: Raft) {
    let mut metrics = raft.metrics();
    loop {
        let state = metrics.borrow_watched().running_state.clone();
        if let Err(error) = state {
            if matches!(error, openraft::errors::Fatal::Stopped) {
                return;
            }
            crate::broken!("consensus has stopped: {error}");
        }
        if metrics.changed().await.is_err() {
            return;
        }
    }
}

/// A member that was removed may see that in its own log, also in one of an earlier run, or be told
/// by a peer it calls.
async fn notice_removal(members: Arc<Members>, told: Arc<watch::Sender<bool>>) {
    let mut view = members.group.watch();
    let mut belonged = false;
    let removed = view.wait_for(|view| {
        let belongs = view.membership.get_node(&members.member_id).is_some();
        // One that joins reads memberships from before its time, but its name is in none of them.
        belonged |= belongs || members.has_run();
        belonged && !belongs && view.membership_committed
    });
    if removed.await.is_ok() {
        told.send_replace(true);
    }
}
