//! What clients are told of a change of the membership that nobody has confirmed yet: its followers are played.

use super::super::test_member::eventually;
use super::played::{Trio, runtime};
use keelson_proto::peer::{self, change_members_request::Change};
use openraft::async_runtime::watch::WatchReceiver as _;

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
    trio.both().iter().for_each(|one| one.mark());
    trio.both().iter().for_each(|one| one.answer());
    let after = runtime.block_on(changed).expect("no panic");
    assert_eq!(after.expect("it is committed").len(), 4);
    eventually("the change is listed", || handle.members().len() == 4);
    trio.node.stop();
}
