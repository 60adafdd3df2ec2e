//! What a leader that was paused reads when it goes on: its followers are played, and have answered nothing but what
//! they had answered before.

use super::super::read_index::leader_read_index;
use super::super::test_member::eventually;
use super::played::{Trio, put, runtime};

#[test]
fn answers_of_before_a_pause_confirm_no_read_of_afterwards() {
    let runtime = runtime();
    let _inside = runtime.enter();
    let trio = Trio::start();
    trio.pause();
    let written = put(&trio.node, "on its way");
    trio.entry_is_sent();
    // Whatever else was to be said about what was committed before is said by then.
    trio.heartbeats();
    trio.both().iter().for_each(|one| one.mark());
    let raft = trio.node.probe().raft().clone();
    let read = runtime.spawn(async move { leader_read_index(&raft).await });
    trio.heartbeats();
    trio.quick.answer();
    eventually("the other is told what is committed", || {
        trio.slow.is_asked_again()
    });
    trio.slow.answer();
    let outcome = runtime.block_on(read).expect("no panic");
    assert!(
        outcome.is_err(),
        "nobody has followed since the read was asked for: {outcome:?}"
    );
    // What the quick one has answered is committed.
    written.join().expect("no panic");
    trio.node.stop();
}
