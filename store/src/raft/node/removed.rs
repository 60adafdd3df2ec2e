//! What a leader does that was removed while it could reach nobody: its followers are played.

use super::super::test_member::eventually;
use super::played::{Trio, runtime};

/// The change that removes it is not sent to it, and whoever does not call it does not tell it.
#[test]
fn a_leader_whose_followers_know_that_it_was_removed_is_told_so() {
    let runtime = runtime();
    let _inside = runtime.enter();
    let trio = Trio::start();
    let removed = trio.node.removed();
    assert!(!*removed.borrow(), "nobody has said so yet");
    trio.quick.know_removal();
    eventually("one follower's word is enough", || *removed.borrow());
    trio.node.stop();
}
