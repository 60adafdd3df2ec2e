//! Whether watches told all that happened, once, and in order.

use crate::asked::{Asked, Change, Operation};

/// One watch, and what it told.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The member that was asked.
    pub member: usize,
    /// The key; `None` for all keys.
    pub key: Option<String>,
    /// The revision from which on it tells.
    pub from: i64,
    /// The revision up to which it says that it has told everything.
    pub upto: i64,
    /// What it told, in order.
    pub told: Vec<Seen>,
    /// What was compacted when it was refused for that; zero: it was not.
    pub compacted: i64,
}

/// One event of a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The revision.
    pub revision: i64,
    /// The key.
    pub key: String,
    /// The new value; `None`: it was removed.
    pub value: Option<String>,
    /// The value before, if that was asked for and known.
    pub before: Option<String>,
}

/// Says which watch has not told what happened, given all changes and what the store was asked to
/// forget.
///
/// # Errors
/// The first such watch, in words.
pub fn judge(
    watches: &[Watched],
    changes: &[Change],
    operations: &[Operation],
) -> Result<(), String> {
    let forgotten = operations.iter().filter_map(|one| match one.asked {
        Asked::Compact(revision) => Some(revision),
        _ => None,
    });
    let forgotten = forgotten.max().unwrap_or(0);
    watches
        .iter()
        .try_for_each(|watched| judge_one(watched, changes, forgotten))
}

fn judge_one(watched: &Watched, changes: &[Change], forgotten: i64) -> Result<(), String> {
    let Watched {
        member,
        key,
        from,
        upto,
        told,
        compacted,
    } = watched;
    let what = format!(
        "a watch of {key:?} at n{} from {from} up to {upto}",
        member + 1
    );
    if *compacted > forgotten || (*compacted != 0 && compacted <= from) {
        return Err(format!("{what} was refused for compaction {compacted}"));
    }
    let wanted = |change: &&Change| {
        (*from..=*upto).contains(&change.revision)
            && key.as_ref().is_none_or(|key| *key == change.key)
    };
    let mut told = told.iter();
    for change in changes.iter().filter(wanted) {
        let Some(seen) = told.next() else {
            return Err(format!("{what} left out {change:?}"));
        };
        if (seen.revision, &seen.key, &seen.value) != (change.revision, &change.key, &change.value)
        {
            return Err(format!("{what} told {seen:?} in the place of {change:?}"));
        }
        if seen.before.is_some() && seen.before != before(change, changes) {
            return Err(format!("{what} told {seen:?}, which was not there before"));
        }
    }
    match told.next() {
        Some(seen) => Err(format!("{what} told {seen:?}, which did not happen")),
        None => Ok(()),
    }
}

/// What the key of a change had before.
fn before(change: &Change, changes: &[Change]) -> Option<String> {
    let mut earlier = changes.iter().rev();
    let before = earlier.find(|one| one.key == change.key && one.revision < change.revision)?;
    before.value.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(revision: i64, key: &str, value: Option<&str>) -> Change {
        Change {
            revision,
            key: key.to_owned(),
            value: value.map(str::to_owned),
            lease: 0,
            seen_ms: 0,
        }
    }

    fn seen(revision: i64, key: &str, value: Option<&str>) -> Seen {
        Seen {
            revision,
            key: key.to_owned(),
            value: value.map(str::to_owned),
            before: None,
        }
    }

    fn told(upto: i64, told: &[Seen]) -> Result<(), String> {
        let changes = [
            change(2, "a", Some("1")),
            change(3, "b", Some("2")),
            change(4, "a", None),
        ];
        let watched = Watched {
            member: 0,
            key: Some("a".to_owned()),
            from: 2,
            upto,
            told: told.to_vec(),
            compacted: 0,
        };
        judge_one(&watched, &changes, 0)
    }

    #[test]
    fn a_watch_tells_everything_once_and_in_order() {
        let (one, two) = (seen(2, "a", Some("1")), seen(4, "a", None));
        let both = [one.clone(), two.clone()];
        told(4, &both).expect("all of it");
        told(3, &both[..1]).expect("all of it up to there");
        told(4, &both[..1]).expect_err("the second is missing");
        told(4, &[two.clone(), one.clone()]).expect_err("not in order");
        told(4, &[one.clone(), one.clone(), two]).expect_err("twice");
        told(3, &both).expect_err("more than it says");
        told(2, &[seen(2, "a", Some("2"))]).expect_err("another value");
        told(3, &[one, seen(3, "b", Some("2"))]).expect_err("another key");
    }

    #[test]
    fn what_was_before_is_told_as_it_was() {
        let told = |before: &str| {
            let mut last = seen(4, "a", None);
            last.before = Some(before.to_owned());
            told(4, &[seen(2, "a", Some("1")), last])
        };
        told("1").expect("it was");
        told("2").expect_err("it was not");
    }

    #[test]
    fn a_watch_is_refused_for_what_was_compacted() {
        let refused = |compacted| {
            let watched = Watched {
                member: 0,
                key: None,
                from: 2,
                upto: 1,
                told: Vec::new(),
                compacted,
            };
            judge_one(&watched, &[], 5)
        };
        refused(3).expect("it was");
        refused(6).expect_err("nobody asked for that");
        refused(2).expect_err("what it asks for is there");
    }
}
