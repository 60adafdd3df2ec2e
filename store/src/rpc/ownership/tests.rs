//! Locks and elections of claimants that go away.

use super::*;
use crate::rpc::election;
use crate::rpc::test_front::{with_front, with_silent_front};
use keelson_proto::etcdserverpb::LeaseRevokeRequest;
use keelson_proto::v3electionpb::election_server::Election;
use keelson_proto::v3electionpb::{CampaignRequest, LeaderKey, ProclaimRequest};
use keelson_proto::v3lockpb::lock_server::Lock;
use keelson_proto::v3lockpb::{LockRequest, LockResponse, UnlockRequest};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::time::Instant;
use tonic::{Request as Call, Response, Status};

/// What takes longer has failed.
const DEADLINE: Duration = Duration::from_secs(20);
/// How often a request is polled before its client goes away: from before anything has happened until
/// after everything has.
const PATIENCE: [usize; 14] = [
    1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192,
];

fn queue() -> Queue {
    Queue::of(b"queue")
}

async fn lock(front: Arc<Front>, lease: LeaseId) -> Result<Response<LockResponse>, Status> {
    let name = Bytes::from_static(b"queue");
    front.lock(Call::new(LockRequest { name, lease })).await
}

async fn campaign(front: Arc<Front>, lease: LeaseId) -> Result<LeaderKey, Status> {
    let request = CampaignRequest {
        name: Bytes::from_static(b"queue"),
        lease,
        value: Bytes::new(),
    };
    let service = election::service(&front);
    let won = service.campaign(Call::new(request)).await?.into_inner();
    Ok(won.leader.expect("a leader"))
}

/// Polls so many times, whether there is news or not, and then goes away.
async fn impatiently<T>(patience: usize, request: impl Future<Output = T>) {
    let mut request = Box::pin(request);
    let mut left = patience;
    std::future::poll_fn(|context| {
        left -= 1;
        context.waker().wake_by_ref();
        match request.as_mut().poll(context) {
            Poll::Pending if left > 0 => Poll::Pending,
            _ => Poll::Ready(()),
        }
    })
    .await;
}

fn record(front: &Front, lease: LeaseId) -> Option<KeyValue> {
    let request = RangeRequest {
        key: queue().key(lease),
        ..RangeRequest::default()
    };
    let found = front.store().range(&request).expect("the present");
    found.kvs.first().map(decode)
}

async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "not in time: {what}");
        tokio::task::yield_now().await;
    }
}

/// Waits until what the front's tasks have proposed up to now is applied.
async fn settled(front: &Front) {
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
    let nothing = DeleteRangeRequest {
        key: Bytes::from_static(b"no such key"),
        ..DeleteRangeRequest::default()
    };
    let settled = front.propose(Operation::DeleteRange(nothing)).await;
    settled.expect("a deletion of nothing");
}

async fn grant(front: &Front, leases: &[LeaseId]) {
    for &id in leases {
        let granted = front.grant(LeaseGrantRequest { id, ttl: 600 }).await;
        granted.expect("granted");
    }
}

async fn revoke(front: &Front, id: LeaseId) {
    let request = LeaseRevokeRequest { id };
    let revoked = front.propose(Operation::LeaseRevoke(request)).await;
    revoked.expect("revoked");
}

#[test]
fn a_claimant_that_goes_away_at_any_moment_leaves_no_claim() {
    with_front(|_, front| async move {
        grant(&front, &[1, 2]).await;
        lock(front.clone(), 1).await.expect("locked");
        for patience in PATIENCE {
            impatiently(patience, lock(front.clone(), 2)).await;
            settled(&front).await;
            let what = format!("its claim goes after {patience} polls");
            eventually(&what, || record(&front, 2).is_none()).await;
        }
        assert!(record(&front, 1).is_some());
    });
}

