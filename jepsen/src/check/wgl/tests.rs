//! The search against brute force, on every small history; the minimiser on what it finds.

use super::*;
use crate::check::tests::sim::{self, Dice, World};
use crate::check::{Truth, Verdict, judge};
use crate::history::*;
use proptest::prelude::*;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Op {
    Write(u8),
    Read(u8),
    /// From, to, and whether it did; nothing if that is unknown.
    Swap(u8, u8, Option<bool>),
}

struct Register;

impl Model for Register {
    type Op = Op;
    type State = u8;
    fn step(&self, state: &u8, op: &Op) -> Vec<u8> {
        match *op {
            Op::Write(new) => vec![new],
            Op::Read(seen) => Vec::from_iter((seen == *state).then_some(*state)),
            Op::Swap(from, to, did) => match (from == *state, did) {
                (true, Some(true) | None) => vec![to],
                (false, Some(false) | None) => vec![*state],
                _ => Vec::new(),
            },
        }
    }
}

/// Tries every order of every part of a history that leaves out only what never returned.
fn brute(state: u8, left: &[Timed<Op>]) -> bool {
    if left.iter().all(|one| one.returned == Nanos::MAX) {
        return true;
    }
    (0..left.len()).any(|nth| {
        let one = left[nth];
        // Nobody who is left had returned when it began.
        let may_be_next = left.iter().all(|other| other.returned >= one.invoke);
        let rest = [&left[..nth], &left[nth + 1..]].concat();
        may_be_next
            && Register
                .step(&state, &one.op)
                .into_iter()
                .any(|next| brute(next, &rest))
    })
}

fn op() -> impl Strategy<Value = (u64, u64, Op, bool)> {
    let what = prop_oneof![
        (0..3_u8).prop_map(Op::Write),
        (0..3_u8).prop_map(Op::Read),
        (0..3_u8, 0..3_u8, any::<bool>()).prop_map(|(a, b, did)| Op::Swap(a, b, Some(did))),
    ];
    (0..14_u64, 1..7_u64, what, proptest::bool::weighted(0.15))
}

fn timed(ops: Vec<(u64, u64, Op, bool)>) -> Vec<Timed<Op>> {
    let one = |(invoke, took, op, is_lost)| match (op, is_lost) {
        (Op::Write(_), true) => Timed {
            invoke,
            returned: Nanos::MAX,
            op,
        },
        (Op::Swap(a, b, _), true) => Timed {
            invoke,
            returned: Nanos::MAX,
            op: Op::Swap(a, b, None),
        },
        _ => Timed {
            invoke,
            returned: invoke + took,
            op,
        },
    };
    let mut ops: Vec<Timed<Op>> = ops.into_iter().map(one).collect();
    ops.sort_by_key(|one| one.invoke);
    ops
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6000))]
    #[test]
    fn the_search_agrees_with_brute_force(ops in proptest::collection::vec(op(), 0..=7)) {
        let ops = timed(ops);
        let expected = match brute(0, &ops) {
            true => Searched::Linearizable,
            false => Searched::Illegal,
        };
        prop_assert_eq!(search(&Register, 0, &ops, 1_000_000), expected);
    }

    #[test]
    fn what_is_minimised_fails_and_nothing_of_it_can_go(ops in proptest::collection::vec(op(), 4..=7)) {
        let ops = timed(ops);
        let fails = |ops: &[Timed<Op>]| search(&Register, 0, ops, 1_000_000) == Searched::Illegal;
        if fails(&ops) {
            let small = minimise(&ops, 1000, fails);
            prop_assert!(fails(&small));
            for nth in 0..small.len() {
                let rest = [&small[..nth], &small[nth + 1..]].concat();
                prop_assert!(!fails(&rest));
            }
        }
    }
}

/// Rounds in which five write at once, to keys that a transaction joins and nobody reads.
fn blind_writes(rounds: u64) -> History {
    let put = |key: u64, value: u64| {
        KvCall::Put(PutCall {
            key: format!("k{}", key % 10).into(),
            value: value.to_string().into(),
            ..PutCall::default()
        })
    };
    let mut history = History::default();
    for nth in 0..rounds * 5 {
        let answer = KvReply::Put(PutReply::default());
        let (call, reply) = match nth % 5 {
            0 => {
                let all = (0..3).map(|more| put(nth + more, nth));
                let txn = TxnReply {
                    succeeded: true,
                    replies: vec![answer; 3],
                };
                let call = KvCall::Txn(TxnCall {
                    success: all.collect(),
                    ..TxnCall::default()
                });
                (call, KvReply::Txn(txn))
            }
            _ => (put(nth * 7, nth), answer),
        };
        let header = Header {
            // Who began last in a round comes first.
            revision: 2 + (nth / 5 * 5 + (4 - nth % 5)) as i64,
            ..Header::default()
        };
        history.operations.push(Operation {
            id: nth,
            process: nth as u32,
            node: None,
            invoke: nth / 5 * 100 + nth % 5,
            complete: Some(nth / 5 * 100 + 50),
            call: Call::Kv(call),
            intent: None,
            outcome: Outcome::Ok(Reply::Kv { header, reply }),
        });
    }
    history
}

