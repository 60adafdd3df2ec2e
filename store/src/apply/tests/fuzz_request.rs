//! Any bytes as the body of any call: what validation takes, the machine carries out or refuses.

use super::*;
use crate::validate;
use keelson_fuzz::{Form, Target};
use keelson_proto::log::{MemberAttributes, Nothing};
use keelson_proto::{health, v3electionpb, v3lockpb};

/// Operations of one transaction that a member takes unless it is told otherwise.
const MAX_OPS: usize = 128;

/// What is seen of a state from outside.
#[derive(Debug, PartialEq)]
struct Picture {
    revision: Revision,
    compacted: Revision,
    hash: u32,
    leases: Vec<(LeaseId, i64, Vec<Bytes>)>,
    alarms: Vec<AlarmMember>,
}

fn picture(fixture: &Fixture) -> Picture {
    let state = fixture.machine.state();
    let leases = state.leases();
    let lease = |id: &LeaseId| {
        let granted = leases.get(*id).map_or(0, |lease| lease.granted_ttl);
        (*id, granted, leases.keys(*id))
    };
    Picture {
        revision: fixture.store.revision(),
        compacted: fixture.store.compacted(),
        hash: fixture.store.hash(0).expect("the present has one").hash,
        leases: leases.ids().iter().map(lease).collect(),
        alarms: state.alarms(),
    }
}

/// Some keys, one of them with a lease, one of them deleted.
fn populated() -> Fixture {
    let mut fixture = empty();
    fixture.grant(7, 60).expect("granted");
    fixture.put("a", "1");
    fixture.put("b", "2");
    fixture.put_leased("k", 7).expect("the lease is there");
    fixture.put("gone", "3");
    fixture.delete("gone", "");
    fixture
}

fn read<M: Message + Default + PartialEq + std::fmt::Debug>(body: &[u8]) -> Option<M> {
    let message = M::decode(body).ok()?;
    let again = M::decode(&message.encode_to_vec()[..]);
    assert_eq!(again.as_ref(), Ok(&message), "it says something else");
    Some(message)
}

/// What a member would propose for this body, if validation takes it. Several calls propose nothing: they are
/// decoded here and carried out, as far as they are read from the store.
fn accepted(call: u8, body: &[u8]) -> Option<Operation> {
    Some(match call % 40 {
        0 => {
            let request = read::<PutRequest>(body)?;
            validate::check_put(&request).ok()?;
            Operation::Put(request)
        }
        1 => {
            let request = read::<DeleteRangeRequest>(body)?;
            validate::check_delete_range(&request).ok()?;
            Operation::DeleteRange(request)
        }
        2..=5 => {
            let request = read::<TxnRequest>(body)?;
            validate::check_txn(&request, MAX_OPS).ok()?;
            Operation::Txn(request)
        }
        6 => Operation::Compact(read(body)?),
        7 => {
            let mut request = read::<LeaseGrantRequest>(body)?;
            validate::check_lease_grant(&request).ok()?;
            // As the member that takes it does.
            request.ttl = validate::lease_ttl(request.ttl, 1);
            request.id = if request.id == 0 { 99 } else { request.id };
            Operation::LeaseGrant(request)
        }
        8 => Operation::LeaseRevoke(read(body)?),
        9 => Operation::Alarm(read(body)?),
        // What members propose by themselves.
        10 => Operation::LeaseCheckpoint(read(body)?),
        11 => Operation::LeaseExpiry(read(body)?),
        12 => Operation::LeaseNotes(read(body)?),
        13 => Operation::MemberAttributes(read::<MemberAttributes>(body)?),
        14 => Operation::Nothing(read::<Nothing>(body)?),
        15 => {
            range(&read(body)?);
            return None;
        }
        other => {
            decode_only(other, body);
            return None;
        }
    })
}

macro_rules! decode_one_of {
    ($at:expr, $body:expr, $($message:ty),* $(,)?) => {{
        let readers: &[fn(&[u8])] = &[$(|body| {
            read::<$message>(body);
        }),*];
        readers[usize::from($at) % readers.len()]($body);
    }};
}

/// The bodies of the other calls.
fn decode_only(at: u8, body: &[u8]) {
    decode_one_of!(
        at,
        body,
        WatchRequest,
        LeaseKeepAliveRequest,
        LeaseTimeToLiveRequest,
        LeaseLeasesRequest,
        HashRequest,
        HashKvRequest,
        MoveLeaderRequest,
        DowngradeRequest,
        StatusRequest,
        MemberAddRequest,
        MemberRemoveRequest,
        MemberUpdateRequest,
        MemberPromoteRequest,
        MemberListRequest,
        AuthenticateRequest,
        AuthUserAddRequest,
        AuthRoleGrantPermissionRequest,
        v3lockpb::LockRequest,
        v3lockpb::UnlockRequest,
        v3electionpb::CampaignRequest,
        v3electionpb::ProclaimRequest,
        v3electionpb::LeaderRequest,
        v3electionpb::ResignRequest,
        health::HealthCheckRequest,
    );
}

