//! What clients asked and were told, and whether that can be true.
//!
//! The check leans on revisions: each answer names one, and what the store held at a revision can be
//! replayed from its history. An answer is true if the replay says the same, and in time if its revision is
//! not older than what was acknowledged before the question.

use crate::asked::{Asked, Change, Operation, Told};
use std::collections::{BTreeMap, HashMap, HashSet};

/// The store at every revision.
struct Replay {
    keys: BTreeMap<String, BTreeMap<i64, Option<String>>>,
    /// Leases of puts.
    leases: HashMap<(String, i64), i64>,
    /// When each compaction was asked for, and up to where.
    compactions: Vec<(u64, i64)>,
    last: i64,
}

impl Replay {
    fn of(operations: &[Operation], changes: &[Change]) -> Result<Replay, String> {
        let compaction = |one: &Operation| match one.asked {
            Asked::Compact(revision) => Some((one.asked_ms, revision)),
            _ => None,
        };
        let mut replay = Replay {
            keys: BTreeMap::new(),
            leases: HashMap::new(),
            compactions: operations.iter().filter_map(compaction).collect(),
            last: 1,
        };
        let mut values = HashSet::new();
        for change in changes {
            replay.last = replay.last.max(change.revision);
            let versions = replay.keys.entry(change.key.clone()).or_default();
            versions.insert(change.revision, change.value.clone());
            let place = (change.key.clone(), change.revision);
            replay.leases.insert(place, change.lease);
            if let Some(value) = &change.value
                && !values.insert(value.clone())
            {
                return Err(format!("{value} was written twice and asked for once"));
            }
        }
        Ok(replay)
    }

    fn at(&self, key: &str, revision: i64) -> Option<(i64, &String)> {
        let (at, value) = self.keys.get(key)?.range(..=revision).next_back()?;
        Some((*at, value.as_ref()?))
    }

    fn hangs_on(&self, key: &str, revision: i64) -> i64 {
        let place = (key.to_owned(), revision);
        self.leases.get(&place).copied().unwrap_or(0)
    }

    /// What may have been forgotten by then.
    fn forgotten(&self, now_ms: u64) -> i64 {
        let asked = self.compactions.iter().filter(|one| one.0 <= now_ms);
        asked.map(|(_, revision)| *revision).max().unwrap_or(0)
    }

    fn changed(&self, key: &str, revision: i64) -> Option<&Option<String>> {
        self.keys.get(key)?.get(&revision)
    }

    fn agrees(&self, operation: &Operation) -> bool {
        let written = |key: &str, revision, value: Option<&String>| {
            self.changed(key, revision).map(Option::as_ref) == Some(value)
        };
        match (&operation.asked, &operation.told) {
            (_, Told::Unknown) => true,
            (Asked::Put(key, value), Told::Done(revision, _)) => {
                written(key, *revision, Some(value))
            }
            (Asked::Delete(key), Told::Done(revision, true)) => written(key, *revision, None),
            (Asked::Delete(key), Told::Done(revision, false)) => self.at(key, *revision).is_none(),
            (Asked::Swap(key, expected, value), Told::Done(revision, true)) => {
                let before = self.at(key, *revision - 1).map_or(0, |(at, _)| at);
                before == *expected && written(key, *revision, Some(value))
            }
            (Asked::Swap(key, expected, _), Told::Done(revision, false)) => {
                self.at(key, *revision).map_or(0, |(at, _)| at) != *expected
            }
            (Asked::Lend(key, value, lease), Told::Done(revision, _)) => {
                written(key, *revision, Some(value)) && self.hangs_on(key, *revision) == *lease
            }
            (Asked::Past(key, past), Told::Value(revision, value)) => {
                past <= revision && self.at(key, *past).map(|(_, value)| value) == value.as_ref()
            }
            (Asked::Past(_, past), Told::Refused) => *past < self.forgotten(operation.told_ms),
            (Asked::Compact(_), Told::Done(..)) => true,
            (Asked::Grant(..) | Asked::Renew(_), Told::Lease(_)) => true,
            (Asked::Revoke(_), Told::Done(revision, _)) => *revision <= self.last,
            (
                Asked::Lend(..) | Asked::Renew(_) | Asked::Revoke(_) | Asked::Compact(_),
                Told::Refused,
            ) => true,
            (Asked::Read(key) | Asked::ReadAny(key), Told::Value(revision, value)) => {
                *revision <= self.last.max(1)
                    && self.at(key, *revision).map(|(_, value)| value) == value.as_ref()
            }
            _ => false,
        }
    }
}

fn revision(told: &Told) -> Option<i64> {
    match told {
        Told::Done(revision, _) | Told::Value(revision, _) => Some(*revision),
        Told::Lease(_) | Told::Refused | Told::Unknown => None,
    }
}

