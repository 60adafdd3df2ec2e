//! What clients asked and were told, and whether that can be true.
//!
//! The check leans on revisions: each answer names one, and what the store held at a revision can be
//! replayed from its history. An answer is true if the replay says the same, and in time if its revision is
//! not older than what was acknowledged before the question.

use std::collections::{BTreeMap, HashSet};

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// To set a key to a value that nobody else uses.
    Put(String, String),
    /// To remove a key.
    Delete(String),
    /// To set a key to a value if it was last changed at a revision.
    Swap(String, i64, String),
    /// To read a key, as of a moment after the question.
    Read(String),
    /// To read a key as the member has it.
    ReadAny(String),
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Done, at this revision. `false`: nothing was changed (no such key, or the comparison failed).
    Done(i64, bool),
    /// The value at this revision.
    Value(i64, Option<String>),
    /// Nobody knows.
    Unknown,
}

/// One question and its answer, in milliseconds.
#[derive(Clone, Debug)]
pub struct Operation {
    /// When it was asked.
    pub asked_ms: u64,
    /// When it was answered.
    pub told_ms: u64,
    /// The question.
    pub asked: Asked,
    /// The answer.
    pub told: Told,
}

/// One change, as the store's history has it; `None` removes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The revision.
    pub revision: i64,
    /// The key.
    pub key: String,
    /// The new value.
    pub value: Option<String>,
}

/// The store at every revision.
struct Replay {
    keys: BTreeMap<String, BTreeMap<i64, Option<String>>>,
    last: i64,
}

impl Replay {
    fn of(changes: &[Change]) -> Result<Replay, String> {
        let mut replay = Replay {
            keys: BTreeMap::new(),
            last: 1,
        };
        let mut values = HashSet::new();
        for change in changes {
            replay.last = replay.last.max(change.revision);
            let versions = replay.keys.entry(change.key.clone()).or_default();
            versions.insert(change.revision, change.value.clone());
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
        Told::Unknown => None,
    }
}

/// Says which answer cannot be true, given all changes that were made.
///
/// # Errors
/// The first such answer, in words.
pub fn judge(operations: &[Operation], changes: &[Change]) -> Result<(), String> {
    let replay = Replay::of(changes)?;
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
        let changes = matches!(question.told, Told::Done(_, true));
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
}