/// A range in one piece and in many is the same.
fn range(request: &RangeRequest) {
    if validate::check_range(request).is_err() {
        return;
    }
    let mut fixture = populated();
    fixture.compact(3).expect("compacted");
    let whole = fixture.store.range(request);
    let mut scan = match fixture.store.begin_range(request) {
        Ok(scan) => scan,
        Err(error) => return assert_eq!(whole, Err(error)),
    };
    let mut records = Vec::new();
    loop {
        let chunk = scan.next_chunk(1, 1).expect("the memory can be read");
        if chunk.is_empty() {
            break;
        }
        records.extend(chunk);
    }
    let whole = whole.expect("one way answers, so does the other");
    assert_eq!(whole.kvs, records);
    assert_eq!((whole.count, whole.more), (scan.count(), scan.more()));
}

fn check(input: &[u8]) {
    let Some((&call, body)) = input.split_first() else {
        return;
    };
    let Some(operation) = accepted(call, body) else {
        return;
    };
    // Nobody may be able to wrap the sum of what a write is charged.
    assert!(validate::cost(&operation) < 1 << 40);
    let command = command(operation.clone());
    let decoded = Command::decode(&command.encode_to_vec()[..]);
    assert_eq!(decoded.as_ref(), Ok(&command), "no member could apply it");
    let mut fixture = populated();
    for _ in 0..2 {
        let before = picture(&fixture);
        if fixture.apply(operation.clone()).is_err() {
            assert_eq!(
                picture(&fixture),
                before,
                "a refused command changes nothing"
            );
        }
    }
    let after = picture(&fixture);
    assert_eq!(
        picture(&fixture.reopen()),
        after,
        "a restart changes nothing"
    );
}

fn seed(call: u8, message: &impl Message) -> Vec<u8> {
    [&[call], &message.encode_to_vec()[..]].concat()
}

fn seeds() -> Vec<Vec<u8>> {
    let compare = Compare {
        target: compare::CompareTarget::Mod as i32,
        result: compare::CompareResult::Greater as i32,
        key: bytes("a"),
        range_end: bytes("c"),
        target_union: Some(compare::TargetUnion::ModRevision(2)),
    };
    let put = PutRequest {
        key: bytes("k"),
        value: bytes("new"),
        lease: 7,
        prev_kv: true,
        ..Default::default()
    };
    let keeping = PutRequest {
        key: bytes("a"),
        ignore_value: true,
        ignore_lease: true,
        ..Default::default()
    };
    let txn = TxnRequest {
        compare: vec![compare],
        success: vec![
            op(Request::RequestPut(keeping)),
            range_op("b", 3),
            nested(then(vec![delete_op("b", "\0"), put_op("z", "1")])),
        ],
        failure: vec![put_op("y", "2")],
    };
    let alarm = AlarmRequest {
        action: alarm_request::AlarmAction::Activate as i32,
        member_id: 5,
        alarm: AlarmType::Nospace as i32,
    };
    let range = RangeRequest {
        key: bytes("\0"),
        range_end: bytes("\0"),
        limit: 2,
        revision: 4,
        sort_order: 2,
        sort_target: 3,
        max_create_revision: 9,
        ..Default::default()
    };
    let note = LeaseNote {
        id: 7,
        remaining_ttl: 5,
        since: None,
    };
    let (id, since) = (7, None);
    vec![
        seed(0, &put),
        seed(1, &delete_request("a", "c")),
        seed(2, &txn),
        seed(
            6,
            &CompactionRequest {
                revision: 3,
                physical: false,
            },
        ),
        seed(7, &LeaseGrantRequest { ttl: 10, id: 8 }),
        seed(8, &LeaseRevokeRequest { id }),
        seed(9, &alarm),
        seed(11, &LeaseExpiry { id, since }),
        seed(12, &LeaseNotes { notes: vec![note] }),
        seed(15, &range),
    ]
}

/// Bodies of every call: never a panic, and what validation accepts, the machine can carry out.
#[test]
fn fuzz_request() {
    crate::world::end_members_with(|why| panic!("the member would stop: {why}"));
    Target::new("request", Form::Message(1)).run(seeds(), check);
}
