//! What a program has seen of objects, held against the store's history.

use keelson_kit::kubernetes::Change;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How many of one kind of complaint are told.
const TOLD: usize = 5;

/// One line of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What it was called: `added`, `modified`, `applied` (either), `deleted`; `listed` (at the beginning);
    /// `listed again` (nothing new); anything else is wrong.
    pub event: String,
    /// The object.
    pub name: String,
    /// Its resourceVersion: the revision of the change.
    pub version: i64,
    /// What is in it.
    pub value: Option<String>,
}

impl Seen {
    /// A line, if it is about an object.
    pub fn read(line: &Value) -> Option<Seen> {
        let text = |field: &str| Some(line[field].as_str()?.to_owned());
        Some(Seen {
            event: text("event")?,
            name: text("name")?,
            version: text("version")?.parse().ok()?,
            value: text("value").filter(|value| !value.is_empty()),
        })
    }
}

/// What happened at one revision.
struct Truth {
    name: String,
    value: Option<String>,
    /// The object was there before.
    was_there: bool,
    is_gone: bool,
}

/// The history by revision, and the objects that were there at `began` by name: revision and value.
struct History {
    changes: BTreeMap<i64, Truth>,
    began: BTreeMap<String, (i64, Option<String>)>,
}

impl History {
    fn read(changes: &[Change], began: i64) -> History {
        let mut present: BTreeMap<String, (i64, Option<String>)> = BTreeMap::new();
        let mut history = History {
            changes: BTreeMap::new(),
            began: BTreeMap::new(),
        };
        for change in changes {
            let name = change.key.rsplit('/').next().unwrap_or_default().to_owned();
            let before = present.remove(&name);
            let was_there = before.is_some();
            let value = match &change.object {
                Some(object) => object["data"]["value"].as_str().map(str::to_owned),
                // A deletion shows what was deleted.
                None => before.and_then(|(_, value)| value),
            };
            if change.object.is_some() {
                present.insert(name.clone(), (change.revision, value.clone()));
            }
            if change.revision <= began {
                history.began = present.clone();
                continue;
            }
            let truth = Truth {
                name,
                value,
                was_there,
                is_gone: change.object.is_none(),
            };
            history.changes.insert(change.revision, truth);
        }
        history
    }

    /// What is wrong with a line about what was there from the beginning.
    fn wrong_about_beginning(&self, seen: &Seen) -> Option<String> {
        let is_right = matches!(seen.event.as_str(), "listed" | "added" | "applied")
            && self.began.get(&seen.name) == Some(&(seen.version, seen.value.clone()));
        (!is_right).then(|| format!("it was not so at the beginning: {seen:?}"))
    }

    /// What is wrong with a line about a change.
    fn wrong_about_change(&self, seen: &Seen) -> Option<String> {
        let Some(truth) = self.changes.get(&seen.version) else {
            return Some(format!("there is no such change: {seen:?}"));
        };
        if (&truth.name, &truth.value) != (&seen.name, &seen.value) {
            return Some(format!(
                "it was {} with {:?}: {seen:?}",
                truth.name, truth.value
            ));
        }
        let is_right = match seen.event.as_str() {
            "deleted" => truth.is_gone,
            "added" => !truth.is_gone && !truth.was_there,
            "modified" => !truth.is_gone && truth.was_there,
            "applied" => !truth.is_gone,
            _ => false,
        };
        (!is_right).then(|| format!("it was another kind of change: {seen:?}"))
    }
}

/// What is wrong: changes that are missing, told twice, out of order, invented or different. `began` is the
/// revision as of which the programs found things. `changes` is the whole history of what they watch.
pub fn judge(changes: &[Change], began: i64, seen: &[Seen]) -> Vec<String> {
    let history = History::read(changes, began);
    let mut wrong = Vec::new();
    let (mut listed, mut told, mut newest) = (BTreeSet::new(), BTreeSet::new(), began);
    for one in seen.iter().filter(|one| one.event != "listed again") {
        if one.version <= began {
            wrong.extend(history.wrong_about_beginning(one));
            if newest > began || !listed.insert(one.name.clone()) {
                wrong.push(format!("told again: {one:?}"));
            }
            continue;
        }
        wrong.extend(history.wrong_about_change(one));
        if !told.insert(one.version) {
            wrong.push(format!("told twice: {one:?}"));
        } else if one.version < newest {
            wrong.push(format!("told after {newest}: {one:?}"));
        }
        newest = newest.max(one.version);
    }
    wrong.truncate(TOLD);
    let unlisted = history.began.keys().filter(|name| !listed.contains(*name));
    wrong.extend(unlisted.map(|name| format!("not listed: {name}")));
    let missing: Vec<i64> = history
        .changes
        .keys()
        .filter(|at| !told.contains(at))
        .copied()
        .collect();
    if let Some(first) = missing.first() {
        let count = missing.len();
        wrong.push(format!("{count} changes are missing, the first at {first}"));
    }
    wrong
}
