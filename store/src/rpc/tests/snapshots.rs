//! Snapshots to clients that are in no hurry.

use super::member::{FILLED_BYTES, Member};
use super::taker::{Taker, connect};
use super::wait_until;
use crate::Error;
use crate::limits::Limits;
use keelson_proto::etcdserverpb::SnapshotRequest;
use std::time::Duration;
use tonic::transport::Channel;

/// As many as are served at a time.
const AT_A_TIME: usize = 4;

async fn begin(channel: &Channel) -> Taker {
    let request = SnapshotRequest::default();
    let mut taker = Taker::call(channel, "/etcdserverpb.Maintenance/Snapshot", &request).await;
    taker.take().await;
    taker
}

#[tokio::test]
async fn no_more_snapshots_are_made_at_a_time_than_there_are_places() {
    let member = Member::filled(Limits {
        answer_patience: Duration::from_secs(3600),
        ..Limits::default()
    })
    .await;
    let channel = connect(member.address).await;
    let mut taken = Vec::new();
    for _ in 0..AT_A_TIME {
        let taker = begin(&channel).await;
        assert!((1..FILLED_BYTES).contains(&taker.taken), "it is under way");
        taken.push(taker);
    }
    let status = begin(&channel).await.end().await;
    assert_eq!(Error::from_status(&status), Error::TooManyRequests);
    drop(taken.pop());
    wait_until("there is a place again", || async {
        begin(&channel).await.taken > 0
    })
    .await;
    let mut first = taken.swap_remove(0);
    assert_eq!(first.end().await.code(), tonic::Code::Ok);
    assert!(first.taken > FILLED_BYTES);
}
