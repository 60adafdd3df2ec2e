//! Clients that stop taking in the middle of a long answer.

use super::member::{FILLED_BYTES, Member};
use super::taker::{Taker, connect};
use super::{DEADLINE, wait_until};
use crate::limits::Limits;
use keelson_proto::etcdserverpb::kv_client::KvClient;
use keelson_proto::etcdserverpb::{CompactionRequest, PutRequest, RangeRequest};
use std::time::Duration;
use tonic::Code;
use tonic::transport::Channel;

/// Both ways to ask for much.
const METHODS: [&str; 2] = ["Range", "RangeStream"];
/// A member with much in it whose clients may take nothing for so long.
async fn member(answer_patience: Duration) -> Member {
    Member::filled(Limits {
        answer_patience,
        ..Limits::default()
    })
    .await
}

/// Begins to take everything, and stops.
async fn stall(channel: &Channel, method: &str) -> Taker {
    let everything = RangeRequest {
        key: vec![0].into(),
        range_end: vec![0].into(),
        ..RangeRequest::default()
    };
    let path = format!("/etcdserverpb.KV/{method}");
    let mut taker = Taker::call(channel, &path, &everything).await;
    taker.take().await;
    taker
}

/// What other clients do: writes, reads, lists.
async fn others(channel: &Channel) {
    let mut client = KvClient::new(channel.clone());
    let key = "other/key";
    let put = PutRequest {
        key: key.into(),
        value: "value".into(),
        ..PutRequest::default()
    };
    let get = RangeRequest {
        key: key.into(),
        ..RangeRequest::default()
    };
    let list = RangeRequest {
        key: "much/".into(),
        range_end: "much0".into(),
        limit: 1,
        ..RangeRequest::default()
    };
    client.put(put).await.expect("it is written");
    let read = client.range(get).await.expect("it is read").into_inner();
    assert_eq!(read.kvs.len(), 1);
    let read = client.range(list).await.expect("it is read").into_inner();
    assert!(read.more);
}

/// Compacts to the newest revision.
async fn compact(member: &Member, channel: &Channel) {
    let request = CompactionRequest {
        revision: member.store().revision(),
        physical: false,
    };
    let outcome = KvClient::new(channel.clone()).compact(request).await;
    outcome.expect("it is compacted");
}

#[tokio::test]
async fn while_a_client_stalls_its_history_stays_and_nobody_waits() {
    let member = member(Duration::from_secs(3600)).await;
    for method in METHODS {
        let channel = connect(member.address).await;
        let taker = stall(&channel, method).await;
        let elsewhere = connect(member.address).await;
        let served = async {
            for _ in 0..20 {
                others(&channel).await;
                others(&elsewhere).await;
            }
        };
        let served = tokio::time::timeout(DEADLINE, served).await;
        served.expect("others are served, on the same connection too");
        compact(&member, &elsewhere).await;
        assert!(member.sweep() < member.store().compacted(), "it is read");
        assert!((1..FILLED_BYTES).contains(&taker.taken));
        drop(taker);
        wait_until("history is given back with the client", || async {
            member.sweep() == member.store().compacted()
        })
        .await;
        wait_until("the call is counted as given up", || async {
            member.handled(method, "Canceled") == 1
        })
        .await;
    }
}

#[tokio::test]
async fn a_client_that_goes_on_stalling_loses_its_answer_and_its_history() {
    let member = member(Duration::from_millis(200)).await;
    for method in METHODS {
        let channel = connect(member.address).await;
        let mut taker = stall(&channel, method).await;
        wait_until("its history is given back", || async {
            others(&channel).await;
            compact(&member, &channel).await;
            member.sweep() == member.store().compacted()
        })
        .await;
        let status = taker.end().await;
        assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
        let text = "etcdserver: the client took nothing of its answer for 200ms";
        assert_eq!(status.message(), text);
        assert!(taker.taken < FILLED_BYTES, "{}", taker.taken);
        assert_eq!(member.handled(method, "DeadlineExceeded"), 1);
        assert_eq!(member.handled(method, "Canceled"), 0);
    }
}
