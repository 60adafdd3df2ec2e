//! How long the judges take for a million operations: measured, not asserted. Run it optimised, with
//! `--ignored --nocapture`.

use super::sim::Dice;
use crate::check::{judge, wgl, witness};
use crate::history::*;
use crate::model::Store;
use std::time::Instant;

/// Writes, reads and exchanges on a thousand keys by fifty clients at once; one in a hundred answers
/// is lost.
fn history(operations: u64) -> History {
    let mut dice = Dice(7);
    let mut store = Store::new();
    let mut history = History::default();
    history.head.first_revision = 1;
    for id in 0..operations {
        let key = format!("k{}", dice.below(1000));
        let call = match dice.below(10) {
            0..=4 => Call::get(&*key),
            5..=8 => Call::put(&*key, format!("v{id}")),
            _ => {
                let value = store
                    .get(key.as_bytes())
                    .map_or(Blob::empty(), |kv| kv.value.clone());
                Call::Kv(KvCall::Txn(TxnCall {
                    compare: vec![Comparison {
                        range: KeyRange::one(&*key),
                        operator: Operator::Equal,
                        target: Target::Value(value),
                    }],
                    success: vec![KvCall::Put(PutCall {
                        key: (&*key).into(),
                        value: format!("v{id}").into(),
                        ..PutCall::default()
                    })],
                    failure: Vec::new(),
                }))
            }
        };
        let Call::Kv(kv) = &call else {
            unreachable!("all are")
        };
        let (is_lost, happens) = (dice.chance(1), dice.chance(50));
        let unknown = Outcome::Unknown {
            code: "Unavailable".to_owned(),
            text: String::new(),
        };
        let outcome = match !is_lost || happens {
            false => unknown,
            true => {
                let answer = store.apply(kv).unwrap();
                let header = Header {
                    revision: answer.revision,
                    ..Header::default()
                };
                let reply = Reply::Kv {
                    header,
                    reply: answer.reply,
                };
                if is_lost { unknown } else { Outcome::Ok(reply) }
            }
        };
        let invoke = id * 100;
        history.operations.push(Operation {
            id,
            process: (id % 50) as u32,
            node: None,
            invoke,
            complete: Some(invoke + 60 + dice.below(4800)),
            call,
            intent: None,
            outcome,
        });
    }
    history
}

#[test]
#[ignore = "measures"]
fn a_million_operations() {
    let history = history(1_000_000);
    let start = Instant::now();
    let (finding, truth) = witness::check(&history);
    println!(
        "witness: {:?} in {:?}, certain: {}",
        finding.verdict,
        start.elapsed(),
        truth.choice.is_none()
    );
    let start = Instant::now();
    let finding = wgl::check(&history, &truth);
    println!(
        "wgl: {:?} of {} in {:?}",
        finding.verdict,
        finding.looked_at,
        start.elapsed()
    );
    let start = Instant::now();
    let judgement = judge(&history);
    println!(
        "all: {} findings in {:?}",
        judgement.findings.len(),
        start.elapsed()
    );
    let file = std::env::temp_dir().join(format!("speed-{}.jsonl", std::process::id()));
    let mut writer = HistoryWriter::create(&file, &history.head).unwrap();
    let start = Instant::now();
    for one in &history.operations {
        let (at, op, process) = (one.invoke, one.id, one.process);
        let (call, node, intent) = (one.call.clone(), None, None);
        writer
            .append(&Record::Invoke {
                at,
                op,
                process,
                node,
                call,
                intent,
            })
            .unwrap();
        let outcome = one.outcome.clone();
        writer
            .append(&Record::Complete { at, op, outcome })
            .unwrap();
    }
    writer.finish(u64::MAX).unwrap();
    let size = std::fs::metadata(&file).unwrap().len();
    println!("written: {} MB in {:?}", size >> 20, start.elapsed());
    let start = Instant::now();
    let read = History::load(&file).unwrap();
    println!(
        "read: {} operations in {:?}",
        read.operations.len(),
        start.elapsed()
    );
    std::fs::remove_file(&file).unwrap();
}
