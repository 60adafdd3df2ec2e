//! Right histories with backups and floods, and those in which one thing about them is wrong.

use super::sim::{self, Dice, World};
use super::spoil::flagged;
use crate::check::{Verdict, judge};
use crate::history::*;

const MIB: u64 = 1 << 20;
const JUMP: i64 = 1_000_000;

/// A backup of a middle revision, as a right cluster gives it.
fn restored(history: &History, dice: &mut Dice) -> Option<Restored> {
    let store = judge(history).truth.store;
    let revision = 2 + dice.below(store.revision() as u64 - 1) as i64;
    let kvs = store.range_at(&KeyRange::all(), revision);
    Some(Restored {
        revision,
        kvs: kvs.into_iter().cloned().collect(),
        old: Observed::Error("etcdserver: mvcc: required revision has been compacted".to_owned()),
        next: revision + JUMP,
    })
    .filter(|one| !one.kvs.is_empty())
}

fn add(history: &mut History, reply: Observed<Restored>) {
    let told = judge(history).truth.store.revision();
    let backup = Observation::Backup {
        node: 2,
        told,
        reply,
    };
    history.observations.push((history.end, backup));
}

fn spoilt_backup(wanted: &str, spoil: impl Fn(&mut Restored) -> Option<()>) {
    flagged(&[wanted], |history, dice| {
        let mut restored = restored(history, dice)?;
        spoil(&mut restored)?;
        add(history, Observed::Got(restored));
        Some(())
    });
}

#[test]
fn right_backups_pass_and_those_that_failed_do_not() {
    let mut passed = 0;
    for seed in 0..60 {
        let mut history = sim::history(seed, World::default());
        let Some(restored) = restored(&history, &mut Dice(seed)) else {
            continue;
        };
        add(&mut history, Observed::Got(restored));
        let verdict = judge(&history).verdict();
        assert!(verdict.is_pass(), "seed {seed}: {verdict:#?}");
        passed += 1;
    }
    assert!(passed > 30, "{passed}");
    let mut history = sim::history(1, World::default());
    add(&mut history, Observed::Error("no room".to_owned()));
    assert!(matches!(judge(&history).verdict(), Verdict::Unknown(_)));
}

#[test]
fn backups_with_other_data_are_flagged() {
    spoilt_backup("backup.lost", |restored| restored.kvs.pop().map(drop));
    spoilt_backup("backup.extra", |restored| {
        restored.kvs.push(KeyValue {
            key: Blob::from("nobody/wrote/this"),
            ..restored.kvs[0].clone()
        });
        Some(())
    });
    spoilt_backup("backup.differs", |restored| {
        restored.kvs.last_mut().map(|kv| kv.version += 1)
    });
    spoilt_backup("backup.differs", |restored| {
        restored.kvs.first_mut().map(|kv| kv.lease += 1)
    });
}

#[test]
fn backups_that_go_back_are_flagged() {
    // Of all revisions that the old cluster gave out, the last one is given out again.
    flagged(&["backup.revision-reused"], |history, dice| {
        let mut restored = restored(history, dice)?;
        restored.next = judge(history).truth.store.revision();
        add(history, Observed::Got(restored));
        Some(())
    });
    spoilt_backup("backup.revision-reused", |restored| {
        restored.next = restored.revision;
        Some(())
    });
    spoilt_backup("backup.old-readable", |restored| {
        restored.old = Observed::Got(3);
        Some(())
    });
    spoilt_backup("backup.future", |restored| {
        restored.revision += 1 << 30;
        restored.next += 1 << 30;
        Some(())
    });
}

/// A flood of member 2 in which these amounts of memory were seen, and what happened to it before the last of them.
fn flood(history: &mut History, seen: &[u64], meanwhile: Option<Observation>) {
    let step = |phase| FaultRecord {
        fault: 77,
        kind: "flood".to_owned(),
        class: "F24".to_owned(),
        nodes: vec![2],
        phase,
    };
    let (began, end) = (history.end, history.end + 100);
    let (detail, evidence) = (String::new(), "a flood".to_owned());
    history.faults.push(Fault {
        steps: vec![
            (
                began,
                step(FaultPhase::Start {
                    detail: detail.clone(),
                }),
            ),
            (began, step(FaultPhase::Effective { evidence })),
            (end, step(FaultPhase::End { detail })),
        ],
    });
    let resources = |rss_bytes| Observation::Resources {
        node: 2,
        rss_bytes,
        files: 9,
        disk_bytes: 0,
    };
    let mut observations: Vec<_> = seen.iter().map(|bytes| resources(*bytes)).collect();
    if let Some(one) = meanwhile {
        observations.insert(observations.len() - 1, one);
    }
    let late = observations.into_iter().map(|one| (began + 1, one));
    history.observations.extend(late);
    history.end = end;
}

#[test]
fn memory_without_bounds_is_flagged_and_bounded_memory_is_not() {
    flagged(&["resources.memory"], |history, _| {
        flood(history, &[100 * MIB, 300 * MIB, 501 * MIB], None);
        Some(())
    });
    let killed = || Observation::Exit {
        node: 2,
        how: "signal 9".to_owned(),
        expected: true,
    };
    for (target, seen, meanwhile) in [
        ("keelson 3.7.1", vec![100 * MIB, 499 * MIB], None),
        ("keelson 3.7.1", vec![100 * MIB, 700 * MIB], Some(killed())),
        ("etcd 3.7.3", vec![100 * MIB, 700 * MIB], None),
    ] {
        let mut history = sim::history(1, World::default());
        history.head.target = target.to_owned();
        flood(&mut history, &seen, meanwhile);
        let verdict = judge(&history).verdict();
        assert!(verdict.is_pass(), "{seen:?}: {verdict:#?}");
    }
}