#[test]
fn a_claim_that_its_claimant_has_not_heard_of_is_given_up() {
    with_silent_front(&[1], |_, front| async move {
        let mut locking = Box::pin(lock(front.clone(), 1));
        assert!(futures::poll!(&mut locking).is_pending());
        eventually("the claim is in the store", || record(&front, 1).is_some()).await;
        drop(locking);
        tokio::spawn(front.handle().dispatch());
        eventually("the claim is given up", || record(&front, 1).is_none()).await;
    });
}

#[test]
fn an_owner_that_asks_again_and_goes_away_at_any_moment_owns_still() {
    with_front(|_, front| async move {
        grant(&front, &[1]).await;
        lock(front.clone(), 1).await.expect("locked");
        let owned = record(&front, 1);
        for patience in PATIENCE {
            impatiently(patience, lock(front.clone(), 1)).await;
            impatiently(patience, campaign(front.clone(), 1)).await;
            settled(&front).await;
            settled(&front).await;
            assert_eq!(record(&front, 1), owned, "after {patience} polls");
        }
    });
}

#[test]
fn a_claimant_whose_lease_ends_while_it_waits_is_told_so_at_once() {
    with_front(|_, front| async move {
        grant(&front, &[1, 2, 3]).await;
        lock(front.clone(), 1).await.expect("locked");
        let locking = tokio::spawn(lock(front.clone(), 2));
        let campaigning = tokio::spawn(campaign(front.clone(), 3));
        eventually("both wait", || {
            record(&front, 2).is_some() && record(&front, 3).is_some()
        })
        .await;
        settled(&front).await;
        assert!(!locking.is_finished() && !campaigning.is_finished());
        revoke(&front, 2).await;
        revoke(&front, 3).await;
        let locked = tokio::time::timeout(DEADLINE, locking).await;
        let refused = locked.expect("in time").expect("no panic");
        let refused = refused.expect_err("its lease has ended");
        assert_eq!(refused.message(), "mutex: session is expired");
        let elected = tokio::time::timeout(DEADLINE, campaigning).await;
        let refused = elected.expect("in time").expect("no panic");
        let refused = refused.expect_err("its lease has ended");
        assert_eq!(refused.message(), "election: not leader");
        assert!(record(&front, 1).is_some(), "the owner owns still");
    });
}

#[test]
fn the_next_in_the_queue_owns_when_the_owner_goes() {
    with_front(|_, front| async move {
        grant(&front, &[1, 2, 3]).await;
        let key = lock(front.clone(), 1).await.expect("locked");
        let key = key.into_inner().key;
        let mut second = tokio::spawn(lock(front.clone(), 2));
        eventually("the second waits", || record(&front, 2).is_some()).await;
        let third = tokio::spawn(campaign(front.clone(), 3));
        eventually("the third waits", || record(&front, 3).is_some()).await;
        assert!(futures::poll!(&mut second).is_pending());
        front
            .unlock(Call::new(UnlockRequest { key }))
            .await
            .expect("unlocked");
        let second = second.await.expect("no panic").expect("locked");
        assert!(!third.is_finished());
        let key = second.into_inner().key;
        front
            .unlock(Call::new(UnlockRequest { key }))
            .await
            .expect("unlocked");
        let third = third.await.expect("no panic").expect("elected");
        assert_eq!((third.key, third.lease), (queue().key(3), 3));
    });
}

#[test]
fn a_leader_that_forgets_its_lease_gets_one_that_ends() {
    with_front(|_, front| async move {
        grant(&front, &[1]).await;
        let leader = campaign(front.clone(), 1).await.expect("elected");
        let request = ProclaimRequest {
            leader: Some(LeaderKey { lease: 0, ..leader }),
            value: Bytes::from_static(b"new"),
        };
        let service = election::service(&front);
        let proclaimed = service.proclaim(Call::new(request)).await;
        proclaimed.expect("it leads");
        let record = record(&front, 1).expect("its claim");
        assert_eq!(record.value, "new");
        let lease = front.state().leases().get(record.lease);
        assert_eq!(lease.map(|it| it.granted_ttl), Some(SESSION_TTL_S));
    });
}
