//! The keeper of a member that runs.

use super::*;
use crate::lease::CHECKPOINT_INTERVAL;
use crate::raft::test_member::{MIN_TTL_S, TestMember, eventually, within};
use tokio::runtime::Runtime;

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime")
}

fn lease(member: &TestMember, id: LeaseId) -> Option<crate::lease::Lease> {
    member.handle().state().leases().get(id)
}

/// What the keeper wants proposed once it counts, as of some minutes later.
fn due(member: &TestMember) -> Vec<Operation> {
    let keeper = &member.handle().inner().keeper;
    let mut due = Vec::new();
    eventually("the member keeps the clocks", || {
        due = keeper.due(Instant::now() + CHECKPOINT_INTERVAL);
        !due.is_empty()
    });
    due
}

#[test]
fn what_was_decided_for_a_lease_spares_the_next_one_with_its_id() {
    let member = TestMember::start();
    let (ending, noted) = (1, 2);
    let ttl_s = |id| {
        if id == ending {
            MIN_TTL_S
        } else {
            10 * MIN_TTL_S
        }
    };
    for id in [ending, noted] {
        member.grant(id, ttl_s(id));
    }
    let due = due(&member);
    assert_eq!(due.len(), 2, "{due:?}");

    // The proposals are on their way when a client is done with both leases and takes new ones.
    for id in [ending, noted] {
        member.revoke(id);
        member.grant(id, ttl_s(id));
        member.put(&format!("key of {id}"), id);
    }
    let term = member.handle().term();
    let answers: Vec<_> = due
        .into_iter()
        .map(|operation| member.propose_fenced(operation, term))
        .collect();

    assert_eq!(answers[0], Err(Error::LeaseNotFound));
    assert!(answers[1].is_ok(), "{answers:?}");
    assert_eq!(member.handle().store().key_count(), 2);
    assert!(lease(&member, ending).is_some(), "it ended early");
    let left = lease(&member, noted).map(|lease| lease.remaining_ttl);
    assert_eq!(left, Some(None), "a new leader would end it early");
    for id in [ending, noted] {
        let renewed = runtime().block_on(member.handle().keep_alive(id));
        assert_eq!(renewed, Ok(ttl_s(id)));
    }
    member.stop();
}

#[test]
fn a_note_that_comes_after_the_renewal_it_was_decided_before_does_not_count() {
    let member = TestMember::start();
    member.grant(1, 10 * MIN_TTL_S);
    let due = due(&member);
    let renewed = runtime().block_on(member.handle().keep_alive(1));
    assert_eq!(renewed, Ok(10 * MIN_TTL_S));
    let term = member.handle().term();
    for operation in due {
        member.propose_fenced(operation, term).expect("applied");
    }
    let left = lease(&member, 1).map(|lease| lease.remaining_ttl);
    assert_eq!(left, Some(None), "a new leader would end it early");
    member.stop();
}

#[test]
fn a_keeper_that_waits_for_its_proposals_hears_that_its_term_is_over() {
    let member = TestMember::start();
    member.grant(1, 1);
    eventually("there is a leader", || member.handle().leads());
    let inner = member.handle().inner();
    let mine = inner.group.leader().expect("it leads");
    let (leadership, followed) = watch::channel(Some(mine));
    // A second keeper, which takes a second for a second. Nobody hands out its front's answers.
    let keeper = Arc::new(LeaseKeeper::new(0));
    let parts = KeeperParts {
        member_id: mine.member_id,
        handle: member.handle().for_front(0),
        current: Arc::clone(&inner.current),
        progress: Arc::clone(inner.jobs.progress()),
        leadership: followed,
        extension: Duration::ZERO,
    };
    let running = Arc::clone(&keeper);
    let thread = std::thread::spawn(move || runtime().block_on(running.run(parts)));
    eventually("the keeper ends the lease", || lease(&member, 1).is_none());
    assert!(keeper.clock.lock().is_primary());

    leadership.send_replace(None);
    // Shorter than a proposal waits.
    let patience = Duration::from_secs(3);
    assert!(patience < inner.request_timeout);
    within(patience, "the keeper lets go", &mut || {
        !keeper.clock.lock().is_primary()
    });
    drop(leadership);
    thread.join().expect("the keeper ends with the member");
    member.stop();
}

#[test]
fn a_keeper_answers_for_the_term_that_was_confirmed_and_no_other() {
    let member = TestMember::start();
    member.grant(1, MIN_TTL_S);
    due(&member);
    member.revoke(1);
    member.grant(1, MIN_TTL_S);
    let (handle, term) = (member.handle(), member.handle().term());
    let keeper = &handle.inner().keeper;
    let renew = |term| runtime().block_on(keeper.renew(handle, term, 1));
    assert_eq!(renew(term), Ok(MIN_TTL_S));
    assert_eq!(renew(term + 1), Err(Error::NotLeader));
    member.stop();
}

#[test]
fn a_barrier_that_outlasts_the_term_confirms_nothing() {
    let member = TestMember::start();
    eventually("there is a leader", || member.handle().leads());
    let group = &member.handle().inner().group;
    let mine = group.leader().expect("it leads");
    // Nobody lets the front's reads go yet.
    let front = member.handle().for_front(0);
    runtime().block_on(async {
        let mut barrier = Box::pin(front.lead_barrier());
        assert!(futures::poll!(&mut barrier).is_pending());
        tokio::spawn(front.dispatch());
        let later = Leadership {
            term: mine.term + 1,
            ..mine
        };
        let confirmed = std::future::poll_fn(|context| {
            // Again and again: what openraft says of itself comes in between.
            group.pretend(later);
            barrier.as_mut().poll(context)
        });
        assert_eq!(confirmed.await, Err(Error::NotLeader));
    });
    member.stop();
}
