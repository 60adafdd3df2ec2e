//! A change of the membership that nobody has confirmed yet, and one that is half done: the followers are played.

use super::super::Handle;
use super::super::test_member::eventually;
use super::played::{ELECTION_TIMEOUT, Trio, runtime};
use crate::{Error, MemberId};
use keelson_proto::peer::{self, change_members_request::Change};
use openraft::async_runtime::watch::WatchReceiver as _;

/// The leader's own id and that of one of its followers, once all are listed.
fn leader_and_other(handle: &Handle) -> (MemberId, MemberId) {
    eventually("the founders are listed", || handle.members().len() == 3);
    let own = handle.identity().member_id;
    let ids = handle.members().into_iter().map(|member| member.id);
    let other = ids.into_iter().find(|id| *id != own).expect("followers");
    (own, other)
}

#[test]
fn a_change_that_is_not_committed_is_in_no_list_of_members() {
    let runtime = runtime();
    let _inside = runtime.enter();
    let trio = Trio::start();
    let handle = trio.node.handle().clone();
    eventually("the founders are listed", || handle.members().len() == 3);
    trio.pause();
    let change = Change::AddLearner(peer::Node {
        id: 77,
        peer_urls: vec!["http://127.0.0.1:1".to_owned()],
        wants_vote: false,
    });
    let changing = handle.clone();
    let changed = runtime.spawn(async move { changing.change_members(change).await });
    trio.entry_is_sent();
    let raft = trio.node.probe().raft().clone();
    eventually("the change is in the leader's log", || {
        let metrics = raft.metrics().borrow_watched().clone();
        metrics
            .membership_config
            .membership()
            .get_node(&77)
            .is_some()
    });
    assert_eq!(handle.members().len(), 3, "another leader may undo it");
    trio.both().iter().for_each(|one| one.go_on());
    let after = runtime.block_on(changed).expect("no panic");
    assert_eq!(after.expect("it is committed").len(), 4);
    eventually("the change is listed", || handle.members().len() == 4);
    trio.node.stop();
}

#[test]
fn a_change_that_was_left_half_way_is_ended_before_the_next_one() {
    let runtime = runtime();
    let _inside = runtime.enter();
    let trio = Trio::start();
    let handle = trio.node.handle().clone();
    let (own, other) = leader_and_other(&handle);
    let change = |id| {
        let handle = handle.clone();
        async move { handle.inner().members.change_here(Change::Remove(id)).await }
    };
    // The leader is to go. Old and new voters decide together when whoever wants that goes away.
    trio.pause();
    let half = runtime.spawn(change(own));
    trio.entry_is_sent();
    half.abort();
    let _ = runtime.block_on(half);
    trio.both().iter().for_each(|one| one.go_on());
    // The next change takes more votes away. With the first one half done, the leader would have none in between.
    let mut refused = None;
    eventually("it is known that the first half is committed", || {
        refused = runtime.block_on(change(other)).err();
        !matches!(&refused, Some(Error::Other(_, text)) if text.contains("undergoing"))
    });
    assert!(matches!(refused, Some(Error::NotLeader)), "{refused:?}");
    let raft = trio.node.probe().raft().clone();
    let metrics = raft.metrics().borrow_watched().clone();
    assert!(metrics.running_state.is_ok(), "{metrics:?}");
    let voters = trio.node.probe().voters();
    assert!(voters.len() == 1 && !voters[0].contains(&own), "{voters:?}");
    assert!(voters[0].contains(&other), "{voters:?}");
    trio.node.stop();
}

#[test]
fn a_change_whose_second_half_was_refused_is_not_taken_for_one_that_was_not_made() {
    let runtime = runtime();
    let _inside = runtime.enter();
    let trio = Trio::start();
    let handle = trio.node.handle().clone();
    let (_, other) = leader_and_other(&handle);
    trio.pause();
    let removed = runtime.spawn(async move { handle.change_members(Change::Remove(other)).await });
    trio.entry_is_sent();
    trio.both().iter().for_each(|one| one.mark());
    // The followers answer for the first half when the leader's lease is over, so that the second half is refused.
    let asked = tokio::time::Instant::now();
    eventually("the leader's lease is over", || {
        asked.elapsed() > ELECTION_TIMEOUT
    });
    trio.both().iter().for_each(|one| one.answer());
    let raft = trio.node.probe().raft().clone();
    eventually("the first half is committed", || {
        let metrics = raft.metrics().borrow_watched().clone();
        let committed = metrics.committed_membership_config;
        committed.membership().get_joint_config().len() == 2
    });
    trio.heartbeats();
    trio.both().iter().for_each(|one| one.go_on());
    let after = runtime.block_on(removed).expect("no panic");
    let after = after.expect("it was made, and nothing else has removed the member");
    assert!(after.iter().all(|member| member.id != other), "{after:?}");
    trio.node.stop();
}
