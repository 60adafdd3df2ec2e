//! Rows of commands, most of them transactions: each is answered as the model answers it.

use super::txn_model::Model;
use super::*;
use crate::validate;
use compare::TargetUnion;
use keelson_fuzz::{Choices, Form, Target};

const KEYS: [&str; 6] = ["a", "b", "c", "d", "ca", ""];
const ENDS: [&str; 6] = ["", "", "\0", "b", "cb", "z"];
const LEASES: [LeaseId; 4] = [0, 0, 1, 2];

/// A key; an empty one, which is refused, seldom.
fn key(choices: &mut Choices<'_>) -> Bytes {
    let most = if choices.once_in(16) { 6 } else { 5 };
    bytes(KEYS[choices.below(most)])
}

fn end(choices: &mut Choices<'_>) -> Bytes {
    bytes(choices.of(&ENDS))
}

/// Mostly one that exists.
fn revision(choices: &mut Choices<'_>) -> Revision {
    match choices.once_in(10) {
        true => choices.number(),
        false => choices.below(8) as i64,
    }
}

fn compare(choices: &mut Choices<'_>) -> Compare {
    let number = revision(choices);
    let target_union = match choices.below(6) {
        0 => TargetUnion::Version(number),
        1 => TargetUnion::CreateRevision(number),
        2 => TargetUnion::ModRevision(number),
        3 => TargetUnion::Lease(number),
        _ => TargetUnion::Value(bytes(choices.of(&["", "v", "w"]))),
    };
    Compare {
        result: choices.below(5) as i32,
        target: choices.below(6) as i32,
        key: key(choices),
        range_end: end(choices),
        target_union: (!choices.once_in(8)).then_some(target_union),
    }
}

fn put(choices: &mut Choices<'_>) -> PutRequest {
    let flags = choices.byte();
    let ignore_value = flags & 12 == 12;
    PutRequest {
        key: key(choices),
        value: match ignore_value {
            true => Bytes::new(),
            false => bytes(choices.of(&["v", "w", "longer than the others"])),
        },
        lease: choices.of(&LEASES),
        prev_kv: flags & 1 == 1,
        ignore_value,
        ignore_lease: flags & 48 == 48,
    }
}

fn range(choices: &mut Choices<'_>) -> RangeRequest {
    let flags = choices.byte();
    let mut bound = |bit: u8| {
        if flags & bit == 0 {
            0
        } else {
            choices.number()
        }
    };
    let (min_mod_revision, max_create_revision) = (bound(4), bound(8));
    RangeRequest {
        key: key(choices),
        range_end: end(choices),
        limit: if flags & 16 == 0 {
            0
        } else {
            choices.below(4) as i64 - 1
        },
        revision: if flags & 32 == 0 {
            0
        } else {
            revision(choices)
        },
        sort_order: if flags & 64 == 0 {
            0
        } else {
            choices.below(4) as i32
        },
        sort_target: if flags & 64 == 0 {
            0
        } else {
            choices.below(6) as i32
        },
        keys_only: flags & 1 == 1,
        count_only: flags & 2 == 2,
        min_mod_revision,
        max_create_revision,
        ..Default::default()
    }
}

fn branch(choices: &mut Choices<'_>, depth: usize) -> Vec<RequestOp> {
    (0..choices.below(4))
        .map(|_| match choices.below(8) {
            0..=2 => op(Request::RequestPut(put(choices))),
            3 => op(Request::RequestRange(range(choices))),
            4 | 5 => op(Request::RequestDeleteRange(DeleteRangeRequest {
                key: key(choices),
                range_end: end(choices),
                prev_kv: true,
            })),
            6 if depth > 0 => nested(txn(choices, depth - 1)),
            _ => range_op("a", 0),
        })
        .collect()
}

fn txn(choices: &mut Choices<'_>, depth: usize) -> TxnRequest {
    TxnRequest {
        compare: (0..choices.below(3)).map(|_| compare(choices)).collect(),
        success: branch(choices, depth),
        failure: branch(choices, depth),
    }
}

/// One command, carried out by both; what they say of it and hold after it is the same.
fn step(choices: &mut Choices<'_>, fixture: &mut Fixture, model: &mut Model) {
    match choices.below(10) {
        0 => {
            let at = choices.below(12) as i64;
            let outcome = fixture.compact(at).map(drop);
            assert_eq!(outcome, model.versions.compact(at), "compaction at {at}");
        }
        1 => {
            let id = choices.below(3) as i64;
            let granted = fixture.grant(id, 60).is_ok();
            assert_eq!(granted, id != 0 && model.leases.insert(id), "lease {id}");
        }
        2 => {
            let id = choices.below(3) as i64;
            assert_eq!(fixture.revoke(id).map(drop), model.revoke(id), "lease {id}");
        }
        _ => {
            let request = txn(choices, 3);
            let expected =
                validate::check_txn(&request, usize::MAX).and_then(|()| model.txn(&request));
            let answer = fixture.txn(request.clone()).map(|response| {
                TxnResponse::decode(&response.encode_to_vec()[..]).expect("the same on the wire")
            });
            assert_eq!(answer, expected, "{request:?}");
        }
    }
    assert_eq!(fixture.range("\0", "\0"), model.live());
    assert_eq!(fixture.store.revision(), model.versions.revision);
    for id in [1, 2] {
        let keys = model.live().into_iter().filter(|kv| kv.lease == id);
        let keys: Vec<String> = keys.map(|kv| text(&kv.key)).collect();
        assert_eq!(fixture.attached(id), keys, "of lease {id}");
    }
}

fn check(input: &[u8]) {
    let mut choices = Choices::new(input);
    let (mut fixture, mut model) = (empty(), Model::new());
    // Enough to meet each other, few enough for the model.
    for _ in 0..30 {
        if choices.is_over() {
            break;
        }
        step(&mut choices, &mut fixture, &mut model);
    }
    let (before, hash) = (model.live(), fixture.store.hash(0));
    let fixture = fixture.reopen();
    assert_eq!(fixture.range("\0", "\0"), before, "after a restart");
    assert_eq!(fixture.store.hash(0), hash);
}

/// Transactions and what they meet, against a list of all versions.
#[test]
fn fuzz_txn() {
    crate::world::end_members_with(|why| panic!("the member would stop: {why}"));
    let seeds = (0..24u32).map(|seed| {
        let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state >> 8) as u8
        };
        (0..40 + seed * 12).map(|_| next()).collect()
    });
    Target::new("txn", Form::Bytes)
        .length_max(600)
        .run(seeds.collect(), check);
}