/// Says which answer cannot be true, given all changes that were made.
///
/// # Errors
/// The first such answer, in words.
pub fn judge(operations: &[Operation], changes: &[Change]) -> Result<(), String> {
    let replay = Replay::of(operations, changes)?;
    if let Some(lie) = operations.iter().find(|one| !replay.agrees(one)) {
        return Err(format!("the history says otherwise: {lie:?}"));
    }
    // Answers in the order in which they came, to know what was old news at each question.
    let mut answers: Vec<&Operation> = operations.iter().collect();
    answers.sort_by_key(|one| one.told_ms);
    let mut questions = answers.clone();
    questions.sort_by_key(|one| one.asked_ms);
    let (mut next, mut newest) = (0, 0);
    for question in questions {
        while let Some(answer) = answers.get(next)
            && answer.told_ms < question.asked_ms
        {
            newest = newest.max(revision(&answer.told).unwrap_or(0));
            next += 1;
        }
        let changes = matches!(question.told, Told::Done(_, true))
            && !matches!(question.asked, Asked::Revoke(_));
        let current = !matches!(question.asked, Asked::ReadAny(_));
        if let Some(revision) = revision(&question.told)
            && current
            && (revision < newest || (changes && revision == newest))
        {
            return Err(format!(
                "revision {newest} had been told before this was asked: {question:?}"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(revision: i64, value: &str) -> Change {
        Change {
            revision,
            key: "k".to_owned(),
            value: Some(value.to_owned()),
            lease: 0,
            seen_ms: 0,
        }
    }

    fn asked(at_ms: (u64, u64), asked: Asked, told: Told) -> Operation {
        Operation {
            asked_ms: at_ms.0,
            told_ms: at_ms.1,
            asked,
            told,
        }
    }

    fn k() -> String {
        "k".to_owned()
    }

    #[test]
    fn an_acknowledged_write_must_be_there() {
        let write = [asked(
            (1, 2),
            Asked::Put(k(), "a".into()),
            Told::Done(2, true),
        )];
        judge(&write, &[put(2, "a")]).expect("it is");
        judge(&write, &[]).expect_err("it is not");
        judge(&write, &[put(2, "b")]).expect_err("it is another's");
        judge(&write, &[put(3, "a")]).expect_err("it is elsewhere");
    }

    #[test]
    fn a_write_happens_once() {
        judge(&[], &[put(2, "a"), put(3, "a")]).expect_err("twice");
    }

    #[test]
    fn a_read_tells_what_was_there_and_no_old_news() {
        let changes = [put(2, "a"), put(3, "b")];
        let write = asked((1, 2), Asked::Put(k(), "b".into()), Told::Done(3, true));
        let read = |kind: fn(String) -> Asked, revision, value: &str| {
            let told = Told::Value(revision, Some(value.to_owned()));
            judge(&[write.clone(), asked((5, 6), kind(k()), told)], &changes)
        };
        read(Asked::Read, 3, "b").expect("true and new");
        read(Asked::Read, 3, "a").expect_err("not what was there");
        read(Asked::Read, 2, "a").expect_err("true, and old");
        read(Asked::ReadAny, 2, "a").expect("a member may be behind");
    }

    #[test]
    fn a_swap_needs_what_it_expects() {
        let changes = [put(2, "a"), put(3, "b")];
        let swap = |expected, told| {
            let question = Asked::Swap(k(), expected, "b".into());
            judge(&[asked((1, 2), question, told)], &changes)
        };
        swap(2, Told::Done(3, true)).expect("it was at 2");
        swap(1, Told::Done(3, true)).expect_err("it was not at 1");
        swap(2, Told::Done(3, false)).expect("it is at 3 by now");
        swap(3, Told::Done(3, false)).expect_err("it was what was expected");
    }
    #[test]
    fn the_past_stays_until_it_is_compacted() {
        let changes = [put(2, "a"), put(3, "b")];
        let past = |at_ms, revision, told: Told| {
            let compact = asked((7, 8), Asked::Compact(3), Told::Unknown);
            let read = asked(at_ms, Asked::Past(k(), revision), told);
            judge(&[compact, read], &changes)
        };
        let value = |value: &str| Told::Value(3, Some(value.to_owned()));
        past((5, 6), 2, value("a")).expect("true");
        past((5, 6), 2, value("b")).expect_err("it was written later");
        past((5, 6), 2, Told::Refused).expect_err("nobody has asked to forget it");
        past((7, 8), 2, Told::Refused).expect("it may be forgotten");
        past((7, 8), 3, Told::Refused).expect_err("what was asked for stays");
    }

    #[test]
    fn a_key_hangs_on_the_lease_it_was_lent_to() {
        let lend = |lease| {
            let question = Asked::Lend(k(), "a".into(), 7);
            let change = Change {
                lease,
                ..put(2, "a")
            };
            judge(&[asked((1, 2), question, Told::Done(2, true))], &[change])
        };
        lend(7).expect("it does");
        lend(0).expect_err("it does not");
    }
}
