//! Right histories in which one thing is made wrong.

use super::sim::{self, Dice, World};
use crate::check::{Finding, Verdict, judge};
use crate::history::*;

/// All rules that the findings name.
pub fn rules(findings: &[Finding]) -> Vec<String> {
    let all = findings
        .iter()
        .flat_map(|one| std::iter::once(&one.verdict).chain(&one.more));
    all.filter_map(|verdict| match verdict {
        Verdict::Fail(violation) => Some(violation.rule.clone()),
        _ => None,
    })
    .collect()
}

/// Spoils histories of many seeds; each that could be spoilt must be flagged by one of the rules.
pub fn flagged(wanted: &[&str], mut spoil: impl FnMut(&mut History, &mut Dice) -> Option<()>) {
    let mut spoilt = 0;
    for seed in 0..120 {
        let mut history = sim::history(
            seed,
            World {
                watches: 6,
                ..World::default()
            },
        );
        // Where lost answers leave a choice, doubt is the right verdict: that is tested elsewhere.
        let is_certain = judge(&history).truth.choice.is_none();
        if !is_certain || spoil(&mut history, &mut Dice(seed)).is_none() {
            continue;
        }
        spoilt += 1;
        let found = judge(&history);
        let rules = rules(&found.findings);
        assert!(
            rules.iter().any(|rule| wanted.contains(&rule.as_str())),
            "seed {seed}: {wanted:?} not in {rules:?}; {:#?}",
            found.verdict()
        );
        if spoilt == 20 {
            return;
        }
    }
    assert!(
        spoilt >= 5,
        "{wanted:?}: only {spoilt} histories could be spoilt"
    );
}

/// A random operation that can be spoilt so.
pub fn change(
    history: &mut History,
    dice: &mut Dice,
    mut spoil: impl FnMut(&mut Operation) -> Option<()>,
) -> Option<()> {
    let count = history.operations.len() as u64;
    let start = dice.below(count);
    let mut order = (0..count).map(|nth| ((start + nth) % count) as usize);
    order.find_map(|at| spoil(&mut history.operations[at]))
}

pub fn kv(operation: &mut Operation) -> Option<(&KvCall, &mut Header, &mut KvReply)> {
    match (&operation.call, &mut operation.outcome) {
        (Call::Kv(call), Outcome::Ok(Reply::Kv { header, reply })) => Some((call, header, reply)),
        _ => None,
    }
}

pub fn unknown() -> Outcome {
    Outcome::Unknown {
        code: "Unavailable".to_owned(),
        text: String::new(),
    }
}
