//! Right histories in which disks that were copied or damaged show something that cannot be, and members that take
//! what they must refuse.

use super::sim::{self, World};
use super::spoil::flagged;
use crate::check::{Verdict, judge, refusal};
use crate::history::*;

/// What the first member has in the end, as if it had been read from a copy of its disk before that.
fn stored(history: &History) -> Option<Stored> {
    history.observations.iter().find_map(|(_, one)| match one {
        Observation::FullRange {
            reply: Observed::Got((revision, kvs)),
            ..
        } => Some(Stored {
            revision: *revision,
            committed: 9,
            applied: 9,
            kvs: kvs.clone(),
        }),
        _ => None,
    })
}

fn add(history: &mut History, reply: Observed<Stored>) {
    let observation = Observation::Stored {
        node: 1,
        of: "a copy".to_owned(),
        reply,
    };
    history.observations.insert(0, (0, observation));
}

#[test]
fn a_copy_that_shows_a_whole_state_passes() {
    let mut shown = 0;
    for seed in 0..50 {
        let mut history = sim::history(seed, World::default());
        let Some(now) = stored(&history) else {
            continue;
        };
        // An older state is as good: members may be behind.
        let truth = judge(&history).truth;
        let revision = truth.changes[truth.changes.len() / 2].revision;
        let then = Stored {
            revision,
            kvs: truth
                .store
                .range_at(&KeyRange::all(), revision)
                .into_iter()
                .cloned()
                .collect(),
            ..now.clone()
        };
        shown += now.kvs.len() + then.kvs.len();
        add(&mut history, Observed::Got(now));
        add(&mut history, Observed::Got(then));
        let verdict = judge(&history).verdict();
        assert!(verdict.is_pass(), "seed {seed}: {verdict:#?}");
    }
    assert!(shown > 100, "{shown}");
}

#[test]
fn a_copy_that_shows_what_never_was_is_flagged() {
    flagged(&["stored.lost"], |history, dice| {
        let mut stored = stored(history)?;
        let count = stored.kvs.len() as u64;
        (count > 0).then(|| drop(stored.kvs.remove(dice.below(count) as usize)))?;
        add(history, Observed::Got(stored));
        Some(())
    });
    flagged(&["stored.differs"], |history, _| {
        let mut stored = stored(history)?;
        stored.kvs.first_mut()?.value = "never written".into();
        add(history, Observed::Got(stored));
        Some(())
    });
    flagged(&["stored.resurrected"], |history, _| {
        let mut stored = stored(history)?;
        let mut ghost = stored.kvs.first()?.clone();
        ghost.key = "nobody wrote it".into();
        stored.kvs.push(ghost);
        add(history, Observed::Got(stored));
        Some(())
    });
    // The data of one revision and the name of another.
    flagged(
        &["stored.lost", "stored.differs", "stored.resurrected"],
        |history, _| {
            let mut stored = stored(history)?;
            let truth = judge(history).truth;
            stored.revision = truth.changes.first()?.revision;
            add(history, Observed::Got(stored));
            Some(())
        },
    );
}

#[test]
fn a_copy_from_the_future_or_ahead_of_what_is_committed_or_closed_is_flagged() {
    flagged(&["stored.future"], |history, _| {
        let mut stored = stored(history)?;
        stored.revision += 1_000;
        add(history, Observed::Got(stored));
        Some(())
    });
    flagged(&["stored.applied-early"], |history, _| {
        let mut stored = stored(history)?;
        stored.applied += 1;
        add(history, Observed::Got(stored));
        Some(())
    });
    flagged(&["stored.unopened"], |history, _| {
        add(history, Observed::Error("exit status: 1".to_owned()));
        Some(())
    });
}

#[test]
fn a_member_that_takes_what_it_must_refuse_is_flagged() {
    let of = |how: Option<&str>, said: &str| {
        let observation = Observation::Refusal {
            node: 2,
            on: "an empty directory".to_owned(),
            how: how.map(str::to_owned),
            said: said.to_owned(),
            names: vec!["has run before".to_owned()],
        };
        let history = History {
            observations: vec![(0, observation)],
            ..History::default()
        };
        refusal::check(&history).verdict
    };
    let good = of(Some("exit status: 1"), "member 2 has run before: remove it");
    assert_eq!(good, Verdict::Pass);
    let rule = |verdict: Verdict| verdict.rule().map(str::to_owned);
    assert_eq!(
        rule(of(None, "has run before")).as_deref(),
        Some("refusal.started")
    );
    let silent = of(Some("signal: 6"), "something is wrong");
    assert_eq!(rule(silent).as_deref(), Some("refusal.silent"));
    let quiet = of(Some("exit status: 0"), "has run before");
    assert_eq!(rule(quiet).as_deref(), Some("refusal.quiet"));
}