#[test]
fn writes_that_nobody_reads_need_no_search_when_revisions_suggest_an_order() {
    let history = blind_writes(300);
    let finding = check(&history, &Truth::default());
    assert_eq!((finding.verdict, finding.looked_at), (Verdict::Pass, 1500));
}

#[test]
fn a_suggested_order_is_looked_at() {
    let at = |invoke: u64, returned: u64, op: Op| Timed {
        invoke,
        returned,
        op,
    };
    let write = at(0, 10, Op::Write(1));
    let read = at(5, 15, Op::Read(1));
    let late = at(11, 20, Op::Write(2));
    let is_one = |order: &[&Timed<Op>]| is_order(&Register, 0, order);
    assert!(is_one(&[&write, &read, &late]));
    assert!(
        !is_one(&[&read, &write, &late]),
        "it read what was not there"
    );
    assert!(!is_one(&[&late, &write, &read]), "one had returned before");
    // What the search finds to have no order, no suggestion gives one.
    let stale = at(21, 30, Op::Read(1));
    let all = [&write, &late, &stale];
    assert!(!is_one(&all) && !is_one(&[&write, &stale, &late]));
}

#[test]
fn a_long_history_is_cut_where_nothing_is_open() {
    // Two hundred thousand operations one after the other: without cuts, or with memory of all of them,
    // this would not end.
    let ops: Vec<Timed<Op>> = (0..200_000_u64)
        .map(|nth| Timed {
            invoke: nth * 10,
            returned: nth * 10 + 5,
            op: if nth % 2 == 0 {
                Op::Write((nth % 250) as u8)
            } else {
                Op::Read(((nth - 1) % 250) as u8)
            },
        })
        .collect();
    assert_eq!(
        search(&Register, 0, &ops, 1_000_000),
        Searched::Linearizable
    );
    let mut wrong = ops;
    wrong[150_001].op = Op::Read(251);
    assert_eq!(search(&Register, 0, &wrong, 1_000_000), Searched::Illegal);
}

/// Both judges look at the same spoilt reads. What has no order at all cannot have the witness's; and
/// a read that contradicts its own revision may still have an order.
#[test]
fn what_this_judge_finds_the_witness_finds_too() {
    let (mut both, mut witness_alone) = (0, 0);
    for seed in 0..150 {
        let mut history = sim::history(
            seed,
            World {
                unknown_percent: 2,
                plain: true,
                ..World::default()
            },
        );
        let mut dice = Dice(seed);
        let count = history.operations.len() as u64;
        for _ in 0..20 {
            let operation = &mut history.operations[dice.below(count) as usize];
            let Call::Kv(KvCall::Range(range)) = &operation.call else {
                continue;
            };
            let Outcome::Ok(Reply::Kv {
                reply: KvReply::Range(reply),
                ..
            }) = &mut operation.outcome
            else {
                continue;
            };
            let is_judged = range.range.is_one() && !range.serializable && !range.count_only;
            if let Some(kv) = reply.kvs.first_mut().filter(|_| is_judged) {
                kv.version += 1;
                kv.value = "never written".into();
                break;
            }
        }
        let judgement = judge(&history);
        let fails = |checker: &str| {
            judgement
                .findings
                .iter()
                .any(|one| one.checker == checker && matches!(one.verdict, Verdict::Fail(_)))
        };
        assert!(!fails("wgl") || fails("witness"), "seed {seed}");
        both += usize::from(fails("wgl"));
        witness_alone += usize::from(fails("witness") && !fails("wgl"));
    }
    assert!(both > 20, "{both}, {witness_alone}");
}

#[test]
fn a_stale_read_is_shown_by_a_handful_of_operations() {
    let operation = |id: u64, at: u64, call: Call, reply: KvReply| Operation {
        id,
        process: id as u32,
        node: None,
        invoke: at,
        complete: Some(at + 5),
        call,
        intent: None,
        outcome: Outcome::Ok(Reply::Kv {
            header: Header::default(),
            reply,
        }),
    };
    let put = |nth: u64| Call::put("k", nth.to_string());
    let read = |nth: u64| {
        KvReply::Range(RangeReply {
            kvs: vec![KeyValue {
                key: "k".into(),
                value: nth.to_string().into(),
                version: nth as i64,
                ..KeyValue::default()
            }],
            more: false,
            count: 1,
        })
    };
    let mut history = History::default();
    for nth in 1..200 {
        history.operations.push(operation(
            nth * 2,
            nth * 20,
            put(nth),
            KvReply::Put(PutReply::default()),
        ));
        let seen = if nth == 120 { 119 } else { nth };
        history.operations.push(operation(
            nth * 2 + 1,
            nth * 20 + 10,
            Call::get("k"),
            read(seen),
        ));
    }
    let Verdict::Fail(violation) = check(&history, &Truth::default()).verdict else {
        panic!("it is stale")
    };
    assert_eq!(violation.rule, "wgl.not-linearizable");
    // The write that was read, the one that it should have seen, and the read.
    assert_eq!(violation.operations, [238, 240, 241]);
}
