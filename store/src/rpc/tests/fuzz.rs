//! Any bytes as the message of any call, on the whole way of one: a member answers, and is well afterwards.

use super::DEADLINE;
use crate::raft::test_member::TestMember;
use crate::rpc::front::Front;
use crate::rpc::method::{METHODS, Shape};
use crate::rpc::server::{Serve, Services};
use crate::rpc::test_front;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use keelson_fuzz::{Form, Target};
use keelson_proto::etcdserverpb::*;
use keelson_proto::log::command::Operation;
use keelson_proto::serving::watch_server::Watch;
use keelson_proto::{v3electionpb, v3lockpb};
use prost::Message;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// So long is waited for what may never come: the end of a watch, a lock that somebody holds.
const PATIENCE: Duration = Duration::from_millis(5);

/// Calls that would leave the member alone with peers that do not exist, or ask a resolver for their names.
const ELSEWHERE: [&str; 3] = ["MemberAdd", "MemberUpdate", "MoveLeader"];

/// Calls that wait for somebody else, or for their own end.
fn is_endless(method: &str, shape: Shape) -> bool {
    shape != Shape::Unary || ["Lock", "Campaign"].contains(&method)
}

fn place(name: &str) -> u8 {
    let place = METHODS.iter().position(|method| method.name == name);
    place.expect("a method") as u8
}

/// Calls a method, and takes the answer as far as it comes.
async fn call<W: Watch>(services: &Services<W>, input: &[u8], stop: &watch::Receiver<bool>) {
    let Some((place, message)) = input.split_first() else {
        return;
    };
    let method = &METHODS[usize::from(*place) % METHODS.len()];
    if ELSEWHERE.contains(&method.name) {
        return;
    }
    let mut frame = vec![0];
    frame.extend_from_slice(&(message.len() as u32).to_be_bytes());
    frame.extend_from_slice(message);
    let request = Request::builder()
        .method("POST")
        .uri(format!("/{}/{}", method.service.name(), method.name))
        .header("content-type", "application/grpc")
        .body(Full::new(Bytes::from(frame)))
        .expect("a request");
    let answer = async {
        let mut body = services.answer(request, stop).await.into_body();
        while let Some(Ok(_)) = body.frame().await {}
    };
    match is_endless(method.name, method.shape) {
        true => drop(tokio::time::timeout(PATIENCE, answer).await),
        false => {
            let answered = tokio::time::timeout(DEADLINE, answer).await;
            assert!(answered.is_ok(), "{} is not answered", method.name);
        }
    }
}

/// Takes back what a call has done, which also shows that the member still works.
fn clean(member: &TestMember, front: &Front) {
    let propose = |operation| {
        let _ = member.propose(operation);
    };
    for alarm in front.state().alarms() {
        propose(Operation::Alarm(AlarmRequest {
            action: alarm_request::AlarmAction::Deactivate as i32,
            member_id: alarm.member_id,
            alarm: alarm.alarm,
        }));
    }
    for id in front.state().leases().ids() {
        propose(Operation::LeaseRevoke(LeaseRevokeRequest { id }));
    }
    let everything = DeleteRangeRequest {
        key: Bytes::from_static(b"\0"),
        range_end: Bytes::from_static(b"\0"),
        prev_kv: false,
    };
    let outcome = member.propose(Operation::DeleteRange(everything));
    assert!(outcome.is_ok(), "the member is not well: {outcome:?}");
    member.put("a", 0);
    member.put("b", 0);
    member.grant(7, 60);
}

fn seed(method: &str, message: &impl Message) -> Vec<u8> {
    [&[place(method)], &message.encode_to_vec()[..]].concat()
}

fn seeds() -> Vec<Vec<u8>> {
    let name = Bytes::from_static(b"n");
    let put = PutRequest {
        key: Bytes::from_static(b"k"),
        value: Bytes::from_static(b"v"),
        lease: 7,
        prev_kv: true,
        ..Default::default()
    };
    let range = RangeRequest {
        key: Bytes::from_static(b"a"),
        range_end: Bytes::from_static(b"z"),
        limit: 1,
        revision: 2,
        ..Default::default()
    };
    let request = |request| RequestOp {
        request: Some(request),
    };
    let txn = TxnRequest {
        compare: vec![Compare {
            key: Bytes::from_static(b"a"),
            ..Default::default()
        }],
        success: vec![request(request_op::Request::RequestPut(put.clone()))],
        failure: vec![request(request_op::Request::RequestRange(range.clone()))],
    };
    let watch = WatchCreateRequest {
        key: Bytes::from_static(b"a"),
        start_revision: 1,
        ..Default::default()
    };
    let watch = WatchRequest {
        request_union: Some(watch_request::RequestUnion::CreateRequest(watch)),
    };
    let leader = v3electionpb::LeaderKey {
        name: name.clone(),
        key: Bytes::from_static(b"n/7"),
        rev: 3,
        lease: 7,
    };
    let campaign = v3electionpb::CampaignRequest {
        name: name.clone(),
        lease: 7,
        value: Bytes::new(),
    };
    let resign = v3electionpb::ResignRequest {
        leader: Some(leader),
    };
    let mut seeds = vec![
        seed("Put", &put),
        seed("Range", &range),
        seed("RangeStream", &range),
        seed("Txn", &txn),
        seed("Watch", &watch),
        seed("LeaseGrant", &LeaseGrantRequest { ttl: 5, id: 0 }),
        seed(
            "LeaseTimeToLive",
            &LeaseTimeToLiveRequest { id: 7, keys: true },
        ),
        seed("Lock", &v3lockpb::LockRequest { name, lease: 7 }),
        seed("Campaign", &campaign),
        seed("Resign", &resign),
        seed("HashKV", &HashKvRequest { revision: 3 }),
    ];
    seeds.extend((0..METHODS.len()).map(|place| vec![place as u8]));
    seeds
}

/// Every call of a member of a group of its own.
#[test]
fn fuzz_rpc() {
    crate::world::end_members_with(|why| panic!("the member would stop: {why}"));
    let (member, shared, runtime) = test_front::start(&[]);
    let (_running, stop) = watch::channel(false);
    let (front, services) = runtime.block_on(async {
        let front = Front::new(&shared, 0);
        tokio::spawn(front.handle().dispatch());
        let watches = crate::rpc::fronts::watches(&front);
        (Arc::clone(&front), Services::new(front, watches))
    });
    Target::new("rpc", Form::Message(1))
        .rounds(150)
        .run(seeds(), |input| {
            clean(&member, &front);
            runtime.block_on(call(&services, input, &stop));
        });
    drop((services, front, shared, runtime));
    if let Some(member) = Arc::into_inner(member) {
        member.stop();
    }
}
