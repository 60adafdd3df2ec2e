//! Histories with known verdicts: right ones pass, each wrong one is flagged by its rule.

mod causes;
mod elections;
mod harness;
mod membership;
mod scarce;
pub mod sim;
mod sim_answers;
mod sim_calls;
mod sim_watches;
mod speed;
mod spoil;
mod spoil_disks;
mod spoil_leases;
mod spoil_operations;
mod spoil_others;
mod spoil_watch;
mod unseen;
mod watches;

use super::*;
use crate::history::{Call, Nanos, OpId, Process, Record};
use sim::World;

/// How many right histories must pass; more with an environment variable, for long runs.
fn seeds() -> u64 {
    let asked = std::env::var("KEELSON_JEPSEN_SEEDS").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(400)
}

#[test]
fn right_histories_pass() {
    let (mut looked_at, mut resolved) = (0, 0);
    for seed in 0..seeds() {
        let history = sim::history(seed, World::default());
        let judgement = judge(&history);
        let verdict = judgement.verdict();
        assert!(verdict.is_pass(), "seed {seed}: {verdict:#?}");
        looked_at += judgement
            .findings
            .iter()
            .map(|one| one.looked_at)
            .sum::<u64>();
        resolved += judgement.truth.resolved.len();
    }
    // A world in which nothing happens would pass as well.
    assert!(
        looked_at > 100 * seeds() && resolved as u64 > seeds() / 4,
        "{looked_at}, {resolved}"
    );
}

#[test]
fn right_histories_pass_where_many_answers_are_lost() {
    for seed in 0..seeds() / 4 {
        let world = World {
            unknown_percent: 30,
            keys: 3,
            watches: (seed % 3) as usize * 2,
            ..World::default()
        };
        let judgement = judge(&sim::history(seed, world));
        let verdict = judgement.verdict();
        assert!(verdict.rule().is_none(), "seed {seed}: {verdict:#?}");
    }
}

#[test]
fn unknown_never_becomes_a_pass() {
    let fail = Verdict::Fail(Violation::new("a", "b"));
    let unknown = Verdict::Unknown("c".to_owned());
    let all = [Verdict::Pass, unknown.clone(), fail.clone()];
    assert!(matches!(combine([]), Verdict::Unknown(_)));
    for a in &all {
        for b in &all {
            for c in &all {
                let verdict = combine([a, b, c]);
                let expected = match ([a, b, c].contains(&&fail), [a, b, c].contains(&&unknown)) {
                    (true, _) => &fail,
                    (false, true) => &unknown,
                    (false, false) => &Verdict::Pass,
                };
                assert_eq!(verdict, *expected);
            }
        }
    }
}

/// Somebody who does nothing else asks for something.
fn invoke(at: Nanos, op: OpId, call: Call) -> Record {
    Record::Invoke {
        at,
        op,
        process: op as Process,
        node: Some(1),
        call,
        intent: None,
    }
}
